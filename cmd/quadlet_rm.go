package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/spf13/cobra"

	"berth/cmd/generator"
	"berth/internal/source"
	"berth/manifests/unitdir"
	"berth/quadlet"
)

type quadletRmFlags struct{ all, force, ignore, recursive, reload bool }

func (a *app) quadletRm() *cobra.Command {
	var f quadletRmFlags
	cmd := &cobra.Command{
		Use:   "rm [flags] UNIT|APPLICATION [UNIT|APPLICATION...]",
		Short: "Remove installed unit files",
		Long: `Removes unit files that quadlet install put in place, with what came along, and has systemd forget their services.
A unit file of an application is only removed with all of it, which takes --recursive.

One whose service is up, or that has instances that are, is not removed; with --force they are stopped first.
Volumes, networks and images they made stay.`,
		Example: `  berth quadlet rm web.container
  berth quadlet rm --recursive shop
  berth quadlet rm --force --all`,
		Args: func(cmd *cobra.Command, args []string) error {
			return namesOrWide(cmd, args, "a unit file or an application", "all")
		},
		ValidArgsFunction: completeUnits,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.removeUnits(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "remove all that were installed")
	flags.BoolVarP(&f.force, "force", "f", false, "stop services that are up")
	flags.BoolVarP(&f.ignore, "ignore", "i", false, "what is not there is no error")
	flags.BoolVar(&f.recursive, "recursive", false, "remove whole applications")
	flags.BoolVar(&f.reload, "reload-systemd", true, "have systemd forget the services now")
	flags.SortFlags = false
	return cmd
}

// removal is what goes together: an application, or a unit file of none.
type removal struct {
	store unitdir.Store
	app   string
	units []installed
}

func (a *app) removeUnits(ctx context.Context, args []string, f quadletRmFlags) error {
	mine, err := removable(ctx)
	if err != nil {
		return err
	}
	removals, err := plannedRemovals(mine, args, f)
	if err != nil {
		return err
	}
	conn, err := systemdConn(ctx, asUser())
	if err != nil {
		return err
	}
	if conn != nil {
		defer conn.Close()
	}
	var errs []error
	for _, r := range removals {
		errs = append(errs, a.remove(ctx, conn, r, f.force))
	}
	if f.reload && len(removals) > 0 {
		errs = append(errs, reloadSystemd(ctx, asUser()))
	}
	return errors.Join(errs...)
}

// removable is all that was installed, by what goes together. What the generator
// does not see, as another file has its name, has no service.
func removable(ctx context.Context) ([]removal, error) {
	seen, err := installedUnits(ctx)
	if err != nil {
		return nil, err
	}
	var all []removal
	for _, store := range unitdir.Stores(generator.Who(asUser())) {
		placed, err := store.Units()
		if err != nil {
			return nil, err
		}
		for _, p := range placed {
			u := installed{Name: p.Name, Path: p.Path, App: p.App, Hidden: true}
			if i := slices.IndexFunc(seen, func(s installed) bool { return s.Path == p.Path }); i >= 0 {
				u = seen[i]
			}
			at := slices.IndexFunc(all, func(r removal) bool { return u.App != "" && r.store == store && r.app == u.App })
			if at < 0 {
				at, all = len(all), append(all, removal{store: store, app: u.App})
			}
			all[at].units = append(all[at].units, u)
		}
	}
	return all, nil
}

// plannedRemovals finds what the arguments name: nothing is removed if one of
// them makes no sense.
func plannedRemovals(mine []removal, args []string, f quadletRmFlags) ([]removal, error) {
	if f.all {
		return mine, nil
	}
	var chosen []int
	var errs []error
	for _, arg := range args {
		found := false
		for i, r := range mine {
			named := slices.ContainsFunc(r.units, func(u installed) bool { return u.Name == arg && !u.Hidden })
			switch {
			case !named && (r.app == "" || r.app != arg):
				continue
			case r.app != "" && !f.recursive:
				errs = append(errs, fmt.Errorf("%s is of the application %s, which is removed as a whole (%s): --recursive does so", arg, r.app, strings.Join(unitNames(r.units), ", ")))
			case !slices.Contains(chosen, i):
				chosen = append(chosen, i)
			}
			found = true
		}
		if !found && !f.ignore {
			var known []string
			for _, r := range mine {
				known = append(known, unitNames(r.units)...)
			}
			errs = append(errs, fmt.Errorf("there is no installed unit file or application %s%s", arg, source.DidYouMean(arg, known)))
		}
	}
	var removals []removal
	for _, i := range chosen {
		removals = append(removals, mine[i])
	}
	return removals, errors.Join(errs...)
}

func unitNames(units []installed) []string {
	var all []string
	for _, u := range units {
		all = append(all, u.Name)
	}
	return all
}

// remove takes one unit file or application away, and says what.
func (a *app) remove(ctx context.Context, conn *dbus.Conn, r removal, force bool) error {
	for _, u := range r.units {
		up, err := servicesUp(ctx, conn, u)
		if err != nil {
			return err
		}
		for _, service := range up {
			if !force {
				return fmt.Errorf("%s: %s is up: stop it first, or have --force do so", u.Name, service)
			}
			if err := stopService(ctx, conn, service); err != nil {
				return err
			}
		}
	}
	remove := func() error { return r.store.RemoveApp(r.app) }
	if r.app == "" {
		remove = func() error { return r.store.Remove(r.units[0].Name) }
	}
	if err := remove(); err != nil {
		return err
	}
	for _, u := range r.units {
		fmt.Fprintln(a.out, u.Name)
	}
	return nil
}

// servicesUp are the services of a unit file that are up.
func servicesUp(ctx context.Context, conn *dbus.Conn, u installed) ([]string, error) {
	if u.Hidden {
		return nil, nil
	}
	up := []string{"active", "activating", "deactivating", "reloading"}
	if n, ok := quadlet.ParseName(u.Name); ok && n.Abstract() {
		units, err := instances(ctx, conn, u.UnitName, up...)
		var all []string
		for _, instance := range units {
			all = append(all, instance.Name)
		}
		return all, err
	}
	if state, _, _ := strings.Cut(u.Status, "/"); slices.Contains(up, state) {
		return []string{u.UnitName}, nil
	}
	return nil, nil
}

// didYouMean suggests the name of a unit file.
func didYouMean(name string, files []quadlet.Input) string {
	var known []string
	for _, f := range files {
		known = append(known, f.Name)
	}
	return quadlet.DidYouMeanFile(name, known)
}

// completeUnits offers the names of unit files.
func completeUnits(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	units, _ := readAll(asUser())
	var all []string
	for _, f := range units.Files {
		all = append(all, f.Name)
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
