package filter

import (
	"strings"
	"testing"

	"berth/engine/spec"
)

func TestActFilters(t *testing.T) {
	acts := []spec.Act{
		{Type: spec.ActContainer, Status: "start", ID: "c0ffee", Name: "web", Attributes: map[string]string{"color": "blue"}},
		{Type: spec.ActContainer, Status: "died", ID: "c0ffee", Name: "web", Attributes: map[string]string{"color": "blue"}},
		{Type: spec.ActPod, Status: "start", ID: "beef", Name: "web"},
		{Type: spec.ActImage, Status: "pull", ID: "f00d", Name: "docker.io/library/web:1"},
		{Type: spec.ActVolume, Status: "create", Name: "data"},
		{Type: spec.ActNetwork, Status: "connect", ID: "c0ffee", Network: "net"},
	}
	for _, c := range []struct {
		filters []string
		want    string // type.status
	}{
		{nil, "container.start container.died pod.start image.pull volume.create network.connect"},
		{[]string{"container=web"}, "container.start container.died"},
		{[]string{"container=c0f", "event=died"}, "container.died"},
		{[]string{"event=died", "event=pull"}, "container.died image.pull"},
		{[]string{"pod=web"}, "pod.start"},
		{[]string{"image=docker.io/library/web:1"}, "image.pull"},
		{[]string{"image=f0"}, "image.pull"},
		{[]string{"volume=data"}, "volume.create"},
		{[]string{"network=net"}, "network.connect"},
		{[]string{"type=pod", "type=volume"}, "pod.start volume.create"},
		{[]string{"label=color=blue", "type=container", "event=start"}, "container.start"},
		{[]string{"label=color=red"}, ""},
		{[]string{"secret="}, ""},
	} {
		set, err := Parse(c.filters, Acts().Keys())
		if err != nil {
			t.Fatal(err)
		}
		kept, err := Apply(acts, set, Acts())
		var got []string
		for _, a := range kept {
			got = append(got, string(a.Type)+"."+a.Status)
		}
		if strings.Join(got, " ") != c.want || err != nil {
			t.Errorf("%v: %v, %v; want %s", c.filters, got, err, c.want)
		}
	}
}
