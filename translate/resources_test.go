package translate

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"berth/engine/spec"
)

func list(words ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(words); i += 2 {
		out[corev1.ResourceName(words[i])] = resource.MustParse(words[i+1])
	}
	return out
}

func containers(limitsAndRequests ...corev1.ResourceList) []corev1.Container {
	var out []corev1.Container
	for i := 0; i < len(limitsAndRequests); i += 2 {
		out = append(out, corev1.Container{Resources: corev1.ResourceRequirements{Limits: limitsAndRequests[i], Requests: limitsAndRequests[i+1]}})
	}
	return out
}

func TestOOMScore(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		class             spec.QOSClass
		request, capacity int64
		want              int
	}{
		{spec.QOSGuaranteed, gib, 8 * gib, -997},
		{spec.QOSBestEffort, 0, 8 * gib, 1000},
		{spec.QOSBurstable, 0, 8 * gib, 999},
		{spec.QOSBurstable, 4 * gib, 8 * gib, 500},
		{spec.QOSBurstable, 8 * gib, 8 * gib, 3},
		{spec.QOSBurstable, 80 * gib, 8 * gib, 3},
		{spec.QOSBurstable, gib, 0, 999},
		{spec.QOSBurstable, 4 << 40, 8 << 40, 500},
	} {
		if got := oomScore(c.class, c.request, c.capacity); got != c.want {
			t.Errorf("oomScore(%s, %d, %d) = %d, want %d", c.class, c.request, c.capacity, got, c.want)
		}
	}
}

func TestMemoryLimitOfAPod(t *testing.T) {
	small, large := list("memory", "64Mi"), list("memory", "1Gi")
	for sentence, c := range map[string]struct {
		init, apps []corev1.Container
		want       int64
	}{
		"app containers add up":               {apps: containers(small, nil, small, nil), want: 128 << 20},
		"one without means any amount":        {apps: containers(small, nil, nil, nil), want: 0},
		"a larger init container sets it":     {init: containers(large, nil), apps: containers(small, nil), want: 1 << 30},
		"an init container without, any too":  {init: containers(nil, nil), apps: containers(small, nil), want: 0},
		"a smaller init container is no more": {init: containers(small, nil), apps: containers(large, nil), want: 1 << 30},
	} {
		if got := memoryLimit(&corev1.PodSpec{InitContainers: c.init, Containers: c.apps}); got != c.want {
			t.Errorf("%s: got %d, want %d", sentence, got, c.want)
		}
	}
}
