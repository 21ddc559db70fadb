package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/engine/spec"
)

// AddImage has an image in the store.
func (h *Host) AddImage(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.images[name] = spec.Image{ID: "id-of-" + name, Names: []string{name}, Digest: "sha256:" + name}
}

// RenewImage has a name mean another image.
func (h *Host) RenewImage(name, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.images[name] = spec.Image{ID: id, Names: []string{name}, Digest: "sha256:" + id}
}

// RemoveImage takes an image out of the store.
func (h *Host) RemoveImage(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.images, name)
}

// AddProgram has an absent program in all images.
func (h *Host) AddProgram(path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.programs[path] = true
}

// fault makes one call of a verb fail.
type fault struct {
	verb string
	in   int // calls until it strikes; 1: the next; 0: each
	err  error
	late bool
}

// Fail makes the n-th call of a verb from now fail with err before it does
// anything; 1 is the next.
func (h *Host) Fail(verb string, n int, err error) { h.fail(verb, n, err, false) }

// Break makes all calls of a verb fail with err, until Mend.
func (h *Host) Break(verb string, err error) { h.fail(verb, 0, err, false) }

// Mend takes all faults of a verb back.
func (h *Host) Mend(verb string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = slices.DeleteFunc(h.faults, func(f *fault) bool { return f.verb == verb })
}

// FailLate is Fail, but the call does its work before it fails.
func (h *Host) FailLate(verb string, n int, err error) { h.fail(verb, n, err, true) }

func (h *Host) fail(verb string, n int, err error, late bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, &fault{verb, n, err, late})
}

// begin counts a call: err is to be returned at once, late when all is done.
func (h *Host) begin(verb string) (late, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, verb)
	h.faults = slices.DeleteFunc(h.faults, func(f *fault) bool {
		if f.verb != verb {
			return false
		}
		if f.in--; f.in > 0 {
			return false
		}
		lasts := f.in < 0
		f.in = max(f.in, 0)
		if f.late {
			late = f.err
		} else {
			err = f.err
		}
		return !lasts
	})
	return late, err
}

// Calls counts the calls of the verbs named, of all if none is, since the host
// was made.
func (h *Host) Calls(verbs ...string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.calls {
		if len(verbs) == 0 || slices.Contains(verbs, c) {
			n++
		}
	}
	return n
}

// Writes counts the calls that changed something.
func (h *Host) Writes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

// Pod finds a pod by its key, "namespace/name".
func (h *Host) Pod(key string) (spec.PodStatus, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.byKey(key); p != nil {
		return p.status(), true
	}
	return spec.PodStatus{}, false
}

func (h *Host) byKey(key string) *pod {
	for _, p := range h.pods {
		if p.spec.Key().String() == key {
			return p
		}
	}
	return nil
}

// Files are the files a pod has in a volume, by path.
func (h *Host) Files(key, volume string) map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]string{}
	if p := h.byKey(key); p != nil {
		for _, f := range p.files[volume] {
			out[f.Path] = string(f.Data)
		}
	}
	return out
}

// Exit ends a running container with a code.
func (h *Host) Exit(key, name string, code int) error { return h.exit(key, name, code, "") }

// Lose ends a running container so that its exit code is lost.
func (h *Host) Lose(key, name string) error {
	return h.exit(key, name, spec.ExitUnknown, "ContainerStatusUnknown")
}

func (h *Host) exit(key, name string, code int, reason string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.byKey(key)
	if p == nil || p.containers[name] == nil || !p.containers[name].end(code, reason) {
		return fmt.Errorf("container %s of pod %s does not run", name, key)
	}
	h.notify(p.spec.ID)
	return nil
}

// LoseSandbox kills a pod's infra container, or takes away the network namespace
// of one that has none.
func (h *Host) LoseSandbox(key string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.byKey(key)
	if p == nil || p.sandbox != spec.SandboxReady {
		return fmt.Errorf("pod %s has no sandbox", key)
	}
	p.sandbox = spec.SandboxLost
	if p.infra.ID != "" {
		p.infra.State, p.infra.FinishedAt = spec.StateExited, time.Now()
	}
	h.notify(p.spec.ID)
	return nil
}

// Reboot ends every process and every sandbox, as a machine does that is
// started anew. Files on tmpfs are gone.
func (h *Host) Reboot() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pods {
		for _, c := range p.containers {
			c.end(spec.ExitUnknown, "ContainerStatusUnknown")
			if c.status.State != spec.StateExited {
				c.status.State, c.status.StartedAt, c.status.FinishedAt = spec.StateUnknown, time.Time{}, time.Time{}
			}
		}
		p.down()
		p.removal = nil
		clear(p.files)
	}
	clear(h.units)
}

// subscriber is a reader of Exits.
type subscriber struct {
	queue  []spec.PodID
	signal chan struct{} // holds one
}

// notify tells every reader of Exits. The host's mutex is held.
func (h *Host) notify(id spec.PodID) {
	for s := range h.subs {
		s.queue = append(s.queue, id)
		select {
		case s.signal <- struct{}{}:
		default:
		}
	}
}

// Exits tells of pods to which something happened; the empty ID of one that is gone.
func (f *Fake) Exits(ctx context.Context) (<-chan spec.PodID, error) {
	if _, err := f.begin("Exits"); err != nil {
		return nil, err
	}
	s := &subscriber{signal: make(chan struct{}, 1)}
	f.Host.mu.Lock()
	f.subs[s] = true
	f.Host.mu.Unlock()
	out := make(chan spec.PodID)
	go func() { // ends with ctx
		defer close(out)
		defer func() {
			f.Host.mu.Lock()
			delete(f.subs, s)
			f.Host.mu.Unlock()
		}()
		for {
			select {
			case <-s.signal:
			case <-ctx.Done():
				return
			}
			f.Host.mu.Lock()
			queue := s.queue
			s.queue = nil
			f.Host.mu.Unlock()
			for _, id := range queue {
				select {
				case out <- id:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, nil
}

// String lists the pods and the states of their containers, for messages.
func (h *Host) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for _, p := range h.pods {
		st := p.status()
		line := fmt.Sprintf("%s owner=%s hash=%s sandbox=%s", p.spec.Key(), p.spec.Owner, p.spec.Hash, p.sandbox)
		if p.stopped {
			line += " stopped"
		}
		for _, c := range st.Containers {
			line += fmt.Sprintf(" %s=%s", c.Name, c.State)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
