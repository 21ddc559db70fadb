package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/network"
	"berth/engine/spec"
)

type networkCreateFlags struct {
	driver, ipam, iface                                string
	subnets, gateways, ranges, labels, options, routes []string
	dns                                                []string
	internal, ipv6, disableDNS, ignore                 bool
}

func (a *app) networkCreate() *cobra.Command {
	var f networkCreateFlags
	cmd := &cobra.Command{
		Use:   "create [flags] [NAME]",
		Short: "Make a network",
		Long: `Makes a network and prints its name; without a name, one that is free. Without --subnet a free range is
chosen. --gateway and --ip-range belong to the subnets in the order given.

Options are mtu, isolate, vlan, metric, no_default_route, mode, and parent, which is --interface-name of a macvlan or
ipvlan.`,
		Example: `  berth network create backend
  berth network create --subnet 10.90.0.0/24 --gateway 10.90.0.1 --opt mtu=1400 backend
  berth network create --subnet 10.91.0.0/24 --route 10.200.0.0/16,10.91.0.254 site
  berth network create --internal --label app=web private`,
		Args: maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := f.network()
			if err != nil {
				return err
			}
			n.Owner = a.ownerByHand()
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				made, err := createNetwork(ctx, e, n, args)
				if f.ignore && errors.Is(err, spec.ErrExists) {
					made, err = args[0], nil
				}
				if err != nil {
					return err
				}
				fmt.Fprintln(a.out, made)
				return nil
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.register(cmd)
	return cmd
}

func (f *networkCreateFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.driver, "driver", "d", network.DriverBridge, "`driver`: bridge, macvlan or ipvlan")
	complete(cmd, "driver", network.DriverBridge, network.DriverMacvlan, network.DriverIPvlan)
	flags.StringVar(&f.ipam, "ipam-driver", "", "who gives addresses (`driver`): host-local, or none for nobody")
	complete(cmd, "ipam-driver", network.IPAMDrivers()...)
	flags.StringVar(&f.iface, "interface-name", "", "`name` of the bridge, or the parent interface of macvlan and ipvlan")
	flags.StringArrayVar(&f.subnets, "subnet", nil, "address `range` such as 10.90.0.0/24")
	flags.StringArrayVar(&f.gateways, "gateway", nil, "gateway `address` of a subnet")
	flags.StringArrayVar(&f.ranges, "ip-range", nil, "hand out addresses of this `range` of the subnet only (first-last or CIDR)")
	flags.StringArrayVar(&f.routes, "route", nil, "static route of the pods on it (`destination,gateway[,metric]`)")
	flags.StringArrayVar(&f.labels, "label", nil, "label of the network (`key=value`)")
	flags.StringArrayVarP(&f.options, "opt", "o", nil, "option of the driver (`key=value`)")
	flags.StringSliceVar(&f.dns, "dns", nil, "`address` of a name server for what is not a pod's name")
	flags.BoolVar(&f.internal, "internal", false, "no way out of this host")
	flags.BoolVar(&f.ipv6, "ipv6", false, "give IPv6 addresses, too")
	flags.BoolVar(&f.disableDNS, "disable-dns", false, "no names of pods on this network")
	flags.BoolVar(&f.ignore, "ignore", false, "leave a network that is there already as it is, and print its name")
}

// createNetwork makes the network of the name in args, or of the first free one.
func createNetwork(ctx context.Context, e *engine.Engine, n network.Network, args []string) (string, error) {
	if len(args) > 0 {
		n.Name = args[0]
		_, err := e.Networks().Create(ctx, n)
		return n.Name, err
	}
	for i := 1; ; i++ {
		n.Name = network.DefaultNetwork + strconv.Itoa(i)
		if _, err := e.Networks().Create(ctx, n); !errors.Is(err, spec.ErrExists) {
			return n.Name, err
		}
	}
}

// network is what the flags describe, without its name.
func (f *networkCreateFlags) network() (network.Network, error) {
	n := network.Network{
		Driver: f.driver, Interface: f.iface, IPv6: f.ipv6, Internal: f.internal, DNS: !f.disableDNS, DNSServers: f.dns,
	}
	if f.ipam != "" {
		n.IPAM = map[string]string{"driver": f.ipam}
	}
	var err error
	if n.Labels, err = keyValues("label", f.labels); err != nil {
		return n, err
	}
	if n.Options, err = keyValues("opt", f.options); err != nil {
		return n, err
	}
	if err := f.renameOptions(&n); err != nil {
		return n, err
	}
	for _, text := range f.routes {
		r, err := parseRoute(text)
		if err != nil {
			return n, err
		}
		n.Routes = append(n.Routes, r)
	}
	n.Subnets, err = f.subnetList()
	return n, err
}

// renameOptions takes the options that are flags by other names.
func (f *networkCreateFlags) renameOptions(n *network.Network) error {
	for key, to := range map[string]*string{"parent": &n.Interface, "com.docker.network.bridge.name": &n.Interface} {
		value, ok := n.Options[key]
		if !ok {
			continue
		}
		if *to != "" && *to != value {
			return fmt.Errorf("--opt %s=%s and --interface-name %s: say it once", key, value, *to)
		}
		if bridge := n.Driver == network.DriverBridge; bridge == (key == "parent") {
			return fmt.Errorf("--opt %s is not for the driver %s", key, n.Driver)
		}
		*to = value
		delete(n.Options, key)
	}
	if value, ok := n.Options["com.docker.network.driver.mtu"]; ok {
		delete(n.Options, "com.docker.network.driver.mtu")
		n.Options["mtu"] = value
	}
	return nil
}

func (f *networkCreateFlags) subnetList() ([]network.Subnet, error) {
	if len(f.gateways) > len(f.subnets) || len(f.ranges) > len(f.subnets) {
		return nil, errors.New("--gateway and --ip-range need a --subnet each")
	}
	var list []network.Subnet
	for i, text := range f.subnets {
		var s network.Subnet
		var err error
		if s.Subnet, err = netip.ParsePrefix(text); err != nil {
			return nil, fmt.Errorf("--subnet %q: want an address range such as 10.90.0.0/24", text)
		}
		if i < len(f.gateways) {
			if s.Gateway, err = netip.ParseAddr(f.gateways[i]); err != nil {
				return nil, fmt.Errorf("--gateway %q: want an IP address", f.gateways[i])
			}
		}
		if i < len(f.ranges) {
			if s.LeaseRange, err = parseAddressRange(f.ranges[i]); err != nil {
				return nil, err
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// parseRoute reads "destination,gateway[,metric]".
func parseRoute(text string) (network.Route, error) {
	var r network.Route
	parts := strings.Split(text, ",")
	if len(parts) < 2 || len(parts) > 3 {
		return r, fmt.Errorf("--route %q: want destination,gateway[,metric]", text)
	}
	var err error
	if r.Destination, err = netip.ParsePrefix(parts[0]); err != nil {
		return r, fmt.Errorf("--route %q: want an address range such as 10.200.0.0/16 first", text)
	}
	if r.Gateway, err = netip.ParseAddr(parts[1]); err != nil || r.Gateway.Is6() != r.Destination.Addr().Is6() {
		return r, fmt.Errorf("--route %q: want the address of a gateway, of the same family, second", text)
	}
	if len(parts) == 3 {
		metric, err := strconv.ParseUint(parts[2], 10, 32)
		if err != nil {
			return r, fmt.Errorf("--route %q: want a number as metric", text)
		}
		m := uint32(metric)
		r.Metric = &m
	}
	return r, nil
}
