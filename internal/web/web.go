package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// IsURL reports whether Open would read it.
func IsURL(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

// Shown is a URL as messages and records may say it: without what lets somebody in.
// What is no URL stays as it is.
func Shown(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	// A password may hold a slash that nobody escaped: what is before the last @ is
	// not told, whatever it is.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

// Options bound a download.
type Options struct {
	Time     time.Duration // the whole of it; 0: any
	Idle     time.Duration // without a byte; 0: any
	Most     int64         // bytes; 0: any number
	Insecure bool          // any certificate of an https server is taken
}

// ErrTooLarge is an answer of more bytes than wanted.
var ErrTooLarge = errors.New("it is larger than is read")

// ErrStalled is a server from which nothing came for too long.
var ErrStalled = errors.New("the server sends nothing any more")

// Open asks for what a URL names and returns the answer, to be closed. No error
// holds the URL.
func Open(ctx context.Context, address string, o Options) (io.ReadCloser, error) {
	a := &answer{left: o.Most, bounded: o.Most > 0, idle: o.Idle}
	ctx, cancel := context.WithCancelCause(ctx)
	a.cancel = cancel
	if o.Time > 0 {
		timer := time.AfterFunc(o.Time, func() { cancel(fmt.Errorf("it takes longer than %s: %w", o.Time, context.DeadlineExceeded)) })
		a.stop = append(a.stop, func() { timer.Stop() })
	}
	if o.Idle > 0 {
		a.timer = time.AfterFunc(o.Idle, func() { cancel(fmt.Errorf("%w (for %s)", ErrStalled, o.Idle)) })
		a.stop = append(a.stop, func() { a.timer.Stop() })
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.Join(errors.New("this is no URL"), a.Close())
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if o.Insecure {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for
	}
	a.stop = append(a.stop, transport.CloseIdleConnections)
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, errors.Join(because(ctx, err), a.Close())
	}
	a.body = response.Body
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("the server answered %s", response.Status), a.Close())
	}
	if a.bounded && response.ContentLength > o.Most {
		return nil, errors.Join(ErrTooLarge, a.Close())
	}
	a.ctx = ctx
	return a, nil
}

// because is why a request failed, without the URL that Go's errors name.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var named *url.Error
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}

// answer is the body of an answer, within its bounds.
type answer struct {
	ctx     context.Context
	body    io.ReadCloser
	cancel  context.CancelCauseFunc
	stop    []func()
	timer   *time.Timer // nil: no limit between two bytes
	idle    time.Duration
	bounded bool
	left    int64
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if a.timer != nil {
		a.timer.Reset(a.idle)
	}
	if a.bounded {
		if a.left -= int64(n); a.left < 0 {
			return 0, ErrTooLarge
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = because(a.ctx, err)
	}
	return n, err
}

func (a *answer) Close() error {
	for _, stop := range a.stop {
		stop()
	}
	a.cancel(context.Canceled)
	if a.body == nil {
		return nil
	}
	return a.body.Close()
}
