package reconciler_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
)

// supervise starts a supervisor of one pod, and returns when it answers.
func supervise(t *testing.T, dir, version string) (end context.CancelFunc, done <-chan error) {
	t.Helper()
	return superviseOn(t, dir, version, enginetest.NewFake("localhost/app:1"),
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'localhost/app:1', command: [sleep, '1000']}]}\n")
}

func superviseOn(t *testing.T, dir, version string, fake *enginetest.Fake, pod string) (end context.CancelFunc, done <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended, over := make(chan struct{}), make(chan error, 1), make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-over // it leaves what it knows in the folder, before that goes
	})
	folder := newMemory("folder:/m")
	folder.put("p.yaml", []byte(pod))
	folder.put("broken.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: q}\nspec: {containers: [{name: c, imag: x}]}\n"))
	s := &reconciler.Supervisor{
		RunDir: dir, Version: version, Ready: func() { close(ready) },
		Loop: reconciler.NewLoop(reconciler.LoopOptions{
			Engine: fake, Source: pair{folder, newMemory("play")}, Translate: toPods,
		}),
	}
	go func() {
		defer close(over)
		ended <- s.Run(ctx)
	}()
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
	}
	return cancel, ended
}

// longDir is a folder whose path is too long for a socket's address.
func longDir(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOneSupervisorAnswers(t *testing.T) {
	dir, ctx := longDir(t), t.Context()
	client := reconciler.NewClient(dir)
	if _, err := client.Version(ctx); err == nil {
		t.Error("somebody answers before there is a supervisor")
	}
	end, done := supervise(t, dir, "1.2.3")
	if v, err := client.Version(ctx); err != nil || v.Version != "1.2.3" || v.PID != os.Getpid() {
		t.Errorf("version %+v, %v", v, err)
	}
	if err := client.Wake(ctx); err != nil {
		t.Error(err)
	}
	status, err := client.Status(ctx)
	for err == nil && (len(status.Pods) == 0 || status.Pods[0].Phase != reconciler.PhaseRunning) { // until the loop has made it
		status, err = client.Status(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Diagnostics) == 0 || status.Diagnostics[0].File != "broken.yaml" || status.Diagnostics[0].Line != 4 {
		t.Errorf("diagnostics %+v", status.Diagnostics)
	}
	if len(status.Sources) != 2 || !status.Sources[0].Unknown || status.Sources[0].Objects != 1 {
		t.Errorf("sources %+v", status.Sources)
	}
	if info, err := os.Stat(filepath.Join(dir, "berth.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v", info, err)
	}

	_, second := supervise(t, dir, "1.2.3")
	var taken *reconciler.SupervisedError
	if err := <-second; !errors.As(err, &taken) || taken.Version != "1.2.3" || taken.PID != os.Getpid() {
		t.Errorf("a second supervisor: %v", err)
	}
	end()
	if err := <-done; err != nil {
		t.Errorf("the end: %v", err)
	}
}

func TestANewerSupervisorTakesOver(t *testing.T) {
	dir := t.TempDir()
	_, old := supervise(t, dir, "1.9.0")
	_, stale := supervise(t, dir, "1.8.7")
	var taken *reconciler.SupervisedError
	if err := <-stale; !errors.As(err, &taken) {
		t.Errorf("an older one: %v", err)
	}
	end, done := supervise(t, dir, "v1.10.0-dirty")
	if err := <-old; !errors.Is(err, reconciler.ErrSteppedDown) {
		t.Errorf("the older one ended with %v", err)
	}
	if v, err := reconciler.NewClient(dir).Version(t.Context()); err != nil || v.Version != "v1.10.0-dirty" {
		t.Errorf("version %+v, %v", v, err)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestASupervisorThatDiedIsFollowed(t *testing.T) {
	dir := t.TempDir()
	end, done := supervise(t, dir, "1.0")
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "berth.sock")); err != nil {
		t.Fatal("the test wants the dead one's socket to lie about: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	end, done = supervise(t, dir, "1.0")
	if v, err := reconciler.NewClient(dir).Version(ctx); err != nil || v.Version != "1.0" {
		t.Errorf("version %+v, %v", v, err)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A pod that ends by itself is no event but of its own: no command tells, and
// the next look at everything is minutes away.
func TestASupervisorOnDemandEndsWithItsLastPod(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {restartPolicy: Never, containers: [{name: c, image: 'localhost/app:1', command: [sleep, '1000']}]}\n"
	fake, ctx := enginetest.NewFake("localhost/app:1"), t.Context()
	applier := &reconciler.Applier{Engine: fake, Translate: toPods}
	objects, _ := kube.Decode("p.yaml", []byte(pod))
	objects[0].Owner = "play"
	if _, err := applier.Apply(ctx, kube.Set{Objects: objects}, reconciler.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	store := newMemory("play")
	store.put("p.yaml", []byte(pod))
	ready, ended := make(chan struct{}), make(chan error, 1)
	s := &reconciler.Supervisor{
		RunDir: t.TempDir(), OnDemand: true, Ready: func() { close(ready) },
		Loop: reconciler.NewLoop(reconciler.LoopOptions{Engine: fake.Open(), Source: pair{newMemory("folder:/m"), store}, Translate: toPods}),
	}
	go func() { ended <- s.Run(ctx) }()
	<-ready
	select {
	case err := <-ended:
		t.Fatal("it ended while its pod runs: ", err)
	case <-time.After(100 * time.Millisecond): // which a wrong one would have done by then
	}
	if err := fake.Exit("default/p", "c", 0); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on with nothing left")
	}
	if st, _ := fake.Pod("default/p"); st.Sandbox != spec.SandboxNone {
		t.Error("it left the pod's sandbox up")
	}
}
