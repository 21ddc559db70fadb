package engine

import (
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
)

// All pods are looked at anew for an exit file of an unknown container only: not
// for one that was cleared away meanwhile, nor for one whose end is on record.
func TestExitsOfWhatIsKnownAreToldWithoutALookAtAllPods(t *testing.T) {
	records, err := state.NewStore(state.Dirs{State: t.TempDir(), Run: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	pod := spec.Pod{ID: spec.NewPodID(), Namespace: "default", Name: "web"}
	ended := state.Container{Name: "main", ID: spec.NewContainerID(), Ended: &spec.Termination{FinishedAt: time.Now()}}
	for _, err := range []error{
		records.CreatePod(&pod, state.Intent{}),
		records.SaveSandbox(pod.ID, state.Sandbox{Ready: true, NoInfra: true}),
		records.SaveContainer(pod.ID, ended),
		os.WriteFile(records.Exit(ended.ID), []byte("0"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ends, err := oci.NewEnds()
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	x := exits{e: &Engine{records: records, log: slog.New(slog.DiscardHandler)}, ends: ends, containers: map[spec.ContainerID]spec.PodID{}, pinned: map[spec.PodID]bool{}}
	const mark = "of no pod: a look at all forgets it"
	for _, c := range []struct {
		what  string
		id    spec.ContainerID
		want  []spec.PodID
		looks bool
	}{
		{"an exit file that is gone", spec.NewContainerID(), nil, false},
		{"the first of an ended container", ended.ID, []spec.PodID{pod.ID}, true},
		{"the next of it", ended.ID, []spec.PodID{pod.ID}, false},
	} {
		x.containers[mark] = "x"
		got := x.concerned(fsnotify.Event{Name: records.Exit(c.id), Op: fsnotify.Create})
		if _, kept := x.containers[mark]; !slices.Equal(got, c.want) || kept == c.looks {
			t.Errorf("%s: told %v, looked at all pods: %v", c.what, got, !kept)
		}
	}
}
