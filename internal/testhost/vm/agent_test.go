package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	Hook()
	os.Exit(m.Run())
}

// here is a machine whose agent is this process: all but qemu.
func here(t *testing.T, share ...string) *Machine {
	t.Helper()
	m := &Machine{base: t.TempDir(), options: Options{Share: share}}
	listener, err := net.Listen("unix", m.file("agent"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err := net.Dial("unix", m.file("agent"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- converse(theirs) }()
	if err := m.connect(ours); err != nil {
		t.Fatal(err)
	}
	m.socket, err = net.ListenUnix("unixpacket", &net.UnixAddr{Name: m.Handle(), Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	go m.answer(m.socket)
	t.Cleanup(func() {
		if err := errors.Join(m.socket.Close(), m.client.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestCommandIsAsIfRunHere(t *testing.T) {
	m := here(t)
	for name, c := range map[string]struct {
		argv           []string
		stdin          string
		code           int
		stdout, stderr string
	}{
		"output":      {[]string{"sh", "-c", "echo out; echo err >&2"}, "", 0, "out\n", "err\n"},
		"exit code":   {[]string{"sh", "-c", "exit 3"}, "", 3, "", ""},
		"input":       {[]string{"cat"}, "a\nb\n", 0, "a\nb\n", ""},
		"environment": {[]string{"sh", "-c", "echo $COLOUR$" + roleEnv}, "", 0, "green\n", ""},
		"signalled":   {[]string{"sh", "-c", "kill -KILL $$"}, "", 137, "", ""},
		"no program":  {[]string{"no-such-program"}, "", 127, "", "not found"},
		"left behind": {[]string{"sh", "-c", "sleep 1000 & echo $!"}, "", 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := m.Command(t.Context(), c.argv[0], c.argv[1:]...)
			cmd.Env = append(cmd.Env, "COLOUR=green")
			var stdout, stderr bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.stdin), &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if name == "left behind" {
				_ = exec.Command("kill", strings.TrimSpace(stdout.String())).Run()
				c.stdout = stdout.String()
			}
			if code := cmd.ProcessState.ExitCode(); code != c.code || stdout.String() != c.stdout || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("exit code %d, output %q, errors %q", code, stdout.String(), stderr.String())
			}
		})
	}
}

func TestSignalsAndTheEndReachTheCommand(t *testing.T) {
	m := here(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := m.Command(ctx, "sh", "-c", `trap 'echo caught' USR1; echo $$; while :; do sleep 0.1; done`)
	// Its input never ends, and so does it.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	pid := lines.Text()
	if err := cmd.Process.Signal(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if lines.Scan(); lines.Text() != "caught" {
		t.Errorf("after the signal: %q", lines.Text())
	}
	cancel() // kills the process that stands for it here
	if err := cmd.Wait(); err == nil {
		t.Error("a killed command succeeded")
	}
	if err := exec.Command("timeout", "10", "tail", "--pid", pid, "-f", "/dev/null").Run(); err != nil {
		t.Errorf("the command outlives what stood for it: %v", err)
	}
}

func TestSharedFilesGoAlong(t *testing.T) {
	dir := t.TempDir()
	m := here(t, dir)
	file := filepath.Join(dir, "file")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The guest's files are ours here: what it gets it has already. What is told
	// is which files are sent.
	sent := func() map[string]stamp {
		t.Helper()
		if _, err := m.Run(t.Context(), "true"); err != nil {
			t.Fatal(err)
		}
		m.sent.mu.Lock()
		defer m.sent.mu.Unlock()
		return maps.Clone(m.sent.sent)
	}
	if known := sent(); len(known) != 1 {
		t.Errorf("of an empty folder is known: %v", known)
	}
	write("one")
	before := sent()
	if len(before) != 2 {
		t.Errorf("with a file is known: %v", before)
	}
	write("longer")
	if sent()[file] == before[file] {
		t.Error("a changed file was not sent")
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != "longer" {
		t.Errorf("it is %q, %v", data, err)
	}
}
