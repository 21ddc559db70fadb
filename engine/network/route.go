package network

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// defaultMetric is netavark's for routes of which nothing else is said.
const defaultMetric = 100

// addRoutes gives a pod the static routes of its networks: netavark 1.4 does not
// know them. One that is there already is success.
func addRoutes(namespace string, lease Lease) error {
	return inNamespace(namespace, func(h *netlink.Handle) error {
		var errs []error
		for _, n := range lease.Networks {
			for _, r := range n.Network.Routes {
				errs = append(errs, addRoute(h, n.Interface, r))
			}
		}
		return errors.Join(errs...)
	})
}

func addRoute(h *netlink.Handle, device string, r Route) error {
	link, err := h.LinkByName(device)
	if err != nil {
		return fmt.Errorf("route to %s: %w", r.Destination, err)
	}
	to := r.Destination.Masked()
	route := netlink.Route{
		LinkIndex: link.Attrs().Index, Gw: net.IP(r.Gateway.AsSlice()), Priority: defaultMetric,
		Dst: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())},
	}
	if r.Metric != nil {
		route.Priority = int(*r.Metric)
	}
	if err := h.RouteAdd(&route); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("route to %s by %s: %w", r.Destination, r.Gateway, err)
	}
	return nil
}
