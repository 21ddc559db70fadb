package image

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.podman.io/image/v5/docker"

	"berth/engine/spec"
)

func TestPassing(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("x: %w", &url.Error{Op: "Get", Err: refused}), true},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}, true},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, false},
		{docker.ErrTooManyRequests, true},
		{docker.UnexpectedHTTPStatusError{StatusCode: 503}, true},
		{docker.UnexpectedHTTPStatusError{StatusCode: 404}, false},
		{docker.ErrUnauthorizedForCredentials{Err: errors.New("no")}, false},
		{io.ErrUnexpectedEOF, true},
		{context.DeadlineExceeded, true},
		{&url.Error{Op: "Get", Err: x509.UnknownAuthorityError{}}, false},
		{errors.New("no policy allows it"), false},
	} {
		if got := passing(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

func TestPullTriesAgain(t *testing.T) {
	ctx := context.Background()
	r := startRegistry(t)
	r.push(t, "team/app:1", simple("app"))
	ref := r.addr + "/team/app:1"
	pull := func(retries uint, failures int32) (calls int32, err error) {
		var n atomic.Int32
		r.set("", func(w http.ResponseWriter, _ *http.Request) bool {
			if n.Add(1) <= failures {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return true
			}
			return false
		})
		o := pullInsecure()
		o.Retries, o.RetryDelay = &retries, time.Millisecond
		_, err = testStore(t).Ensure(ctx, spec.ImageRequest{Ref: ref, Pull: o})
		return n.Load(), err
	}
	if n, err := pull(2, 2); err != nil {
		t.Errorf("two tries more: %v after %d requests", err, n)
	}
	if _, err := pull(1, 1000); !errors.Is(err, spec.ErrPull) {
		t.Errorf("one try more of a registry that stays busy: %v", err)
	}
	if _, err := pull(0, 1); !errors.Is(err, spec.ErrPull) {
		t.Errorf("no try more: %v", err)
	}
	noScratch(t)

	five := uint(5)
	o := pullInsecure()
	o.Retries = &five
	r.set("", nil)
	if _, err := testStore(t).Ensure(ctx, spec.ImageRequest{Ref: r.addr + "/team/gone:1", Pull: o}); err == nil {
		t.Error("an image that is not there was fetched")
	}
	if n := r.count("manifests"); n > 2 {
		t.Errorf("asked %d times for what is not there", n)
	}
}

func TestWaitingForTheNextTryEnds(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	five := uint(5)
	o := pullInsecure()
	o.Retries, o.RetryDelay = &five, time.Hour
	if _, err := testStore(t).Ensure(ctx, spec.ImageRequest{Ref: addr + "/x:1", Pull: o}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
