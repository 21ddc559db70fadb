package image

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"go.podman.io/image/v5/docker"

	"berth/engine/spec"
)

// longestPause bounds the growing pauses between tries.
const longestPause = 30 * time.Second

// fetchAgain fetches, and as often as the request asks for once more while what
// fails may be over a moment later. It holds no slot while it waits.
func (s *Store) fetchAgain(ctx context.Context, t transfer, req spec.ImageRequest, transport, rest string) (string, error) {
	tries := uint(0)
	if req.Pull.Retries != nil {
		tries = *req.Pull.Retries
	}
	for n := uint(0); ; n++ {
		id, err := s.fetch(ctx, t, req, transport, rest)
		if err == nil || n >= tries || ctx.Err() != nil || !passing(err) {
			return id, err
		}
		pause := req.Pull.RetryDelay
		if pause == 0 {
			pause = min(time.Second<<min(n, 10), longestPause)
		}
		s.log.Warn("image not fetched, trying again", "image", req.Ref, "in", pause, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// passing reports whether an error may be gone at the next try: the network's,
// and those of a registry that is too busy. What a registry refuses it refuses
// again.
func passing(err error) bool {
	var status docker.UnexpectedHTTPStatusError
	if errors.As(err, &status) {
		return status.StatusCode >= http.StatusInternalServerError
	}
	var name *net.DNSError
	if errors.As(err, &name) && name.IsNotFound {
		return false
	}
	var network *net.OpError
	var timeout net.Error
	return errors.Is(err, docker.ErrTooManyRequests) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.As(err, &network) || errors.As(err, &timeout) && timeout.Timeout()
}
