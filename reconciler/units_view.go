package reconciler

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/quadlet"
	"berth/reconciler/unit"
)

// UnitView is what a supervisor knows of a Quadlet unit that it runs.
type UnitView struct {
	Name     string     `json:"name"`    // "web.container"; of a template's instance "web@blue.container"
	Service  string     `json:"service"` // "web.service"
	Kind     string     `json:"kind"`    // "container"
	File     string     `json:"file"`
	Owner    spec.Owner `json:"owner"`
	Resource string     `json:"resource,omitempty"` // the name of what it makes
	Enabled  bool       `json:"enabled"`            // [Install] has it started with everything

	// Status and Sub are systemd's words: "active" and "running", "activating" and
	// "auto-restart"; "bad" is a unit of which no good definition is known.
	Status   string             `json:"status"`
	Sub      string             `json:"sub,omitempty"`
	Result   spec.UnitResult    `json:"result,omitempty"`
	Message  string             `json:"message,omitempty"`
	ExitCode int                `json:"exitCode,omitempty"`
	Restarts int                `json:"restarts"`
	Since    time.Time          `json:"since,omitzero"`
	Job      string             `json:"job,omitempty"` // what is still to be done with it: "start", "stop", …
	RetryAt  time.Time          `json:"retryAt,omitzero"`
	Problems source.Diagnostics `json:"problems,omitempty"` // with its file
	Reload   [][]string         `json:"reload,omitempty"`   // the commands of ours that reload it, and those that reload with it
}

// unitStatus is systemd's words for a phase.
func unitStatus(st *spec.UnitState, running string) (status, sub string) {
	switch st.Phase {
	case spec.UnitStarting, spec.UnitWaiting:
		return "activating", "start"
	case spec.UnitActive:
		return "active", running
	case spec.UnitStopping:
		return "deactivating", "stop"
	case spec.UnitRestarting:
		return "activating", "auto-restart"
	case spec.UnitFailed:
		return "failed", "failed"
	}
	return "inactive", "dead"
}

// Units is what the loop knows of each Quadlet unit, by name.
func (l *Loop) Units() []UnitView {
	if l.units == nil {
		return []UnitView{}
	}
	return l.units.views()
}

// AskUnit has done with a unit what a person asks for. It fails where that is not for
// people, with spec.ErrNotFound where the loop runs no such unit.
func (l *Loop) AskUnit(a unit.Ask) error {
	if l.units == nil {
		return spec.ErrNotFound
	}
	u := l.units
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.graph.Services[a.Unit]
	if _, known := u.states[a.Unit]; s == nil || !known {
		return fmt.Errorf("unit %s: %w", a.Unit, spec.ErrNotFound)
	}
	if err := s.Refuses(a.Verb); err != nil {
		return err
	}
	u.asks = append(u.asks, a)
	u.poke()
	return nil
}

// RenewUnit has a unit made anew, as if its file had changed: what it stands for is
// made ready first, such as another image of the same name. One that has failed is
// started. ok is false where the loop runs no such unit.
func (l *Loop) RenewUnit(name string) (ok bool) {
	if l.units == nil {
		return false
	}
	u := l.units
	u.mu.Lock()
	defer u.mu.Unlock()
	st, ok := u.states[name]
	if !ok {
		return false
	}
	st.Hash = "outdated" // no definition has it
	if st.Phase.Down() {
		st.Job, st.Starts = spec.UnitStart, nil
	}
	u.states[name] = st
	delete(u.prepared, name)
	delete(u.notBefore, name)
	delete(u.tries, name)
	u.poke()
	return true
}

func (u *units) views() []UnitView {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := []UnitView{}
	shown := map[string]bool{}
	for name := range u.states {
		st := u.states[name]
		v := UnitView{
			Name: filepath.Base(st.File), Service: name, Kind: string(kindOf(st.File)), File: st.File, Owner: st.Owner, Resource: st.Resource,
			Result: st.Result, Message: st.Message, ExitCode: st.ExitCode, Restarts: st.Restarts, Since: st.Since, RetryAt: st.RetryAt,
			Job: string(st.Job), Problems: u.problemsOf(st.File),
		}
		if i := slices.IndexFunc(u.asks, func(a unit.Ask) bool { return a.Unit == name }); i >= 0 {
			v.Job = string(u.asks[i].Verb)
		}
		running := "running"
		if s := u.graph.Services[name]; s != nil {
			v.Enabled, v.Reload = s.Enabled, u.reload(s)
			if s.Kept() || st.Exited {
				running = "exited"
			}
		}
		v.Status, v.Sub = unitStatus(&st, running)
		if n, _ := quadlet.ParseName(v.Name); n.Abstract() {
			_, instance, _ := strings.Cut(strings.TrimSuffix(name, ".service"), "@")
			v.Name = n.Base + "@" + instance + "." + v.Kind
		}
		shown[st.File] = true
		out = append(out, v)
	}
	for path := range u.broken {
		if u.broken[path] && !shown[path] {
			out = append(out, UnitView{
				Name: filepath.Base(path), Kind: string(kindOf(path)), File: path, Owner: u.ownerOf(path), Status: "bad", Problems: u.problemsOf(path),
			})
		}
	}
	slices.SortFunc(out, func(a, b UnitView) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File)) })
	return out
}

// reload is what reloads a unit, and those that are up and reload with it. The mutex
// is held.
func (u *units) reload(s *unit.Service) [][]string {
	var all [][]string
	for _, name := range slices.Concat([]string{s.Name}, s.ReloadsTo) {
		one := u.graph.Services[name]
		if one != nil && len(one.Reload) > 0 && u.states[name].Phase == spec.UnitActive {
			all = append(all, one.Reload)
		}
	}
	return all
}

// problemsOf are the problems with a unit file, its drop-ins included. The mutex
// is held.
func (u *units) problemsOf(file string) source.Diagnostics {
	name, _ := quadlet.ParseName(filepath.Base(file))
	dropIns := name.DropInDirs()
	var out source.Diagnostics
	for _, p := range u.problems {
		if p.File == file || slices.Contains(dropIns, filepath.Base(p.File)) || slices.Contains(dropIns, filepath.Base(filepath.Dir(p.File))) {
			out = append(out, p)
		}
	}
	return out
}

// diagnostics are the problems with all unit files.
func (u *units) diagnostics() source.Diagnostics {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.problems
}
