package reconciler

import (
	"errors"
	"strings"
	"testing"

	"berth/engine/spec"
)

func TestUnitsAreFoundAsPeopleNameThem(t *testing.T) {
	list := []string{
		"web.container web.service", "web.volume web-volume.service", "data.volume data-volume.service", "net.network net-network.service", "net.pod net-pod.service",
		"odd.container web-1.service", "each@one.container each@one.service", "bad.container ",
	}
	for name, want := range map[string]string{
		"web.container": "web.container", "web": "web.container", "web.service": "web.container", "web.volume": "web.volume", "web-volume": "web.volume",
		"web-volume.service": "web.volume", "data": "data.volume", "web-1": "odd.container", "odd": "odd.container", "each@one": "each@one.container",
		"bad": "bad.container", "net": `error "net" may be each of net.network, net.pod: give the whole name`, "we": "none", "": "none", ".service": "none", "each": "none",
	} {
		got, err := UnitNamed(list, name, func(s string) (string, string) {
			file, service, _ := strings.Cut(s, " ")
			return file, service
		})
		got, _, _ = strings.Cut(got, " ")
		switch {
		case errors.Is(err, spec.ErrNotFound):
			got = "none"
		case err != nil:
			got = "error " + err.Error()
		}
		if got != want {
			t.Errorf("%q is %s, want %s", name, got, want)
		}
	}
}
