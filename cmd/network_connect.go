package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/network"
	"berth/engine/spec"
)

func (a *app) networkConnect() *cobra.Command {
	var n spec.NetworkAttachment
	var ip, ip6, namespace string
	cmd := &cobra.Command{
		Use:   "connect [flags] NETWORK CONTAINER",
		Short: "Have a container's pod join a network",
		Long: `Has the pod of a container, or a pod, join one more network: it gets an interface and an address there, is known
there by its names at once, and knows the others'. Ports stay published where they are.

What "berth run", "create" and "pod create" made joins it for good, also while it is down. A pod of YAML has to be up,
and it lasts as long: for good, say the network where the pod is made.`,
		Example: `  berth network connect backend web-nginx
  berth network connect --alias cache --ip 10.90.0.7 backend web`,
		Args: exactArgs(2, "a network and a container"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, address := range []string{ip, ip6} {
				if address != "" {
					n.IPs = append(n.IPs, address)
				}
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				return onNetwork(ctx, e, namespace, args, func(network string, pod spec.PodID) error {
					n.Network = network
					return e.ConnectNetwork(ctx, pod, n)
				})
			})
		},
		ValidArgsFunction: a.completeNetworkThenContainer,
	}
	f := cmd.Flags()
	f.StringArrayVar(&n.Aliases, "alias", nil, "further `name` of the pod on the network")
	f.StringVar(&ip, "ip", "", "IPv4 `address` the pod gets there")
	f.StringVar(&ip6, "ip6", "", "IPv6 `address` the pod gets there")
	f.StringVar(&n.MAC, "mac-address", "", "MAC `address` of the pod's interface there")
	a.namespaceFlag(cmd, &namespace)
	return cmd
}

func (a *app) networkDisconnect() *cobra.Command {
	var force bool
	var namespace string
	cmd := &cobra.Command{
		Use:   "disconnect [flags] NETWORK CONTAINER",
		Short: "Have a container's pod leave a network",
		Long: `Has the pod of a container, or a pod, leave a network. Ports that were published there are published on the pod's
other networks; where they could not be, --force is needed.

What "berth run", "create" and "pod create" made leaves it for good, also while it is down. A pod of YAML has to be up,
and joins a network it was made with again when it is started the next time.`,
		Example: "  berth network disconnect backend web-nginx\n  berth network disconnect --force backend web",
		Args:    exactArgs(2, "a network and a container"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				return onNetwork(ctx, e, namespace, args, func(network string, pod spec.PodID) error {
					return e.DisconnectNetwork(ctx, pod, network, force)
				})
			})
		},
		ValidArgsFunction: a.completeNetworkThenContainer,
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also where ports are reached by nobody then")
	a.namespaceFlag(cmd, &namespace)
	return cmd
}

// onNetwork finds the network and the container's pod, or the pod, that args name.
func onNetwork(ctx context.Context, e *engine.Engine, namespace string, args []string, do func(network string, pod spec.PodID) error) error {
	n, err := findNetwork(ctx, e, args[0])
	if errors.Is(err, spec.ErrNotFound) && (args[0] == podmansNetwork || args[0] == network.DefaultNetwork) {
		n.Name, err = network.DefaultNetwork, nil // it is made when it is joined first
	}
	if err != nil {
		return err
	}
	p, _, err := e.FindContainer(ctx, namespace, args[1])
	if errors.Is(err, spec.ErrNotFound) {
		var missing error
		if p, missing = e.FindPod(ctx, namespace, args[1]); missing == nil || !errors.Is(missing, spec.ErrNotFound) {
			err = missing
		}
	}
	if err != nil {
		return err
	}
	return do(n.Name, p.Pod.ID)
}

func (a *app) completeNetworkThenContainer(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return a.completeNetworks(cmd, args, prefix)
	case 1:
		return a.completePodsAndContainers(cmd, args, prefix)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
