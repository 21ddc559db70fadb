package engine_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine"
	"berth/engine/spec"
)

// passed puts files at descriptors of this process, as whoever starts us does, and
// takes them away again. What was there before comes back.
func passed(t *testing.T, files map[int]*os.File) {
	t.Helper()
	for fd, f := range files {
		saved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 100)
		if err != nil {
			saved = -1
		}
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if saved < 0 {
				_ = unix.Close(fd)
				return
			}
			_ = unix.Dup3(saved, fd, unix.O_CLOEXEC)
			_ = unix.Close(saved)
		})
	}
}

// inherited makes a descriptor of ours look like one that whoever starts us left open.
func inherited(t *testing.T, fd int) {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags) })
}

// said waits for what a container says.
func said(t *testing.T, e *engine.Engine, pod *spec.Pod, lines int) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if out := e.LastOutput(t.Context(), pod.ID, "c", 100); len(out) >= lines {
			return strings.Join(out, "\n")
		}
	}
	t.Fatal("the container says nothing")
	return ""
}

func TestSocketsOfTheServiceManagerReachContainers(t *testing.T) {
	e := realEngine(t)
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	t.Setenv("LISTEN_FDS", "1")
	inherited(t, 3) // the file that go test has us write to stands for a socket
	t.Setenv("LISTEN_FDNAMES", "web")
	pod := handPod("sockets", "sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; ls -l /proc/1/fd; echo end; sleep 1000")
	start(t, e, pod)
	out := said(t, e, pod, 7)
	if !strings.HasPrefix(out, "1 1 web\n") || !strings.Contains(out, " 3 -> ") || strings.Contains(out, " 4 -> ") {
		t.Errorf("inside:\n%s", out)
	}
	t.Setenv("LISTEN_FDS", "many")
	refused(t, e, handPod("many", "sleep", "1000"), spec.ErrConfig)
	t.Setenv("LISTEN_PID", "1") // meant for another process
	pod = handPod("none", "sh", "-c", "echo =$LISTEN_FDS=; ls /proc/1/fd; echo end; sleep 1000")
	start(t, e, pod)
	if out := said(t, e, pod, 5); out != "==\n0\n1\n2\nend" {
		t.Errorf("inside:\n%s", out)
	}
}

func TestDescriptorsAPersonNamesReachContainers(t *testing.T) {
	e := realEngine(t)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("of the caller\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	passed(t, map[int]*os.File{40: f})
	pod := handPod("preserve", "sh", "-c", "cat <&40; sleep 1000")
	pod.Containers[0].ByHand.Preserve = []int{40}
	start(t, e, pod)
	if out := said(t, e, pod, 1); out != "of the caller" {
		t.Errorf("inside: %q", out)
	}
	for name, fd := range map[string]int{"closed": 1000, "ours": int(f.Fd())} {
		pod = handPod(name, "sleep", "1000")
		pod.Containers[0].ByHand.Preserve = []int{fd}
		refused(t, e, pod, spec.ErrConfig)
	}
}

func TestAContainerWritesWhereItsCallerDoes(t *testing.T) {
	e := realEngine(t)
	path := filepath.Join(t.TempDir(), "out")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdin, stdout, stderr := os.Stdin, os.Stdout, os.Stderr
	t.Cleanup(func() { os.Stdin, os.Stdout, os.Stderr = stdin, stdout, stderr })
	os.Stdout, os.Stderr = out, out
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	os.Stdin = null
	pod := handPod("direct", "sh", "-c", "echo out; echo err >&2; exit 5")
	pod.Containers[0].ByHand.Log = &spec.Log{Driver: "passthrough"}
	start(t, e, pod)
	if c := await(t, e, pod.ID); c.ExitCode != 5 {
		t.Errorf("ended with %+v", c)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "out\nerr\n" {
		t.Errorf("wrote %q, %v", data, err)
	}
}
