package option

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"berth/engine/spec"
	"berth/translate"
)

// Networks is what the values of --network say.
type Networks struct {
	Mode     translate.NetworkMode
	Joined   []spec.NetworkAttachment
	UserMode *spec.UserMode
}

// ParseNetworks reads the values of --network: bridge[:options], the name of a
// network[:options], private, host, none, pasta[:options] or slirp4netns[:options].
// Options of networks are ip=, ip6=, mac=, alias=, interface_name= and
// host_interface_name=, divided by commas. Without a value pods join the default
// network.
func ParseNetworks(list []string) (Networks, error) {
	var out Networks
	var errs []error
	if len(list) > 0 && !strings.Contains(list[0], ":") { // the former way to give several
		list = append(strings.Split(list[0], ","), list[1:]...)
	}
	alone := func(name string) {
		if len(list) > 1 && out.Mode == "" && out.UserMode == nil { // said once
			errs = append(errs, fmt.Errorf("--network %s cannot be combined with other networks", name))
		}
	}
	for _, s := range list {
		name, options, hasOptions := strings.Cut(s, ":")
		switch name {
		case "host", "none":
			if hasOptions {
				errs = append(errs, fmt.Errorf("--network %q: %s takes no options", s, name))
			}
			alone(name)
			out.Mode = translate.NetworkMode(name)
		case spec.Pasta, spec.Slirp4netns:
			alone(name)
			out.UserMode = &spec.UserMode{Program: name}
			if options != "" {
				out.UserMode.Options = strings.Split(options, ",")
			}
			if _, err := out.UserMode.Parse(); err != nil {
				errs = append(errs, fmt.Errorf("--network %q: %w", s, err))
			}
		case "container", "ns":
			errs = append(errs, fmt.Errorf("--network %q: %s cannot be honoured: use bridge, host, none, pasta or the name of a network", s, name))
		case "":
			errs = append(errs, fmt.Errorf("--network %q: the name is missing: use bridge, host, none, pasta or the name of a network", s))
		default:
			a, err := parseAttachment(name, options)
			if err != nil {
				errs = append(errs, fmt.Errorf("--network %q: %w", s, err))
				continue
			}
			out.Joined = append(out.Joined, a)
		}
	}
	for i, a := range out.Joined {
		for _, b := range out.Joined[:i] {
			if a.Network == b.Network {
				errs = append(errs, fmt.Errorf("--network %s is given twice: put all its options into one", a.Network))
			}
		}
	}
	return out, errors.Join(errs...)
}

func parseAttachment(name, options string) (spec.NetworkAttachment, error) {
	a := spec.NetworkAttachment{Network: name}
	switch name {
	case "bridge", "private", "default", "podman": // the last is the name of podman's own
		a.Network = translate.DefaultNetwork
	}
	if options == "" {
		return a, nil
	}
	for word := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "ip", "ip6":
			ip, err := netip.ParseAddr(value)
			if err != nil {
				return a, fmt.Errorf("%q is not an IP address", value)
			}
			if key == "ip6" && !ip.Is6() {
				return a, fmt.Errorf("%q is not an IPv6 address", value)
			}
			a.IPs = append(a.IPs, ip.String())
		case "mac":
			mac, err := net.ParseMAC(value)
			if err != nil || len(mac) != 6 {
				return a, fmt.Errorf("%q is not a MAC address such as 92:d0:c6:0a:29:33", value)
			}
			a.MAC = mac.String()
		case "alias":
			if value == "" {
				return a, errors.New("alias= needs a name")
			}
			a.Aliases = append(a.Aliases, value)
		case "interface_name", "host_interface_name":
			if value == "" || len(value) > 15 || strings.ContainsAny(value, "/ \t\n") {
				return a, fmt.Errorf("%q is not the name of an interface (1 to 15 characters)", value)
			}
			if key == "interface_name" {
				a.Name = value
			} else {
				a.HostName = value
			}
		default:
			return a, fmt.Errorf("unknown option %q%s", key, oneOf(key, []string{"ip", "ip6", "mac", "alias", "interface_name", "host_interface_name"}))
		}
	}
	return a, nil
}
