package oci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

func TestRealCommandThatCannotRun(t *testing.T) {
	g := newRig(t)
	for name, want := range map[string]int{"no-such-program": CodeNotFound, "/no/such/program": CodeNotFound, "/etc/passwd": CodeNotExecutable} {
		k, err := g.create(spec.Container{Name: "a", Command: []string{name}})
		if err == nil {
			err = g.Start(context.Background(), k.Container)
		}
		var command *CommandError
		if !errors.As(err, &command) || command.Code != want || !errors.Is(err, spec.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(err)
		if err := g.Delete(context.Background(), k.Container, true); err != nil {
			t.Error(err)
		}
		k.checkGone()
	}
}

// A lost conmon takes the exit code along; the container runs on.
func TestRealConmonKilled(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "sleep 1000"))
	conmon, err := FindProcess(k.state().ConmonPid)
	if err != nil {
		t.Fatal(err)
	}
	if err := conmon.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := conmon.Wait(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if s := k.state(); !s.Running() || !s.ConmonLost {
		t.Fatalf("%+v", s)
	}
	if err := g.Kill(context.Background(), k.Container, syscall.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	if s := k.wait(); s.State != spec.StateUnknown || s.ExitCode != spec.ExitUnknown {
		t.Errorf("%+v", s)
	}
}

func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	write(t, path, "#!/bin/sh\n"+text, 0o755)
	return path
}

func realPath(t *testing.T, name string) string {
	t.Helper()
	path, err := hostexec.Find(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRealFailingHelpers(t *testing.T) {
	limit := func(text string) time.Duration {
		if strings.Contains(text, "sleep") {
			return 300 * time.Millisecond
		}
		return 20 * time.Second
	}
	runtime := func(text string) func(*Options) {
		return func(o *Options) { o.Runtime = script(t, t.TempDir(), "crun", text); o.Timeout = limit(text) }
	}
	conmon := func(text string) func(*Options) {
		return func(o *Options) { o.Conmon = script(t, t.TempDir(), "conmon", text); o.Timeout = limit(text) }
	}
	for name, test := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"runtime says why":        {runtime("echo 'it is full' >&2; exit 1"), "it is full"},
		"runtime says nothing":    {runtime("exit 1"), "did not say why"},
		"runtime hangs":           {runtime("exec sleep 1000"), "did not finish within"},
		"runtime's child hangs":   {runtime("sleep 1000; true"), "did not finish within"},
		"runtime makes no one":    {runtime("exit 0"), "conmon"},
		"conmon says why":         {conmon("echo 'no luck' >&2; exit 3"), "no luck"},
		"conmon says nothing":     {conmon("exit 3"), "exit status 3"},
		"conmon hangs":            {conmon("exec sleep 1000"), "did not finish within"},
		"conmon hangs mutely":     {conmon("exec 3>&-; exec sleep 1000"), "did not finish within"},
		"conmon talks nonsense":   {conmon("echo nonsense >&3"), "nonsense"},
		"conmon names a dead PID": {conmon(`echo '{"data": 999999}' >&3`), "conmon.pid"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, test.change)
			k, err := g.create(sh("a", "true"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err %v, want %q", err, test.want)
			}
			k.checkGone()
		})
	}
}

// Whatever step of creating a container we are killed at, Delete removes it.
func TestRealKilledWhileCreating(t *testing.T) {
	for _, at := range []string{"before", "after"} {
		t.Run("runtime hangs "+at+" it works", func(t *testing.T) {
			g := newRig(t)
			dir := t.TempDir()
			real := realPath(t, runtimeForHost(t))
			hang := fmt.Sprintf("case \"$*\" in *create*) touch %[1]s/there; sleep 1000;; esac\nexec %[2]s \"$@\"\n", dir, real)
			if at == "after" {
				hang = fmt.Sprintf("case \"$*\" in *create*) %[2]s \"$@\" || exit; touch %[1]s/there; exec sleep 1000;; *) exec %[2]s \"$@\";; esac\n", dir, real)
			}
			g.runtime = script(t, dir, "runtime", hang)
			id := spec.NewContainerID()
			c := Container{ID: id, Bundle: filepath.Join(g.dir, "c", string(id)), CgroupPath: g.CgroupPath(g.pod.ID, id, spec.CgroupPlace{})}
			s, err := BuildSpec(g.input(sh("a", "sleep 1000"), id))
			if err != nil {
				t.Fatal(err)
			}
			create := Create{Container: c, Name: "a", Spec: s, Log: Logging{Driver: "none"}}
			if err := writeBundle(create, ""); err != nil {
				t.Fatal(err)
			}
			// All that Create does up to here; then we are gone.
			call, err := g.startConmon(context.Background(), create)
			if err != nil {
				t.Fatal(err)
			}
			waitForFile(t, filepath.Join(dir, "there"))
			_ = call.sync.Close()
			if err := g.Delete(context.Background(), c, true); err != nil {
				t.Error(err)
			}
			_ = call.program.wait()
			(&ctr{Container: c, g: g}).checkGone()
		})
	}
}

func waitForFile(t *testing.T, path string) {
	t.Helper()
	ctx := within(t, 20*time.Second)
	for !exists(path) {
		if ctx.Err() != nil {
			t.Fatalf("%s did not appear", path)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Killed after create, before process.json: the PID files tell.
func TestRealStateWithoutOurRecords(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "sleep 1000"))
	before := k.state()
	if err := os.Remove(k.path("process.json")); err != nil {
		t.Fatal(err)
	}
	after := k.state()
	if after.State != spec.StateRunning || after.Pid != before.Pid || after.ConmonPid != before.ConmonPid || after.StartedAt.IsZero() {
		t.Errorf("%+v, was %+v", after, before)
	}
	// A PID file naming a stranger is not believed.
	stranger := exec.Command("sleep", "1000")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	write(t, k.path("conmon.pid"), itoa(stranger.Process.Pid), 0o600)
	if s := k.state(); s.ConmonPid != 0 {
		t.Errorf("believed process %d to be conmon", s.ConmonPid)
	}
	write(t, k.path("conmon.pid"), itoa(before.ConmonPid), 0o600)
}

func TestRealDeleteIsIdempotent(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "sleep 1000"))
	for range 2 {
		if err := g.Delete(context.Background(), k.Container, true); err != nil {
			t.Error(err)
		}
	}
	// The runtime's record gone by itself, the process not.
	k = g.mustStart(sh("b", "sleep 1000"))
	if err := os.RemoveAll(filepath.Join(g.stateRoot, string(k.ID))); err != nil {
		t.Fatal(err)
	}
	if err := g.Delete(context.Background(), k.Container, true); err != nil {
		t.Error(err)
	}
	k.checkGone()
}

// A new container takes the place of one that was left half made, not of one that runs.
func TestRealCreateOverAnOldBundle(t *testing.T) {
	g := newRig(t)
	ctx := context.Background()
	old := g.mustStart(sh("a", "sleep 1000"))
	fresh := Container{ID: spec.NewContainerID(), Bundle: old.Bundle}
	fresh.CgroupPath = g.CgroupPath(g.pod.ID, fresh.ID, spec.CgroupPlace{})
	s, err := BuildSpec(g.input(sh("a", "true"), fresh.ID))
	if err != nil {
		t.Fatal(err)
	}
	create := Create{Container: fresh, Name: "a", Spec: s, Log: Logging{Driver: "none"}}
	if _, err := g.Create(ctx, create); !errors.Is(err, spec.ErrInUse) {
		t.Errorf("over a running one: %v", err)
	}
	if !old.state().Running() {
		t.Error("the running container was hurt")
	}
	if got, err := ReadBundle(old.Bundle); err != nil || got.ID != old.ID || got.CgroupPath != old.CgroupPath {
		t.Errorf("ReadBundle: %+v, %v", got, err)
	}
	if err := g.Kill(ctx, old.Container, syscall.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	old.wait()
	if _, err := g.Create(ctx, create); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(g.stateRoot, string(old.ID)), filepath.Join(g.exitDir, string(old.ID))} {
		if exists(path) {
			t.Errorf("%s is left of the old one", path)
		}
	}
	if err := g.Delete(ctx, fresh, true); err != nil {
		t.Error(err)
	}
	(&ctr{Container: fresh, g: g}).checkGone()
}

// A runtime that hangs when asked to delete cannot keep a container alive.
func TestRealDeleteWithAHangingRuntime(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "sleep 1000"))
	g.runtime = script(t, t.TempDir(), "runtime", "exec sleep 1000\n")
	g.timeout = 300 * time.Millisecond
	if err := g.Delete(context.Background(), k.Container, true); err != nil {
		t.Error(err)
	}
	k.checkGone()
	if _, _, err := g.Versions(context.Background()); err == nil {
		t.Error("a hanging runtime has a version")
	}
}

func TestRealStartOfAHangingRuntime(t *testing.T) {
	g := newRig(t)
	k, err := g.create(sh("a", "sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	real, limit := g.runtime, g.timeout
	g.runtime, g.timeout = script(t, t.TempDir(), "runtime", "exec sleep 1000\n"), 300*time.Millisecond
	var timeout *hostexec.TimeoutError
	if err := g.Start(context.Background(), k.Container); !errors.As(err, &timeout) {
		t.Errorf("err %v", err)
	}
	g.runtime, g.timeout = real, limit
	for range 2 {
		if err := g.Start(context.Background(), k.Container); err != nil {
			t.Error(err)
		}
	}
	if !k.state().Running() {
		t.Error("it does not run")
	}
}
