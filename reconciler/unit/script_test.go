package unit

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/quadlet"
)

// TestScripts runs testdata/*.txtar. The files of an archive are unit files; its
// comment is a script, one command a line:
//
//	put NAME [AS], rm NAME   put a unit file into the folder, or take it away; all lie there at first
//	look                     decide, carry the steps out, until nothing is left to do
//	slow NAME, finish NAME   the unit's start takes until it is finished
//	fail NAME, mend NAME     its start, or its preparation, fails, until it is mended
//	unready NAME, ready NAME it does not say that it is up
//	exit NAME CODE, lose NAME, hand NAME, again NAME  it ends so; it is stopped, or started again, by hand
//	ask VERB NAME            a person asks for it
//	advance SPAN             let time go by, looking whenever a decision asks for it
//	half NAME [CODE]         of its start that takes long this much is there: what does not run, or ended so
//	kill                     whoever was at it is gone, with what it knew and was not written
//	exists PATH, gone PATH   what conditions see
//	expect NAME PHASE [result=R] [restarts=N] [message~TEXT]
//	did STEP…                exactly these steps were decided since the last did, in this order
//	problem TEXT             some unit was refused with this
func TestScripts(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	if len(paths) == 0 {
		t.Fatal("no scripts")
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			newScript(t, archive).run(string(archive.Comment))
		})
	}
}

type script struct {
	*testing.T
	all, files map[string]string

	problems          map[string]source.Diagnostics
	world             World
	slow, fails, mute map[string]bool
	paths             map[string]bool
	steps             []string
	at                time.Time
}

type nowhere struct{}

func (nowhere) Exists(string) bool             { return false }
func (nowhere) UserID(string) (uint32, error)  { return 0, nil }
func (nowhere) GroupID(string) (uint32, error) { return 0, nil }
func (s *script) service(name string) string {
	return strings.TrimSuffix(name, ".service") + ".service"
}
func (s *script) ours(st *spec.UnitState) bool {
	_, there := s.files[filepath.Base(st.File)]
	return !there
}
func (s *script) holds(c Condition) bool      { return s.paths[c.Path] }
func (s *script) say(format string, a ...any) { s.steps = append(s.steps, fmt.Sprintf(format, a...)) }
func short(service string) string             { return strings.TrimSuffix(service, ".service") }

func newScript(t *testing.T, archive *txtar.Archive) *script {
	s := &script{
		T: t, all: map[string]string{}, files: map[string]string{}, slow: map[string]bool{}, fails: map[string]bool{}, mute: map[string]bool{}, paths: map[string]bool{},
		world: World{
			States: map[string]spec.UnitState{}, Seen: map[string]Seen{}, Busy: map[string]bool{}, Prepared: map[string]string{}, NotBefore: map[string]time.Time{},
			Now: time.Unix(1e9, 0).UTC(),
		},
	}
	s.world.Ours, s.world.Holds = s.ours, s.holds
	for _, f := range archive.Files {
		s.all[f.Name] = string(f.Data)
		if !strings.Contains(f.Name, "/") {
			s.files[f.Name] = string(f.Data)
		}
	}
	return s
}

// load converts the files and makes the graph.
func (s *script) load() {
	var inputs []quadlet.Input
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if name == "allow" { // commands of the host
			continue
		}
		inputs = append(inputs, quadlet.Input{Name: name, Path: "/m/" + name, Data: []byte(s.files[name])})
	}
	var all []*quadlet.Unit
	var others []string
	s.problems = map[string]source.Diagnostics{}
	for _, r := range quadlet.Convert(inputs, quadlet.Options{Program: "/berth", Host: nowhere{}}) {
		if r.Unit == nil {
			others = append(others, r.Service)
			s.problems[r.Path] = r.Problems
			continue
		}
		all = append(all, r.Unit)
	}
	_, allowed := s.files["allow"]
	graph, problems := NewGraph(all, others, Options{Host: quadlet.Specifiers{'t': "/run"}, AllowCommands: allowed})
	maps.Copy(s.problems, problems)
	s.world.Graph = graph
}

func (s *script) run(text string) {
	s.load()
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := s.command(words[0], words[1:]); err != nil {
			var states []string
			for _, name := range slices.Sorted(maps.Keys(s.world.States)) {
				st := s.world.States[name]
				states = append(states, fmt.Sprintf("%s %s job=%s result=%s %s", name, st.Phase, st.Job, st.Result, st.Message))
			}
			s.Fatalf("line %d: %s: %v\n%s\nproblems: %v", i+1, line, err, strings.Join(states, "\n"), s.problems)
		}
	}
}

func (s *script) command(verb string, args []string) error {
	switch verb {
	case "put":
		s.files[args[len(args)-1]] = s.all[args[0]]
		s.load()
	case "rm":
		delete(s.files, args[0])
		s.load()
	case "look":
		return s.look()
	case "slow":
		s.slow[args[0]] = true
	case "finish":
		name := s.service(args[0])
		delete(s.slow, args[0])
		delete(s.world.Busy, name)
		s.begin(Step{StepStart, name})
		return s.look()
	case "fail":
		s.fails[args[0]] = true
	case "mend":
		delete(s.fails, args[0])
	case "unready":
		s.mute[args[0]] = true
	case "ready", "exit", "lose", "hand", "again":
		return s.happen(verb, args)
	case "ask":
		s.world.Asks = []Ask{{s.service(args[1]), Verb(args[0])}}
		return s.look()
	case "advance":
		return s.advance(args[0])
	case "half":
		seen := Seen{Lost: len(args) == 1 && !strings.HasSuffix(args[0], "-pod")}
		if len(args) > 1 {
			fmt.Sscan(args[1], &seen.ExitCode)
		}
		s.world.Seen[s.service(args[0])] = seen
	case "kill":
		clear(s.world.Busy)
		clear(s.world.Prepared)
		s.world.Outcomes = nil
	case "exists", "gone":
		s.paths[args[0]] = verb == "exists"
	case "expect":
		return s.expect(args)
	case "did":
		got := strings.Join(s.steps, " ")
		s.steps = nil
		if want := strings.Join(args, " "); got != want {
			return fmt.Errorf("it did: %s", got)
		}
	case "problem":
		if !strings.Contains(fmt.Sprint(s.problems), strings.Join(args, " ")) {
			return fmt.Errorf("there is no such problem")
		}
	default:
		return fmt.Errorf("no such command")
	}
	return nil
}

// happen is something that happens to what a unit made.
func (s *script) happen(verb string, args []string) error {
	name := s.service(args[0])
	seen, ok := s.world.Seen[name]
	if !ok {
		return fmt.Errorf("there is nothing of it")
	}
	switch verb {
	case "ready":
		delete(s.mute, args[0])
		seen.Ready = true
	case "exit":
		code, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		seen = Seen{ExitCode: code}
	case "lose":
		seen = Seen{ExitCode: spec.ExitUnknown, Lost: true}
	case "hand":
		seen = Seen{Stopped: true, ExitCode: 143}
	case "again":
		seen = Seen{Running: true, Ready: true}
	}
	s.world.Seen[name] = seen
	return s.look()
}

func (s *script) look() error {
	for range 100 {
		d := Decide(&s.world)
		s.world.Outcomes, s.world.Asks = nil, nil
		s.world.States, s.at = d.States, d.At
		for _, name := range d.Cancel {
			s.say("cancel:%s", short(name))
			delete(s.world.Busy, name)
			s.world.Outcomes = append(s.world.Outcomes, Outcome{Step: Step{StepStart, name}, Err: "canceled"})
		}
		for _, step := range d.Steps {
			s.carryOut(step)
		}
		if len(d.Steps)+len(d.Cancel) == 0 && len(s.world.Outcomes) == 0 {
			return nil
		}
	}
	return fmt.Errorf("it never comes to rest")
}

func (s *script) carryOut(step Step) {
	name := short(step.Unit)
	s.say("%s:%s", step.Kind, name)
	switch step.Kind {
	case StepPrepare:
		if s.fails[name] {
			s.world.NotBefore[step.Unit] = s.world.Now.Add(10 * time.Second)
			s.world.Outcomes = append(s.world.Outcomes, Outcome{Step: step, Err: "no such image"})
			return
		}
		s.world.Prepared[step.Unit] = s.world.Graph.Services[step.Unit].Hash
		s.world.Outcomes = append(s.world.Outcomes, Outcome{Step: step})
	case StepStart:
		if s.slow[name] {
			s.world.Busy[step.Unit] = true
			return
		}
		s.begin(step)
	case StepPost:
		o := Outcome{Step: step}
		if s.fails["post:"+name] {
			o.Err = "it says no"
		}
		s.world.Outcomes = append(s.world.Outcomes, o)
	case StepStop:
		delete(s.world.Seen, step.Unit)
		s.world.Outcomes = append(s.world.Outcomes, Outcome{Step: step})
	case StepForget:
		delete(s.world.Seen, step.Unit)
		delete(s.world.States, step.Unit)
	}
}

// begin ends a start.
func (s *script) begin(step Step) {
	name := short(step.Unit)
	o := Outcome{Step: step}
	if s.fails[name] {
		o.Err = "it cannot be made"
	} else if service := s.world.Graph.Services[step.Unit]; service == nil || !service.Kept() {
		s.world.Seen[step.Unit] = Seen{Running: true, Ready: !s.mute[name]}
	}
	s.world.Outcomes = append(s.world.Outcomes, o)
}

func (s *script) advance(span string) error {
	length, err := time.ParseDuration(span)
	if err != nil {
		return err
	}
	end := s.world.Now.Add(length)
	for !s.at.IsZero() && !s.at.After(end) {
		if s.at.After(s.world.Now) {
			s.world.Now = s.at
		}
		if err := s.look(); err != nil {
			return err
		}
	}
	s.world.Now = end
	return s.look()
}

func (s *script) expect(args []string) error {
	st, ok := s.world.States[s.service(args[0])]
	if !ok {
		st.Phase = "gone"
	}
	if string(st.Phase) != args[1] {
		return fmt.Errorf("it is %s", st.Phase)
	}
	for _, word := range args[2:] {
		key, want, _ := strings.Cut(word, "=")
		got := map[string]string{"result": string(st.Result), "restarts": strconv.Itoa(st.Restarts), "job": string(st.Job), "code": strconv.Itoa(st.ExitCode)}[key]
		if text, is := strings.CutPrefix(word, "message~"); is {
			if !strings.Contains(strings.ReplaceAll(st.Message, " ", "_"), text) {
				return fmt.Errorf("its message is %q", st.Message)
			}
			continue
		}
		if got != want {
			return fmt.Errorf("%s is %q", key, got)
		}
	}
	return nil
}
