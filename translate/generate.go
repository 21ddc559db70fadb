package translate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
)

// GenerateOptions say what Kubernetes object a pod becomes.
type GenerateOptions struct {
	Kind       string   // "Pod", also the zero value, "Deployment", "DaemonSet" or "Job"
	Replicas   int      // of a Deployment; 0: one
	Service    bool     // also a Service for the ports of the pod
	PodmanOnly bool     // podman's annotations for what Kubernetes has no field for
	Containers []string // only these; none: all
}

// GenerateKinds are what a pod can become.
func GenerateKinds() []string { return []string{"Pod", "Deployment", "DaemonSet", "Job"} }

// Generated is a Kubernetes object made of what is on this host, without fields
// that say what is so anyway.
type Generated struct {
	kube.Key
	Fields map[string]any // the whole object, as JSON has it
}

// Generate is the way back: the Kubernetes objects that stand for a pod. One
// that was made from YAML becomes what was given, with what the options of
// `kube play` added where Kubernetes has a field for it; one made by hand
// becomes all that Kubernetes can say of it. What it cannot say comes back as
// warnings; with an error there are no objects.
func Generate(p *spec.Pod, o GenerateOptions) ([]Generated, source.Diagnostics) {
	g := &generator{options: o}
	g.pod, g.options.Containers = asCalled(p, o.Containers)
	if o.Kind == "" {
		g.options.Kind = "Pod"
	}
	if len(p.Manifest) > 0 {
		g.given()
	} else {
		g.byHand()
	}
	g.only(g.options.Containers)
	g.checkRestartPolicy()
	if g.diagnostics.Err() != nil {
		return nil, g.diagnostics
	}
	pod := g.minimalPod()
	if g.diagnostics.Err() != nil {
		return nil, g.diagnostics
	}
	var objects []Generated
	if o.Service {
		objects = g.service(pod)
	}
	object := g.wrap(pod)
	objects = append([]Generated{object}, objects...)
	return objects, g.diagnostics
}

// asCalled is the pod, and the containers chosen of it, with renamed ones under the
// names that people know.
func asCalled(p *spec.Pod, chosen []string) (*spec.Pod, []string) {
	out, names := *p, map[string]string{}
	out.Containers, out.Ports = slices.Clone(p.Containers), slices.Clone(p.Ports)
	for i, c := range out.Containers {
		if c.ByHand != nil && c.ByHand.Called != "" {
			names[c.Name], out.Containers[i].Name = c.ByHand.Called, c.ByHand.Called
		}
	}
	for i, port := range out.Ports {
		if name, ok := names[port.Container]; ok {
			out.Ports[i].Container = name
		}
	}
	chosen = slices.Clone(chosen)
	for i, container := range chosen {
		if name, ok := names[container]; ok {
			chosen[i] = name
		}
	}
	return &out, chosen
}

// generator makes the objects of one pod.
type generator struct {
	pod     *spec.Pod
	options GenerateOptions

	out         corev1.Pod
	written     map[string]any // the manifest, if there is one
	diagnostics source.Diagnostics
}

// lost warns of what the objects do not say.
func (g *generator) lost(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	g.diagnostics = append(g.diagnostics, source.Diagnostic{Field: "pod " + g.pod.Name, Message: message, Warning: true})
}

func (g *generator) errorf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	g.diagnostics = append(g.diagnostics, source.Diagnostic{Field: "pod " + g.pod.Name, Message: message})
}

// only leaves out containers that are not among names. Init containers stay:
// the others may need what they made.
func (g *generator) only(names []string) {
	if len(names) == 0 {
		return
	}
	s := &g.out.Spec
	s.Containers = slices.DeleteFunc(s.Containers, func(c corev1.Container) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return validName(name) == c.Name })
	})
	if len(s.Containers) == 0 {
		g.errorf("only init containers are named, and no pod is made of those alone: name the pod")
	}
}

// checkRestartPolicy refuses kinds that do not take pods of this restart
// policy, in podman's words.
func (g *generator) checkRestartPolicy() {
	always := g.pod.RestartPolicy == spec.RestartAlways || g.pod.RestartPolicy == ""
	switch kind := g.options.Kind; {
	case (kind == "Deployment" || kind == "DaemonSet") && !always:
		g.errorf("k8s %ss can only have restartPolicy set to Always, this pod has %s", kind, g.pod.RestartPolicy)
	case kind == "Job" && always:
		g.errorf("k8s Jobs can not have restartPolicy set to Always; only Never and OnFailure policies allowed")
	}
}

// minimalPod is the pod without what is so anyway.
func (g *generator) minimalPod() map[string]any {
	g.out.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	tree, err := jsonTree(&g.out)
	if err != nil {
		g.errorf("%v", err)
		return nil
	}
	for _, d := range minimize(tree, g.written) {
		g.lost("berth would refuse to play this: %s: %s", d.Field, d.Message)
	}
	return tree
}

// wrap puts the pod into the object asked for.
func (g *generator) wrap(pod map[string]any) Generated {
	key := kube.Key{Kind: g.options.Kind, Namespace: g.pod.Namespace, Name: g.out.Name}
	if g.options.Kind == "Pod" {
		return Generated{key, pod}
	}
	meta := pod["metadata"].(map[string]any)
	key.Name = g.controllerName()
	template := map[string]any{"spec": pod["spec"]}
	templateMeta := map[string]any{}
	for _, name := range []string{"labels", "annotations"} {
		if m, ok := meta[name].(map[string]any); ok {
			templateMeta[name] = maps.Clone(m)
		}
	}
	labels, _ := templateMeta["labels"].(map[string]any)
	delete(labels, templateHashLabel)
	if len(labels) == 0 && g.options.Kind != "Job" { // a selector needs one; podman's
		labels = map[string]any{"app": key.Name}
		templateMeta["labels"] = labels
	}
	if len(templateMeta) > 0 {
		template["metadata"] = templateMeta
	}
	body := map[string]any{"template": template}
	apiVersion := "batch/v1"
	if g.options.Kind != "Job" {
		apiVersion = "apps/v1"
		body["selector"] = map[string]any{"matchLabels": maps.Clone(labels)}
	}
	if n := g.options.Replicas; n != 0 && n != 1 {
		body["replicas"] = int64(n)
		if slices.ContainsFunc(g.pod.Ports, func(m spec.PortMapping) bool { return m.HostPort != 0 }) {
			g.lost("a hostPort can be held by only one of %d replicas on one host: remove it or make one", n)
		}
	}
	objectMeta := map[string]any{"name": key.Name}
	if ns, ok := meta["namespace"]; ok {
		objectMeta["namespace"] = ns
	}
	return Generated{key, map[string]any{
		"apiVersion": apiVersion, "kind": g.options.Kind, "metadata": objectMeta, "spec": body,
	}}
}

// controllerName is the name of the object that made the pod, if it was of the
// kind asked for, else podman's.
func (g *generator) controllerName() string {
	if g.pod.Origin.Kind == g.options.Kind {
		return g.pod.Origin.Name
	}
	suffix := map[string]string{"Deployment": "-deployment", "DaemonSet": "-daemonset", "Job": "-job"}[g.options.Kind]
	return g.out.Name + suffix
}

func jsonTree(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("read what was encoded: %w", err)
	}
	return tree, nil
}
