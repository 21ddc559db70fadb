package engine

import (
	"testing"

	"berth/engine/spec"
)

func TestHostsNameTheContainersOfAPod(t *testing.T) {
	net := spec.Joins{Net: spec.Join{Private: true}}
	pod := spec.Pod{ByHand: true, PlainNames: true, Name: "shop", Networks: []spec.NetworkAttachment{{Network: "lan"}}, Containers: []spec.Container{
		{Name: "web", ByHand: &spec.ByHand{}}, {Name: "ab12", ByHand: &spec.ByHand{Called: "db"}},
		{Name: "apart", ByHand: &spec.ByHand{Namespaces: net}}, {Name: "given", ByHand: &spec.ByHand{}},
	}}
	const file = "10.0.0.9\tgiven # mine\n127.0.0.1\tlocalhost\n"
	for name, test := range map[string]struct {
		change func(*spec.Pod)
		want   string
	}{
		"those that share its network": {func(*spec.Pod) {}, file + "127.0.0.1\tweb\n127.0.0.1\tdb\n"},
		"none where they do not":       {func(p *spec.Pod) { p.Own.Net = true }, file},
		"none on the host's network":   {func(p *spec.Pod) { p.HostNet = true }, file},
		"none that stands alone":       {func(p *spec.Pod) { p.Bare = true }, file},
	} {
		p := pod
		test.change(&p)
		got := string(withMembers(&p, []byte(file)))
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if again := string(withMembers(&p, []byte(got))); again != got {
			t.Errorf("%s, a second time: %q", name, again)
		}
	}
}
