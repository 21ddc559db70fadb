package network

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

// What a pod joins and leaves for good keeps the interfaces of its other networks.
func TestAttachmentsOfAPodThatJoinsAndLeaves(t *testing.T) {
	on := func(network, iface string) spec.NetworkAttachment {
		return spec.NetworkAttachment{Network: network, Name: iface}
	}
	type list = []spec.NetworkAttachment
	lease := &Lease{Networks: []NetworkLease{{Network: Network{Name: "c"}, Interface: "eth7"}}}
	for name, c := range map[string]struct {
		have, want list
		join       string
		now        *Lease
	}{
		"the first":                        {nil, list{on("c", "")}, "c", nil},
		"the next":                         {list{on("a", "")}, list{on("a", ""), on("c", "")}, "c", nil},
		"where one has left":               {list{on("b", "eth1")}, list{on("b", "eth1"), on("c", "eth0")}, "c", nil},
		"beside one whose name was chosen": {list{on("a", "eth1")}, list{on("a", "eth1"), on("c", "eth0")}, "c", nil},
		"as it is while the pod is up":     {list{on("a", "")}, list{on("a", ""), on("c", "eth7")}, "c", lease},
		"again, which it left for a while": {list{on("c", "")}, list{on("c", "")}, "c", lease},
	} {
		got, err := Join(c.have, on(c.join, ""), c.now)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if _, err := Join(list{on("", "")}, on(DefaultNetwork, ""), nil); !errors.Is(err, spec.ErrExists) {
		t.Errorf("the default network, joined already: %v", err)
	}
	for name, c := range map[string]struct {
		leave      string
		have, want list
		ok         bool
	}{
		"the last one":  {"a", list{on("a", "")}, nil, true},
		"the first one": {"a", list{on("a", ""), on("b", ""), on("c", "x")}, list{on("b", "eth1"), on("c", "x")}, true},
		"not its own":   {"z", list{on("a", "")}, list{on("a", "")}, false},
		"the default":   {DefaultNetwork, list{on("", ""), on("b", "eth0")}, list{on("b", "")}, true},
	} {
		got, ok := Leave(c.have, c.leave)
		if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
			t.Errorf("%s: %v\n%s", name, ok, diff)
		}
	}
}
