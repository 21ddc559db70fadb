package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"berth/engine/spec"
	"berth/quadlet"
	"berth/reconciler"
	"berth/translate/option"
)

// unitFiles is a folder of unit files in memory.
type unitFiles struct {
	changed chan struct{} // holds one

	mu    sync.Mutex
	files map[string][]byte
}

func newUnitFiles() *unitFiles {
	return &unitFiles{changed: make(chan struct{}, 1), files: map[string][]byte{}}
}

// set changes a file; nil removes it.
func (u *unitFiles) set(name string, data []byte) {
	u.mu.Lock()
	if delete(u.files, name); data != nil {
		u.files[name] = data
	}
	u.mu.Unlock()
	select {
	case u.changed <- struct{}{}:
	default:
	}
}

func (u *unitFiles) found() quadlet.Found {
	u.mu.Lock()
	defer u.mu.Unlock()
	var inputs []quadlet.Input
	for _, name := range slices.Sorted(maps.Keys(u.files)) {
		inputs = append(inputs, quadlet.Input{Name: name, Path: "/m/" + name, Data: u.files[name]})
	}
	return quadlet.Found{Results: quadlet.Convert(inputs, quadlet.Options{Program: "berth", Host: plainHost{}})}
}

// Run hands the units over until ctx ends.
func (u *unitFiles) Run(ctx context.Context, emit func(quadlet.Found)) error {
	for {
		emit(u.found())
		select {
		case <-ctx.Done():
			return nil
		case <-u.changed:
		}
	}
}

// plainHost has what units ask for, and nobody lives there.
type plainHost struct{}

func (plainHost) Exists(string) bool                            { return false }
func (plainHost) UserID(string) (uint32, error)                 { return 0, nil }
func (plainHost) GroupID(string) (uint32, error)                { return 0, nil }
func (plainHost) Abs(p string) string                           { return path.Join("/", p) }
func (plainHost) ReadFile(string) ([]byte, error)               { return nil, nil }
func (plainHost) Glob(pattern string) ([]string, error)         { return []string{pattern}, nil }
func (plainHost) Environ() []string                             { return nil }
func (plainHost) User() (uid, gid uint32)                       { return 0, 0 }
func (plainHost) SubIDs(string, bool) ([]option.IDRange, error) { return nil, nil }
func (plainHost) Container(string) (spec.ContainerRef, error) {
	return spec.ContainerRef{}, spec.ErrNotFound
}
func (plainHost) VolumesOf(string) ([]spec.Mount, []spec.Volume, error) { return nil, nil, nil }
func (plainHost) Defaults() option.Defaults                             { return nil }

// unitOptions have the loop run units, where a script has any.
func (s *script) unitOptions() *reconciler.UnitOptions {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(s.files)), isUnit) {
		return nil
	}
	return &reconciler.UnitOptions{
		Source: s.units, Host: plainHost{},
		Call: func(_ context.Context, unit, _ string, args []string) error {
			fmt.Fprintf(s.log, "call %s: %s\n", unit, strings.Join(args, " "))
			return nil
		},
		RemoveNetwork: func(_ context.Context, name string, owner spec.Owner) error {
			fmt.Fprintf(s.log, "remove network %s of %s\n", name, owner)
			return nil
		},
	}
}

func isUnit(name string) bool {
	_, ok := quadlet.ParseName(path.Base(name))
	return ok
}

// unit is: unit NAME STATUS [restarts=N] [result=R].
func (s *script) unit(args []string) error {
	views := s.loop.Units()
	i := slices.IndexFunc(views, func(v reconciler.UnitView) bool { return v.Name == args[0] })
	if i < 0 {
		if args[1] == "gone" {
			return nil
		}
		return errors.New("there is no such unit")
	}
	v := views[i]
	if v.Status != args[1] && v.Status+"/"+v.Sub != args[1] {
		return fmt.Errorf("it is %s/%s: %s", v.Status, v.Sub, v.Message)
	}
	for _, word := range args[2:] {
		key, want, _ := strings.Cut(word, "=")
		if got := map[string]string{"restarts": strconv.Itoa(v.Restarts), "result": string(v.Result)}[key]; got != want {
			return fmt.Errorf("%s is %q", key, got)
		}
	}
	return nil
}
