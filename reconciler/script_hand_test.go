package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/engine/spec"
	"berth/reconciler"
	"berth/translate/option"
)

// signal is what a person has the running containers of a pod do, or one of them.
func (s *script) signal(ctx context.Context, verb string, args []string) error {
	st, ok := s.engine.Pod(args[0])
	if !ok {
		return errors.New("no such pod")
	}
	name := strings.Join(args[2:], "")
	if verb == "signal" {
		return s.applier().Kill(ctx, st.Pod.ID, name, args[1])
	}
	do := s.applier().Pause
	if verb == "unpause" {
		do = s.applier().Unpause
	}
	n, err := do(ctx, st.Pod.ID, name)
	if err == nil && fmt.Sprint(n) != args[1] {
		return fmt.Errorf("%d containers, want %s", n, args[1])
	}
	return err
}

// byHand is what a person makes and removes on the command line. Words of make
// and makepod:
//
//	pod=POD             into that pod; else it stands alone
//	rm, always, unless-stopped, on-failure[=N], stop=TIME, image=IMAGE, volume=NAME
//	needs=NAME          the container of that name, which stands alone, or of the same pod
//	unit=UNIT           a systemd unit owns it
//	check=COMMAND, startup=COMMAND   health checks, every 10 s, thrice; ifsick=ACTION, grace=TIME (start period)
//	init=KIND           an init container of its pod
//	last                the pod goes down with its last container
//	nostart, replace
func (s *script) byHand(ctx context.Context, verb string, args []string) error {
	switch verb {
	case "drop", "droppod":
		st, ok := s.engine.Pod(args[0])
		if !ok {
			return errors.New("no such pod")
		}
		o := reconciler.RemoveOptions{Grace: -1, Volumes: true, Depend: slices.Contains(args, "depend")}
		if verb == "drop" {
			return s.applier().RemoveContainer(ctx, st.Pod.ID, args[1], o)
		}
		return s.applier().RemovePod(ctx, st.Pod.ID, o)
	case "rename":
		st, ok := s.engine.Pod(args[0])
		if !ok {
			return errors.New("no such pod")
		}
		return s.applier().RenameContainer(ctx, st.Pod.ID, args[1], args[2])
	case "signal", "pause", "unpause":
		return s.signal(ctx, verb, args)
	}
	words, command := args[1:], []string(nil)
	if i := slices.Index(words, "--"); i >= 0 {
		words, command = words[:i], []string{"sh", "-c", strings.Join(words[i+1:], " ")}
	}
	h := handmade{
		script: s, pod: &spec.Pod{
			Namespace: "default", Name: args[0], Owner: spec.OwnerRun, PlainNames: true, RestartPolicy: spec.RestartNever, TerminationGrace: 10 * time.Second,
		},
		c: spec.Container{Name: args[0], Image: "localhost/app:1", Command: command, ByHand: &spec.ByHand{}},
	}
	h.pod.Bare, h.pod.ByHand = verb == "make", verb == "makepod"
	for _, word := range words {
		if err := h.word(word); err != nil {
			return err
		}
	}
	if h.into != "" {
		if st, ok := s.engine.Pod("default/" + h.in); ok && st.Pod.ID == h.into {
			h.c.ByHand.ID = spec.NewContainerID()
			if h.c.Name = option.KeptName(&st.Pod, args[0], h.c.ByHand.ID); h.c.Name != args[0] {
				h.c.ByHand.Called = args[0]
			}
		}
		return s.applier().AddContainer(ctx, h.into, h.c, h.pod.Volumes, h.o)
	}
	if h.pod.Bare {
		h.pod.Containers = []spec.Container{h.c}
	}
	_, err := s.applier().Create(ctx, h.pod, h.o)
	return err
}

// healthIs wants a container that stands alone to do so, and so many failures of
// its check in a row, so many results kept.
func (s *script) healthIs(args []string) error {
	st, ok := s.engine.Pod(args[0])
	if !ok {
		return errors.New("no such pod")
	}
	got := []string{"unknown"}
	if life := st.Containers[0].Life; life != nil && life.Health != nil {
		h := life.Health
		got = []string{string(h.State), strconv.Itoa(h.FailingStreak), strconv.Itoa(len(h.Log))}
	}
	if want := args[1:]; !slices.Equal(got[:min(len(want), len(got))], want) {
		return fmt.Errorf("its health is %q, want %q", got, want)
	}
	return nil
}

// handmade is one thing made by hand.
type handmade struct {
	*script
	pod  *spec.Pod
	c    spec.Container
	into spec.PodID
	in   string // its name
	o    reconciler.CreateOptions
}

func (h *handmade) word(word string) error {
	name, value, _ := strings.Cut(word, "=")
	hand := h.c.ByHand
	switch name {
	case "pod":
		st, ok := h.engine.Pod("default/" + value)
		if !ok {
			return errors.New("no such pod")
		}
		h.into, h.in = st.Pod.ID, value
	case "rm":
		hand.Remove = true
	case "always", "unless-stopped":
		h.c.RestartPolicy, hand.UnlessStopped = spec.RestartAlways, name != "always"
	case "on-failure":
		h.c.RestartPolicy = spec.RestartOnFailure
		hand.MostRestarts, _ = strconv.Atoi(value) // none: any number
	case "stop":
		d, err := time.ParseDuration(value)
		hand.StopTimeout = &d
		return err
	case "image":
		h.c.Image = value
	case "volume":
		h.pod.Volumes = append(h.pod.Volumes, spec.Volume{Name: value, Named: &spec.NamedVolume{Volume: value, Anonymous: true}})
		h.c.Mounts = append(h.c.Mounts, spec.Mount{Volume: value, Path: "/" + value})
	case "needs":
		ref := spec.ContainerRef{Pod: h.into, Name: value}
		if st, ok := h.engine.Pod("default/" + value); ok {
			ref.Pod = st.Pod.ID
		}
		hand.Requires = append(hand.Requires, ref)
	case "unit":
		h.pod.Owner = spec.UnitOwner(value)
	case "check":
		hand.Health = &spec.Health{Test: []string{value}, Interval: 10 * time.Second, Timeout: time.Second, Retries: 3}
	case "startup":
		hand.Health.Startup = &spec.StartupHealth{Test: []string{value}, Interval: 2 * time.Second, Timeout: time.Second, Retries: 4, Successes: 2}
	case "ifsick":
		hand.Health.OnFailure = spec.HealthAction(value)
	case "grace":
		d, err := time.ParseDuration(value)
		hand.Health.StartPeriod = d
		return err
	case "init":
		hand.InitKind = spec.InitKind(value)
	case "last":
		h.pod.StopWithLast = true
	case "nostart":
		h.o.NoStart = true
	case "replace":
		h.o.Replace = true
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	return nil
}
