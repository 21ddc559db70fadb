package translate

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/kube"
)

// Options say how objects become pods beyond what they say themselves: the
// flags of `kube play`. They are stored with the objects as JSON, so fields are
// only ever added. The zero value is what a watched folder uses.
type Options struct {
	Annotations map[string]string `json:"annotations,omitempty"` // over those of the pods

	// NetworkMode replaces Networks. A pod with hostNetwork: true stays on the
	// host's network whatever the options say.
	NetworkMode NetworkMode              `json:"networkMode,omitempty"`
	Networks    []spec.NetworkAttachment `json:"networks,omitempty"` // none: DefaultNetwork
	UserMode    *spec.UserMode           `json:"userMode,omitempty"` // in place of networks
	IPs         []string                 `json:"ips,omitempty"`      // one for each pod, in order, on its first network
	MACs        []string                 `json:"macs,omitempty"`

	// Publish defines host ports or overrides those of the same container port.
	// Of several fixed host ports for one container port each replica gets one.
	Publish    []spec.PortMapping `json:"publish,omitempty"`
	PublishAll bool               `json:"publishAll,omitempty"` // a containerPort without hostPort is published on its own number

	Users *Users `json:"users,omitempty"` // over what the pods say; nil: as they say

	Log        spec.Log `json:"log,omitzero"`
	PlainNames bool     `json:"plainNames,omitempty"` // containers are not named after their pod
	NoHosts    bool     `json:"noHosts,omitempty"`
	NoHostname bool     `json:"noHostname,omitempty"`

	SeccompRoot           string `json:"seccompRoot,omitempty"` // of localhost/ profiles; empty: DefaultSeccompRoot
	Folder                string `json:"folder,omitempty"`      // where relative paths of the host begin; empty: they are refused
	AllowUnenforcedLimits bool   `json:"allowUnenforcedLimits,omitempty"`
}

// NetworkMode says what a pod's network is.
type NetworkMode string

// Network modes. The zero value attaches the pod to networks.
const (
	NetworkBridge NetworkMode = ""
	NetworkHost   NetworkMode = "host" // the host's own
	NetworkNone   NetworkMode = "none" // loopback only
)

const (
	// DefaultNetwork is the network of pods that name none.
	DefaultNetwork = "berth"
	// DefaultSeccompRoot is where the kubelet, and podman, look for profiles.
	DefaultSeccompRoot = "/var/lib/kubelet/seccomp"
)

// Assign gives objects that are played together their options: addresses are
// dealt out pod by pod, and of several objects a published port goes to those
// that declare its container port. Options nobody would use are an error.
func Assign(opts Options, objects []*kube.Object) error {
	makers := slices.DeleteFunc(slices.Clone(objects), func(o *kube.Object) bool { return podSpec(o) == nil })
	publish, err := assignPorts(opts.Publish, makers)
	if err != nil {
		return err
	}
	ips, macs := opts.IPs, opts.MACs
	for i, o := range makers {
		mine := opts
		mine.Publish, mine.IPs, mine.MACs = publish[i], nil, nil
		if !relative(podSpec(o)) {
			mine.Folder = "" // the same object from another folder is the same
		}
		if !podSpec(o).HostNetwork {
			mine.IPs, ips = split(ips, replicas(o))
			mine.MACs, macs = split(macs, replicas(o))
		}
		data, err := json.Marshal(mine)
		if err != nil {
			return fmt.Errorf("write the options of %s: %w", o.Key(), err)
		}
		o.Options = data
	}
	if len(makers) == 0 {
		return nil
	}
	if len(ips) > 0 {
		err = fmt.Errorf("--ip %s: no pod is left to take it, give at most one address for each pod that is not on the host's network", ips[0])
	}
	if len(macs) > 0 {
		err = errors.Join(err, fmt.Errorf("--mac-address %s: no pod is left to take it, give at most one for each pod that is not on the host's network", macs[0]))
	}
	return err
}

// relative reports whether a pod has volumes of the host by a relative path.
func relative(pod *corev1.PodSpec) bool {
	return slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.HostPath != nil && !path.IsAbs(v.HostPath.Path) })
}

func split(list []string, n int) (mine, rest []string) {
	n = min(n, len(list))
	return list[:n], list[n:]
}

func assignPorts(ports []spec.PortMapping, makers []*kube.Object) ([][]spec.PortMapping, error) {
	assigned := make([][]spec.PortMapping, len(makers))
	var errs []error
	for _, p := range ports {
		found := false
		for i, o := range makers {
			if len(makers) == 1 || declaresPort(podSpec(o), p) {
				assigned[i] = append(assigned[i], p)
				found = true
			}
		}
		if !found && len(makers) > 0 {
			errs = append(errs, fmt.Errorf("--publish: none of the %d objects declares containerPort %d/%s, so it is not clear whose port is meant: add it to ports of one of them", len(makers), p.ContainerPort, p.Protocol))
		}
	}
	return assigned, errors.Join(errs...)
}

func declaresPort(pod *corev1.PodSpec, want spec.PortMapping) bool {
	for _, c := range pod.Containers {
		for _, p := range c.Ports {
			if samePort(p, want) {
				return true
			}
		}
	}
	return false
}

// podSpec is the pod an object makes, nil if it makes none.
func podSpec(o *kube.Object) *corev1.PodSpec {
	switch {
	case o.Pod != nil:
		return &o.Pod.Spec
	case o.Deployment != nil:
		return &o.Deployment.Spec.Template.Spec
	}
	return nil
}

// replicas is how many pods an object makes.
func replicas(o *kube.Object) int {
	switch {
	case o.Pod != nil:
		return 1
	case o.Deployment != nil && o.Deployment.Spec.Replicas != nil:
		return int(*o.Deployment.Spec.Replicas)
	case o.Deployment != nil:
		return 1
	}
	return 0
}
