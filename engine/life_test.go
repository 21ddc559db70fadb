package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/engine/oci"
	"berth/engine/spec"
)

// processes are those whose command line is the one given, in words.
func processes(t *testing.T, words ...string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err == nil && string(data) == strings.Join(words, "\x00")+"\x00" {
			n++
		}
	}
	return n
}

func TestACommandThatIsGivenUpIsKilledWithItsOffspring(t *testing.T) {
	e := realEngine(t)
	pod := busyboxPod("web", "sleep", "1000")
	start(t, e, pod)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := e.RunInContainer(ctx, pod.ID, "c", []string{"sh", "-c", "(sleep 987; true) & sleep 988"})
		ended <- err
	}()
	eventually(t, "both run", func() bool { return processes(t, "sleep", "987") == 1 && processes(t, "sleep", "988") == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	eventually(t, "neither does", func() bool { return processes(t, "sleep", "987")+processes(t, "sleep", "988") == 0 })
	left, err := filepath.Glob(e.Paths().Bundle(pod.ID, "c") + "/exec-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestOfACommandsOutputOnlyTheFirstIsKept(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("web", "sleep", "1000")
	pod.Secrets = map[string]string{"k": "hunter2"}
	pod.Containers[0].Lifecycle.PreStop = &spec.Handler{Exec: []string{"echo", spec.LateSecret("k")}}
	start(t, e, pod)
	result, err := e.RunInContainer(ctx, pod.ID, "c", []string{"cat", "/bin/busybox"})
	if err != nil || result.ExitCode != 0 || len(result.Output) != 10<<10 || !bytes.HasPrefix(result.Output, []byte("\x7fELF")) {
		t.Errorf("exit code %d, %d bytes, %v", result.ExitCode, len(result.Output), err)
	}
	result, err = e.RunInContainer(ctx, pod.ID, "c", pod.Containers[0].Lifecycle.PreStop.Exec)
	if err != nil || string(result.Output) != "hunter2\n" {
		t.Errorf("a secret that only a hook uses: %q, %v", result.Output, err)
	}
	_, err = e.RunInContainer(ctx, pod.ID, "c", []string{"no-such-program", spec.LateSecret("k")})
	var command *oci.CommandError
	if !errors.As(err, &command) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

func TestAServerOnThePodsAddressOnlyIsReached(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("web", "sh", "-c", `httpd -f -p "$IP:80" -h /etc`)
	pod.Containers[0].Env = []spec.EnvVar{{Name: "IP", Value: spec.LatePodIP}}
	st := start(t, e, pod)
	address := net.JoinHostPort(st.IPs[0], "80")
	var conn net.Conn
	eventually(t, "it listens", func() (ok bool) {
		var err error
		conn, err = e.DialPod(ctx, pod.ID, "tcp", address)
		return err == nil
	})
	defer conn.Close()
	fmt.Fprint(conn, "GET /hostname HTTP/1.0\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(answer), "web\n") {
		t.Errorf("answer %q, %v", answer, err)
	}
	if got := conn.LocalAddr().(*net.TCPAddr).IP.String(); got != st.IPs[0] {
		t.Errorf("the caller has the address %s, not one of the pod's", got)
	}
	if _, err := e.DialPod(ctx, pod.ID, "tcp", "127.0.0.1:80"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("on loopback, where nobody listens: %v", err)
	}

	gateway := st.IPs[0][:strings.LastIndex(st.IPs[0], ".")] + ".250" // nobody has it
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := e.DialPod(short, pod.ID, "tcp", net.JoinHostPort(gateway, "80")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("to where nobody answers: %v", err)
	}
	for _, bad := range []string{"", "web:80", "127.0.0.1", "127.0.0.1:99999", "[fe80::1%eth0]:80"} {
		if _, err := e.DialPod(ctx, pod.ID, "tcp", bad); err == nil {
			t.Errorf("address %q was dialled", bad)
		}
	}
	if _, err := e.DialPod(ctx, pod.ID, "udp", address); err == nil {
		t.Error("udp was dialled")
	}
}

func TestDiallingLeavesNoThreadBehindAndNoneElsewhere(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("web", "sleep", "1000")
	start(t, e, pod)
	many := func() {
		t.Helper()
		done := make(chan error)
		for range 16 {
			go func() {
				var wrong error
				for range 50 {
					if _, err := e.DialPod(ctx, pod.ID, "tcp", "127.0.0.1:80"); !errors.Is(err, syscall.ECONNREFUSED) {
						wrong = errors.Join(wrong, fmt.Errorf("where nobody listens: %w", err))
					}
				}
				done <- wrong
			}()
		}
		for range 16 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	many()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	threads := threadNamespaces(t)
	many()
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "descriptors are closed", func() bool { return openFiles(t) <= files })
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	after := threadNamespaces(t)
	if len(after) > len(threads)+16 {
		t.Errorf("%d threads after, %d before", len(after), len(threads))
	}
	for _, ns := range after {
		if ns != home {
			t.Errorf("a thread stayed in %s, not in %s", ns, home)
		}
	}
}

// threadNamespaces are the network namespaces of our threads.
func threadNamespaces(t *testing.T) []string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, task := range tasks {
		if ns, err := os.Readlink(task); err == nil { // it may just have ended
			list = append(list, ns)
		}
	}
	return list
}

func TestAPodOfTheHostsNetworkIsDialledFromThere(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pod := busyboxPod("web", "sleep", "1000")
	pod.Networks, pod.HostNet = nil, true
	start(t, e, pod)
	conn, err := e.DialPod(ctx, pod.ID, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := e.DialPod(ctx, spec.NewPodID(), "tcp", l.Addr().String()); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("a pod that is not there: %v", err)
	}
}

func TestMessagesAreBoundedAndMayBeWrittenByAnyUser(t *testing.T) {
	nobody := int64(65534)
	for name, c := range map[string]struct {
		change  func(*spec.Pod)
		command []string
		want    string
	}{
		"by another user": {
			func(p *spec.Pod) { p.Containers[0].User = spec.User{UID: &nobody} },
			[]string{"sh", "-c", "echo mine >/dev/termination-log"}, "mine\n",
		},
		"in a read-only root": {
			func(p *spec.Pod) {
				p.Containers[0].Security.ReadOnlyRoot = true
				p.Containers[0].Lifecycle.MessagePath = "/some/where/else"
			},
			[]string{"sh", "-c", "echo there >/some/where/else"}, "there\n",
		},
		"in a volume": {
			func(p *spec.Pod) {
				p.Volumes = []spec.Volume{{Name: "v", Empty: &spec.EmptyVolume{}}}
				p.Containers[0].Mounts = []spec.Mount{{Volume: "v", Path: "/v"}}
				p.Containers[0].Lifecycle.MessagePath = "/v/why"
			},
			[]string{"sh", "-c", "echo inside >/v/why"}, "inside\n",
		},
		"too long": {
			func(*spec.Pod) {},
			[]string{"sh", "-c", "{ cat /bin/busybox; printf '%4096s' end; } >/dev/termination-log"}, fmt.Sprintf("%4096s", "end"),
		},
		"cut in a character": {
			func(*spec.Pod) {},
			[]string{"sh", "-c", "{ printf 'ü'; printf '%4095s' end; } >/dev/termination-log"}, "\uFFFD" + fmt.Sprintf("%4095s", "end"),
		},
		"replaced by a link": { // it is a mount: it stays what it is
			func(*spec.Pod) {},
			[]string{"sh", "-c", "ln -sf /etc/hostname /dev/termination-log 2>/dev/null || echo is not >/dev/termination-log"}, "is not\n",
		},
		"its output, if it failed": {
			func(p *spec.Pod) { p.Containers[0].Lifecycle.LogFallback = true },
			[]string{"sh", "-c", "i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done; exit 1"}, numbered(20, 100),
		},
		"the end of its output": {
			func(p *spec.Pod) { p.Containers[0].Lifecycle.LogFallback = true },
			[]string{"sh", "-c", "printf '%5000s\n' end; exit 1"}, fmt.Sprintf("%2047s\n", "end"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, ctx := realEngine(t), context.Background()
			pod := busyboxPod("says", c.command...)
			c.change(pod)
			start(t, e, pod)
			st, err := e.WaitContainer(ctx, pod.ID, "c")
			if err != nil {
				t.Fatal(err)
			}
			if st.Message != c.want {
				t.Errorf("message %q, want %q", st.Message, c.want)
			}
		})
	}
}

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

func TestTheHostsDevGetsNoFileForMessages(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("dev", "true")
	pod.Volumes = []spec.Volume{{Name: "dev", Host: &spec.HostVolume{Path: "/dev"}}}
	pod.Containers[0].Mounts = []spec.Mount{{Volume: "dev", Path: "/dev/"}}
	start(t, e, pod)
	if _, err := e.WaitContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(spec.DefaultMessagePath); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("on the host: %v", err)
	}
}

func TestTheLogBeforeIsKept(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("talks", "sh", "-c", "cat /proc/sys/kernel/random/uuid")
	start(t, e, pod)
	read := func(logs func(context.Context, spec.PodID, string, oci.LogOptions, func(oci.Line) error) error) (text string, err error) {
		err = logs(ctx, pod.ID, "c", oci.LogOptions{}, func(l oci.Line) error {
			text += string(l.Text)
			return nil
		})
		return text, err
	}
	if _, err := read(e.PreviousLogs); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("before the first restart: %v", err)
	}
	for range 2 {
		if _, err := e.WaitContainer(ctx, pod.ID, "c"); err != nil {
			t.Fatal(err)
		}
		before, err := read(e.Logs)
		if err != nil || before == "" {
			t.Fatalf("log %q, %v", before, err)
		}
		if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
			t.Fatal(err)
		}
		if got, err := read(e.PreviousLogs); err != nil || got != before {
			t.Errorf("previous log %q, %v, want %q", got, err, before)
		}
	}
}

func TestALostConmonIsAsTheKubeletShowsIt(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("lost", "sleep", "1000")
	st := start(t, e, pod)
	kill(t, st.Containers[0].ConmonPid)
	var c spec.ContainerStatus
	eventually(t, "it is lost", func() bool {
		st, err := e.ObservePod(ctx, pod.ID)
		if err != nil {
			t.Fatal(err)
		}
		c = st.Containers[0]
		return c.State == spec.StateUnknown
	})
	if c.ExitCode != spec.ExitUnknown || c.Reason != "ContainerStatusUnknown" || c.Message == "" {
		t.Errorf("%+v", c)
	}
	if _, err := e.RunInContainer(ctx, pod.ID, "c", []string{"true"}); err != nil && !errors.Is(err, spec.ErrNotRunning) {
		t.Errorf("a command in it: %v", err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	if st, err := e.ObservePod(ctx, pod.ID); err != nil || !st.Containers[0].Running() || st.Containers[0].Attempt != 1 {
		t.Errorf("started anew: %+v, %v", st.Containers[0], err)
	}
}
