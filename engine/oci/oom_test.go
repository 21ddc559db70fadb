package oci

import (
	"fmt"
	"path/filepath"
	"testing"
)

func TestAKillIsCountedByThePodOfACgroupThatIsGone(t *testing.T) {
	pod := t.TempDir()
	events := func(folder string, kills int) {
		write(t, filepath.Join(pod, folder, "memory.events"), fmt.Sprintf("low 0\noom 9\noom_kill %d\noom_group_kill 9\n", kills), 0o644)
	}
	for name, c := range map[string]struct {
		pod    int
		others []int // of the containers that are still there
		want   int64
	}{
		"none":                        {0, nil, 0},
		"of one that is gone":         {1, nil, 1},
		"of one that is there":        {1, []int{0, 1}, 0},
		"of both":                     {3, []int{2}, 1},
		"of processes of one, thrice": {3, []int{3}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pod = t.TempDir()
			events("", c.pod)
			for i, kills := range c.others {
				events(fmt.Sprint(i), kills)
			}
			if got := unclaimedKills(pod); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}
