package parallel

import (
	"slices"
	"testing"
	"testing/synctest"
)

func TestEachIsDoneOnce(t *testing.T) {
	for _, c := range []struct{ n, most int }{{0, 4}, {1, 4}, {4, 4}, {1000, 4}, {3, 1}} {
		done := make([]int, c.n)
		Each(c.n, c.most, func(i int) { done[i]++ })
		if slices.ContainsFunc(done, func(times int) bool { return times != 1 }) {
			t.Errorf("of %d, %d at a time, each was done so often: %v", c.n, c.most, done)
		}
	}
}

func TestNoMoreThanAllowedAreBegunAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, goOn := make(chan int, 10), make(chan struct{})
		go Each(10, 3, func(i int) {
			begun <- i
			<-goOn
		})
		synctest.Wait()
		if len(begun) != 3 {
			t.Errorf("%d are at it, want 3", len(begun))
		}
		close(goOn)
		synctest.Wait()
		if len(begun) != 10 {
			t.Errorf("%d were done, want 10", len(begun))
		}
	})
}
