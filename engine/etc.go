package engine

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
	"berth/internal/atomicfile"
)

// resolv.conf(5) reads no more than this many servers.
const mostServers = 3

// etcFiles writes a pod's /etc/hosts, /etc/resolv.conf and /etc/hostname.
func (e *Engine) etcFiles(in oci.Input, sb state.Sandbox) ([]oci.Mount, error) {
	pod := in.Pod
	content := map[string]func() ([]byte, error){}
	if pod.DNS.Mode != spec.DNSImage {
		content["resolv.conf"] = func() ([]byte, error) { return resolvConf(pod, sb.Servers) }
	}
	if !pod.NoHostname {
		content["hostname"] = func() ([]byte, error) { return []byte(hostnameOf(pod, in.Container) + "\n"), nil }
	}
	if !pod.NoHosts {
		content["hosts"] = func() ([]byte, error) {
			if pod.Bare || pod.ByHand {
				return handHosts(in, sb, e.hostAddress(pod, sb))
			}
			return hostsFile(pod, sb, e.hostAddress(pod, sb))
		}
	}
	var mounts []oci.Mount
	for _, name := range []string{"hosts", "resolv.conf", "hostname"} {
		make, wanted := content[name]
		if !wanted {
			continue
		}
		dir, ours := e.etcFolder(pod, in.Container, name)
		path := filepath.Join(dir, name)
		if name == "hostname" && oci.OwnHostname(pod, in.Container) {
			path = e.records.ContainerHostname(pod.ID, in.Container.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return nil, err
			}
		}
		m := oci.Mount{Source: path, Path: "/etc/" + name}
		// Of YAML's containers the kubelet leaves /etc/hosts writable.
		if in.Container.Security.ReadOnlyRoot && (name != "hosts" || in.Container.ByHand != nil) {
			m.ReadOnly, m.Options = true, []string{"nosuid", "nodev", "noexec"}
		}
		mounts = append(append(mounts, m), alsoBelow(in.Container, m)...)
		if _, err := os.Stat(path); err == nil || !ours {
			if name == "hosts" && ours {
				if err := e.knowMembers(pod); err != nil {
					return nil, fmt.Errorf("write /etc/hosts: %w", err)
				}
			}
			continue // the sandbox has it; another file would not reach mounts of the old one
		}
		data, err := make()
		if err != nil {
			return nil, fmt.Errorf("write /etc/%s: %w", name, err)
		}
		// Another container of the pod may be made at the same time, and what is mounted
		// there be no longer this file.
		if err := atomicfile.CreateVolatile(path, data, 0o644); err != nil {
			return nil, err
		}
	}
	return mounts, nil
}

// alsoBelow is the same file below the folders that a person names as further roots.
func alsoBelow(c *spec.Container, m oci.Mount) []oci.Mount {
	var mounts []oci.Mount
	if c.ByHand == nil {
		return nil
	}
	for _, root := range c.ByHand.ChrootDirs {
		below := m
		below.Path = filepath.Join(root, m.Path)
		if below.Path != m.Path && !slices.ContainsFunc(mounts, func(o oci.Mount) bool { return o.Path == below.Path }) {
			mounts = append(mounts, below)
		}
	}
	return mounts
}

// mostEtc is how much of a file that containers may write to is read.
const mostEtc = 1 << 20

// rewriteEtc changes a file that is mounted into the pod's containers: in its
// place, since a new one would not be seen there.
func (e *Engine) rewriteEtc(id spec.PodID, name string, change func([]byte) []byte) error {
	f, err := os.OpenFile(filepath.Join(e.records.PodRun(id), name), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it brought its own, or wants none
	}
	if err != nil {
		return err
	}
	defer f.Close()
	old, err := io.ReadAll(io.LimitReader(f, mostEtc))
	if err != nil {
		return err
	}
	data := change(old)
	if len(old) == mostEtc || bytes.Equal(data, old) {
		return nil
	}
	_, err = f.WriteAt(data, 0)
	return errors.Join(err, f.Truncate(int64(len(data))))
}

// updateHosts has /etc/hosts follow a change of the pod's addresses. What
// containers wrote there stays.
func (e *Engine) updateHosts(pod *spec.Pod, before, now state.Sandbox) error {
	return e.rewriteEtc(pod.ID, "hosts", func(old []byte) []byte {
		var b bytes.Buffer
		for line := range bytes.Lines(old) {
			ip, _, _ := strings.Cut(string(line), "\t")
			if slices.Contains(before.IPs, ip) && !slices.Contains(now.IPs, ip) {
				continue
			}
			b.Write(line)
		}
		for _, ip := range now.IPs {
			if !slices.Contains(before.IPs, ip) {
				b.WriteString(hostsLine(pod, ip))
			}
		}
		return b.Bytes()
	})
}

// updateResolver has /etc/resolv.conf follow a change of the pod's name servers,
// unless a container wrote one of its own.
func (e *Engine) updateResolver(pod *spec.Pod, before, now state.Sandbox) error {
	was, err := resolvConf(pod, before.Servers)
	if err != nil {
		return err
	}
	is, err := resolvConf(pod, now.Servers)
	if err != nil {
		return err
	}
	return e.rewriteEtc(pod.ID, "resolv.conf", func(old []byte) []byte {
		if !bytes.Equal(old, was) {
			return old
		}
		return is
	})
}

func hostsLine(pod *spec.Pod, ip string) string {
	return fmt.Sprintf("%s\t%s\n", ip, strings.Join(slices.Compact([]string{pod.Hostname, pod.Name}), " "))
}

func (e *Engine) removeEtcFiles(id spec.PodID) error {
	var errs []error
	for _, name := range []string{"hosts", "resolv.conf", "hostname"} {
		errs = append(errs, atomicfile.Remove(filepath.Join(e.records.PodRun(id), name)))
	}
	return errors.Join(errs...)
}

// hostnameOf is the hostname of one of a pod's containers.
func hostnameOf(pod *spec.Pod, c *spec.Container) string {
	if !oci.OwnHostname(pod, c) {
		return hostname(pod)
	}
	if name := oci.Hostname(pod, c); name != "" {
		return name
	}
	return hostname(&spec.Pod{})
}

func hostname(pod *spec.Pod) string {
	if pod.Bare && len(pod.Containers) == 1 {
		if name := oci.Hostname(pod, &pod.Containers[0]); name != "" {
			return name
		}
	}
	if pod.Hostname != "" {
		return pod.Hostname
	}
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

func hostsFile(pod *spec.Pod, sb state.Sandbox, host string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Kubernetes-managed hosts file.\n")
	if pod.HostNet {
		base, err := os.ReadFile("/etc/hosts")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		b.Write(bytes.TrimRight(base, "\n"))
		b.WriteByte('\n')
	} else {
		b.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
		for _, ip := range sb.IPs {
			b.WriteString(hostsLine(pod, ip))
		}
		if len(sb.IPs) == 0 {
			fmt.Fprintf(&b, "127.0.0.1\t%s\n", pod.Hostname)
		}
		if host != "" {
			fmt.Fprintf(&b, "%s\t%s\n", host, hostNames)
		}
	}
	if len(pod.Hosts) > 0 {
		b.WriteString("\n# Entries added by HostAliases.\n")
	}
	for _, a := range pod.Hosts {
		fmt.Fprintf(&b, "%s\t%s\n", a.IP, strings.Join(a.Names, "\t"))
	}
	return b.Bytes(), nil
}

// resolvConf is the pod's resolver configuration: by its mode our name server or the
// host's configuration, then what the pod lists, as kubelets have it.
// What flags list stands in place of the host's, and our name server asks it for us.
func resolvConf(pod *spec.Pod, ours []string) ([]byte, error) {
	given := pod.DNS
	var base resolver
	if pod.DNS.Mode != spec.DNSNone {
		var err error
		if base, err = hostResolver(); err != nil {
			return nil, err
		}
	}
	byHand := pod.Bare || pod.ByHand
	if byHand {
		base = base.without(given)
	}
	if pod.DNS.Mode == spec.DNSCluster {
		switch {
		case pod.UserMode != nil && byHand && len(given.Servers) > 0:
			// What a person names knows all that the host's would say.
		case pod.UserMode != nil: // the pod's own loopback is another
			base.servers = append(slices.Clone(ours), slices.DeleteFunc(base.servers, isLoopback)...)
		case len(ours) > 0:
			base.servers = ours
			if byHand {
				given.Servers = nil
			}
		}
	}
	servers := slices.Concat(base.servers, given.Servers)
	searches := slices.Concat(base.searches, given.Searches)
	options := slices.Concat(given.Options, base.options)
	if byHand && slices.Equal(searches, []string{"."}) {
		searches = nil // podman's word for none
	}
	var b bytes.Buffer
	if len(searches) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(unique(searches), " "))
	}
	servers = unique(servers)
	for _, s := range servers[:min(len(servers), mostServers)] {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(firstOfEach(options), " "))
	}
	return b.Bytes(), nil
}

func isLoopback(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && ip.IsLoopback()
}

type resolver struct{ servers, searches, options []string }

// without leaves out what a person gives otherwise: as with podman's flags that stands
// in its place, where a pod of YAML has both.
func (r resolver) without(given spec.DNS) resolver {
	if len(given.Servers) > 0 {
		r.servers = nil
	}
	if len(given.Searches) > 0 {
		r.searches = nil
	}
	if len(given.Options) > 0 {
		r.options = nil
	}
	return r
}

// hostResolver reads the host's resolv.conf: the one behind systemd-resolved's
// stub, whose loopback address means nothing inside a pod.
func hostResolver() (resolver, error) {
	data, err := os.ReadFile("/run/systemd/resolve/resolv.conf")
	if errors.Is(err, fs.ErrNotExist) {
		data, err = os.ReadFile("/etc/resolv.conf")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return resolver{}, nil
	}
	var r resolver
	scan := bufio.NewScanner(bytes.NewReader(data))
	for scan.Scan() {
		fields := strings.Fields(scan.Text())
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			r.servers = append(r.servers, fields[1])
		case "search", "domain":
			r.searches = fields[1:]
		case "options":
			r.options = append(r.options, fields[1:]...)
		}
	}
	return r, cmp.Or(err, scan.Err())
}

// unique keeps the first of equal words.
func unique(words []string) []string {
	var out []string
	for _, w := range words {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// firstOfEach keeps the first option of a name, "ndots:5" over a later "ndots:1": what
// the pod says comes first.
func firstOfEach(options []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, o := range options {
		name, _, _ := strings.Cut(o, ":")
		if !seen[name] {
			seen[name] = true
			out = append(out, o)
		}
	}
	return out
}

// hostIPs are the host's own addresses, IPv4 first, without loopback, link-local ones
// and those of our bridges; a host that has no others has its loopback.
func hostIPs() []string {
	var v4, v6 []string
	interfaces, _ := net.Interfaces() // where they cannot be told, the loopback is there all the same
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || isBridge(i.Name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil || !prefix.Addr().IsGlobalUnicast() {
				continue
			}
			if ip := prefix.Addr(); ip.Is4() {
				v4 = append(v4, ip.String())
			} else {
				v6 = append(v6, ip.String())
			}
		}
	}
	if all := append(v4, v6...); len(all) > 0 {
		return all
	}
	return []string{"127.0.0.1"}
}

func isBridge(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", name, "bridge"))
	return err == nil
}
