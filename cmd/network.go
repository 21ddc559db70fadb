package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/network"
	"berth/engine/spec"
)

func (a *app) network() *cobra.Command {
	return newGroup("network", "Manage networks",
		`Lists, makes and removes networks. Pods that name none join the network berth, which is made when it is
first needed.`,
		a.networkLs(), a.networkCreate(), a.networkInspect(), a.networkRm(), a.networkExists())
}

func (a *app) networkInspect() *cobra.Command {
	return a.newInspect("network", "NETWORK", `  berth network inspect berth
  berth network inspect --format "{{range .Subnets}}{{.Subnet}}{{end}}" berth`, a.completeNetworks)
}

// networkRow is a network as templates of `network ls` see it.
type networkRow struct {
	report.Network
	full bool
}

// ID is the network's ID.
func (r networkRow) ID() string { return output.ShortID(r.Network.ID, r.full) }

// Labels are all labels.
func (r networkRow) Labels() report.LabelMap { return r.Network.Labels }

// Label is the value of one label.
func (r networkRow) Label(name string) string { return r.Network.Labels[name] }

func (a *app) networkLs() *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List networks",
		Long:    "Lists networks. Filters are name, id, driver, label, label!, dangling (joined by no pod) and until.",
		Example: `  berth network ls
  berth network ls --filter driver=bridge --format "{{.Name}} {{.Subnets}}"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				list, err := a.filteredNetworks(ctx, e, l.filters)
				if err != nil {
					return err
				}
				if l.quiet {
					for _, n := range list {
						fmt.Fprintln(a.out, n.Name)
					}
					return nil
				}
				rows := make([]networkRow, len(list))
				for i, n := range list {
					rows[i] = networkRow{report.Network{Network: n}, l.noTrunc}
				}
				return output.Print(a.out, l.list("{{.ID}}\t{{.Name}}\t{{.Driver}}", map[string]string{"ID": "NETWORK ID"}), list, rows)
			})
		},
	}
	l.register(cmd, "n")
	return cmd
}

func (a *app) filteredNetworks(ctx context.Context, e *engine.Engine, filters []string) ([]network.Network, error) {
	pods, err := e.Observe(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, p := range pods {
		for _, n := range p.Pod.Networks {
			used[n.Network] = true
		}
	}
	m := filter.Networks(a.now(), used)
	set, err := parseFilters(filters, m)
	if err != nil {
		return nil, err
	}
	all, err := e.Networks().List(ctx)
	if err != nil {
		return nil, err
	}
	return filter.Apply(all, set, m)
}

type networkCreateFlags struct {
	driver, iface                              string
	subnets, gateways, ranges, labels, options []string
	dns                                        []string
	internal, ipv6, disableDNS, ignore         bool
}

func (a *app) networkCreate() *cobra.Command {
	var f networkCreateFlags
	cmd := &cobra.Command{
		Use:   "create [flags] NAME",
		Short: "Make a network",
		Long: `Makes a network and prints its name. Without --subnet a free one is chosen. --gateway and --ip-range
belong to the subnets in the order given.`,
		Example: `  berth network create backend
  berth network create --subnet 10.90.0.0/24 --gateway 10.90.0.1 --opt mtu=1400 backend
  berth network create --internal --label app=web private`,
		Args: exactArgs(1, "the name of the network"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := f.network(args[0])
			if err != nil {
				return err
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			made, err := e.Networks().Create(cmd.Context(), n)
			if f.ignore && errors.Is(err, spec.ErrExists) {
				made, err = n, nil
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(a.out, made.Name)
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.driver, "driver", "d", network.DriverBridge, "`driver`: bridge, macvlan or ipvlan")
	complete(cmd, "driver", network.DriverBridge, network.DriverMacvlan, network.DriverIPvlan)
	flags.StringVar(&f.iface, "interface-name", "", "`name` of the bridge, or the parent interface of macvlan and ipvlan")
	flags.StringArrayVar(&f.subnets, "subnet", nil, "address `range` such as 10.90.0.0/24")
	flags.StringArrayVar(&f.gateways, "gateway", nil, "gateway `address` of a subnet")
	flags.StringArrayVar(&f.ranges, "ip-range", nil, "hand out addresses of this `range` of the subnet only (first-last or CIDR)")
	flags.StringArrayVar(&f.labels, "label", nil, "label of the network (`key=value`)")
	flags.StringArrayVarP(&f.options, "opt", "o", nil, "option of the driver (`key=value`): mtu, isolate, vlan, mode, metric, no_default_route")
	flags.StringArrayVar(&f.dns, "dns", nil, "`address` of a name server for what is not a pod's name")
	flags.BoolVar(&f.internal, "internal", false, "no way out of this host")
	flags.BoolVar(&f.ipv6, "ipv6", false, "give IPv6 addresses, too")
	flags.BoolVar(&f.disableDNS, "disable-dns", false, "no names of pods on this network")
	flags.BoolVar(&f.ignore, "ignore", false, "say nothing if the network is there already")
	return cmd
}

// network is what the flags describe.
func (f *networkCreateFlags) network(name string) (network.Network, error) {
	n := network.Network{
		Name: name, Driver: f.driver, Interface: f.iface, IPv6: f.ipv6, Internal: f.internal, DNS: !f.disableDNS, DNSServers: f.dns,
	}
	var err error
	if n.Labels, err = keyValues("label", f.labels); err != nil {
		return n, err
	}
	if n.Options, err = keyValues("opt", f.options); err != nil {
		return n, err
	}
	if len(f.gateways) > len(f.subnets) || len(f.ranges) > len(f.subnets) {
		return n, errors.New("--gateway and --ip-range need a --subnet each")
	}
	for i, text := range f.subnets {
		var s network.Subnet
		if s.Subnet, err = netip.ParsePrefix(text); err != nil {
			return n, fmt.Errorf("--subnet %q: want an address range such as 10.90.0.0/24", text)
		}
		if i < len(f.gateways) {
			if s.Gateway, err = netip.ParseAddr(f.gateways[i]); err != nil {
				return n, fmt.Errorf("--gateway %q: want an IP address", f.gateways[i])
			}
		}
		if i < len(f.ranges) {
			if s.Range, err = parseAddressRange(f.ranges[i]); err != nil {
				return n, err
			}
		}
		n.Subnets = append(n.Subnets, s)
	}
	return n, nil
}

func (a *app) networkRm() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rm [flags] NETWORK [NETWORK...]",
		Short: "Remove networks",
		Long: `Removes networks that no pod has joined. With --force, the pods are removed first.

Exits with 1 if a network is not there, with 2 if one is in use.`,
		Example: "  berth network rm backend\n  berth network rm --force backend",
		Args:    minArgs(1, "the name of a network"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				return removalError(forEach(ctx, a.out, args, func(ctx context.Context, name string) (string, error) {
					n, err := findNetwork(ctx, e, name)
					if force && errors.Is(err, spec.ErrNotFound) {
						return "", nil
					}
					if err != nil {
						return "", err
					}
					if force {
						if err := a.removePodsOn(ctx, e, n.Name); err != nil {
							return "", err
						}
					}
					return name, e.Networks().Remove(ctx, n.Name)
				}))
			})
		},
		ValidArgsFunction: a.completeNetworks,
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "remove the pods on it first; say nothing of networks that are not there")
	return cmd
}
