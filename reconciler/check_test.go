package reconciler_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/engine/spec"
	"berth/reconciler"
)

// checks are the commands that only look.
func (s *script) checks() map[string]func([]string) error {
	return map[string]func([]string) error{
		"expect": s.expect, "status": s.status, "quiet": s.quiet, "log": s.logHas, "pods": s.pods, "fails": s.failsWith, "stored": s.storedAre,
		"health":  s.healthIs,
		"ready":   func(args []string) error { return s.inState(args, (*spec.PodStatus).Ready) },
		"started": func(args []string) error { return s.inState(args, (*spec.PodStatus).Started) },
		"event":   s.event, "took": s.took, "inorder": s.inOrder,
		"images": s.host.has, "waits": s.waits, "unit": s.unit,
		"mark": func(args []string) error {
			ids, err := s.containers(args[0])
			s.marks[args[0]] = ids
			return err
		},
		"same":  func(args []string) error { return s.compare(args[0], true) },
		"other": func(args []string) error { return s.compare(args[0], false) },
	}
}

func (s *script) expect(args []string) error {
	st, ok := s.engine.Pod(args[0])
	if len(args) > 1 && args[1] == "gone" {
		if ok {
			return fmt.Errorf("it is there")
		}
		return nil
	}
	if !ok {
		return fmt.Errorf("it is not there")
	}
	var states []string
	for _, c := range st.Containers {
		states = append(states, string(c.State))
	}
	want := args[1:]
	for len(want) > 0 && strings.Contains(want[len(want)-1], "=") {
		if err := s.word(args[0], &st, want[len(want)-1]); err != nil {
			return err
		}
		want = want[:len(want)-1]
	}
	if len(want) > 0 && !slices.Equal(states, want) {
		return fmt.Errorf("containers are %v", states)
	}
	return nil
}

func (s *script) word(pod string, st *spec.PodStatus, word string) error {
	name, want, _ := strings.Cut(word, "=")
	var got string
	switch {
	case name == "restarts":
		n := 0
		for _, h := range st.History {
			n += h.Restarts
		}
		got = strconv.Itoa(n)
	case name == "owner":
		got = string(st.Pod.Owner)
	case name == "from":
		got = st.Pod.Origin.File
	case name == "phase":
		got = string(reconciler.PhaseOf(st))
	case name == "ends":
		if st.Removal != nil {
			got = st.Removal.Grace.String()
		}
	case name == "sandbox":
		got = string(st.Sandbox)
	case strings.HasPrefix(name, "size:"):
		c, ok := st.Pod.Container(strings.TrimPrefix(name, "size:"))
		if !ok {
			return fmt.Errorf("no such container")
		}
		got = fmt.Sprintf("%dm/%d", c.Resources.CPULimit, c.Resources.MemoryLimit)
	case strings.HasPrefix(name, "image:"):
		c, ok := st.Pod.Container(strings.TrimPrefix(name, "image:"))
		if !ok {
			return fmt.Errorf("no such container")
		}
		got = c.ImageID
	case strings.HasPrefix(name, "end:"):
		c, ok := st.Container(strings.TrimPrefix(name, "end:"))
		if !ok {
			return fmt.Errorf("no such container")
		}
		got = fmt.Sprintf("%s/%d", c.Reason, c.ExitCode)
	case strings.HasPrefix(name, "set:"):
		c, ok := st.Pod.Container(strings.TrimPrefix(name, "set:"))
		if !ok {
			return fmt.Errorf("no such container")
		}
		got = fmt.Sprintf("%d/%s", c.Resources.PidsLimit, c.RestartPolicy)
	case strings.HasPrefix(name, "file:"):
		volume, path, _ := strings.Cut(strings.TrimPrefix(name, "file:"), "/")
		got = s.engine.Files(pod, volume)[path]
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	if got != want {
		return fmt.Errorf("%s is %q", name, got)
	}
	return nil
}

func (s *script) status(args []string) error {
	status := s.loop.Status()
	i := slices.IndexFunc(status.Pods, func(p reconciler.PodReport) bool { return p.Namespace+"/"+p.Name == args[0] })
	if i < 0 {
		return fmt.Errorf("the supervisor knows only of %+v", status.Pods)
	}
	p := status.Pods[i]
	for _, word := range args[1:] {
		name, want, _ := strings.Cut(word, "=")
		var got string
		switch name {
		case "reason":
			got = p.Reason
		case "message":
			got = strings.ReplaceAll(p.Message, " ", "_")
		case "retry":
			got = time.Until(p.NextTry).String()
		case "restarts":
			got = strconv.Itoa(p.Restarts)
		case "phase":
			got = string(p.Phase)
		default:
			return fmt.Errorf("unknown word %q", word)
		}
		if got != want {
			return fmt.Errorf("%s is %q", name, got)
		}
	}
	return nil
}

func (s *script) quiet([]string) error {
	if n := s.engine.Writes() - s.writes; n > 0 {
		return fmt.Errorf("%d calls changed something", n)
	}
	if log := s.log.all(); len(log) > s.logged {
		return fmt.Errorf("logged: %s", strings.Join(log[s.logged:], "\n"))
	}
	return nil
}

func (s *script) storedAre(args []string) error {
	var have []string
	for _, o := range s.store.Read(s.Context()).Objects {
		have = append(have, o.Kind+"/"+o.Name)
	}
	if !slices.Equal(have, args) {
		return fmt.Errorf("stored are %q", have)
	}
	return nil
}

func (s *script) logHas(args []string) error {
	want := strings.Join(args, " ")
	if !slices.ContainsFunc(s.log.all(), func(l string) bool { return strings.Contains(l, want) }) {
		return fmt.Errorf("no such line")
	}
	return nil
}

func (s *script) failsWith(args []string) error {
	want := strings.Join(args, " ")
	if s.lastErr == nil || !strings.Contains(s.lastErr.Error(), want) {
		return fmt.Errorf("the last error is: %v", s.lastErr)
	}
	return nil
}

func (s *script) pods(args []string) error {
	all, err := s.engine.Observe(s.Context())
	if err != nil {
		return err
	}
	if got := strconv.Itoa(len(all)); got != args[0] {
		return fmt.Errorf("there are %s", got)
	}
	return nil
}

func (s *script) containers(pod string) ([]spec.ContainerID, error) {
	st, ok := s.engine.Pod(pod)
	if !ok {
		return nil, fmt.Errorf("it is not there")
	}
	ids := []spec.ContainerID{st.Infra.ID}
	for _, c := range st.Containers {
		ids = append(ids, c.ID)
	}
	return ids, nil
}

func (s *script) compare(pod string, same bool) error {
	ids, err := s.containers(pod)
	if err != nil {
		return err
	}
	if slices.Equal(ids, s.marks[pod]) != same {
		return fmt.Errorf("containers were %v, are %v", s.marks[pod], ids)
	}
	return nil
}

// inState compares the containers of a pod that are in a state.
func (s *script) inState(args []string, in func(*spec.PodStatus, *spec.ContainerStatus) bool) error {
	st, ok := s.engine.Pod(args[0])
	if !ok {
		return fmt.Errorf("it is not there")
	}
	var have []string
	for i := range st.Containers {
		if in(&st, &st.Containers[i]) {
			have = append(have, st.Containers[i].Name)
		}
	}
	if !slices.Equal(have, args[1:]) && len(have)+len(args[1:]) > 0 {
		return fmt.Errorf("they are %v", have)
	}
	return nil
}

func (s *script) event(args []string) error {
	text := strings.Join(args[2:], " ")
	events := s.loop.Status().Events
	for _, e := range events {
		if string(e.Type) == args[0] && e.Reason == args[1] && strings.Contains(e.Message, text) {
			return nil
		}
	}
	var have []string
	for _, e := range events {
		have = append(have, fmt.Sprintf("%s %s %s", e.Type, e.Reason, e.Message))
	}
	return fmt.Errorf("there is none; there are:\n%s", strings.Join(have, "\n"))
}

func (s *script) took(args []string) error {
	if took := s.lasted.Round(time.Millisecond).String(); took != args[0] {
		return fmt.Errorf("it took %s", took)
	}
	return nil
}

func (s *script) inOrder(args []string) error {
	log := s.log.all()
	for _, text := range strings.Split(strings.Join(args, " "), " | ") {
		at := slices.IndexFunc(log, func(l string) bool { return strings.Contains(l, text) })
		if at < 0 {
			return fmt.Errorf("no %q after what comes before it", text)
		}
		log = log[at+1:]
	}
	return nil
}

// waits checks of how many pods it is remembered that they could not be made.
func (s *script) waits(args []string) error {
	list, err := s.engine.ListWaits(s.Context())
	if got := strconv.Itoa(len(list)); err == nil && got != args[0] {
		err = fmt.Errorf("%s", got)
	}
	return err
}
