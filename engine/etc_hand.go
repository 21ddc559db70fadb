package engine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
)

// mostHosts bounds the file that /etc/hosts begins with, in bytes.
const mostHosts = 4 << 20

// hostNames are those of the host, as podman has them.
const hostNames = "host.containers.internal host.docker.internal"

// handHosts is /etc/hosts of what was made by hand: what a person says, then the
// names of a file, then the host's and its own.
func handHosts(in oci.Input, sb state.Sandbox, host string) ([]byte, error) {
	pod := in.Pod
	base, err := baseHosts(pod.HostsFile, in.Rootfs)
	if err != nil {
		return nil, err
	}
	gateway := hostAddress(pod, sb)
	var b bytes.Buffer
	named := map[string]bool{}
	add := func(ip, names string) {
		left := slices.DeleteFunc(strings.Fields(names), func(n string) bool { return named[n] })
		if ip == "" || len(left) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s\t%s\n", ip, strings.Join(left, " "))
	}
	for _, a := range pod.Hosts {
		ip := a.IP
		if ip == spec.HostGateway {
			if ip = gateway; ip == "" {
				return nil, fmt.Errorf("%w: --add-host %s:%s: there is no address by which the container reaches its host", spec.ErrConfig, strings.Join(a.Names, ","), spec.HostGateway)
			}
		}
		add(ip, strings.Join(a.Names, " "))
	}
	for _, a := range pod.Hosts {
		for _, n := range a.Names {
			named[n] = true
		}
	}
	for line := range strings.Lines(string(base)) {
		text, _, _ := strings.Cut(strings.TrimSpace(line), "#")
		if ip, names, ok := strings.Cut(strings.ReplaceAll(text, "\t", " "), " "); ok {
			add(ip, names)
			for _, n := range strings.Fields(names) {
				named[n] = named[n] || n == "localhost"
			}
		}
	}
	add("127.0.0.1", "localhost")
	if !named["localhost"] {
		b.WriteString("::1\tlocalhost\n")
	}
	add(host, hostNames)
	own := strings.Join(unique(strings.Fields(hostname(pod)+" "+pod.Name)), " ")
	for _, ip := range sb.IPs {
		add(ip, own)
	}
	if len(sb.IPs) == 0 && !pod.HostNet {
		add("127.0.0.1", own)
	}
	return withMembers(pod, b.Bytes()), nil
}

// knowMembers has the /etc/hosts that a pod's containers share name those there are, and
// none of the names that are gone.
func (e *Engine) knowMembers(pod *spec.Pod, gone ...string) error {
	if !pod.ByHand || pod.Bare {
		return nil
	}
	return e.rewriteEtc(pod.ID, "hosts", func(old []byte) []byte {
		for _, name := range gone {
			old = bytes.ReplaceAll(old, []byte("\n"+memberLine(name)), []byte("\n"))
		}
		return withMembers(pod, old)
	})
}

// withMembers adds to a hosts file the containers that share the pod's network: they
// find each other at their loopback, as with podman. A name that stands there keeps its meaning.
func withMembers(pod *spec.Pod, file []byte) []byte {
	if pod.Bare || pod.Own.Net || !pod.OwnNetwork() {
		return file
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(file)) {
		text, _, _ := strings.Cut(line, "#")
		for _, name := range strings.Fields(text) {
			known[name] = true
		}
	}
	file = bytes.Clone(file)
	for _, c := range pod.All() {
		name := pod.ContainerName(c.Name)
		if c.ByHand != nil && c.ByHand.Namespaces.Net == (spec.Join{}) && !known[name] {
			file = append(file, memberLine(name)...)
		}
	}
	return file
}

func memberLine(name string) string { return "127.0.0.1\t" + name + "\n" }

// baseHosts is what /etc/hosts begins with: of the host, of the image, of a file,
// or nothing.
func baseHosts(file, rootfs string) ([]byte, error) {
	switch file {
	case "none":
		return nil, nil
	case "image":
		return oci.ReadInRoot(rootfs, "/etc/hosts", mostHosts)
	}
	f, err := os.Open(cmp.Or(file, "/etc/hosts"))
	if errors.Is(err, fs.ErrNotExist) && file == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: hosts file: %w", spec.ErrConfig, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostHosts+1))
	switch {
	case err != nil:
		err = fmt.Errorf("%w: hosts file: %w", spec.ErrConfig, err)
	case len(data) > mostHosts:
		err = fmt.Errorf("%w: hosts file %s is larger than %d bytes", spec.ErrConfig, file, mostHosts)
	}
	return data, err
}

// hostAddress is the address that a pod has for the names of its host: that of
// containers.conf, which may be none, else where it finds it.
func (e *Engine) hostAddress(pod *spec.Pod, sb state.Sandbox) string {
	switch ip := e.conf.Containers.HostContainersInternalIP; ip {
	case "":
		return hostAddress(pod, sb)
	case "none":
		return ""
	default:
		return ip
	}
}

// hostAddress is where a pod finds its host.
func hostAddress(pod *spec.Pod, sb state.Sandbox) string {
	switch {
	case pod.UserMode != nil && sb.HostAddress != "":
		return sb.HostAddress
	case pod.UserMode != nil: // at any that is not the pod's as well
		others := slices.DeleteFunc(hostIPs(), func(ip string) bool { return slices.Contains(sb.IPs, ip) || isLoopback(ip) })
		if len(others) == 0 {
			return ""
		}
		return others[0]
	case len(sb.Gateways) > 0:
		return sb.Gateways[0]
	case pod.HostNet:
		return hostIPs()[0]
	}
	return ""
}
