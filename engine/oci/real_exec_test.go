package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"berth/engine/spec"
)

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func (k *ctr) exec(o ExecOptions) (stdout, stderr string, code int, err error) {
	k.g.t.Helper()
	var out, errs bytes.Buffer
	o.Streams.Stdout, o.Streams.Stderr = &out, &errs
	code, err = k.g.Exec(within(k.g.t, 20*time.Second), k.Container, o)
	return out.String(), errs.String(), code, err
}

func TestRealExec(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(spec.Container{Name: "a", Command: []string{"sleep", "1000"}, Env: []spec.EnvVar{{Name: "A", Value: "1"}}})

	out, errs, code, err := k.exec(ExecOptions{Args: []string{"sh", "-c", "echo $A$B; pwd; echo no >&2; exit 5"},
		Env: []spec.EnvVar{{Name: "B", Value: "2"}}, WorkingDir: "/tmp"})
	if out != "12\n/tmp\n" || errs != "no\n" || code != 5 || err != nil {
		t.Errorf("%q %q %d %v", out, errs, code, err)
	}
	out, _, _, err = k.exec(ExecOptions{Args: []string{"sh", "-c", "id -u; id -g; echo $HOME; grep CapEff /proc/self/status"}, User: "app"})
	if !strings.HasPrefix(out, "1000\n1001\n/home/app\nCapEff:\t0000000000000000\n") || err != nil {
		t.Errorf("%q %v", out, err)
	}
	out, _, _, err = k.exec(ExecOptions{Args: []string{"cat"}, Streams: Streams{Stdin: strings.NewReader("through")}})
	if out != "through" || err != nil {
		t.Errorf("%q %v", out, err)
	}
	_, _, code, err = k.exec(ExecOptions{Args: []string{"sh", "-c", "kill -9 $$"}})
	if code != 137 || err != nil {
		t.Errorf("killed: %d %v", code, err)
	}
	var command *CommandError
	if _, errs, _, err = k.exec(ExecOptions{Args: []string{"no-such-program"}}); !errors.As(err, &command) || command.Code != CodeNotFound || errs != "" {
		t.Errorf("missing command: %v, and as if the command had written %q", err, errs)
	}
	if out, _, _, err = k.exec(ExecOptions{Args: []string{"no-such-program"}, TTY: true}); !errors.As(err, &command) || out != "" {
		t.Errorf("missing command at a terminal: %v, and as if the command had written %q", err, out)
	}
	_, _, _, err = k.exec(ExecOptions{Args: []string{"true"}, WorkingDir: "/no-such"})
	if !errors.As(err, &command) || command.Code != CodeNotFound || !strings.Contains(err.Error(), "working directory") {
		t.Errorf("missing working directory: %v", err)
	}
	if _, _, _, err = k.exec(ExecOptions{Args: []string{"/etc/passwd"}}); !errors.As(err, &command) || command.Code != CodeNotExecutable {
		t.Errorf("command that is no program: %v", err)
	}
	if _, _, _, err = k.exec(ExecOptions{Args: []string{"true"}, User: "nobody-known"}); !errors.Is(err, spec.ErrConfig) {
		t.Errorf("unknown user: %v", err)
	}
	if runtimeForHost(t) == "runc" {
		return // it waits for the end of its output itself
	}
	out, _, _, err = k.exec(ExecOptions{Args: []string{"sh", "-c", "sleep 1000 & echo done"}})
	if out != "done\n" || err != nil {
		t.Errorf("with a process left behind: %q %v", out, err)
	}
}

func TestRealExecDetached(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "while [ ! -e /tmp/x ]; do sleep 0.05; done; cat /tmp/x"))
	if _, err := g.Exec(within(t, 20*time.Second), k.Container, ExecOptions{Args: []string{"sh", "-c", "echo hi >/tmp/y; mv /tmp/y /tmp/x"}, Detach: true}); err != nil {
		t.Fatal(err)
	}
	k.wait()
	if got := k.output(); got != "hi\n" {
		t.Errorf("%q", got)
	}
}

func TestRealExecEndsWithItsContext(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "sleep 1000"))
	ctx, cancel := context.WithCancel(context.Background())
	out := &watched{text: "up", hit: cancel}
	_, err := g.Exec(ctx, k.Container, ExecOptions{Args: []string{"sh", "-c", "echo up; exec sleep 4711"}, Streams: Streams{Stdout: out}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err %v", err)
	}
	if left := processesWith("sleep 4711"); len(left) > 0 {
		t.Errorf("the command still runs: %v", left)
	}
}

// watched calls hit once text was written to it.
type watched struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	text string
	hit  func()
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(p)
	if w.hit != nil && strings.Contains(w.buf.String(), w.text) {
		w.hit()
		w.hit = nil
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

func TestRealExecTerminal(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "sleep 1000"))
	resize := make(chan Size, 1)
	input, typed := io.Pipe()
	out := &watched{text: "armed", hit: func() { resize <- Size{33, 99} }}
	go func() { _, _ = io.WriteString(typed, "typed\n") }()
	code, err := g.Exec(within(t, 20*time.Second), k.Container, ExecOptions{
		Args: []string{"sh", "-c", "read x; echo got $x; tty; stty size; trap 'stty size; [ \"$(stty size)\" != \"33 99\" ] || exit 4' WINCH; echo armed; while :; do sleep 0.05; done"},
		TTY:  true, Size: Size{22, 77}, Streams: Streams{Stdin: input, Stdout: out, Resize: resize},
	})
	if code != 4 || err != nil {
		t.Errorf("%d %v", code, err)
	}
	for _, want := range []string{"got typed", "/dev/pts/", "22 77", "33 99"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %q", out, want)
		}
	}
}

func TestRealExecDetachKeys(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "sleep 1000"))
	input, typed := io.Pipe()
	out := &watched{text: "up", hit: func() { go func() { _, _ = typed.Write([]byte{16, 17}) }() }}
	keys, _ := ParseDetachKeys(DefaultDetachKeys)
	_, err := g.Exec(within(t, 20*time.Second), k.Container, ExecOptions{
		Args: []string{"sh", "-c", "echo up; sleep 1000"}, TTY: true, Streams: Streams{Stdin: input, Stdout: out, DetachKeys: keys},
	})
	if !errors.Is(err, ErrDetached) {
		t.Errorf("err %v", err)
	}
}

func TestRealExecNeedsARunningContainer(t *testing.T) {
	g := newRig(t)
	k, err := g.create(sh("a", "true"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := k.exec(ExecOptions{Args: []string{"true"}}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("created: %v", err)
	}
	if err := g.Start(context.Background(), k.Container); err != nil {
		t.Fatal(err)
	}
	k.waitForConmon()
	if _, _, _, err := k.exec(ExecOptions{Args: []string{"true"}}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("ended: %v", err)
	}
	if err := g.Attach(within(t, 20*time.Second), k.Container, Streams{}, nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("attach: %v", err)
	}
	if err := g.ReopenLog(k.Container); !errors.Is(err, ErrNotRunning) {
		t.Errorf("reopen: %v", err)
	}
}

func TestRealAttach(t *testing.T) {
	g := newRig(t)
	c := sh("a", "read x; echo got $x; echo bad >&2; cat; exit 2")
	c.Stdin = true
	k, err := g.create(c, func(c *Create) { c.StdinOnce = true })
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	err = g.Attach(within(t, 20*time.Second), k.Container,
		Streams{Stdin: strings.NewReader("one\ntwo\n"), Stdout: &out, Stderr: &errs},
		func() error { return g.Start(context.Background(), k.Container) })
	if err != nil || out.String() != "got one\ntwo\n" || errs.String() != "bad\n" {
		t.Errorf("%q %q %v", out.String(), errs.String(), err)
	}
	if s := k.wait(); s.ExitCode != 2 {
		t.Errorf("%+v", s)
	}
}

// conmon may be slow to read: of two sizes it then finds, the last is the one.
func TestRealResizeTwice(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(spec.Container{Name: "a", Command: []string{"sh", "-c", "until [ \"$(stty size)\" = '44 120' ]; do sleep 0.05; done; echo sized"}, TTY: true, Stdin: true})
	record, _, err := readRecord(k.Container)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(record.Conmon.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 2)
	go func() {
		said <- g.Resize(k.Container, Size{44, 80})
		said <- g.Resize(k.Container, Size{44, 120})
	}()
	if err := <-said; err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(record.Conmon.Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-said; err != nil {
		t.Fatal(err)
	}
	k.waitForOutput("sized")
	k.wait()
}

func TestRealAttachTerminal(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(spec.Container{Name: "a", Command: []string{"sh", "-c", "trap 'stty size; echo sized' WINCH; echo up; while :; do sleep 0.05; done"}, TTY: true, Stdin: true})
	keys, _ := ParseDetachKeys("a,ctrl-]")
	input, typed := io.Pipe()
	resize := make(chan Size, 1)
	out := &watched{text: "44 120", hit: func() { go func() { _, _ = typed.Write([]byte("xa\x1d")) }() }}
	err := g.Attach(within(t, 20*time.Second), k.Container, Streams{Stdin: input, Stdout: out, DetachKeys: keys, Resize: resize},
		func() error {
			// The shell has set its trap once it says so.
			k.waitForOutput("up")
			resize <- Size{44, 120}
			return nil
		})
	if !errors.Is(err, ErrDetached) {
		t.Errorf("err %v, output %q", err, out)
	}
	if !k.state().Running() {
		t.Error("detaching ended the container")
	}
	if err := g.Kill(context.Background(), k.Container, syscall.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	k.wait()
}
