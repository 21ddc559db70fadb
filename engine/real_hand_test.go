package engine_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
)

// handPod is a container made by hand, in a pod of its own.
func handPod(name string, command ...string) *spec.Pod {
	pod := busyboxPod(name, command...)
	pod.Bare, pod.PlainNames, pod.Owner = true, true, spec.OwnerRun
	pod.Networks = []spec.NetworkAttachment{{Network: "berth"}}
	pod.Containers[0].ByHand = &spec.ByHand{ID: spec.NewContainerID()}
	return pod
}

func inside(t *testing.T, e *engine.Engine, id spec.PodID, script string) string {
	t.Helper()
	var out bytes.Buffer
	code, err := e.Exec(context.Background(), id, "c", oci.ExecOptions{
		Args: []string{"/bin/sh", "-c", script}, Streams: oci.Streams{Stdout: &out, Stderr: &out},
	})
	if err != nil || code != 0 {
		t.Fatalf("%s: code %d, %v\n%s", script, code, err, out.String())
	}
	return out.String()
}

func await(t *testing.T, e *engine.Engine, id spec.PodID) spec.ContainerStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := e.WaitContainer(ctx, id, "c")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAContainerMadeByHandKeepsItsLayerAndItsLog(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := handPod("keeper", "sh", "-c", "echo run >> /runs; cat /runs; echo end; exit 4")
	start(t, e, pod)
	if c := await(t, e, pod.ID); c.ExitCode != 4 {
		t.Errorf("ended with %+v", c)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	await(t, e, pod.ID)
	if err := e.StopPod(ctx, pod.ID, 0); err != nil { // the layer is unmounted
		t.Fatal(err)
	}
	if err := e.EnsurePod(ctx, pod, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	await(t, e, pod.ID)
	lines := e.LastOutput(ctx, pod.ID, "c", 100)
	if want := strings.Fields("run end run run end run run run end"); !slices.Equal(lines, want) {
		t.Errorf("logged %q, want %q", lines, want)
	}
	if err := e.PreviousLogs(ctx, pod.ID, "c", oci.LogOptions{}, nil); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("previous logs: %v", err)
	}
}

func TestAStartThatFailsLeavesAContainerMadeByHandAsItWas(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := handPod("broken", "/no/such/program")
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	defer func() {
		if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
			t.Error(err)
		}
	}()
	if err := e.EnsurePod(ctx, pod, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err == nil {
		t.Fatal("what is not there was started")
	}
	st, err := e.ObservePod(ctx, pod.ID)
	if err != nil || st.Containers[0].State != spec.StateCreated || st.Containers[0].ID != pod.Containers[0].ByHand.ID {
		t.Errorf("observed %+v, %v", st.Containers, err)
	}
}

func TestABareContainersConmonHoldsItsPorts(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := handPod("web", "httpd", "-f", "-p", "80")
	pod.Ports = []spec.PortMapping{{ContainerPort: 80, Protocol: "tcp"}}
	st := start(t, e, pod)
	if len(st.Ports) != 1 || st.Ports[0].HostPort == 0 {
		t.Fatalf("published %+v", st.Ports)
	}
	address := net.JoinHostPort("0.0.0.0", itoa(st.Ports[0].HostPort))
	taken := func() bool {
		l, err := net.Listen("tcp4", address)
		if err == nil {
			_ = l.Close()
		}
		return err != nil
	}
	if !taken() {
		t.Error("nobody holds the port while the container runs")
	}
	if err := e.StopContainer(ctx, pod.ID, "c", 0); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatalf("the port of an ended container is held: %v", err)
	}
	var portTaken *spec.PortTakenError
	if err := e.StartContainer(ctx, pod.ID, "c"); !errors.As(err, &portTaken) {
		t.Errorf("started with its port taken: %v", err)
	}
	_ = l.Close()
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	again, err := e.ObservePod(ctx, pod.ID)
	if err != nil || len(again.Ports) != 1 || again.Ports[0] != st.Ports[0] || !taken() {
		t.Errorf("published %+v, before %+v, held %v, %v", again.Ports, st.Ports, taken(), err)
	}
}

func TestABareContainerIsKnownByItsNames(t *testing.T) {
	e := realEngine(t)
	pod := handPod("named", "sleep", "1000")
	pod.Networks[0].Aliases = []string{"nick"}
	st := start(t, e, pod)
	for _, name := range []string{"named", "nick", string(pod.Containers[0].ByHand.ID.Short())} {
		if out := inside(t, e, pod.ID, "nslookup "+name+" || true"); !strings.Contains(out, st.IPs[0]) {
			t.Errorf("%s is not %s:\n%s", name, st.IPs[0], out)
		}
	}
}

func TestABareContainerHasNamespacesOfItsOwn(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := handPod("own", "sleep", "1000")
	pod.Networks, pod.HostNet, pod.Hostname = nil, true, "ownname"
	st := start(t, e, pod)
	if st.Sandbox != spec.SandboxReady {
		t.Errorf("sandbox %s", st.Sandbox)
	}
	if out := inside(t, e, pod.ID, "hostname"); strings.TrimSpace(out) != "ownname" {
		t.Errorf("its hostname is %q", out)
	}
	if err := e.KillContainer(ctx, pod.ID, "c", "KILL"); err != nil {
		t.Fatal(err)
	}
	if c := await(t, e, pod.ID); c.ExitCode != 137 {
		t.Errorf("ended with %+v", c)
	}
}

func TestExitsTellOfARestartedContainersEndToo(t *testing.T) {
	e := realEngine(t)
	pod := handPod("restless", "sleep", "1000")
	start(t, e, pod)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	exits, err := e.Exits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := e.StopContainer(ctx, pod.ID, "c", 0); err != nil {
			t.Fatal(err)
		}
		if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
			t.Fatal(err)
		}
		st, err := e.ObservePod(ctx, pod.ID)
		if err != nil {
			t.Fatal(err)
		}
		// Its conmon killed, nothing is left but the end of a process.
		process, err := oci.FindProcess(st.Containers[0].ConmonPid)
		if err != nil {
			t.Fatal(err)
		}
		for drained := false; !drained; {
			select {
			case <-exits:
			case <-time.After(200 * time.Millisecond):
				drained = true
			}
		}
		if err := process.Signal(9); err != nil {
			t.Fatal(err)
		}
		select {
		case id := <-exits:
			if id != pod.ID {
				t.Errorf("told of %q", id)
			}
		case <-ctx.Done():
			t.Fatal("nothing was told of a conmon's end")
		}
	}
}

func itoa(n uint16) string { return strconv.Itoa(int(n)) }

func TestAPersonChoosesTheInfraContainer(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pidFile := filepath.Join(t.TempDir(), "conmon.pid")
	pod := busyboxPod("infra")
	pod.Containers, pod.ByHand, pod.Owner = nil, true, spec.OwnerRun
	pod.Infra = &spec.Infra{Name: "mine", Image: "localhost/busybox:latest", Command: []string{"/bin/sleep", "1000"}, ConmonPidFile: pidFile}
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := e.EnsurePod(ctx, pod, nil); err != nil {
		t.Fatal(err)
	}
	st, err := e.ObservePod(ctx, pod.ID)
	if err != nil || !st.Infra.Running() {
		t.Fatalf("observed %+v, %v", st.Infra, err)
	}
	eventually(t, "it runs what was asked for", func() bool { // runc's start returns before that
		command, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(st.Infra.Pid), "cmdline"))
		return err == nil && string(command) == "/bin/sleep\x001000\x00"
	})
	if data, err := os.ReadFile(pidFile); err != nil || string(data) != strconv.Itoa(st.Infra.ConmonPid) {
		t.Errorf("pid file has %q, %v", data, err)
	}
	if _, c, err := e.FindContainer(ctx, "", "mine"); err != nil || c.ID != st.Infra.ID {
		t.Errorf("found %+v, %v", c, err)
	}
	if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
		t.Error(err)
	}
}
