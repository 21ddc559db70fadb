package cmd

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/quadlet"
)

func (a *app) quadletList() *cobra.Command {
	var format string
	var filters []string
	var noHeading bool
	cmd := &cobra.Command{
		Use:     "list [flags]",
		Aliases: []string{"ls"},
		Short:   "List unit files",
		Long: `Lists the unit files of this host, or those of the user, with their services and how these are: what systemd says,
"Not loaded" where it does not know the service, "loaded template" for one that needs an instance. A template is
followed by the instances systemd knows.

Filters are name (a part of it, or a pattern such as web*), status (active/running, failed/failed, ...) and pod.`,
		Example: `  berth quadlet list
  berth quadlet list --filter "name=web*"
  berth quadlet list --filter status=failed/failed --format "{{.UnitName}}"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := installedUnits(cmd.Context())
			if err != nil {
				return err
			}
			if all, err = withInstances(cmd.Context(), all); err != nil {
				return err
			}
			m := installedMatchers()
			set, err := parseFilters(filters, m)
			if err != nil {
				return err
			}
			list, err := filter.Apply(all, set, m)
			if err != nil {
				return err
			}
			l := output.List{
				Table:    "{{.Name}}\t{{.UnitName}}\t{{.Path}}\t{{.Status}}\t{{.App}}\t{{.Pod}}",
				Headings: map[string]string{"Path": "PATH ON DISK", "App": "APPLICATION"},
				Format:   output.ParseFormat(format), NoHeading: noHeading,
			}
			return output.Print(a.out, l, list, list)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&filters, "filter", "f", nil, "list only what matches (`key=value`); values of one key are alternatives")
	f.StringVar(&format, "format", "", "print as json, or by a Go `template`; \"table …\" adds headings")
	f.BoolVarP(&noHeading, "noheading", "n", false, "leave the headings out")
	return cmd
}

// withInstances has templates followed by those of their instances that systemd
// knows and that have no files of their own.
func withInstances(ctx context.Context, units []installed) ([]installed, error) {
	conn, err := systemdConn(ctx, asUser())
	if conn == nil || err != nil {
		return units, err
	}
	defer conn.Close()
	var all []installed
	for _, u := range units {
		all = append(all, u)
		n, ok := quadlet.ParseName(u.Name)
		if !ok || !n.Abstract() {
			continue
		}
		found, err := instances(ctx, conn, u.UnitName)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(found, func(a, b dbus.UnitStatus) int { return strings.Compare(a.Name, b.Name) })
		for _, service := range found {
			own := slices.ContainsFunc(units, func(other installed) bool { return other.UnitName == service.Name })
			if own || service.LoadState == "not-found" {
				continue
			}
			instance := u
			instance.Name = n.Base + "@" + instanceOf(service.Name) + "." + string(n.Kind)
			instance.UnitName, instance.Status = service.Name, service.ActiveState+"/"+service.SubState
			all = append(all, instance)
		}
	}
	return all, nil
}

// instanceOf is what stands between the @ and the extension of a service's name.
func instanceOf(service string) string {
	_, instance, _ := strings.Cut(strings.TrimSuffix(service, ".service"), "@")
	return instance
}

func installedMatchers() filter.Matchers[installed] {
	return filter.Matchers[installed]{
		"name":   func(u installed, want string) (bool, error) { return named(u.Name, want) },
		"status": func(u installed, want string) (bool, error) { return u.Status == want, nil },
		"pod":    func(u installed, want string) (bool, error) { return named(u.Pod, want) },
	}
}

// named says whether a name matches: a pattern with *, ? or [ has to be like the
// file's whole name, or what comes before its extension; anything else is a regular
// expression, as podman has it, and may match anywhere.
func named(name, pattern string) (bool, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		return filter.Pattern(name, pattern)
	}
	for _, n := range []string{name, strings.TrimSuffix(name, path.Ext(name))} {
		if ok, err := path.Match(pattern, n); err != nil || ok && n != "" {
			return ok, err
		}
	}
	return false, nil
}

func (a *app) quadletPrint() *cobra.Command {
	return &cobra.Command{
		Use:     "print UNIT",
		Aliases: []string{"cat"},
		Short:   "Print a unit file",
		Long:    "Prints a unit file as it stands, with its comments and without drop-ins. What it becomes: quadlet generator --dryrun.",
		Example: `  berth quadlet print web.container
  berth quadlet print data.volume`,
		Args:              exactArgs(1, "the name of a unit file"),
		ValidArgsFunction: completeUnits,
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := unitPath(args[0])
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, err = a.out.Write(data)
			return err
		},
	}
}

// unitPath is where a unit file of a name lies.
func unitPath(name string) (string, error) {
	units, _ := readAll(asUser())
	for _, f := range units.Files {
		if f.Name == name {
			return f.Path, nil
		}
	}
	return "", fmt.Errorf("there is no unit file %s%s", name, didYouMean(name, units.Files))
}
