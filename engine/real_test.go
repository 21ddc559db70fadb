package engine_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/engine"
	"berth/engine/enginetest"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/internal/ociarchive"
	"berth/internal/testhost"
)

// testRuntime is crun where the test host's cgroups let it work: it needs more
// than a pure v2 host gives.
func testRuntime() string {
	if os.Getenv("BERTH_TESTHOST") == "1" {
		return "crun"
	}
	return "runc"
}

// realEngine is an engine with everything real, a busybox image in its store,
// and a check that it left nothing when the test ends.
func realEngine(t testing.TB) *engine.Engine {
	t.Helper()
	testhost.Need(t)
	var log bytes.Buffer
	e, err := engine.Open(engine.Options{Runtime: testRuntime(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && log.Len() > 0 {
			t.Log(log.String())
		}
		leaks, err := e.Check(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, l := range leaks {
			t.Errorf("left behind: %s %s %s", l.Kind, l.Name, l.Detail)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	archive := filepath.Join(t.TempDir(), "busybox.tar")
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	files := []ociarchive.File{{Path: "bin/busybox", Mode: 0o755, Content: busybox}}
	for _, name := range []string{"sh", "sleep", "cat", "echo", "ls", "true", "false", "hostname", "nslookup", "wget", "httpd"} {
		files = append(files, ociarchive.File{Path: "bin/" + name, Link: "busybox"})
	}
	err = ociarchive.Write(archive, ociarchive.Image{
		Name: "localhost/busybox:latest", Layers: []ociarchive.Layer{ociarchive.Files(files...)},
		Config: ociv1.ImageConfig{Env: []string{"PATH=/bin"}, Cmd: []string{"sh"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.EnsureImage(context.Background(), spec.ImageRequest{Ref: "oci-archive:" + archive, Policy: spec.PullMissing}); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheRealEngineDoesWhatEveryEngineMust(t *testing.T) {
	enginetest.Conformance(t, func(t *testing.T) enginetest.Harness {
		e := realEngine(t)
		return enginetest.Harness{Engine: e, Image: "localhost/busybox:latest", Reopen: func(t *testing.T) enginetest.Engine {
			again, err := engine.Open(engine.Options{Runtime: testRuntime()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = again.Close() })
			return again
		}}
	})
}

func busyboxPod(name string, command ...string) *spec.Pod {
	return &spec.Pod{
		ID: spec.NewPodID(), Namespace: spec.DefaultNamespace, Name: name, Hostname: name, CreatedAt: time.Now(),
		Owner: spec.OwnerPlay, RestartPolicy: spec.RestartNever,
		Networks:   []spec.NetworkAttachment{{Network: "berth", Aliases: []string{name, name + ".default"}}},
		Containers: []spec.Container{{Name: "c", Image: "localhost/busybox:latest", Command: command}},
	}
}

func start(t *testing.T, e *engine.Engine, pod *spec.Pod) spec.PodStatus {
	t.Helper()
	ctx := context.Background()
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	t.Cleanup(func() {
		if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
			t.Error(err)
		}
	})
	if err := e.EnsurePod(ctx, pod, []string{"c"}); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	st, err := e.ObservePod(ctx, pod.ID)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestAPodRunsIsSeenAndGoes(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("web", "sh", "-c", "echo hello from $HOSTNAME; exec sleep 1000")
	st := start(t, e, pod)
	c := st.Containers[0]
	if st.Sandbox != spec.SandboxReady || c.State != spec.StateRunning || c.Pid == 0 || len(st.IPs) != 1 {
		t.Fatalf("observed %+v", st)
	}
	var out bytes.Buffer
	code, err := e.Exec(ctx, pod.ID, "c", oci.ExecOptions{
		Args: []string{"sh", "-c", "cat /etc/hosts /etc/resolv.conf; hostname; exit 3"}, Streams: oci.Streams{Stdout: &out},
	})
	if err != nil || code != 3 {
		t.Errorf("exec: code %d, %v", code, err)
	}
	for _, want := range []string{st.IPs[0] + "\tweb", "nameserver ", "\nweb\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("inside, %q is missing from:\n%s", want, out.String())
		}
	}
	if err := e.StopContainer(ctx, pod.ID, "c", time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if st, err = e.ObservePod(ctx, pod.ID); err != nil || st.Containers[0].State != spec.StateExited || st.Containers[0].ExitCode != 137 {
		t.Errorf("after the stop: %+v, %v", st.Containers[0], err)
	}
	var lines []string
	if err := e.Logs(ctx, pod.ID, "c", oci.LogOptions{}, func(l oci.Line) error { lines = append(lines, string(l.Text)); return nil }); err != nil {
		t.Error(err)
	}
	if len(lines) != 1 || strings.TrimSpace(lines[0]) != "hello from web" {
		t.Errorf("logged %q", lines)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	if again, err := e.ObservePod(ctx, pod.ID); err != nil || again.Containers[0].Attempt != 1 || again.Containers[0].ID == c.ID {
		t.Errorf("after the second start: %+v, %v", again.Containers[0], err)
	}
}

func TestATakenPortIsRefusedBeforeAnythingStarts(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	l, err := net.Listen("tcp4", "0.0.0.0:8081")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pod := busyboxPod("web", "sleep", "1000")
	pod.Ports = []spec.PortMapping{{HostPort: 8081, ContainerPort: 80, Protocol: "tcp"}}
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	var taken *spec.PortTakenError
	if err := e.EnsurePod(ctx, pod, []string{"c"}); !errors.As(err, &taken) {
		t.Errorf("err %v", err)
	}
	if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
		t.Error(err)
	}
}
