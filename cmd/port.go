package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) port() *cobra.Command {
	t := targets{}
	cmd := &cobra.Command{
		Use:   "port [flags] CONTAINER [PORT[/PROTOCOL]]",
		Short: "Show where ports of a container are published",
		Long: `Shows where the ports of a container, or of its pod, are published on the host; with a port, only where that one is.
The protocol is tcp unless told otherwise. A port that is not published is an error.`,
		Example: "  berth port web\n  berth port web 80\n  berth port --all",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 2:
				return usageError(cmd, "'%s' takes a container and a port, not %d arguments", cmd.CommandPath(), len(args))
			case (t.all || t.latest) && len(args) > 0 && !isPort(args[0]):
				return usageError(cmd, "no names can be given together with --all or --latest")
			case !t.all && !t.latest && len(args) == 0:
				return usageError(cmd, "'%s' needs the name or ID of a container", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.showPorts(ctx, e, &t, args) })
		},
		ValidArgsFunction: a.completeFirstContainer,
	}
	f := cmd.Flags()
	f.BoolVarP(&t.all, "all", "a", false, "show the ports of all containers")
	f.BoolVarP(&t.latest, "latest", "l", false, "show the ports of the newest container")
	a.namespaceFlag(cmd, &t.namespace)
	return cmd
}

func isPort(s string) bool {
	_, _, err := parsePort(s)
	return err == nil
}

// parsePort reads 80, or 53/udp.
func parsePort(s string) (port uint16, protocol string, err error) {
	number, protocol, given := strings.Cut(s, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if !given {
		protocol = "tcp"
	}
	if err != nil || n == 0 || protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
		return 0, "", fmt.Errorf("%q is not a port: write 80 or 53/udp", s)
	}
	return uint16(n), protocol, nil
}

func (a *app) showPorts(ctx context.Context, e *engine.Engine, t *targets, args []string) error {
	var names []string
	if !t.all && !t.latest {
		names, args = args[:1], args[1:]
	}
	var port uint16
	var protocol string
	if len(args) > 0 {
		var err error
		if port, protocol, err = parsePort(args[0]); err != nil {
			return err
		}
	}
	list, err := t.containers(ctx, e, a, names)
	errs := []error{err}
	for _, c := range list {
		prefix := ""
		if t.all {
			prefix = c.status.ID.Short() + "\t"
		}
		found := false
		for _, p := range published(&c.pod) {
			if port != 0 && (p.ContainerPort != port || p.Protocol != protocol) {
				continue
			}
			found = true
			if port == 0 {
				fmt.Fprintf(a.out, "%s%d/%s -> %s\n", prefix, p.ContainerPort, p.Protocol, hostSide(p))
			} else {
				fmt.Fprintf(a.out, "%s%s\n", prefix, hostSide(p))
			}
		}
		if port != 0 && !found && !t.all {
			errs = append(errs, fmt.Errorf("container %q publishes no port %d/%s", c.raw, port, protocol))
		}
	}
	return errors.Join(errs...)
}

// published are the ports that a pod publishes, or would.
func published(p *spec.PodStatus) []spec.PortMapping {
	if len(p.Ports) > 0 {
		return p.Ports
	}
	return p.Pod.Ports
}

// hostSide is where a port is reached on the host.
func hostSide(p spec.PortMapping) string {
	host := p.HostIP
	if host == "" {
		host = "0.0.0.0"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("%s:%d", host, p.HostPort)
}
