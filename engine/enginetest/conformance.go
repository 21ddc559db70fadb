package enginetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

// Harness is an engine under test.
type Harness struct {
	Engine Engine
	// Image is an image that is in the store and has busybox's sh and sleep.
	Image string
	// Reopen opens a further engine on the same host, as another process would.
	Reopen func(t *testing.T) Engine
}

// patience limits what must happen soon. Nothing is measured by it.
const patience = 30 * time.Second

// Conformance runs the behaviours that every engine must show. harness is asked
// for an engine on a host without pods for each of them.
func Conformance(t *testing.T, harness func(t *testing.T) Harness) {
	for name, behaviour := range map[string]func(*suite){
		"a pod is made, started, stopped and removed":          (*suite).lifecycle,
		"every verb may be repeated":                           (*suite).idempotence,
		"a container that ended is made anew":                  (*suite).attempts,
		"exit codes come through":                              (*suite).exitCodes,
		"a stopped container gets its grace":                   (*suite).grace,
		"init containers are told from others":                 (*suite).initContainers,
		"a pod without a lock is not changed":                  (*suite).lockNeeded,
		"a lock shuts others out":                              (*suite).lockExcludes,
		"two pods of one name cannot be":                       (*suite).oneName,
		"what is not there is said so":                         (*suite).notThere,
		"a missing image makes no container":                   (*suite).missingImage,
		"one that cannot start leaves the others alone":        (*suite).startErrors,
		"why the next one is not made is kept":                 (*suite).failures,
		"one made by hand that cannot start stays itself":      (*suite).handStartErrors,
		"volumes are made once and go when nobody uses them":   (*suite).volumes,
		"files of a pod can be swapped":                        (*suite).updateFiles,
		"secrets of a pod live as long as its sandbox":         (*suite).secrets,
		"owner, history and stops outlive the engine":          (*suite).persistence,
		"a pod that was stopped comes up again":                (*suite).upAgain,
		"ends are told":                                        (*suite).exits,
		"waiting ends with the container and with the context": (*suite).waiting,
		"a removed container is made anew":                     (*suite).removeContainer,
		"what is known of a container goes with it":            (*suite).lives,
		"why a pod could not be made is kept":                  (*suite).waits,
		"how a unit does is kept":                              (*suite).units,
		"that a pod is on its way out is seen by all":          (*suite).removals,
		"a verdict is kept":                                    (*suite).verdicts,
		"commands run in containers":                           (*suite).commands,
		"pods are dialled from within":                         (*suite).dials,
		"a signal is sent and not waited for":                  (*suite).signals,
		"a termination may be hastened and never delayed":      (*suite).hastening,
		"a container is resized while it runs":                 (*suite).resizes,
		"containers say why they ended":                        (*suite).messages,
		"a bare container has no infra container":              (*suite).bare,
		"what was made by hand stays itself":                   (*suite).byHand,
		"what was made by hand waits to be started":            (*suite).recorded,
		"containers come and go in a pod made by hand":         (*suite).comeAndGo,
		"a container gets another name":                        (*suite).rename,
	} {
		t.Run(name, func(t *testing.T) {
			behaviour(&suite{T: t, Harness: harness(t), ctx: t.Context()})
		})
	}
}

// suite is one behaviour being shown.
type suite struct {
	*testing.T
	Harness
	ctx context.Context
}

// forever is a command that runs until it is told to end, and ends at once then.
func forever() []string { return listens(0) }

// listens is a command that runs until it gets its stop signal, and exits with
// code then. It says when it is ready to be signalled.
func listens(code int) []string {
	return shell(fmt.Sprintf(`trap "exit %d" TERM; touch /ready/$NAME; sleep 1000 & wait`, code))
}

func shell(script string) []string { return []string{"sh", "-c", script} }

// pod is a pod without a network that runs the commands given, in containers
// named a, b, c, …
func (s *suite) pod(name string, commands ...[]string) *spec.Pod {
	p := &spec.Pod{
		ID: spec.NewPodID(), Namespace: "default", Name: name, CreatedAt: time.Now(), Hostname: name, Hash: "1",
		Owner: spec.OwnerPlay, Origin: spec.Origin{Kind: "Pod", Namespace: "default", Name: name},
		RestartPolicy: spec.RestartAlways, TerminationGrace: time.Second,
	}
	for i, command := range commands {
		p.Containers = append(p.Containers, s.container(string(rune('a'+i)), command))
	}
	p.Volumes = []spec.Volume{{Name: "ready", Empty: &spec.EmptyVolume{}}}
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), patience)
		defer cancel()
		unlock, err := s.Engine.Lock(ctx, p.Key())
		if err != nil {
			s.Error(err)
			return
		}
		defer unlock()
		if err := s.Engine.RemovePod(ctx, p.ID, 0); err != nil {
			s.Error(err)
		}
	})
	return p
}

func (s *suite) container(name string, command []string) spec.Container {
	return spec.Container{
		Name: name, Image: s.Image, PullPolicy: spec.PullMissing, Command: command,
		Env:    []spec.EnvVar{{Name: "NAME", Value: name}},
		Mounts: []spec.Mount{{Volume: "ready", Path: "/ready"}},
	}
}

// watched gives the pod one more container, which ends when those named are
// ready; ready waits for that.
func (s *suite) watched(p *spec.Pod, names ...string) *spec.Pod {
	var script []string
	for _, name := range names {
		script = append(script, fmt.Sprintf("until [ -e /ready/%s ]; do sleep 0.02; done", name))
	}
	p.Containers = append(p.Containers, s.container(watcher, shell(strings.Join(script, "; "))))
	return p
}

const watcher = "watcher"

// ready waits until the containers watched are.
func (s *suite) ready(p *spec.Pod) {
	s.Helper()
	s.locked(p, func() { s.must(s.Engine.StartContainer(s.ctx, p.ID, watcher)) })
	s.same("watcher's exit code", s.wait(p, watcher).ExitCode, 0)
}

// locked runs f under the pod's lock.
func (s *suite) locked(p *spec.Pod, f func()) {
	s.Helper()
	unlock, err := s.Engine.Lock(s.ctx, p.Key())
	if err != nil {
		s.Fatal(err)
	}
	defer unlock()
	f()
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// wants fails unless err is of that class.
func (s *suite) wants(err, class error) {
	s.Helper()
	if !errors.Is(err, class) {
		s.Fatalf("error %v, want %v", err, class)
	}
}

func (s *suite) same(what string, got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func (s *suite) names(p *spec.Pod) []string {
	var names []string
	for _, c := range p.Containers {
		if c.Name == watcher {
			continue
		}
		names = append(names, c.Name)
	}
	return names
}

// up makes the pod and starts its containers.
func (s *suite) up(p *spec.Pod) {
	s.Helper()
	s.locked(p, func() {
		s.Helper()
		s.must(s.Engine.EnsurePod(s.ctx, p, s.names(p)))
		for _, name := range s.names(p) {
			s.must(s.Engine.StartContainer(s.ctx, p.ID, name))
		}
	})
}

func (s *suite) observe(p *spec.Pod) spec.PodStatus {
	s.Helper()
	st, err := s.Engine.ObservePod(s.ctx, p.ID)
	s.must(err)
	return st
}

func (s *suite) see(p *spec.Pod, name string) spec.ContainerStatus {
	s.Helper()
	st := s.observe(p)
	c, ok := st.Container(name)
	if !ok {
		s.Fatalf("no container %s in %+v", name, st.Containers)
	}
	return *c
}

// wait waits for a container's end.
func (s *suite) wait(p *spec.Pod, name string) spec.ContainerStatus {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	c, err := s.Engine.WaitContainer(ctx, p.ID, name)
	s.must(err)
	return c
}
