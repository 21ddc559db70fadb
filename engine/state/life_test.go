package state

import (
	"testing"
	"time"

	"berth/engine/spec"
)

func TestAHasteIsOfOneSandboxAndOnlyShortens(t *testing.T) {
	s, p := store(t), pod("web")
	if err := s.CreatePod(p, Intent{}); err != nil {
		t.Fatal(err)
	}
	until := func(c spec.ContainerID) time.Duration {
		t.Helper()
		at, ok, err := s.ReadHaste(p.ID, c)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return 0
		}
		return time.Until(at).Round(time.Minute)
	}
	hasten := func(c spec.ContainerID, in time.Duration, there ...spec.ContainerID) {
		t.Helper()
		if err := s.Hasten(p.ID, c, time.Now().Add(in), there); err != nil {
			t.Fatal(err)
		}
	}
	if got := until("a"); got != 0 {
		t.Errorf("nobody said so, it is %s", got)
	}
	for _, step := range []struct {
		sandbox  spec.ContainerID
		in, want time.Duration
	}{
		{"a", 3 * time.Hour, 3 * time.Hour}, {"a", 4 * time.Hour, 3 * time.Hour}, {"a", time.Hour, time.Hour},
		{"b", 9 * time.Hour, 9 * time.Hour}, // another sandbox starts afresh
	} {
		hasten(step.sandbox, step.in)
		if got := until(step.sandbox); got != step.want {
			t.Errorf("sandbox %s in %s: it is in %s, want %s", step.sandbox, step.in, got, step.want)
		}
	}
	if got := until("a"); got != 0 {
		t.Errorf("of the sandbox before it still says %s", got)
	}
	hasten("c", 5*time.Hour, "b", "c")
	if b, c := until("b"), until("c"); b != 9*time.Hour || c != 5*time.Hour {
		t.Errorf("the sandbox in %s, a container of it in %s", b, c)
	}
	hasten("b", -time.Hour)
	if got := until("b"); got != -time.Hour {
		t.Errorf("what is past is in %s", got)
	}
	if err := s.RemovePod(p.ID); err != nil {
		t.Fatal(err)
	}
	hasten("b", time.Hour) // a pod that is gone
}
