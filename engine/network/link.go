package network

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inNamespace calls do with a netlink handle on the namespace pinned at path.
func inNamespace(path string, do func(*netlink.Handle) error) error {
	ns, err := netns.GetFromPath(path)
	if err != nil {
		return fmt.Errorf("open network namespace %s: %w", path, err)
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	defer h.Close()
	return do(h)
}

func noLink(err error) bool {
	var none netlink.LinkNotFoundError
	return errors.As(err, &none) || errors.Is(err, unix.ENODEV)
}

// observeInterfaces looks whether a lease's interfaces are up in its namespace
// with their addresses, and says what is missing.
func observeInterfaces(namespace string, lease Lease) (found []Interface, missing []string, err error) {
	err = inNamespace(namespace, func(h *netlink.Handle) error {
		for _, n := range lease.Networks {
			iface, lacks, err := observeInterface(h, n)
			if err != nil {
				return err
			}
			missing = append(missing, lacks...)
			if iface.Name != "" {
				found = append(found, iface)
			}
		}
		return nil
	})
	return found, missing, err
}

func observeInterface(h *netlink.Handle, n NetworkLease) (Interface, []string, error) {
	link, err := h.LinkByName(n.Interface)
	if noLink(err) {
		return Interface{}, []string{"interface " + n.Interface}, nil
	}
	if err != nil {
		return Interface{}, nil, fmt.Errorf("look at interface %s: %w", n.Interface, err)
	}
	addrs, err := h.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return Interface{}, nil, fmt.Errorf("list the addresses of %s: %w", n.Interface, err)
	}
	iface := Interface{Network: n.Network.Name, Name: n.Interface, MAC: link.Attrs().HardwareAddr.String()}
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && !a.IP.IsLinkLocalUnicast() {
			iface.IPs = append(iface.IPs, ip.Unmap())
		}
	}
	var missing []string
	for _, ip := range n.IPs {
		if !slices.Contains(iface.IPs, ip) {
			missing = append(missing, fmt.Sprintf("address %s on %s", ip, n.Interface))
		}
	}
	// ipvlan shares its parent's MAC.
	if iface.MAC != n.MAC && n.Network.Driver != DriverIPvlan {
		missing = append(missing, fmt.Sprintf("MAC %s on %s", n.MAC, n.Interface))
	}
	if link.Attrs().RawFlags&unix.IFF_UP == 0 {
		missing = append(missing, n.Interface+" being up")
	}
	return iface, missing, nil
}

// allowHairpins lets each bridge send a pod's packets back through the port
// they came from: where bridges pass packets to iptables
// (net.bridge.bridge-nf-call-iptables=1) a pod that calls its own published
// port is answered by that port. netavark 1.4 leaves it off.
func allowHairpins(namespace string, lease Lease) error {
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer host.Close()
	return inNamespace(namespace, func(h *netlink.Handle) error {
		for _, n := range lease.Networks {
			if !n.Network.bridge() {
				continue
			}
			link, err := h.LinkByName(n.Interface)
			if err != nil {
				return fmt.Errorf("look at interface %s: %w", n.Interface, err)
			}
			port, err := host.LinkByIndex(link.Attrs().ParentIndex)
			if err == nil {
				err = host.LinkSetHairpin(port, true)
			}
			if err != nil {
				return fmt.Errorf("allow hairpins on bridge %s: %w", n.Network.Interface, err)
			}
		}
		return nil
	})
}

// pinBridgeMAC gives a new bridge a hardware address that stays. Else it always
// has the lowest of its ports', so a pod that comes or goes may change it, and
// the others send to the old one until their ARP entries time out. A bridge
// with more than one port is not new.
func pinBridgeMAC(n Network) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer h.Close()
	ports, _, err := bridgePorts(h, n.Interface)
	if err != nil || len(ports) > 1 {
		return err
	}
	bridge, err := h.LinkByName(n.Interface)
	if err == nil {
		err = h.LinkSetHardwareAddr(bridge, bridgeMAC(n))
	}
	if err != nil {
		return fmt.Errorf("give bridge %s an address that stays: %w", n.Interface, err)
	}
	return nil
}

// bridgeMAC is made of the network's ID: the same each time the bridge is made.
func bridgeMAC(n Network) net.HardwareAddr {
	sum := sha256.Sum256([]byte(n.ID + n.Interface))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2 // of a single device, locally administered
	return mac
}

// addStandIns makes an empty bridge in place of each interface of a lease that
// is missing in the namespace. netavark stops where it cannot find what it is
// to remove, and leaves the network's rules; stand-ins it removes like the real
// ones. A bridge, because that is the one kind of device it needs the kernel to
// have anyway.
func addStandIns(namespace string, lease Lease) error {
	return inNamespace(namespace, func(h *netlink.Handle) error {
		for _, n := range lease.Networks {
			if err := addStandIn(h, n.Interface); err != nil {
				return err
			}
		}
		return nil
	})
}

// addBridgeStandIn does the same for a network's bridge.
func addBridgeStandIn(name string) error {
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer host.Close()
	return addStandIn(host, name)
}

func addStandIn(h *netlink.Handle, name string) error {
	if _, err := h.LinkByName(name); err == nil || !noLink(err) {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add a stand-in for interface %s: %w", name, err)
	}
	return nil
}

// removeInterfaces deletes a lease's interfaces in a namespace; the host's ends
// of veths go with them.
func removeInterfaces(namespace string, lease Lease) error {
	return inNamespace(namespace, func(h *netlink.Handle) error {
		var errs []error
		for _, n := range lease.Networks {
			errs = append(errs, removeLink(h, n.Interface))
		}
		return errors.Join(errs...)
	})
}

func removeLink(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	if noLink(err) {
		return nil
	}
	if err == nil {
		err = h.LinkDel(link)
	}
	if err != nil && !noLink(err) {
		return fmt.Errorf("remove interface %s: %w", name, err)
	}
	return nil
}

// bridgePorts lists the links on a bridge of the host; none is there when the
// bridge is not.
func bridgePorts(h *netlink.Handle, bridge string) (ports []netlink.Link, exists bool, err error) {
	br, err := h.LinkByName(bridge)
	if noLink(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look at bridge %s: %w", bridge, err)
	}
	links, err := h.LinkList()
	if err != nil {
		return nil, true, fmt.Errorf("list the links on bridge %s: %w", bridge, err)
	}
	for _, l := range links {
		if l.Attrs().MasterIndex == br.Attrs().Index {
			ports = append(ports, l)
		}
	}
	return ports, true, nil
}

// What the kernel may take to clear a namespace away that nothing holds any more,
// and how often it is looked at.
const (
	lostVethTime = 2 * time.Second
	lostVethPoll = 5 * time.Millisecond
)

// awaitLostVeths waits until a bridge, which no pod is attached to any more, has
// no veth on it, as far as those are of a lost namespace: the kernel takes them
// away a moment after it. Others' are not waited for any longer than that.
func awaitLostVeths(ctx context.Context, bridge string) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer h.Close()
	ctx, cancel := context.WithTimeout(ctx, lostVethTime)
	defer cancel()
	for {
		ports, _, err := bridgePorts(h, bridge)
		if err != nil || !slices.ContainsFunc(ports, func(l netlink.Link) bool { return l.Type() == "veth" }) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lostVethPoll):
		}
	}
}

// removeEmptyBridge deletes a bridge that nothing is attached to.
func removeEmptyBridge(name string) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer h.Close()
	ports, exists, err := bridgePorts(h, name)
	if err != nil || !exists || len(ports) > 0 {
		return err
	}
	return removeLink(h, name)
}
