package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"berth/engine/spec"
)

// getHTTP asks a web server; 200 to 399 is success.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/probe/http/http.go
func (t Target) getHTTP(ctx context.Context, get *spec.HTTPGet, timeout time.Duration) (Outcome, string, error) {
	req, err := t.request(ctx, get, "probe")
	if err != nil {
		return Unknown, "", err
	}
	client, done := t.client(timeout)
	defer done()
	resp, err := client.Do(req)
	if err != nil {
		return Failure, err.Error(), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	switch {
	case err != nil:
		return Failure, "", err
	case resp.StatusCode < http.StatusOK || resp.StatusCode >= http.StatusBadRequest:
		return Failure, fmt.Sprintf("HTTP probe failed with statuscode: %d", resp.StatusCode), nil
	case resp.StatusCode >= http.StatusMultipleChoices:
		return Warning, fmt.Sprintf("Probe terminated redirects, Response body: %s", body), nil
	}
	return Success, string(body), nil
}

// request is the request of a probe, or of a hook ("lifecycle").
func (t Target) request(ctx context.Context, get *spec.HTTPGet, purpose string) (*http.Request, error) {
	at, err := url.Parse(cmp.Or(get.Path, "/"))
	if err != nil {
		at = &url.URL{Path: get.Path} // as the kubelet: it is too late to refuse it
	}
	at.Scheme = strings.ToLower(get.Scheme)
	if at.Scheme == "" {
		at.Scheme = "http"
	}
	at.Host = t.address(get.Host, get.Port)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, h := range get.Headers {
		req.Header.Add(h.Name, h.Value)
	}
	if _, given := req.Header["User-Agent"]; !given {
		req.Header.Set("User-Agent", "kube-"+purpose+"/"+version)
	}
	if _, given := req.Header["Accept"]; !given {
		req.Header.Set("Accept", "*/*")
	} else if req.Header.Get("Accept") == "" {
		req.Header.Del("Accept")
	}
	req.Host = req.Header.Get("Host")
	return req, nil
}

// client asks one server once: without proxy, without keeping connections, and
// without looking at certificates. What is left of it, done takes away.
func (t Target) client(timeout time.Duration) (client *http.Client, done func()) {
	transport := &http.Transport{
		DialContext:        t.dialShy,
		DisableKeepAlives:  true,
		DisableCompression: true,
		ForceAttemptHTTP2:  true, // some servers speak nothing else over TLS
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		ReadBufferSize:     1 << 10,
		WriteBufferSize:    1 << 10,
	}
	return &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: checkRedirect}, transport.CloseIdleConnections
}

// checkRedirect follows within the host that was asked, and not for ever.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case req.URL.Hostname() != via[0].URL.Hostname():
		return http.ErrUseLastResponse
	case len(via) >= 10:
		return errors.New("stopped after 10 redirects")
	}
	return nil
}

// dialShy is dial for net/http, which logs, where nobody can keep it from it,
// that a server spoke before it was asked.
func (t Target) dialShy(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := t.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &shy{Conn: conn, spoken: make(chan struct{})}, nil
}

// shy is a connection that listens only after it has spoken.
type shy struct {
	net.Conn
	once   sync.Once
	spoken chan struct{} // closed by the first Write, or Close
}

func (s *shy) Read(p []byte) (int, error) {
	<-s.spoken
	return s.Conn.Read(p)
}

func (s *shy) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.spoken) })
	return s.Conn.Write(p)
}

func (s *shy) Close() error {
	s.once.Do(func() { close(s.spoken) })
	return s.Conn.Close()
}
