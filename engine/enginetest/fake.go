package enginetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"berth/engine/spec"
	"berth/internal/deadline"
)

// Fake is an engine in memory. Several Fakes may share one host, as several
// processes do.
type Fake struct {
	*Host
	mu   sync.Mutex
	held map[spec.PodKey]bool // the locks this engine holds
}

// Host is what outlives an engine: pods, volumes, images, faults to come.
type Host struct {
	mu      sync.Mutex
	pods    map[spec.PodID]*pod
	volumes map[string]bool
	images  map[string]spec.Image
	waits   map[spec.PodKey]spec.Wait
	units   map[string]spec.UnitState
	locks   map[spec.PodKey]chan struct{}
	subs    map[*subscriber]bool
	faults  []*fault
	calls   []string
	writes  int
	run     RunFunc
	servers map[string]func(net.Conn) // by pod key and port
	// programs are the absent ones that are there after all.
	programs map[string]bool
}

type pod struct {
	spec       spec.Pod
	files      map[string][]spec.File
	sandbox    spec.SandboxState
	infra      spec.ContainerStatus
	startedAt  time.Time
	containers map[string]*container
	stopped    bool
	intents    map[string]bool
	history    spec.History
	secrets    map[string]string
	verdict    *spec.Verdict
	removal    *spec.Removal

	// terminations end when those do who wait for the end of a container, or of
	// the pod under the ID of its infra container, and by then at the latest.
	terminations map[*deadline.Deadline]spec.ContainerID
	hastened     map[spec.ContainerID]time.Time
}

type container struct {
	spec   *spec.Container // as it was made
	life   *spec.Life
	status spec.ContainerStatus
	prog   program
	timer  *time.Timer
	done   chan struct{} // closed when it has ended
}

// NewFake returns an engine on a host without pods that has the images named.
func NewFake(images ...string) *Fake {
	h := &Host{
		pods: map[spec.PodID]*pod{}, volumes: map[string]bool{}, images: map[string]spec.Image{}, waits: map[spec.PodKey]spec.Wait{}, units: map[string]spec.UnitState{},
		locks: map[spec.PodKey]chan struct{}{}, subs: map[*subscriber]bool{}, servers: map[string]func(net.Conn){},
		programs: map[string]bool{},
	}
	for _, name := range images {
		h.AddImage(name)
	}
	return h.Open()
}

// Open returns a further engine on the host.
func (h *Host) Open() *Fake { return &Fake{Host: h, held: map[spec.PodKey]bool{}} }

// Observe lists every pod.
func (f *Fake) Observe(context.Context) ([]spec.PodStatus, error) {
	if _, err := f.begin("Observe"); err != nil {
		return nil, err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	var out []spec.PodStatus
	for _, p := range f.pods {
		out = append(out, p.status())
	}
	slices.SortFunc(out, func(a, b spec.PodStatus) int {
		return cmp.Or(a.Pod.CreatedAt.Compare(b.Pod.CreatedAt), cmp.Compare(a.Pod.ID, b.Pod.ID))
	})
	return out, nil
}

// ObservePod looks at one pod.
func (f *Fake) ObservePod(_ context.Context, id spec.PodID) (spec.PodStatus, error) {
	if _, err := f.begin("ObservePod"); err != nil {
		return spec.PodStatus{}, err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	p, err := f.find(id)
	if err != nil {
		return spec.PodStatus{}, err
	}
	return p.status(), nil
}

func (h *Host) find(id spec.PodID) (*pod, error) {
	p := h.pods[id]
	if p == nil {
		return nil, fmt.Errorf("pod %s: %w", id.Short(), spec.ErrNotFound)
	}
	return p, nil
}

func (p *pod) status() spec.PodStatus {
	st := spec.PodStatus{
		Pod: p.spec, Sandbox: p.sandbox, StartedAt: p.startedAt, Infra: p.infra,
		Stopped: p.stopped, History: maps.Clone(p.history), Verdict: p.verdict, Removal: p.removal,
	}
	if p.sandbox == spec.SandboxReady {
		st.Ports = p.spec.Ports
		st.IPs = []string{fakeIP}
	}
	for _, c := range p.spec.All() {
		s := spec.ContainerStatus{Name: c.Name, Init: p.spec.IsInit(c.Name), State: spec.StateNone, Image: c.Image}
		if made := p.containers[c.Name]; made != nil {
			s = made.status
			if made.life != nil && c.Gated() {
				life := *made.life
				s.Life = &life
			}
		}
		s.Stopped = p.intents[c.Name]
		st.Containers = append(st.Containers, s)
	}
	return st
}

// Lock waits for the pod's lock.
func (f *Fake) Lock(ctx context.Context, key spec.PodKey) (func(), error) {
	f.Host.mu.Lock()
	lock := f.locks[key]
	if lock == nil {
		lock = make(chan struct{}, 1)
		f.locks[key] = lock
	}
	f.Host.mu.Unlock()
	select {
	case lock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	f.held[key] = true
	f.mu.Unlock()
	return sync.OnceFunc(func() {
		f.mu.Lock()
		delete(f.held, key)
		f.mu.Unlock()
		<-lock
	}), nil
}

func (f *Fake) locked(key spec.PodKey) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.held[key] {
		return fmt.Errorf("pod %s is changed without its lock", key)
	}
	return nil
}

// change begins a verb that changes a pod: it may fail as told, and needs the
// pod and its lock. The host's mutex is held when it returns without error;
// after must be called in any case, with the verb's own error.
func (f *Fake) change(verb string, id spec.PodID) (p *pod, after func(error) error, err error) {
	late, err := f.begin(verb)
	if err != nil {
		return nil, nil, err
	}
	f.Host.mu.Lock()
	if p, err = f.find(id); err == nil {
		err = f.locked(p.spec.Key())
	}
	if err != nil {
		f.Host.mu.Unlock()
		return nil, nil, err
	}
	f.writes++
	return p, func(err error) error {
		f.Host.mu.Unlock()
		return errors.Join(err, late)
	}, nil
}

// EnsureImage finds an image; there is nowhere to pull from.
func (f *Fake) EnsureImage(_ context.Context, req spec.ImageRequest) (spec.Image, error) {
	late, err := f.begin("EnsureImage")
	if err != nil {
		return spec.Image{}, err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	image, ok := f.images[req.Ref]
	switch {
	case ok:
		return image, late
	case req.Policy == spec.PullNever:
		return image, fmt.Errorf("image %q: %w", req.Ref, spec.ErrImageMissing)
	}
	return image, fmt.Errorf("image %q: no registry has it: %w", req.Ref, spec.ErrPull)
}

// CheckPod finds nothing wrong unless told to.
func (f *Fake) CheckPod(_ context.Context, pod *spec.Pod) error {
	late, err := f.begin("CheckPod")
	if err != nil {
		return err
	}
	for _, c := range pod.All() {
		if parse(append(slices.Clone(c.Command), c.Args...)).bad {
			return errors.Join(late, fmt.Errorf("container %q: the fake cannot run %q: %w", c.Name, c.Command, spec.ErrConfig))
		}
	}
	return late
}

// HealNetworks has no networks that could break.
func (f *Fake) HealNetworks(context.Context) ([]spec.PodKey, error) {
	_, err := f.begin("HealNetworks")
	return nil, err
}

// LastOutput is nothing: its containers write nothing.
func (f *Fake) LastOutput(context.Context, spec.PodID, string, int) []string { return nil }

// RotateLogs has nothing to rotate.
func (f *Fake) RotateLogs(context.Context) error {
	_, err := f.begin("RotateLogs")
	return err
}
