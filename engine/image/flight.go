package image

import (
	"context"
	"sync"
)

// flight lets one caller work while others that ask for the same wait for its
// result. The work goes on as long as anybody waits: it is cancelled when the
// last one's context ends.
type flight struct {
	mu    sync.Mutex
	calls map[any]*call
}

type call struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	id      string
	err     error
}

// do runs work, or waits for the one that runs under key, and returns what it
// returned. work gets a context that carries the values of the first caller's.
func (f *flight) do(ctx context.Context, key any, work func(context.Context) (string, error)) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f.mu.Lock()
	c, ok := f.calls[key]
	if !ok {
		c = f.start(ctx, key, work)
	}
	c.waiting++
	f.mu.Unlock()

	select {
	case <-c.done:
		return c.id, c.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	c.waiting--
	last := c.waiting == 0
	if last && f.calls[key] == c {
		delete(f.calls, key) // whoever asks from now on starts anew
	}
	f.mu.Unlock()
	if last {
		c.cancel()
		<-c.done // it has cleaned up behind itself
	}
	return "", ctx.Err()
}

// start begins the work; f.mu is held.
func (f *flight) start(ctx context.Context, key any, work func(context.Context) (string, error)) *call {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &call{done: make(chan struct{}), cancel: cancel}
	if f.calls == nil {
		f.calls = map[any]*call{}
	}
	f.calls[key] = c
	go func() { // ends with the work
		defer cancel()
		c.id, c.err = work(run)
		f.mu.Lock()
		if f.calls[key] == c {
			delete(f.calls, key)
		}
		f.mu.Unlock()
		close(c.done)
	}()
	return c
}
