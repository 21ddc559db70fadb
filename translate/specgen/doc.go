// Package specgen says of a container, or a pod, what podman's API wants to be told
// to make another one: the SpecGenerator and PodSpecGenerator of podman 5, which
// `podman generate spec` prints (podman-generate-spec(1)).
//
// It is pure. Of a container made from Kubernetes YAML it says what podman's
// containers have, and warns of the rest. It holds no secret: of values from
// Secrets it warns, and stored secrets are told of by name.
//
// The fields have podman's names, and stand in podman's order. Start reading at
// Container.
package specgen
