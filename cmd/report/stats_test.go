package report

import (
	"testing"
	"time"

	"berth/engine/oci"
	"berth/engine/spec"
)

func TestUsageIsToldInPodmansWords(t *testing.T) {
	began := time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)
	pod := &spec.PodStatus{Pod: spec.Pod{ID: "0123456789abcdef", Name: "web"}}
	u := Usage{
		Pod: pod, Status: spec.ContainerStatus{ID: "fedcba9876543210", Name: "c", StartedAt: began}, At: began.Add(10 * time.Second), Runs: true,
		Stats: oci.Stats{CPU: 2 * time.Second, Memory: 1500, MemoryLimit: 6000, NetReceived: 10, NetSent: 2000, BlockRead: 1, BlockWritten: 3e6, Pids: 4},
	}
	want := UsageJSON{"fedcba987654", "web-c", "2s", "20.00%", "20.00%", "1.5kB / 6kB", "25.00%", "10B / 2kB", "1B / 3MB", "4"}
	if got := (UsageRow{u}).JSON(); got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	later := u
	later.At, later.Stats.CPU, later.Before = u.At.Add(2*time.Second), 3*time.Second, &u
	if r := (UsageRow{later}); r.CPUPerc() != "50.00%" || r.AVGCPU() != "25.00%" {
		t.Errorf("since before %s, in all %s", r.CPUPerc(), r.AVGCPU())
	}
	later.Status.StartedAt = began.Add(8 * time.Second) // it was started again
	if r := (UsageRow{later}); r.CPUPerc() != "75.00%" {
		t.Errorf("started again %s", r.CPUPerc())
	}
	down := UsageRow{Usage{Pod: pod, Status: u.Status}}
	if got := down.JSON(); got.CPU != "--" || got.Memory != "-- / --" || got.Pids != "--" {
		t.Errorf("%+v", got)
	}
	if got := (UsageRow{u}).InPod(); got.Pod != "0123456789ab" || got.CID != "fedcba987654" || got.MemUsageBytes != "1.465KiB / 5.859KiB" {
		t.Errorf("%+v", got)
	}
}
