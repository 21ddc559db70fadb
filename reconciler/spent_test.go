package reconciler

import (
	"testing"

	"berth/engine/spec"
)

func TestSpentContainer(t *testing.T) {
	const always, never = spec.RestartAlways, spec.RestartNever
	stopped := func(st *spec.PodStatus) *spec.PodStatus { st.Containers[0].Stopped = true; return st }
	for name, c := range map[string]struct {
		st   *spec.PodStatus
		want bool
	}{
		"ended":                         {alone(podOf(never, "a:exited=1"), nil), true},
		"never started":                 {stopped(alone(podOf(never, "a:created"), nil)), true},
		"just being started":            {alone(podOf(never, "a:created"), nil), false},
		"it runs":                       {alone(podOf(never, "a:running"), nil), false},
		"it is to be restarted":         {alone(podOf(always, "a:exited=1"), nil), false},
		"but was stopped":               {stopped(alone(podOf(always, "a:exited=1"), nil)), true},
		"ended, in a pod made by hand":  {together(podOf(never, "a:exited=0", "b:running"), nil), false},
		"ended, in a pod of a manifest": {podOf(never, "a:exited=0", "b:running"), false},
	} {
		if got := SpentContainer(c.st, "a"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if SpentContainer(podOf(never, "a:exited=0"), "b") {
		t.Error("a container that is not there")
	}
}

func TestSpentPod(t *testing.T) {
	const always, never = spec.RestartAlways, spec.RestartNever
	by := func(st *spec.PodStatus, owner spec.Owner, kind string) *spec.PodStatus {
		st.Pod.Owner, st.Pod.Origin.Kind = owner, kind
		return st
	}
	stopped := func(st *spec.PodStatus) *spec.PodStatus { st.Stopped = true; return st }
	for name, c := range map[string]struct {
		st   *spec.PodStatus
		want bool
	}{
		"played, ended":                 {by(podOf(never, "a:exited=0"), spec.OwnerPlay, "Pod"), true},
		"played, stopped":               {stopped(by(podOf(always, "a:exited=0"), spec.OwnerPlay, "Pod")), true},
		"played, to be restarted":       {by(podOf(always, "a:exited=0"), spec.OwnerPlay, "Pod"), false},
		"played, runs in part":          {by(podOf(never, "a:exited=0", "b:running"), spec.OwnerPlay, "Pod"), false},
		"a Deployment's, stopped":       {stopped(by(podOf(always, "a:exited=0"), spec.OwnerPlay, "Deployment")), false},
		"a folder's, ended":             {by(podOf(never, "a:exited=0"), spec.FolderOwner("/x"), "Pod"), false},
		"made by hand, ended":           {by(together(podOf(never, "a:exited=0"), nil), spec.OwnerRun, ""), true},
		"made by hand, never started":   {by(together(podOf(never, "a:created"), nil), spec.OwnerRun, ""), false},
		"made by hand, of nothing yet":  {by(together(podOf(never), nil), spec.OwnerRun, ""), false},
		"a container that stands alone": {by(alone(podOf(never, "a:exited=0"), nil), spec.OwnerRun, ""), false},
	} {
		if got := SpentPod(c.st); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
