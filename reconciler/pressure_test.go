package reconciler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

const mi = 1 << 20

func TestParseThreshold(t *testing.T) {
	for text, want := range map[string]Threshold{
		"100Mi": {Quantity: 100 * mi},
		"1.5Gi": {Quantity: 1536 * mi},
		"10%":   {Share: 0.1},
		"0.5%":  {Share: 0.005},
		"0":     {},
		"0%":    {},
		"100%":  {}, // as the kubelet: off
	} {
		if got, err := ParseThreshold(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "-1%", "101%", "NaN%", "-1Mi", "a lot"} {
		if got, err := ParseThreshold(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// roomy is a host with room enough.
func roomy(changes ...func(*spec.Room)) spec.Room {
	plenty := spec.Amount{Capacity: 1000 * mi, Available: 500 * mi}
	room := spec.Room{
		Memory: plenty,
		Node:   spec.FileSystem{Device: 1, Space: plenty, Inodes: plenty},
		Images: spec.FileSystem{Device: 2, Space: plenty, Inodes: plenty},
	}
	for _, c := range changes {
		c(&room)
	}
	return room
}

func TestShortages(t *testing.T) {
	for _, test := range []struct {
		name string
		room spec.Room
		want string
	}{
		{"room enough", roomy(), ""},
		{"little memory", roomy(func(r *spec.Room) { r.Memory.Available = 100*mi - 1 }), "memory.available"},
		{"just enough memory", roomy(func(r *spec.Room) { r.Memory.Available = 100 * mi }), ""},
		{"a tenth of the disk", roomy(func(r *spec.Room) { r.Node.Space.Available = 100 * mi }), ""},
		{"less", roomy(func(r *spec.Room) { r.Node.Space.Available = 100*mi - 1 }), "nodefs.available"},
		{"few inodes", roomy(func(r *spec.Room) { r.Node.Inodes.Available = 49 * mi }), "nodefs.inodesFree"},
		{"little for images", roomy(func(r *spec.Room) { r.Images.Space.Available = 149 * mi }), "imagefs.available"},
		{"few inodes for images", roomy(func(r *spec.Room) { r.Images.Inodes.Available = 0 }), "imagefs.inodesFree"},
		{"a file system that counts no inodes", roomy(func(r *spec.Room) { r.Node.Inodes = spec.Amount{} }), ""},
		{"memory comes first", roomy(func(r *spec.Room) { r.Memory.Available, r.Node.Space.Available = 0, 0 }), "memory.available nodefs.available"},
	} {
		var got []string
		for _, s := range Shortages(test.room, DefaultThresholds()) {
			got = append(got, string(s.Signal))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	if got := Shortages(roomy(func(r *spec.Room) { r.Memory.Available = 0 }), nil); got != nil {
		t.Errorf("with no threshold: %v", got)
	}
}

// candidate is a pod with a container that uses and asks for so much.
func candidate(name string, priority int32, used, request int64) Candidate {
	st := podOf(spec.RestartAlways, "c:running")
	st.Pod.Name, st.Pod.Priority = name, priority
	st.Pod.Containers[0].Resources.MemoryRequest = request
	return Candidate{st, spec.PodUsage{
		Usage:      spec.Usage{Memory: used, Disk: used, Inodes: used},
		Containers: map[string]spec.Usage{"c": {Memory: used, Disk: used, Inodes: used}},
	}}
}

func TestRank(t *testing.T) {
	for _, test := range []struct {
		name  string
		short Signal
		pods  []Candidate
		want  string
	}{
		{"who uses more than asked for goes before who uses more", SignalMemory,
			[]Candidate{candidate("within", 0, 900, 1000), candidate("beyond", 0, 20, 10)}, "beyond within"},
		{"also where the other is less important", SignalMemory,
			[]Candidate{candidate("within", 0, 900, 1000), candidate("beyond", 10, 20, 10)}, "beyond within"},
		{"of those beyond, the less important", SignalMemory,
			[]Candidate{candidate("important", 10, 900, 0), candidate("other", 5, 20, 0)}, "other important"},
		{"of the equally important, who is further beyond", SignalMemory,
			[]Candidate{candidate("uses more", 0, 900, 850), candidate("is further", 0, 200, 100)}, "is further uses more"},
		{"of those within, who is nearest", SignalMemory,
			[]Candidate{candidate("far", 0, 100, 900), candidate("near", 0, 800, 900)}, "near far"},
		{"a system's pod goes last, whatever it uses", SignalMemory,
			[]Candidate{candidate("system", 2000000000, 9000, 0), candidate("within", 0, 1, 1000)}, "within system"},
		{"of disk nobody asks for any", SignalNodeSpace,
			[]Candidate{candidate("none", 0, 0, 0), candidate("little", 0, 10, 1000), candidate("much", 0, 20, 0)}, "much little none"},
		{"less important with little before important with much", SignalImageInodes,
			[]Candidate{candidate("important", 1, 1000, 0), candidate("other", 0, 1, 0)}, "other important"},
	} {
		Rank(test.short, test.pods)
		var got []string
		for _, c := range test.pods {
			got = append(got, c.Pod.Pod.Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestMemoryRequest(t *testing.T) {
	of := func(request int64, policy spec.RestartPolicy) spec.Container {
		return spec.Container{Resources: spec.Resources{MemoryRequest: request}, RestartPolicy: policy}
	}
	for _, test := range []struct {
		name string
		pod  spec.Pod
		want int64
	}{
		{"all containers", spec.Pod{Containers: []spec.Container{of(1, ""), of(2, "")}}, 3},
		{"a greedy init container", spec.Pod{InitContainers: []spec.Container{of(9, "")}, Containers: []spec.Container{of(2, "")}}, 9},
		{"a sidecar beside all that follows", spec.Pod{
			InitContainers: []spec.Container{of(4, spec.RestartAlways), of(3, "")}, Containers: []spec.Container{of(2, "")},
		}, 7},
		{"and beside the containers", spec.Pod{
			InitContainers: []spec.Container{of(4, spec.RestartAlways), of(1, "")}, Containers: []spec.Container{of(2, "")},
		}, 6},
	} {
		if got := memoryRequest(&test.pod); got != test.want {
			t.Errorf("%s: %d", test.name, got)
		}
	}
}

func TestEvictionMessage(t *testing.T) {
	main := candidate("p", 0, 80*mi, 0)
	main.Pod.Pod.Containers[0].Name = "main"
	main.Usage.Containers = map[string]spec.Usage{"main": {Memory: 80 * mi, Disk: 1536, Inodes: 7}}
	for short, want := range map[Shortage]string{
		{SignalMemory, 100 * mi, 50 * mi}: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. " +
			"Container main was using 80Mi, request is 0, has larger consumption of memory.",
		{SignalNodeSpace, 1 << 30, 1000 * mi}: "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 1000Mi. " +
			"Container main was using 1536, request is 0, has larger consumption of ephemeral-storage.",
		{SignalNodeInodes, 5000, 4999}: "The node was low on resource: inodes. Threshold quantity: 5k, available: 4999.",
	} {
		if got := EvictionMessage(short, main); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	within := candidate("p", 0, 80*mi, 90*mi)
	if got := EvictionMessage(Shortage{SignalMemory, 100 * mi, 50 * mi}, within); strings.Contains(got, "Container") {
		t.Error("a container within its request is blamed:", got)
	}
}

func TestEvictable(t *testing.T) {
	const always = spec.RestartAlways
	owned := func(o spec.Owner) change { return func(st *spec.PodStatus) { st.Pod.Owner = o } }
	for _, test := range []struct {
		name string
		st   *spec.PodStatus
		want bool
	}{
		{"runs", podOf(always, "a:exited=1", "b:running"), true},
		{"ended", podOf(always, "a:exited=1"), false},
		{"stopped by hand", with(podOf(always, "a:running"), func(st *spec.PodStatus) { st.Stopped = true }), false},
		{"over", with(podOf(always, "a:running"), verdict("Evicted")), false},
		{"systemd's", with(podOf(always, "a:running"), owned("unit:a")), false},
	} {
		if got := evictable(test.st); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestFullness(t *testing.T) {
	for _, test := range []struct {
		capacity, available int64
		want                int
	}{
		{0, 0, 0}, {1000, 1000, 0}, {1000, 151, 85}, {1000, 150, 85}, {1000, 149, 86}, {1000, 0, 100},
	} {
		if got := fullness(spec.FileSystem{Space: spec.Amount{Capacity: test.capacity, Available: test.available}}); got != test.want {
			t.Errorf("%d of %d: %d", test.available, test.capacity, got)
		}
	}
}

func TestSpareImages(t *testing.T) {
	hours := func(n int) time.Time { return noon.Add(time.Duration(-n) * time.Hour) }
	img := func(id string, arrived time.Time, names ...string) spec.StoredImage {
		return spec.StoredImage{ID: id, Names: names, Arrived: arrived}
	}
	held, wanted, past := img("held", hours(9), "a.io/held:1"), img("wanted", hours(9), "a.io/wanted:1"), img("past", hours(8))
	held.Held, wanted.Wanted, past.Past = true, true, []string{"a.io/app:latest"}
	for _, test := range []struct {
		name   string
		images []spec.StoredImage
		use    imageUse
		want   string
	}{
		{"none in use, the oldest first", []spec.StoredImage{img("b", hours(2), "a.io/b:1"), img("a", hours(3), "a.io/a:1")}, imageUse{}, "a b"},
		{"what was used lately later", []spec.StoredImage{img("b", hours(2), "a.io/b:1"), img("a", hours(3), "a.io/a:1")},
			imageUse{last: map[string]time.Time{"a": hours(1)}}, "b a"},
		{"by time of use, not of arrival", []spec.StoredImage{img("b", hours(2), "a.io/b:1"), img("a", hours(3), "a.io/a:1")},
			imageUse{last: map[string]time.Time{"a": hours(1), "b": hours(2)}}, "b a"},
		{"a container stands on it", []spec.StoredImage{held}, imageUse{}, ""},
		{"an object wants it", []spec.StoredImage{wanted}, imageUse{}, ""},
		{"a pod has it", []spec.StoredImage{img("a", hours(3), "a.io/a:1"), img("b", hours(3), "a.io/b:1")},
			imageUse{pods: map[string]bool{"b": true}}, "a"},
		{"it came just now", []spec.StoredImage{img("new", noon.Add(-time.Minute), "a.io/a:1"), img("old", noon.Add(-2*time.Minute), "a.io/b:1")}, imageUse{}, "old"},
		{"the previous version of what a pod has", []spec.StoredImage{
			img("1", hours(9), "a.io/app:1"), img("2", hours(8), "a.io/app:2"), img("3", hours(7), "a.io/app:3"),
		}, imageUse{pods: map[string]bool{"3": true}}, "1"},
		{"also where its name went on to the new one", []spec.StoredImage{past, img("now", hours(1), "a.io/app:latest"), img("0", hours(9), "a.io/app:0")},
			imageUse{pods: map[string]bool{"now": true}}, "0"},
		{"a port is no tag", []spec.StoredImage{img("1", hours(9), "a.io:5000/app"), img("2", hours(8), "a.io:5000/app:2"), img("x", hours(9), "a.io:5000/x:2")},
			imageUse{pods: map[string]bool{"2": true}}, "x"},
		{"by digest", []spec.StoredImage{img("1", hours(9), "a.io/app@sha256:0"), img("2", hours(8), "a.io/app:2@sha256:1")},
			imageUse{pods: map[string]bool{"2": true}}, ""},
		{"made here", []spec.StoredImage{img("1", hours(9), "localhost/mine:1"), img("2", hours(8), "localhost/mine:2", "a.io/mine:2")}, imageUse{}, "2"},
		{"nameless", []spec.StoredImage{img("1", hours(9))}, imageUse{}, "1"},
	} {
		var got []string
		for _, s := range SpareImages(test.images, test.use, noon, 2*time.Minute) {
			got = append(got, s.ID)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestPreviousImages(t *testing.T) {
	pod := func(previous []string, ids ...string) *spec.PodStatus {
		st := &spec.PodStatus{Pod: spec.Pod{Previous: previous}}
		for _, id := range ids {
			st.Pod.Containers = append(st.Pod.Containers, spec.Container{ImageID: id})
		}
		return st
	}
	for _, test := range []struct {
		name string
		old  *spec.PodStatus
		made []string
		want []string
	}{
		{"there was none", nil, []string{"1"}, nil},
		{"another version", pod(nil, "1"), []string{"2"}, []string{"1"}},
		{"one of two", pod(nil, "1", "s"), []string{"2", "s"}, []string{"1"}},
		{"the same: what was before stays", pod([]string{"0"}, "1"), []string{"1"}, []string{"0"}},
		{"and is forgotten with the next version", pod([]string{"0"}, "1"), []string{"2"}, []string{"1"}},
		{"one that was never made", pod(nil, ""), []string{"2"}, nil},
	} {
		got := previousImages(test.old, &pod(nil, test.made...).Pod)
		if !cmp.Equal(got, test.want) {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	st := pod([]string{"0"}, "1", "")
	st.Containers = []spec.ContainerStatus{{ImageID: "1"}, {ImageID: "2"}}
	if got := imagesOf(st); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Error("of a pod:", got)
	}
}
