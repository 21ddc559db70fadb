package parallel

import (
	"sync"
	"sync/atomic"
)

// Each calls do with each number below n, at most so many at a time, and returns
// when all are done.
func Each(n, most int, do func(i int)) {
	var group sync.WaitGroup
	var begun atomic.Int64
	for range min(n, most) {
		group.Go(func() {
			for i := begun.Add(1) - 1; i < int64(n); i = begun.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	group.Wait()
}
