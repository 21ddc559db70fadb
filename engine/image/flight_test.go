package image

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestFlightSharesOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight
		calls := 0
		release := make(chan struct{})
		results := make(chan string, 5)
		for range 5 {
			go func() {
				id, err := f.do(t.Context(), "k", func(context.Context) (string, error) {
					calls++
					<-release
					return "id", nil
				})
				if err != nil {
					t.Error(err)
				}
				results <- id
			}()
		}
		synctest.Wait()
		close(release)
		for range 5 {
			if id := <-results; id != "id" {
				t.Errorf("got %q", id)
			}
		}
		if calls != 1 {
			t.Errorf("%d calls", calls)
		}
	})
}

func TestFlightEndsWithItsLastWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight
		work := func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		first, stopFirst := context.WithCancel(t.Context())
		second, stopSecond := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		for _, ctx := range []context.Context{first, second} {
			go func() {
				_, err := f.do(ctx, "k", work)
				ended <- err
			}()
		}
		synctest.Wait()
		stopFirst()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("first: %v", err)
		}
		synctest.Wait()
		if len(f.calls) != 1 {
			t.Error("the work was given up while somebody waited")
		}
		stopSecond()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("second: %v", err)
		}
		if len(f.calls) != 0 {
			t.Error("the call was not forgotten")
		}
	})
}
