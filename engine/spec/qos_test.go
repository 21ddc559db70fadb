package spec

import "testing"

func TestQOS(t *testing.T) {
	const gib = 1 << 30
	full := Resources{CPURequest: 1000, CPULimit: 1000, MemoryRequest: gib, MemoryLimit: gib}
	for sentence, c := range map[string]struct {
		init, apps []Resources
		want       QOSClass
	}{
		"nothing asked is best effort":                   {apps: []Resources{{}, {PidsLimit: 5}}, want: QOSBestEffort},
		"all limited to what is requested is guaranteed": {apps: []Resources{full}, want: QOSGuaranteed},
		"a request below its limit is burstable":         {apps: []Resources{{CPURequest: 500, CPULimit: 1000, MemoryRequest: gib, MemoryLimit: gib}}, want: QOSBurstable},
		"memory alone is burstable":                      {apps: []Resources{{MemoryRequest: gib, MemoryLimit: gib}}, want: QOSBurstable},
		"a request without a limit is burstable":         {apps: []Resources{{CPURequest: 1, MemoryRequest: 1}}, want: QOSBurstable},
		"one container without makes all burstable":      {apps: []Resources{full, {}}, want: QOSBurstable},
		"an init container without makes it burstable":   {init: []Resources{{}}, apps: []Resources{full}, want: QOSBurstable},
		"a request of only an init container counts too": {init: []Resources{{CPURequest: 1}}, apps: []Resources{{}}, want: QOSBurstable},
	} {
		var p Pod
		for _, r := range c.init {
			p.InitContainers = append(p.InitContainers, Container{Resources: r})
		}
		for _, r := range c.apps {
			p.Containers = append(p.Containers, Container{Resources: r})
		}
		if got := p.QOS(); got != c.want {
			t.Errorf("%s: got %s, want %s", sentence, got, c.want)
		}
	}
}

func TestSizeOfAVolumeInMemory(t *testing.T) {
	for _, c := range []struct{ limit, cap, want int64 }{{0, 0, 0}, {5, 0, 5}, {0, 7, 7}, {5, 7, 5}, {7, 5, 5}} {
		if got := (&EmptyVolume{SizeLimit: c.limit, Cap: c.cap}).Size(); got != c.want {
			t.Errorf("limit %d, cap %d: size %d, want %d", c.limit, c.cap, got, c.want)
		}
	}
}
