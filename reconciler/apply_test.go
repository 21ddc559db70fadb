package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
)

// verbs are those of the engine that can fail in an Apply.
var verbs = []string{
	"EnsureImage", "CheckPod", "EnsurePod", "StartContainer", "RemovePod", "ObservePod", "WaitContainer", "UpdateFiles", "Observe", "EnsureVolume",
}

// playground is an engine with the pods of testdata/apply/before.yaml, played.
type playground struct {
	*testing.T
	engine *enginetest.Fake
	store  *memory
}

func newPlayground(t *testing.T) *playground {
	p := &playground{t, enginetest.NewFake("localhost/app:1", "localhost/app:2"), newMemory("play")}
	if err := p.play(p.engine, p.store, "before.yaml"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *playground) load(name string) kube.Set {
	p.Helper()
	data, err := os.ReadFile("testdata/apply/" + name)
	if err != nil {
		p.Fatal(err)
	}
	objects, diags := kube.Decode(name, data)
	if diags.Err() != nil {
		p.Fatal(diags.Err())
	}
	for _, o := range objects {
		o.Owner = "play"
	}
	return kube.Set{Objects: objects}
}

func (p *playground) play(e reconciler.Engine, store reconciler.ObjectStore, name string) error {
	a := &reconciler.Applier{Engine: e, Translate: toPods, Store: store}
	_, err := a.Apply(p.Context(), p.load(name), reconciler.ApplyOptions{})
	return err
}

// picture is the pods there are, with images and files, but not their IDs.
func (p *playground) picture() string {
	all, err := p.engine.Open().Observe(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	var out []string
	for _, st := range all {
		line := fmt.Sprintf("%s %s %v", st.Pod.Key(), st.Sandbox, p.engine.Files(st.Pod.Key().String(), "conf"))
		for _, c := range st.Containers {
			line += fmt.Sprintf(" %s=%s=%s", c.Name, c.Image, c.State)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	for _, name := range p.engine.Volumes() {
		out = append(out, "volume "+name)
	}
	for _, o := range p.store.Read(p.Context()).Objects {
		out = append(out, o.Key().String()+" "+o.Pos.File)
	}
	return strings.Join(out, "\n")
}

func TestAFailureAtAnyCallLeavesWhatWasThere(t *testing.T) {
	for _, verb := range verbs {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s late=%v", verb, late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { failEach(t, verb, late) })
			})
		}
	}
}

// failEach lets the first, second, … call of verb fail until there is no such call.
func failEach(t *testing.T, verb string, late bool) {
	boom := errors.New("boom")
	for n := 1; n < 100; n++ {
		p := newPlayground(t)
		before := p.picture()
		if late {
			p.engine.FailLate(verb, n, boom)
		} else {
			p.engine.Fail(verb, n, boom)
		}
		err := p.play(p.engine, p.store, "after.yaml")
		struck := p.engine.Calls(verb) > 0 && errors.Is(err, boom)
		switch {
		case err != nil && !struck:
			t.Fatalf("call %d: %v", n, err)
		case err == nil:
			return
		}
		if got := p.picture(); got != before {
			t.Fatalf("call %d failed with %v and left\n%s\nwant\n%s", n, err, got, before)
		}
		if err := p.play(p.engine, p.store, "after.yaml"); err != nil {
			t.Fatalf("after call %d failed, a second try: %v", n, err)
		}
	}
}

// mortal is a process that is killed after so many changes: from then on
// nothing it does has any effect.
type mortal struct {
	*enginetest.Fake
	*memory
	left atomic.Int32
}

var errDead = errors.New("killed")

func (m *mortal) dead() bool { return m.left.Add(-1) < 0 }

func (m *mortal) EnsurePod(ctx context.Context, pod *spec.Pod, create []string) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.EnsurePod(ctx, pod, create)
}

func (m *mortal) StartContainer(ctx context.Context, id spec.PodID, name string) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.StartContainer(ctx, id, name)
}

func (m *mortal) StopPod(ctx context.Context, id spec.PodID, grace time.Duration) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.StopPod(ctx, id, grace)
}

func (m *mortal) RemovePod(ctx context.Context, id spec.PodID, grace time.Duration) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.RemovePod(ctx, id, grace)
}

func (m *mortal) UpdateFiles(ctx context.Context, id spec.PodID, volume string, files *spec.FilesVolume) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.UpdateFiles(ctx, id, volume, files)
}

func (m *mortal) SaveHistory(ctx context.Context, id spec.PodID, h spec.History) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.SaveHistory(ctx, id, h)
}

func (m *mortal) Put(ctx context.Context, objects []*kube.Object) error {
	if m.dead() {
		return errDead
	}
	return m.memory.Put(ctx, objects)
}

func (m *mortal) Delete(ctx context.Context, keys []kube.Key) error {
	if m.dead() {
		return errDead
	}
	return m.memory.Delete(ctx, keys)
}

func TestAKilledPlayIsFinishedByASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := newPlayground(t)
		if err := whole.play(whole.engine, whole.store, "after.yaml"); err != nil {
			t.Fatal(err)
		}
		want := whole.picture()
		for n := int32(0); ; n++ {
			p := newPlayground(t)
			victim := &mortal{Fake: p.engine.Open(), memory: p.store}
			victim.left.Store(n)
			err := p.play(victim, victim, "after.yaml")
			if err := p.play(p.engine.Open(), p.store, "after.yaml"); err != nil {
				t.Fatalf("killed after %d changes: second play: %v\n%s", n, err, p.picture())
			}
			if got := p.picture(); got != want {
				t.Fatalf("killed after %d changes, the second play left\n%s\nwant\n%s", n, got, want)
			}
			if err == nil {
				break
			}
		}
	})
}

func TestAKilledDownIsFinishedByASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := int32(0); ; n++ {
			p := newPlayground(t)
			victim := &mortal{Fake: p.engine.Open(), memory: p.store}
			victim.left.Store(n)
			set := p.load("before.yaml")
			_, err := (&reconciler.Applier{Engine: victim, Translate: toPods, Store: victim}).
				Down(t.Context(), set, reconciler.DownOptions{Grace: -1})
			_, again := (&reconciler.Applier{Engine: p.engine.Open(), Translate: toPods, Store: p.store}).
				Down(t.Context(), set, reconciler.DownOptions{Grace: -1})
			if got := p.picture(); again != nil || got != "" {
				t.Fatalf("killed after %d changes: %v, left\n%s", n, again, got)
			}
			if err == nil {
				break
			}
		}
	})
}

func TestAFullDiskKeepsNoPod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayground(t)
		full := fmt.Errorf("write: %w", syscall.ENOSPC)
		p.engine.Fail("SaveRemoval", 1, full)
		p.engine.Fail("Hasten", 1, full)
		a := &reconciler.Applier{Engine: p.engine, Translate: toPods, Store: p.store}
		all, err := p.engine.Open().Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range all {
			if err := a.RemovePod(t.Context(), st.Pod.ID, reconciler.RemoveOptions{Grace: -1}); err != nil {
				t.Errorf("%s: %v", st.Pod.Key(), err)
			}
		}
		if p.engine.Calls("SaveRemoval") == 0 || p.engine.Calls("Hasten") == 0 {
			t.Error("nobody was told")
		}
		if left, err := p.engine.Open().Observe(t.Context()); err != nil || len(left) > 0 {
			t.Errorf("%v, left %d pods", err, len(left))
		}

		// What fails then tells both.
		if err := p.play(p.engine, p.store, "before.yaml"); err != nil {
			t.Fatal(err)
		}
		boom := errors.New("boom")
		p.engine.Fail("SaveRemoval", 1, full)
		p.engine.Fail("RemovePod", 1, boom)
		if all, err = p.engine.Open().Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = a.RemovePod(t.Context(), all[0].Pod.ID, reconciler.RemoveOptions{Grace: -1})
		if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, boom) {
			t.Errorf("said %v", err)
		}
	})
}

func TestPodsMaySwapTheirPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayground(t)
		for _, file := range []string{"ports.yaml", "swapped.yaml"} {
			if err := p.play(p.engine, p.store, file); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		st, _ := p.engine.Pod("default/one")
		if st.Pod.Ports[0].HostPort != 8082 {
			t.Errorf("ports %+v", st.Pod.Ports)
		}
	})
}

// meddled is an engine on which, while the first image is fetched, something
// else happens.
type meddled struct {
	*enginetest.Fake
	once   sync.Once
	meddle func()
}

func (m *meddled) EnsureImage(ctx context.Context, r spec.ImageRequest) (spec.Image, error) {
	m.once.Do(m.meddle)
	return m.Fake.EnsureImage(ctx, r)
}

func TestAFailedPlayLeavesWhatAnotherMadeMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayground(t)
		set := p.load("ports.yaml")
		boom := errors.New("boom")
		var want string
		engine := &meddled{Fake: p.engine, meddle: func() {
			other := kube.Set{Objects: set.Objects[:1]}
			a := &reconciler.Applier{Engine: p.engine, Translate: toPods, Store: p.store}
			if _, err := a.Apply(t.Context(), other, reconciler.ApplyOptions{}); err != nil {
				t.Error(err)
			}
			want = p.picture()
			p.engine.Fail("StartContainer", 1, boom)
		}}
		if err := p.play(engine, p.store, "ports.yaml"); !errors.Is(err, boom) {
			t.Fatalf("error %v", err)
		}
		if got := p.picture(); got != want {
			t.Errorf("left\n%s\nwant\n%s", got, want)
		}
	})
}

func TestCtrlCTakesBackWhatWasDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayground(t)
		before := p.picture()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // while the init container is at work
		defer cancel()
		_, err := (&reconciler.Applier{Engine: p.engine, Translate: toPods, Store: p.store}).
			Apply(ctx, p.load("after.yaml"), reconciler.ApplyOptions{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
		if got := p.picture(); got != before {
			t.Errorf("left\n%s\nwant\n%s", got, before)
		}
	})
}

func TestACrashLoopOfManyPodsCostsLittle(t *testing.T) {
	const pods = 200
	synctest.Test(t, func(t *testing.T) {
		engine, folder := enginetest.NewFake("localhost/app:1"), newMemory("folder:/m")
		for i := range pods {
			folder.put(fmt.Sprintf("%d.yaml", i), fmt.Appendf(nil,
				"apiVersion: v1\nkind: Pod\nmetadata: {name: p%d}\nspec: {containers: [{name: c, image: 'localhost/app:1', command: ['false']}]}\n", i))
		}
		loop := reconciler.NewLoop(reconciler.LoopOptions{Engine: engine, Source: pair{folder, newMemory("play")}, Translate: toPods})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- loop.Run(ctx) }()
		time.Sleep(time.Hour) // all are at five minutes
		before := engine.Calls()
		time.Sleep(time.Hour)
		calls := engine.Calls() - before
		// An hour has 12 restarts of each pod. One restart is a lock, an observation or
		// four, a history and a start; the slow pass looks once more every five minutes.
		if most := pods * 12 * 10; calls > most {
			t.Errorf("%d calls of the engine in an hour, want at most %d", calls, most)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
