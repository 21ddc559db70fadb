package unit

import (
	"testing"
	"time"

	"berth/engine/spec"
	"berth/quadlet"
)

// FuzzDecide: whatever unit files say, a graph is made of them or they are refused,
// and what is decided about it comes to rest.
func FuzzDecide(f *testing.F) {
	f.Add("[Unit]\nRequires=b.service\nAfter=b.container\n[Container]\nImage=a\n[Service]\nRestart=always\nRestartSec=1h 5min\n", "[Pod]\n[Unit]\nUpholds=a.service\n")
	f.Add("[Container]\nImage=a\nPod=b.pod\n[Service]\nExecStartPre=-/bin/a $B ${C}\nEnvironment=\"B=c d\"\n", "[Pod]\nExitPolicy=continue\nPodmanArgs=--exit-policy\n")
	f.Add("[Container]\nImage=a\n[Unit]\nConditionPathExists=|!/a\nAssertFileNotEmpty=\n[Install]\nWantedBy=b-pod.service t@x.service\nDefaultInstance=q\n", "[Unit]\nBindsTo=a.service\n[Pod]\nGlobalArgs=--log-level=debug\n")
	f.Fuzz(func(t *testing.T, container, pod string) {
		var all []*quadlet.Unit
		files := []quadlet.Input{{Name: "a.container", Path: "/m/a.container", Data: []byte(container)}, {Name: "b.pod", Path: "/m/b.pod", Data: []byte(pod)}}
		for _, r := range quadlet.Convert(files, quadlet.Options{Program: "berth", Host: nowhere{}}) {
			if r.Unit != nil {
				all = append(all, r.Unit)
			}
		}
		g, _ := NewGraph(all, nil, Options{AllowCommands: true})
		w := World{
			Graph: g, Ours: func(*spec.UnitState) bool { return true }, Holds: func(Condition) bool { return true }, Now: time.Unix(1e9, 0),
			Seen: map[string]Seen{}, Prepared: map[string]string{},
		}
		for range 50 {
			d := Decide(&w)
			w.States, w.Outcomes = d.States, nil
			for _, step := range d.Steps {
				w.Outcomes = append(w.Outcomes, Outcome{Step: step})
				switch step.Kind {
				case StepStart:
					w.Seen[step.Unit] = Seen{Running: true, Ready: true}
				case StepStop:
					delete(w.Seen, step.Unit)
				}
			}
			if len(d.Steps) == 0 {
				return
			}
		}
		t.Errorf("it never comes to rest:\n%s\n%s", container, pod)
	})
}
