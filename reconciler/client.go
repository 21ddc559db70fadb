package reconciler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"berth/reconciler/unit"
)

// clientTime limits one request.
const clientTime = 5 * time.Second

// Client asks the supervisor of an engine root.
type Client struct {
	http *http.Client
	long *http.Client // for answers that go on
}

// NewClient makes a client for the supervisor whose run folder that is. It does
// not connect yet.
func NewClient(runDir string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		folder, err := os.Open(runDir)
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		var d net.Dialer
		return d.DialContext(ctx, "unix", throughFD(folder))
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	return &Client{&http.Client{Timeout: clientTime, Transport: transport}, &http.Client{Transport: transport}}
}

// Version says who supervises. An error means that nobody does.
func (c *Client) Version(ctx context.Context) (VersionInfo, error) {
	var v VersionInfo
	err := c.do(ctx, http.MethodGet, "/v1/version", nil, &v)
	return v, err
}

// Status is what the supervisor knows.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
	return s, err
}

// Pods is what the supervisor knows of each pod.
func (c *Client) Pods(ctx context.Context) ([]PodView, error) {
	var v []PodView
	err := c.do(ctx, http.MethodGet, "/v1/pods", nil, &v)
	return v, err
}

// Units is what the supervisor knows of each Quadlet unit it runs.
func (c *Client) Units(ctx context.Context) ([]UnitView, error) {
	var v []UnitView
	err := c.do(ctx, http.MethodGet, "/v1/units", nil, &v)
	return v, err
}

// RenewUnit has the supervisor make a unit that it runs anew, and does not wait.
func (c *Client) RenewUnit(ctx context.Context, service string) error {
	return c.do(ctx, http.MethodPost, "/v1/units/renew", service, nil)
}

// AskUnit has the supervisor do with a unit what a person asks for, and does not
// wait.
func (c *Client) AskUnit(ctx context.Context, a unit.Ask) error {
	return c.do(ctx, http.MethodPost, "/v1/units/ask", a, nil)
}

// WatchPods calls f with each pod there is, then with what changes, until ctx
// ends, f fails or the supervisor ends; then the error says so.
func (c *Client) WatchPods(ctx context.Context, f func(PodChange) error) error {
	return watch(ctx, c, "/v1/pods?watch=1", f)
}

// Events is what happened lately, the oldest first.
func (c *Client) Events(ctx context.Context) ([]Event, error) {
	var e []Event
	err := c.do(ctx, http.MethodGet, "/v1/events", nil, &e)
	return e, err
}

// WatchEvents calls f with what happened lately, then with what happens, as
// WatchPods does.
func (c *Client) WatchEvents(ctx context.Context, f func(Event) error) error {
	return watch(ctx, c, "/v1/events?watch=1", f)
}

// Tell hands over what somebody else saw.
func (c *Client) Tell(ctx context.Context, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	return c.do(ctx, http.MethodPost, "/v1/events", events, nil)
}

// Wake has the supervisor look at everything now.
func (c *Client) Wake(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/wake", nil, nil)
}

// StepDown asks the supervisor to end. It may not have ended yet on return.
func (c *Client) StepDown(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/step-down", nil, nil)
}

func (c *Client) do(ctx context.Context, method, path string, question, answer any) error {
	body, err := ask(ctx, c.http, method, path, question)
	if err != nil {
		return err
	}
	defer body.Close()
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(answer); err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	return nil
}

// watch reads an answer line by line.
func watch[T any](ctx context.Context, c *Client, path string, f func(T) error) error {
	body, err := ask(ctx, c.long, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	for lines := json.NewDecoder(body); ; {
		var line T
		if err := lines.Decode(&line); err != nil {
			return fmt.Errorf("the supervisor's answer has ended: %w", err)
		}
		if err := f(line); err != nil {
			return err
		}
	}
}

// mostSaid bounds what the supervisor says of a question it refuses, in bytes.
const mostSaid = 16 << 10

// ask puts a question, as JSON unless it is nil, and gives the answer's body.
func ask(ctx context.Context, client *http.Client, method, path string, question any) (io.ReadCloser, error) {
	var text io.Reader = http.NoBody
	if question != nil {
		data, err := json.Marshal(question)
		if err != nil {
			return nil, fmt.Errorf("ask the supervisor: %w", err)
		}
		text = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://berth"+path, text)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the supervisor: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		said, _ := io.ReadAll(io.LimitReader(resp.Body, mostSaid)) // its status says that it failed
		if resp.StatusCode == http.StatusConflict {
			return nil, errors.New(strings.TrimSpace(string(said)))
		}
		return nil, fmt.Errorf("ask the supervisor: %s %s: %s", method, path, resp.Status)
	}
	return resp.Body, nil
}
