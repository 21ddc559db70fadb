package reconciler

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// clientTime limits one request.
const clientTime = 5 * time.Second

// Client asks the supervisor of an engine root.
type Client struct {
	http *http.Client
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
	return &Client{&http.Client{
		Timeout:   clientTime,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}
}

// Version says who supervises. An error means that nobody does.
func (c *Client) Version(ctx context.Context) (VersionInfo, error) {
	var v VersionInfo
	err := c.do(ctx, http.MethodGet, "/v1/version", &v)
	return v, err
}

// Status is what the supervisor knows.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.do(ctx, http.MethodGet, "/v1/status", &s)
	return s, err
}

// Wake has the supervisor look at everything now.
func (c *Client) Wake(ctx context.Context) error { return c.do(ctx, http.MethodPost, "/v1/wake", nil) }

// StepDown asks the supervisor to end. It may not have ended yet on return.
func (c *Client) StepDown(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/step-down", nil)
}

func (c *Client) do(ctx context.Context, method, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://berth"+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		_, _ = io.Copy(io.Discard, resp.Body) // only its status matters
		return fmt.Errorf("ask the supervisor: %s %s: %s", method, path, resp.Status)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	return nil
}
