package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/engine/oci"
	"berth/engine/spec"
)

// fetch gets the page by the host's port.
func fetch() string {
	resp, err := http.Get("http://127.0.0.1:18084/index.html")
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func TestWhatAFlushTookIsMadeAnew(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("web", "sh", "-c", "echo page > /index.html; httpd -h / -p 80; echo up; exec sleep 1000")
	pod.Ports = []spec.PortMapping{{HostPort: 18084, ContainerPort: 80, Protocol: "tcp"}}
	want := func(when string) {
		t.Helper()
		if got := fetch(); got != "page\n" {
			t.Fatalf("%s: %q", when, got)
		}
	}
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		again, err := e.Lock(ctx, pod.Key())
		if err != nil {
			t.Fatal(err)
		}
		defer again()
		if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
			t.Error(err)
		}
	}()
	if err := e.EnsurePod(ctx, pod, []string{"c"}); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	unlock()
	up := errors.New("up")
	if err := e.Logs(ctx, pod.ID, "c", oci.LogOptions{Follow: true}, func(oci.Line) error { return up }); !errors.Is(err, up) {
		t.Fatal(err)
	}
	before, err := e.ObservePod(ctx, pod.ID)
	if err != nil {
		t.Fatal(err)
	}
	heal := func(wanted int) {
		t.Helper()
		if healed, err := e.HealNetworks(ctx); err != nil || len(healed) != wanted {
			t.Fatalf("healed %v, %v; want %d", healed, err, wanted)
		}
	}
	heal(0)
	want("before")
	for _, args := range []string{"iptables -t nat -F", "iptables -t nat -X", "iptables -F", "iptables -X"} {
		if out, err := exec.Command("sh", "-c", args).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", args, err, out)
		}
	}
	if unlock, err = e.Lock(ctx, pod.Key()); err != nil {
		t.Fatal(err)
	}
	heal(0) // somebody is changing it
	unlock()
	heal(1)
	want("after the flush")
	heal(0)
	if after, err := e.ObservePod(ctx, pod.ID); err != nil || after.IPs[0] != before.IPs[0] || after.Containers[0].Pid != before.Containers[0].Pid {
		t.Errorf("it was %v, is %v, %v", before.IPs, after.IPs, err)
	}

	pidFile := e.Paths().Run + "/netavark/aardvark-dns/aardvark.pid"
	pid, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("kill", "-9", strings.TrimSpace(string(pid))).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for try := 1; ; try++ { // what was killed may still be seen for a moment
		heal(0)
		var out, said bytes.Buffer
		code, err := e.Exec(ctx, pod.ID, "c", oci.ExecOptions{Args: []string{"nslookup", "web"}, Streams: oci.Streams{Stdout: &out, Stderr: &said}})
		if err == nil && code == 0 {
			break
		}
		if err != nil || try == 10 {
			t.Fatalf("after the name server was killed, asking for a name: %d, %v: %s%s", code, err, out.String(), said.String())
		}
	}
}

// A renaming that was cut short after the pod's record was written.
func TestNamesOfARenamedPodAreMadeUpFor(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("web", "sleep", "1000")
	pod.Networks[0].Aliases = nil
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.EnsurePod(ctx, pod, []string{"c"}); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	unlock()
	path := filepath.Join(e.Paths().State, "pods", pod.ID.UID(), "pod.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(data, []byte(`"name":"web"`), []byte(`"name":"front"`), 1)
	if err := os.WriteFile(path, changed, 0o600); err != nil || bytes.Equal(changed, data) {
		t.Fatalf("%v: %s", err, data)
	}
	pod.Name = "front"
	for _, wanted := range []int{1, 0} {
		if healed, err := e.HealNetworks(ctx); err != nil || len(healed) != wanted {
			t.Errorf("healed %v, %v; want %d", healed, err, wanted)
		}
	}
	for name, there := range map[string]bool{"front": true, "front.default": true, "web": false} {
		for try := 1; ; try++ { // the name server reads its files again in its own time
			var out bytes.Buffer
			streams := oci.Streams{Stdout: &out, Stderr: &out}
			code, err := e.Exec(ctx, pod.ID, "c", oci.ExecOptions{Args: []string{"nslookup", name}, Streams: streams})
			if err == nil && (code == 0) == there {
				break
			}
			if err != nil || try == 50 {
				t.Fatalf("%s: %d, %v: %s", name, code, err, out.String())
			}
		}
	}
	if unlock, err = e.Lock(ctx, pod.Key()); err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
		t.Error(err)
	}
}
