package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"berth/engine/spec"
)

// Hook carries out a hook's handler, for as long as ctx allows. Any answer of a
// web server is success, whatever its status. The warning is something people
// should know of all the same; its reason is FallbackReason.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/lifecycle/handlers.go
func Hook(ctx context.Context, t Target, h *spec.Handler) (warning string, err error) {
	switch {
	case h.Exec != nil:
		return "", t.hookExec(ctx, h.Exec)
	case h.HTTP != nil:
		return t.hookHTTP(ctx, h.HTTP)
	case h.Sleep != nil:
		return "", sleep(ctx, *h.Sleep)
	}
	return "", errors.New("cannot run handler: a hook is of kind exec, httpGet or sleep")
}

// FallbackReason is the reason of the event that tells of a hook's warning.
const FallbackReason = "LifecycleHTTPFallback"

func (t Target) hookExec(ctx context.Context, command []string) error {
	result, err := t.Reach.RunInContainer(ctx, t.Pod, t.Container, command)
	if err != nil {
		return err
	}
	if result.ExitCode == 0 {
		return nil
	}
	return &CommandError{Command: command, Code: result.ExitCode, Output: bytes.TrimRight(result.Output, "\n")}
}

// CommandError is a hook's command that failed. What it wrote may be secret.
type CommandError struct {
	Command []string
	Code    int
	Output  []byte
}

func (e *CommandError) Error() string {
	text := fmt.Sprintf("command '%s' exited with %d", said(e.Command), e.Code)
	if len(e.Output) > 0 {
		text += ": " + string(e.Output)
	}
	return text
}

// hookHTTP asks a web server. One that answers HTTPS in plain text is asked in
// plain text, without the credentials.
func (t Target) hookHTTP(ctx context.Context, get *spec.HTTPGet) (warning string, err error) {
	req, err := t.request(ctx, get, "lifecycle")
	if err != nil {
		return "", err
	}
	client, done := t.client(0)
	defer done()
	err = answered(client.Do(req))
	if !errors.Is(err, http.ErrSchemeMismatch) {
		return "", err
	}
	req.URL.Scheme = "http"
	req.Header.Del("Authorization")
	if answered(client.Do(req)) != nil {
		return "", err // of the two, the one about what was asked for
	}
	return fmt.Sprintf("request to HTTPS lifecycle hook %s got HTTP response, retry with HTTP succeeded", req.URL.Host), nil
}

// answered takes delivery of an answer.
func answered(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // the server may finish what it says
	_ = resp.Body.Close()
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, time.Nanosecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("container terminated before sleep hook finished: %w", context.Cause(ctx))
	}
}
