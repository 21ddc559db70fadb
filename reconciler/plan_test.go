package reconciler

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
	"berth/kube"
)

const folder = spec.Owner("folder:/m")

// want is a desired pod of the folder: a Pod object of its name.
func want(name, hash string, change ...func(*spec.Pod)) *spec.Pod {
	p := &spec.Pod{
		Namespace: "default", Name: name, Hash: hash, Owner: folder,
		Origin:        spec.Origin{Kind: "Pod", Namespace: "default", Name: name, File: "/m/" + name + ".yaml"},
		RestartPolicy: spec.RestartAlways,
		Containers:    []spec.Container{{Name: "c", Image: "img"}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

// have is that pod, running.
func have(p *spec.Pod, change ...func(*spec.PodStatus)) spec.PodStatus {
	st := spec.PodStatus{
		Pod: *p, Sandbox: spec.SandboxReady,
		Containers: []spec.ContainerStatus{{Name: "c", ID: "c1", State: spec.StateRunning}},
	}
	st.Pod.ID = spec.PodID("id-" + p.Name)
	for _, f := range change {
		f(&st)
	}
	return st
}

func deployed(name string, ordinal int) func(*spec.Pod) {
	return func(p *spec.Pod) {
		p.Origin = spec.Origin{Kind: "Deployment", Namespace: "default", Name: name, Ordinal: ordinal}
	}
}

func owned(o spec.Owner) func(*spec.Pod)   { return func(p *spec.Pod) { p.Owner = o } }
func files(content string) func(*spec.Pod) { return func(p *spec.Pod) { p.Volumes = filesOf(content) } }
func labelled(value string) func(*spec.Pod) {
	return func(p *spec.Pod) {
		p.Labels, p.Annotations = map[string]string{"l": value}, map[string]string{"a": value}
	}
}
func renewed(p *spec.Pod) { p.RestartOnChange = true }
func sized(cpu, memory int64, restart ...string) func(*spec.Pod) {
	return func(p *spec.Pod) {
		p.Containers[0].Resources = spec.Resources{CPULimit: cpu, MemoryLimit: memory}
		p.Containers[0].RestartOnResize = restart
	}
}
func overridden(cpu, memory int64) func(*spec.Pod) {
	return func(p *spec.Pod) {
		p.Containers[0] = p.Containers[0].Override(spec.Resources{CPULimit: cpu, MemoryLimit: memory, PidsLimit: 9}, spec.RestartNever)
	}
}
func evicted(st spec.PodStatus) spec.PodStatus {
	st.Verdict, st.Sandbox = &spec.Verdict{Reason: "Evicted"}, spec.SandboxNone
	return st
}
func given(manifest string) func(*spec.Pod) {
	return func(p *spec.Pod) { p.Manifest = []byte(manifest) }
}
func filesOf(content string) []spec.Volume {
	return []spec.Volume{{Name: "conf", Files: &spec.FilesVolume{Content: content}}}
}
func stopped(st *spec.PodStatus) { st.Stopped = true }
func down(st *spec.PodStatus)    { st.Sandbox, st.Containers[0].State = spec.SandboxNone, spec.StateNone }
func lost(st *spec.PodStatus)    { st.Sandbox = spec.SandboxLost }
func exited(code int) func(*spec.PodStatus) {
	return func(st *spec.PodStatus) {
		st.Containers[0].State, st.Containers[0].ExitCode = spec.StateExited, code
	}
}

func object(kind, name string) kube.Key {
	return kube.Key{Kind: kind, Namespace: "default", Name: name}
}

func TestPlan(t *testing.T) {
	serve := Scope{Owners: []spec.Owner{folder, spec.OwnerPlay}, Prune: PruneOwned}
	with := func(s Scope, change func(*Scope)) Scope { change(&s); return s }
	play := Scope{Owners: []spec.Owner{spec.OwnerPlay}, Prune: PruneObjects, Start: true}
	for sentence, c := range map[string]struct {
		want  []*spec.Pod
		have  []spec.PodStatus
		scope Scope
		plan  string // action name, one a line
	}{
		"a pod that is not there is created": {
			want: []*spec.Pod{want("web", "1")}, scope: serve, plan: "create web: it is not there",
		},
		"a pod that is as it should be is kept": {
			want: []*spec.Pod{want("web", "1")}, have: []spec.PodStatus{have(want("web", "1"))}, scope: serve, plan: "keep web",
		},
		"a changed pod is replaced, and the plan says what changed": {
			want: []*spec.Pod{want("web", "2", func(p *spec.Pod) { p.Containers[0].Image = "new" })},
			have: []spec.PodStatus{have(want("web", "1"))}, scope: serve,
			plan: "replace web: image of container c (img → new) changed",
		},
		"a pod nobody wants any more is removed": {
			have: []spec.PodStatus{have(want("web", "1"))}, scope: serve, plan: "remove web: Pod default/web is gone",
		},
		"a pod of an owner that could not be read is kept": {
			have: []spec.PodStatus{have(want("web", "1"))}, scope: with(serve, func(s *Scope) { s.Unknown = []spec.Owner{folder} }),
			plan: "keep web: not all that folder:/m wants could be read",
		},
		"a pod of another unknown owner does not save one of a known owner": {
			have:  []spec.PodStatus{have(want("web", "1", owned(spec.OwnerPlay)))},
			scope: with(serve, func(s *Scope) { s.Unknown = []spec.Owner{folder} }),
			plan:  "remove web: Pod default/web is gone",
		},
		"a pod whose object has errors is kept": {
			have: []spec.PodStatus{have(want("web", "1"))},
			scope: with(serve, func(s *Scope) {
				s.Held = map[kube.Key]bool{object("Pod", "web"): true}
				s.Objects = s.Held
			}),
			plan: "keep web: Pod default/web has errors",
		},
		"a replica too many is removed though another file could not be read": {
			want: []*spec.Pod{want("d-1", "1", deployed("d", 0))},
			have: []spec.PodStatus{have(want("d-1", "1", deployed("d", 0))), have(want("d-2", "1", deployed("d", 1)))},
			scope: with(serve, func(s *Scope) {
				s.Unknown, s.Objects = []spec.Owner{folder}, map[kube.Key]bool{object("Deployment", "d"): true}
			}),
			plan: "keep d-1\nremove d-2: Deployment default/d no longer asks for it",
		},
		"a pod that another name was given to is replaced": {
			want: []*spec.Pod{want("d-x-1", "2", deployed("d", 0))}, have: []spec.PodStatus{have(want("d-a-1", "1", deployed("d", 0)))},
			scope: serve, plan: "replace d-x-1: its definition changed",
		},
		"a pod of a folder that is not ours is left alone": {
			have: []spec.PodStatus{have(want("web", "1", owned("folder:/other")))}, scope: serve, plan: "",
		},
		"a pod made by run is not taken for one of ours": {
			want: []*spec.Pod{want("web", "1")},
			have: []spec.PodStatus{have(want("web", "9", owned(spec.OwnerRun), func(p *spec.Pod) { p.Origin = spec.Origin{} }))}, scope: serve,
			plan: "refuse web: pod default/web exists and belongs to a pod made on the command line: remove it, or use --replace",
		},
		"a name that a unit holds is refused": {
			want: []*spec.Pod{want("web", "1")}, have: []spec.PodStatus{have(want("web", "1", owned("unit:web")))}, scope: serve,
			plan: "refuse web: pod default/web exists and belongs to unit:web: change it there",
		},
		"a pod that moved to another file is adopted": {
			want: []*spec.Pod{want("web", "1", func(p *spec.Pod) { p.Origin.File = "/m/sub/new.yaml" })},
			have: []spec.PodStatus{have(want("web", "1"))}, scope: serve,
			plan: "adopt web: it now comes from Pod default/web in /m/sub/new.yaml",
		},
		"a played pod whose file was put into the folder is adopted": {
			want: []*spec.Pod{want("web", "1")}, have: []spec.PodStatus{have(want("web", "1", owned(spec.OwnerPlay)))}, scope: serve,
			plan: "adopt web: it belonged to play",
		},
		"a name held by an owner that cannot be read is refused": {
			want: []*spec.Pod{want("web", "1")}, have: []spec.PodStatus{have(want("web", "1", owned("folder:/b")))},
			scope: with(serve, func(s *Scope) { s.Owners = append(s.Owners, "folder:/b"); s.Unknown = []spec.Owner{"folder:/b"} }),
			plan:  "refuse web: pod default/web belongs to folder:/b, which cannot be read now",
		},
		"a ConfigMap may ask for a restart": {
			want: []*spec.Pod{want("web", "1", files("b"), renewed)}, have: []spec.PodStatus{have(want("web", "1", files("a"), renewed))}, scope: serve,
			plan: "update web: new files in volume conf: its containers are restarted, as it asks for",
		},
		"other CPU and memory are given to a running pod": {
			want: []*spec.Pod{want("web", "1", sized(200, 64))}, have: []spec.PodStatus{have(want("web", "1", sized(100, 64)))}, scope: serve,
			plan: "resize web: CPU or memory changed of container c",
		},
		"a container may ask for a restart then": {
			want: []*spec.Pod{want("web", "1", sized(100, 128, "memory"))}, have: []spec.PodStatus{have(want("web", "1", sized(100, 64)))}, scope: serve,
			plan: "resize web: CPU or memory changed of container c; restarted for it: c",
		},
		"but only for what it names": {
			want: []*spec.Pod{want("web", "1", sized(200, 64, "memory"))}, have: []spec.PodStatus{have(want("web", "1", sized(100, 64)))}, scope: serve,
			plan: "resize web: CPU or memory changed of container c",
		},
		"what a person set of a container holds": {
			want: []*spec.Pod{want("web", "1", sized(100, 64))}, have: []spec.PodStatus{have(want("web", "1", sized(100, 64), overridden(300, 32)))},
			scope: serve, plan: "keep web",
		},
		"also where a person asks for what the object says": {
			want: []*spec.Pod{want("web", "1", sized(100, 64))}, have: []spec.PodStatus{have(want("web", "1", sized(100, 64), overridden(300, 32)))},
			scope: play, plan: "keep web",
		},
		"until the object says something else": {
			want: []*spec.Pod{want("web", "1", sized(200, 64))}, have: []spec.PodStatus{have(want("web", "1", sized(100, 64), overridden(300, 64)))},
			scope: serve, plan: "resize web: CPU or memory changed of container c",
		},
		"or says the same as the person: nothing is restarted then": {
			want: []*spec.Pod{want("web", "1", sized(100, 32, "memory"))}, have: []spec.PodStatus{have(want("web", "1", sized(100, 64), overridden(100, 32)))},
			scope: serve, plan: "resize web: CPU or memory changed of container c",
		},
		"where it has to be, it is": {
			want: []*spec.Pod{want("web", "1", sized(200, 64, "memory"))}, have: []spec.PodStatus{have(want("web", "1", sized(100, 64), overridden(100, 32)))},
			scope: serve, plan: "resize web: CPU or memory changed of container c; restarted for it: c",
		},
		"what a person set is no reason to replace a pod": {
			want: []*spec.Pod{want("web", "2", sized(100, 64), func(p *spec.Pod) { p.Hostname = "h" })},
			have: []spec.PodStatus{have(want("web", "1", sized(100, 64), overridden(300, 32)))}, scope: serve,
			plan: "replace web: hostname changed",
		},
		"a pod that is over is not started, though a person asks": {
			want: []*spec.Pod{want("web", "1")}, have: []spec.PodStatus{evicted(have(want("web", "1")))}, scope: with(serve, func(s *Scope) { s.Start = true }),
			plan: "keep web",
		},
		"other labels and annotations are taken over without a restart": {
			want: []*spec.Pod{want("web", "1", labelled("b"))}, have: []spec.PodStatus{have(want("web", "1", labelled("a")))}, scope: serve,
			plan: "update web: labels and annotations changed",
		},
		"files that show labels are swapped with them": {
			want: []*spec.Pod{want("web", "1", labelled("b"), files("b"))}, have: []spec.PodStatus{have(want("web", "1", labelled("a"), files("a")))},
			scope: serve, plan: "update web: new files in volume conf",
		},
		"what is only written otherwise is taken over": {
			want: []*spec.Pod{want("web", "1", given(`{"spec":{}}`))}, have: []spec.PodStatus{have(want("web", "1", given(`{}`)))},
			scope: serve, plan: "update web: manifest changed",
		},
		"a record may space a manifest as it likes": {
			want: []*spec.Pod{want("web", "1", given(`{"spec":{}}`))}, have: []spec.PodStatus{have(want("web", "1", given(" {\n\"spec\": {} }")))},
			scope: serve, plan: "keep web",
		},
		"new files are swapped without a restart": {
			want: []*spec.Pod{want("web", "1", files("b"))}, have: []spec.PodStatus{have(want("web", "1", files("a")))}, scope: serve,
			plan: "update web: new files in volume conf",
		},
		"a pod that is down after a reboot is started": {
			want: []*spec.Pod{want("web", "1")}, have: []spec.PodStatus{have(want("web", "1"), down)}, scope: serve,
			plan: "restart web: it is not running",
		},
		"a pod whose sandbox died is started anew": {
			want: []*spec.Pod{want("web", "1")}, have: []spec.PodStatus{have(want("web", "1"), lost)}, scope: serve,
			plan: "restart web: its sandbox is gone",
		},
		"a pod stopped by hand stays down": {
			want: []*spec.Pod{want("web", "1")}, have: []spec.PodStatus{have(want("web", "1"), down, stopped)}, scope: serve,
			plan: "keep web",
		},
		"a pod stopped by hand is replaced when its object changes": {
			want: []*spec.Pod{want("web", "2")}, have: []spec.PodStatus{have(want("web", "1"), down, stopped)}, scope: serve,
			plan: "replace web: its definition changed",
		},
		"of two desired pods of one name the second is refused": {
			want: []*spec.Pod{want("web", "1"), want("web", "2", deployed("web", 0))}, scope: serve,
			plan: "create web: it is not there\nrefuse web: pod default/web is made by Pod default/web in /m/web.yaml already",
		},
		"playing starts what was stopped by hand": {
			want: []*spec.Pod{want("web", "1", owned(spec.OwnerPlay))}, have: []spec.PodStatus{have(want("web", "1", owned(spec.OwnerPlay)), down, stopped)},
			scope: play, plan: "restart web: it was stopped",
		},
		"playing starts what has ended and may restart": {
			want: []*spec.Pod{want("web", "1", owned(spec.OwnerPlay))}, have: []spec.PodStatus{have(want("web", "1", owned(spec.OwnerPlay)), exited(3))},
			scope: play, plan: "restart web: container c has ended with exit code 3",
		},
		"playing does not remove what was played before": {
			have: []spec.PodStatus{have(want("old", "1", owned(spec.OwnerPlay)))}, scope: play, plan: "",
		},
		"playing a folder's pod is refused": {
			want: []*spec.Pod{want("web", "1", owned(spec.OwnerPlay))}, have: []spec.PodStatus{have(want("web", "1"))}, scope: play,
			plan: "refuse web: pod default/web exists and belongs to the folder /m: change it there",
		},
		"playing with replace makes anew what is as it should be": {
			want: []*spec.Pod{want("web", "1", owned(spec.OwnerPlay))}, have: []spec.PodStatus{have(want("web", "1", owned(spec.OwnerPlay)))},
			scope: with(play, func(s *Scope) { s.Replace = true }), plan: "replace web: replacing was asked for",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			var lines []string
			for _, p := range MakePlan(c.want, c.have, c.scope) {
				line := fmt.Sprintf("%s %s", p.Action, p.Key.Name)
				if p.Reason != "" {
					line += ": " + p.Reason
				}
				lines = append(lines, line)
			}
			if diff := cmp.Diff(c.plan, strings.Join(lines, "\n")); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDescribeChangeNamesNoSecret(t *testing.T) {
	env := func(v string) func(*spec.Pod) {
		return func(p *spec.Pod) { p.Containers[0].Env = []spec.EnvVar{{Name: "PASSWORD", Value: v}} }
	}
	got := DescribeChange(want("web", "1", env("hunter2")), want("web", "2", env("swordfish")))
	if got != "environment of container c changed" {
		t.Errorf("got %q", got)
	}
}
