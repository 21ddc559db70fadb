package reconciler

import (
	"errors"
	"sync"
)

// allOf is things done at the same time, all of them whatever fails. The zero
// value is ready.
type allOf struct {
	group sync.WaitGroup
	mu    sync.Mutex
	errs  []error
}

// do has f done.
func (a *allOf) do(f func() error) {
	a.group.Go(func() {
		err := f()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.errs = append(a.errs, err)
	})
}

// done is closed when all are done that do was called for.
func (a *allOf) done() <-chan struct{} {
	done := make(chan struct{})
	go func() { // ends with them
		a.group.Wait()
		close(done)
	}()
	return done
}

// wait waits for all and joins their errors.
func (a *allOf) wait() error {
	a.group.Wait()
	return errors.Join(a.errs...)
}
