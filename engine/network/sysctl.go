package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"berth/engine/spec"
)

const sysctlDir = "/proc/sys/"

// checkSysctls looks at the kernel settings without which a pod would have its
// network but no traffic. netavark sets them; where /proc/sys is read-only or
// something sets them back, it may not have come through.
func checkSysctls(lease Lease) error {
	var errs []error
	for _, n := range lease.Networks {
		if !n.Network.bridge() || n.Network.Internal {
			continue
		}
		for _, name := range sysctlsFor(n, lease.Ports) {
			if err := checkSysctl(name); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// lockedSysctls names the settings that are not as they must be and cannot be
// set here, to explain a set-up that failed.
func lockedSysctls(lease Lease) error {
	var errs []error
	for _, n := range lease.Networks {
		if !n.Network.bridge() || n.Network.Internal {
			continue
		}
		for _, name := range sysctlsFor(n, lease.Ports) {
			f, err := os.OpenFile(sysctlPath(name), os.O_WRONLY, 0)
			if err == nil {
				_ = f.Close()
			} else if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, checkSysctl(name))
			}
		}
	}
	return errors.Join(errs...)
}

// sysctlsFor names the settings that must be 1, as sysctl(8) writes them.
func sysctlsFor(n NetworkLease, ports []spec.PortMapping) []string {
	var names []string
	for _, ip := range n.IPs {
		if ip.Is6() {
			names = append(names, "net.ipv6.conf.all.forwarding")
			continue
		}
		names = append(names, "net.ipv4.ip_forward")
		if publishedOnLoopback(ports) {
			names = append(names, "net.ipv4.conf."+n.Network.Interface+".route_localnet")
		}
	}
	return names
}

func publishedOnLoopback(ports []spec.PortMapping) bool {
	for _, p := range ports {
		ip, err := netip.ParseAddr(p.HostIP)
		if p.HostIP == "" || err == nil && (ip.IsUnspecified() || ip.IsLoopback()) {
			return true
		}
	}
	return false
}

func checkSysctl(name string) error {
	data, err := os.ReadFile(sysctlPath(name))
	if err != nil {
		return fmt.Errorf("read sysctl %s: %w", name, err)
	}
	if strings.TrimSpace(string(data)) != "1" {
		return fmt.Errorf("%w: sysctl %s is %s and must be 1 for traffic to reach pods: set it (sysctl -w %s=1) and keep it in /etc/sysctl.d",
			spec.ErrConfig, name, strings.TrimSpace(string(data)), name)
	}
	return nil
}

// sysctlPath is the file of a setting. An interface's name may hold a dot.
func sysctlPath(name string) string {
	if rest, ok := strings.CutPrefix(name, "net.ipv4.conf."); ok {
		iface, key, _ := cutLast(rest, ".")
		return sysctlDir + "net/ipv4/conf/" + iface + "/" + key
	}
	return sysctlDir + strings.ReplaceAll(name, ".", "/")
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
