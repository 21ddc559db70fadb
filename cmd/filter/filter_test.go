package filter

import (
	"strings"
	"testing"
	"time"

	"berth/cmd/report"
	"berth/engine/image"
	"berth/engine/spec"
)

func now() time.Time { return time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC) }

func hex(s string) string { return strings.Repeat(s, 64/len(s)) }

func pods() []spec.PodStatus {
	web := spec.PodStatus{
		Pod: spec.Pod{
			ID: spec.PodID(hex("aa")), Namespace: "default", Name: "web", CreatedAt: now().Add(-time.Hour), RestartPolicy: spec.RestartAlways,
			Labels: map[string]string{"app": "web", "tier": "front"}, Annotations: map[string]string{"note": "x"},
			Networks: []spec.NetworkAttachment{{Network: "berth"}},
			Volumes:  []spec.Volume{{Name: "v", Named: &spec.NamedVolume{Volume: "web-data"}}},
			Containers: []spec.Container{
				{Name: "nginx", Mounts: []spec.Mount{{Volume: "v", Path: "/data"}}}, {Name: "side"},
			},
		},
		Sandbox: spec.SandboxReady,
		Containers: []spec.ContainerStatus{
			{
				ID: spec.ContainerID(hex("b1")), Name: "nginx", State: spec.StateRunning, Image: "docker.io/library/nginx:1.27",
				ImageID: hex("01"), Command: []string{"nginx", "-g"}, CreatedAt: now().Add(-time.Hour),
			},
			{
				ID: spec.ContainerID(hex("b2")), Name: "side", State: spec.StateExited, ExitCode: 3, Image: "quay.io/a/side:v1",
				ImageID: hex("02"), CreatedAt: now().Add(-30 * time.Minute),
			},
		},
	}
	job := spec.PodStatus{
		Pod: spec.Pod{
			ID: spec.PodID(hex("cc")), Namespace: "batch", Name: "job", CreatedAt: now().Add(-time.Minute), RestartPolicy: spec.RestartNever,
			Labels: map[string]string{"app": "job"}, Containers: []spec.Container{{Name: "run"}},
		},
		Containers: []spec.ContainerStatus{{
			ID: spec.ContainerID(hex("d3")), Name: "run", State: spec.StateCreated, Image: "localhost/job", CreatedAt: now().Add(-time.Minute),
		}},
	}
	return []spec.PodStatus{web, job}
}

func TestContainerFilters(t *testing.T) {
	all := report.Containers(now(), pods())
	m := Containers(now(), all)
	for filters, want := range map[string]string{
		"":                                "web-nginx web-side job-run",
		"id=b1":                           "web-nginx",
		"id=^b":                           "web-nginx web-side",
		"name=web":                        "web-nginx web-side",
		"name=-run$":                      "job-run",
		"name=nginx name=run":             "web-nginx job-run", // alternatives
		"label=app":                       "web-nginx web-side job-run",
		"label=app=web label=tier=front":  "web-nginx web-side", // all of them
		"label=app=job label=tier=front":  "",
		"label!=tier":                     "job-run",
		"annotation=note=x":               "web-nginx web-side",
		"annotation!=note":                "job-run",
		"status=running":                  "web-nginx",
		"status=stopped":                  "web-side",
		"status=exited status=created":    "web-side job-run",
		"exited=3":                        "web-side",
		"exited=0":                        "",
		"ancestor=nginx":                  "web-nginx",
		"ancestor=nginx:1.27":             "web-nginx",
		"ancestor=docker.io/library/ngin": "web-nginx",
		"ancestor=0202":                   "web-side",
		"pod=web":                         "web-nginx web-side",
		"pod=batch/job":                   "job-run",
		"pod=cccc":                        "job-run",
		"namespace=batch":                 "job-run",
		"network=berth":                   "web-nginx web-side",
		"volume=web-data":                 "web-nginx",
		"volume=/data":                    "web-nginx",
		"volume=web-data:/data":           "web-nginx",
		"volume=web-data:/other":          "",
		"command=nginx":                   "web-nginx",
		"restart-policy=no":               "job-run",
		"until=40m":                       "web-nginx",
		"until=2025-03-04T11:15:00Z":      "web-nginx",
		"before=web-side":                 "web-nginx",
		"since=b2":                        "job-run",
		"status=running name=side":        "", // both
	} {
		set, err := Parse(strings.Fields(filters), m.Keys())
		if err != nil {
			t.Fatalf("%s: %v", filters, err)
		}
		got, err := Apply(all, set, m)
		if err != nil {
			t.Fatalf("%s: %v", filters, err)
		}
		var names []string
		for _, c := range got {
			names = append(names, c.Names[0])
		}
		if s := strings.Join(names, " "); s != want {
			t.Errorf("%s: %q, want %q", filters, s, want)
		}
	}
}

func TestPodFilters(t *testing.T) {
	all := report.Pods(pods())
	m := Pods(now())
	for filters, want := range map[string]string{
		"id=aa": "web", "name=jo": "job", "namespace=default": "web", "label=tier": "web", "label!=tier": "job",
		"network=berth": "web", "status=Degraded": "web", "status=created": "job", "until=10m": "web", "ctr-ids=d3": "job",
		"ctr-names=side": "web", "ctr-status=exited": "web", "ctr-number=1": "job", "status=degraded status=created": "job web",
	} {
		set, err := Parse(strings.Fields(filters), m.Keys())
		if err != nil {
			t.Fatalf("%s: %v", filters, err)
		}
		got, err := Apply(all, set, m)
		if err != nil {
			t.Fatalf("%s: %v", filters, err)
		}
		var names []string
		for _, p := range got {
			names = append(names, p.Name)
		}
		if s := strings.Join(names, " "); s != want {
			t.Errorf("%s: %q, want %q", filters, s, want)
		}
	}
}

func TestImageFilters(t *testing.T) {
	all := report.Images([]image.Entry{
		{
			Image: spec.Image{
				ID: hex("01"), Names: []string{"docker.io/library/nginx:1.27"}, Created: now().Add(-time.Hour), Labels: map[string]string{"a": "b"},
			},
			Containers: []string{"x"},
		},
		{Image: spec.Image{ID: hex("02"), Created: now().Add(-2 * time.Hour), Digest: "sha256:" + hex("0d")}, Dangling: true},
	})
	m := Images(now(), all)
	for filters, want := range map[string]string{
		"reference=nginx": "01", "reference=library/nginx:1.*": "01", "reference=*:1.27": "01", "reference=redis": "",
		"dangling=true": "02", "dangling=false": "01", "label=a=b": "01", "label!=a": "02", "id=02": "02", "digest=sha256:0d": "02",
		"containers=true": "01", "until=90m": "02", "before=nginx": "02", "since=0202": "01",
	} {
		set, err := Parse(strings.Fields(filters), m.Keys())
		if err != nil {
			t.Fatalf("%s: %v", filters, err)
		}
		got, err := Apply(all, set, m)
		if err != nil {
			t.Fatalf("%s: %v", filters, err)
		}
		var ids []string
		for _, i := range got {
			ids = append(ids, i.ID[:2])
		}
		if s := strings.Join(ids, " "); s != want {
			t.Errorf("%s: %q, want %q", filters, s, want)
		}
	}
}

func TestBadFilters(t *testing.T) {
	all := report.Containers(now(), pods())
	m := Containers(now(), all)
	for arg, want := range map[string]string{
		"running":            `--filter "running": want key=value`,
		"statsu=running":     `did you mean "status"?`,
		"status=runing":      "not a container status",
		"exited=x":           "want an exit code",
		"name=(":             "not a regular expression",
		"until=yesterdayish": "is not a time",
		"before=nobody":      "no such object",
	} {
		set, err := Parse([]string{arg}, m.Keys())
		if err == nil {
			_, err = Apply(all, set, m)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", arg, err, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	for s, want := range map[string]time.Time{
		"10m":                       now().Add(-10 * time.Minute),
		"1741089600":                time.Unix(1741089600, 0),
		"1741089600.5":              time.Unix(1741089600, 5e8),
		"2025-03-04":                time.Date(2025, 3, 4, 0, 0, 0, 0, time.UTC),
		"2025-03-04T10:00:00":       time.Date(2025, 3, 4, 10, 0, 0, 0, time.UTC),
		"2025-03-04T10:00:00+02:00": time.Date(2025, 3, 4, 8, 0, 0, 0, time.UTC),
	} {
		got, err := ParseTime(now(), s)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
}
