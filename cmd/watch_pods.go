package cmd

import (
	"context"
	"errors"
	"sync"
	"time"

	"berth/engine"
	"berth/reconciler"
)

// lookAgain is how often pods are looked at where no supervisor tells of them.
const lookAgain = time.Second

// podWatch says when pods are to be looked at again: when the supervisor says
// so, or, where there is none, when a container ends and every so often.
type podWatch struct {
	client *reconciler.Client
	news   chan struct{} // holds one

	mu    sync.Mutex
	views map[string]reconciler.PodView
}

// watchPods calls look now and whenever anything about a pod may have changed,
// until it is done. What changed is never taken from who tells of it: look
// looks.
func watchPods(ctx context.Context, e *engine.Engine, look func(context.Context, []reconciler.PodView) (done bool, err error)) error {
	var group sync.WaitGroup
	defer group.Wait()
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	exits, err := e.Exits(watching)
	if err != nil {
		return err
	}
	w := &podWatch{client: reconciler.NewClient(e.Paths().Run), news: make(chan struct{}, 1)}
	views := supervisorViews(ctx, e)
	group.Go(func() { w.follow(watching) })
	for {
		done, err := look(ctx, views)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.news:
		case _, ok := <-exits:
			if !ok {
				exits = nil
			}
		}
		views = w.known()
	}
}

// follow listens to the supervisor until ctx ends, and for one where there is none.
func (w *podWatch) follow(ctx context.Context) {
	for {
		w.mu.Lock()
		w.views = map[string]reconciler.PodView{}
		w.mu.Unlock()
		// Why it ended does not matter: it is tried again.
		_ = w.client.WatchPods(ctx, func(c reconciler.PodChange) error {
			key := string(c.Object.Owner) + " " + c.Object.Namespace + "/" + c.Object.Name
			w.mu.Lock()
			w.views[key] = c.Object
			if c.Type == reconciler.ChangeDeleted {
				delete(w.views, key)
			}
			w.mu.Unlock()
			w.poke()
			return nil
		})
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookAgain):
			w.poke()
		}
	}
}

func (w *podWatch) poke() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

func (w *podWatch) known() []reconciler.PodView {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []reconciler.PodView
	for _, v := range w.views {
		out = append(out, v)
	}
	return out
}

// kubectlFailure gives an error kubectl's exit code. Being interrupted is none.
func kubectlFailure(err error) error {
	var coded *exitError
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &coded) {
		return err
	}
	return &exitError{1, err}
}
