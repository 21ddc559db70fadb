package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"berth/cmd/generator"
	"berth/manifests"
	"berth/manifests/unitdir"
	"berth/quadlet"
)

// asUser says whether unit files are those of a user, not of the host.
func asUser() bool { return os.Getuid() != 0 }

// unitStore is where unit files are installed: podman's folder, unless podman's
// generator takes that.
func unitStore() (unitdir.Store, error) {
	store, ok := unitdir.Target(generator.Who(asUser()), generator.Rival(asUser()) != "")
	if !ok {
		return store, errors.New("there is no folder for unit files: set HOME or XDG_CONFIG_HOME")
	}
	return store, nil
}

// storeOf is the store a unit file was installed into.
func storeOf(path string) (unitdir.Store, bool) {
	for _, s := range unitdir.Stores(generator.Who(asUser())) {
		if s.Has(path) {
			return s, true
		}
	}
	return unitdir.Store{}, false
}

func (a *app) quadletInstall() *cobra.Command {
	var application string
	var replace, reload bool
	cmd := &cobra.Command{
		Use:   "install [flags] PATH|URL [FILE...]",
		Short: "Install unit files",
		Long: `Copies unit files to where the generator finds them, and has systemd read them: /etc/containers/systemd, or
~/.config/containers/systemd for a user; where podman's generator is in place, /etc/berth/quadlet, or
~/.config/berth/quadlet. It prints where each file went.

Other files may come along, as an env file; they are removed with the first unit file. A folder is an application:
its files stay together and are removed together. A .quadlets file holds several unit files, parted by lines of
---, each with a comment # FileName=NAME.

What cannot be read as a unit file is refused. Anything else that is wrong with it is said, as the generator will.`,
		Example: `  berth quadlet install web.container web.env
  berth quadlet install ./shop
  berth quadlet install --application shop shop.quadlets
  berth quadlet install --replace https://example.com/web.container`,
		Args: minArgs(1, "a unit file, a folder or a URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			app, files, err := unitdir.Gather(ctx, args, manifests.Fetch)
			if err != nil {
				return err
			}
			if application != "" {
				app = application
			}
			if err := a.installUnits(app, files, replace); err != nil {
				return err
			}
			if reload {
				return reloadSystemd(ctx, asUser())
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&application, "application", "", "keep the files in the application `NAME` (default: the folder's name, where it is one)")
	f.BoolVar(&reload, "reload-systemd", true, "have systemd read the unit files now")
	f.BoolVarP(&replace, "replace", "r", false, "replace what is there already")
	f.SortFlags = false
	return cmd
}

// installUnits checks files and puts them into the store.
func (a *app) installUnits(app string, files []unitdir.Item, replace bool) error {
	var inputs []quadlet.Input
	var wrong []error
	for _, f := range files {
		if !f.Unit() || f.Link != "" {
			continue
		}
		_, problems := quadlet.Parse(f.Name, f.Name, f.Data)
		wrong = append(wrong, problems.Err())
		inputs = append(inputs, quadlet.Input{Name: f.Name, Path: f.Name, Data: f.Data})
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if len(inputs) == 0 {
		return errors.New("there is no unit file among the files: their names end in .container, .pod, .kube, .network, .volume, .image, .build or .artifact")
	}
	store, err := unitStore()
	if err != nil {
		return err
	}
	var paths []string
	if app != "" {
		paths, err = store.InstallApp(app, files, replace)
	} else {
		paths, err = store.Install(files, replace)
	}
	if err != nil {
		return err
	}
	for _, path := range paths {
		fmt.Fprintln(a.out, path)
	}
	a.warnOf(paths)
	return nil
}

// warnOf says what the generator will say of the files.
func (a *app) warnOf(paths []string) {
	mine := map[string]bool{}
	for _, p := range paths {
		mine[p] = true
	}
	units, results := readAll(asUser())
	for _, f := range units.Files {
		for _, p := range paths {
			if filepath.Base(p) == f.Name && p != f.Path {
				a.warn("%s is not read: %s has the same name and comes first", p, f.Path)
			}
		}
	}
	for _, r := range results {
		for _, line := range generator.Lines(nil, []quadlet.Result{r}) {
			if mine[r.Path] {
				fmt.Fprintln(a.err, line.Text)
			}
		}
	}
	mineOnly := slices.DeleteFunc(results, func(r quadlet.Result) bool { return !mine[r.Path] })
	for _, d := range a.wrongArguments(mineOnly) {
		fmt.Fprintln(a.err, d)
	}
}

// readAll reads and converts the unit files of the host or the user.
func readAll(user bool) (unitdir.Units, []quadlet.Result) {
	units := unitdir.Read(generator.Path(user))
	return units, quadlet.Convert(units.Files, quadlet.Options{Program: generator.Program(), User: user, Host: generator.Host{}})
}

// installed is a unit file as quadlet list shows it.
type installed struct {
	Name, UnitName, Path, Status, App, Pod string
	// Hidden: another file of its name is what the generator reads.
	Hidden bool `json:"-"`
}

// installedUnits are all unit files with the states of their services.
func installedUnits(ctx context.Context) ([]installed, error) {
	units, results := readAll(asUser())
	list := make([]installed, len(results))
	var services []string
	apps := map[string]func(path string) string{} // by the store's folder
	for i, r := range results {
		list[i] = installed{Name: r.Name, UnitName: r.Service, Path: r.Path, Status: "Not loaded"}
		if store, ok := storeOf(r.Path); ok {
			if apps[store.Dir] == nil {
				var err error
				if apps[store.Dir], err = store.Apps(); err != nil {
					return nil, err
				}
			}
			list[i].App = apps[store.Dir](r.Path)
		}
		if n, ok := quadlet.ParseName(r.Name); ok && n.Kind == quadlet.Container {
			list[i].Pod = podOf(units.Files[i])
		}
		services = append(services, r.Service)
	}
	conn, err := systemdConn(ctx, asUser())
	if err != nil {
		return nil, err
	}
	if conn == nil {
		return list, nil
	}
	defer conn.Close()
	states, err := unitStates(ctx, conn, services)
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		if state, ok := states[r.Service]; ok {
			list[i].Status = state
		}
		if r.Unit != nil && r.Unit.Name.Abstract() {
			list[i].Status = "loaded template"
		}
	}
	return list, nil
}

// podOf is the .pod unit a container says it is in.
func podOf(in quadlet.Input) string {
	f, _ := quadlet.Parse(in.Name, in.Path, in.Data)
	pod, _ := f.Value("Container", "Pod")
	return pod
}
