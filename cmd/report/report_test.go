package report

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/cmd/output"
	"berth/engine/image"
	"berth/engine/spec"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got, -update rewrites):\n%s", name, diff)
	}
}

func TestContainerTables(t *testing.T) {
	list := Containers(now(), pods())
	for name, l := range map[string]output.List{
		"ps.txt":       {Table: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"},
		"ps-pod.txt":   {Table: "{{.ID}}\t{{.Names}}\t{{.Pod}}\t{{.PodName}}"},
		"ps-tmpl.txt":  {Format: output.ParseFormat(`table {{.Names}}\t{{.State}}\t{{.Labels}}\t{{.Label "app"}}\t{{.Networks}}\t{{.Mounts}}\t{{.Restarts}}\t{{.ImageID}}\t{{.IsInfra}}\t{{.Namespace}}\t{{.ExitCode}}`)},
		"ps-json.json": {Format: output.ParseFormat("json")},
	} {
		l.Headings = ContainerHeadings()
		var b strings.Builder
		if err := output.Print(&b, l, list, ContainerRows(now(), list, false)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, name, b.String())
	}
}

func TestPodTables(t *testing.T) {
	list := Pods(pods())
	for name, l := range map[string]output.List{
		"pod-ps.txt":       {Table: "{{.ID}}\t{{.Name}}\t{{.Status}}\t{{.Created}}\t{{.InfraID}}\t{{.NumberOfContainers}}"},
		"pod-ps-tmpl.txt":  {Format: output.ParseFormat(`table {{.Id}}\t{{.ContainerNames}}\t{{.ContainerStatuses}}\t{{.ContainerIds}}\t{{.Restarts}}\t{{.Networks}}\t{{.Labels}}\t{{.Namespace}}`)},
		"pod-ps-json.json": {Format: output.ParseFormat("json")},
	} {
		l.Headings = PodHeadings()
		var b strings.Builder
		if err := output.Print(&b, l, list, PodRows(now(), list, false)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, name, b.String())
	}
}

func TestImageTables(t *testing.T) {
	images := Images([]image.Entry{
		{Image: spec.Image{
			ID: strings.Repeat("a1", 32), Names: []string{"docker.io/library/nginx:1.27", "localhost:5000/web:latest"},
			Digest: "sha256:" + strings.Repeat("d", 64), Size: 187654321, Created: now().Add(-26 * time.Hour),
		}, Containers: []string{"x", "y"}},
		{Image: spec.Image{ID: strings.Repeat("b2", 32), Size: 4410000, Created: now().Add(-15 * 24 * time.Hour)}, Dangling: true},
	})
	rows := ImageRows(now(), images, false)
	SortImages(rows, "repository")
	var b strings.Builder
	l := output.List{Table: "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Created}}\t{{.Size}}", Headings: ImageHeadings()}
	if err := output.Print(&b, l, images, rows); err != nil {
		t.Fatal(err)
	}
	golden(t, "images.txt", b.String())
	b.Reset()
	if err := output.Print(&b, output.List{Format: output.ParseFormat("json")}, images, rows); err != nil {
		t.Fatal(err)
	}
	golden(t, "images.json", b.String())
}

func TestInspectShapes(t *testing.T) {
	all := pods()
	for name, v := range map[string]any{
		"inspect-pod.json":       InspectPod(&all[0]),
		"inspect-container.json": InspectContainer(&all[0], all[0].Containers[1]),
		"inspect-infra.json":     InspectContainer(&all[0], all[0].Infra),
	} {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, string(b)+"\n")
	}
}

func TestPodState(t *testing.T) {
	c := func(state spec.ContainerState, code int) spec.ContainerStatus {
		return spec.ContainerStatus{ID: "x", State: state, ExitCode: code}
	}
	initc := func(state spec.ContainerState, code int) spec.ContainerStatus {
		s := c(state, code)
		s.Init = true
		return s
	}
	none := spec.ContainerStatus{State: spec.StateNone}
	for _, test := range []struct {
		name    string
		sandbox spec.SandboxState
		list    []spec.ContainerStatus
		want    string
	}{
		{"nothing made yet", spec.SandboxNone, []spec.ContainerStatus{none}, PodCreated},
		{"created, not started", spec.SandboxReady, []spec.ContainerStatus{c(spec.StateCreated, 0)}, PodCreated},
		{"all run", spec.SandboxReady, []spec.ContainerStatus{c(spec.StateRunning, 0), c(spec.StateRunning, 0)}, PodRunning},
		{"all run, init done", spec.SandboxReady, []spec.ContainerStatus{initc(spec.StateExited, 0), c(spec.StateRunning, 0)}, PodRunning},
		{"init still runs", spec.SandboxReady, []spec.ContainerStatus{initc(spec.StateRunning, 0), none}, PodDegraded},
		{"init failed", spec.SandboxReady, []spec.ContainerStatus{initc(spec.StateExited, 1), none}, PodStopped},
		{"one ended", spec.SandboxReady, []spec.ContainerStatus{c(spec.StateRunning, 0), c(spec.StateExited, 0)}, PodDegraded},
		{"all run without their network", spec.SandboxLost, []spec.ContainerStatus{c(spec.StateRunning, 0)}, PodDegraded},
		{"all ended", spec.SandboxReady, []spec.ContainerStatus{c(spec.StateExited, 0), c(spec.StateUnknown, 137)}, PodExited},
		{"one ended, one never ran", spec.SandboxNone, []spec.ContainerStatus{c(spec.StateExited, 0), c(spec.StateCreated, 0)}, PodStopped},
		{"all paused", spec.SandboxReady, []spec.ContainerStatus{c(spec.StatePaused, 0)}, PodPaused},
	} {
		if got := PodState(&spec.PodStatus{Sandbox: test.sandbox, Containers: test.list}); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestStatusText(t *testing.T) {
	for want, c := range map[string]spec.ContainerStatus{
		"Up 3 minutes":                 {State: spec.StateRunning, StartedAt: now().Add(-3 * time.Minute)},
		"Up Less than a second":        {State: spec.StateRunning, StartedAt: now()},
		"Exited (0) 5 seconds ago":     {State: spec.StateExited, FinishedAt: now().Add(-5 * time.Second)},
		"Exited (137) 2 days ago":      {State: spec.StateExited, ExitCode: 137, FinishedAt: now().Add(-49 * time.Hour)},
		"Created":                      {State: spec.StateCreated},
		"Paused":                       {State: spec.StatePaused},
		"Stopping":                     {State: spec.StateRunning, Stopped: true, StartedAt: now()},
		"Unknown":                      {State: spec.StateUnknown},
		"Exited (1) About an hour ago": {State: spec.StateExited, ExitCode: 1, FinishedAt: now().Add(-time.Hour)},
	} {
		if got := statusText(now(), &spec.PodStatus{Infra: spec.ContainerStatus{Name: "_infra"}}, c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, p := range map[string]spec.PodStatus{
		"running": {}, "stopping": {Removal: &spec.Removal{}},
	} {
		p.Infra.Name = "_infra"
		if got := StateWord(&p, spec.ContainerStatus{Name: "c", State: spec.StateRunning}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := StateWord(&p, spec.ContainerStatus{Name: "_infra", State: spec.StateRunning}); got != "running" {
			t.Errorf("the infra container is %q", got)
		}
	}
}

func TestSplitTag(t *testing.T) {
	for name, want := range map[string][2]string{
		"docker.io/library/nginx:1.27":                  {"docker.io/library/nginx", "1.27"},
		"localhost:5000/web":                            {"localhost:5000/web", "<none>"},
		"localhost:5000/web:v1":                         {"localhost:5000/web", "v1"},
		"quay.io/a/b@sha256:" + strings.Repeat("0", 64): {"quay.io/a/b", "<none>"},
	} {
		repository, tag := SplitTag(name)
		if got := [2]string{repository, tag}; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPortsText(t *testing.T) {
	p := &spec.PodStatus{Sandbox: spec.SandboxReady, Ports: []spec.PortMapping{
		{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"},
		{HostPort: 9000, ContainerPort: 9000, Protocol: "tcp"},
		{HostPort: 9001, ContainerPort: 9001, Protocol: "tcp"},
		{HostIP: "127.0.0.1", HostPort: 53, ContainerPort: 5353, Protocol: "udp"},
	}}
	const want = "0.0.0.0:8080->80/tcp, 0.0.0.0:9000-9001->9000-9001/tcp, 127.0.0.1:53->5353/udp"
	if got := PortsText(ports(p)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
