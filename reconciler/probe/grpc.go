package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"berth/engine/spec"
)

// checkGRPC asks grpc.health.v1.Health/Check; SERVING is success. A connection
// that is refused is tried again until the time is over, as gRPC's own client does.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/probe/grpc/grpc.go
func (t Target) checkGRPC(ctx context.Context, ask *spec.GRPC, timeout time.Duration) (Outcome, string, error) {
	addr := t.address("", ask.Port)
	conn, err := t.dialUntil(ctx, addr)
	if err != nil {
		return Failure, fmt.Sprintf("timeout: failed to connect service %q within %v: %v", addr, timeout, err), nil
	}
	heard := &hearing{Conn: conn}
	defer heard.Close()
	serving, err := healthOf(ctx, heard, addr, ask.Service)
	status := (*grpcError)(nil)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !heard.any.Load():
		return Failure, fmt.Sprintf("timeout: failed to connect service %q within %v: %v", addr, timeout, ctx.Err()), nil
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Failure, fmt.Sprintf("timeout: health rpc did not complete within %v", timeout), nil
	case errors.As(err, &status) && status.code == codeDeadlineExceeded:
		return Failure, fmt.Sprintf("timeout: health rpc did not complete within %v", timeout), nil
	case errors.As(err, &status) && status.code == codeUnimplemented:
		return Failure, "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): " + status.desc, nil
	case err != nil:
		return Failure, fmt.Sprintf("error: health rpc probe failed: %v", err), nil
	case serving != servingStatus:
		return Failure, fmt.Sprintf("service unhealthy (responded with %q)", servingName(serving)), nil
	}
	return Success, "service healthy", nil
}

// dialUntil connects, and while that fails tries again each second. When ctx
// ends, the error is the last one that says why.
func (t Target) dialUntil(ctx context.Context, addr string) (net.Conn, error) {
	for {
		conn, err := t.dial(ctx, "tcp", addr)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		if sleep(ctx, time.Second) != nil {
			return nil, err
		}
	}
}

// hearing is a connection that remembers whether anything came.
type hearing struct {
	net.Conn
	any atomic.Bool
}

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if n > 0 {
		h.any.Store(true)
	}
	return n, err
}

// grpcError is a call that failed, as gRPC's own library says it.
type grpcError struct {
	code int
	desc string
}

func (e *grpcError) Error() string {
	return fmt.Sprintf("rpc error: code = %s desc = %s", codeName(e.code), e.desc)
}

// The status codes that are told apart.
// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
const (
	codeUnknown          = 2
	codeDeadlineExceeded = 4
	codePermissionDenied = 7
	codeUnimplemented    = 12
	codeInternal         = 13
	codeUnavailable      = 14
	codeUnauthenticated  = 16
)

func codeName(code int) string {
	names := [...]string{"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
		"PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal",
		"Unavailable", "DataLoss", "Unauthenticated"}
	if code >= 0 && code < len(names) {
		return names[code]
	}
	return fmt.Sprintf("Code(%d)", code)
}

// healthOf makes the one call over a connection, which net/http can: HTTP/2 in
// plain text, with a message of one field each way.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
func healthOf(ctx context.Context, conn net.Conn, addr, service string) (serving uint64, err error) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols:          protocols,
		DisableCompression: true,
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/grpc.health.v1.Health/Check", bytes.NewReader(healthRequest(service)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	req.Header.Set("User-Agent", "kube-probe/"+version)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, &grpcError{codeUnavailable, err.Error()}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return 0, &grpcError{codeUnavailable, err.Error()}
	}
	if failed := statusOf(resp); failed != nil {
		return 0, failed
	}
	return healthAnswer(body)
}

// statusOf is the call's status, which stands after the answer, or in its head
// where there is none. It is nil where the call succeeded.
func statusOf(resp *http.Response) *grpcError {
	if resp.StatusCode != http.StatusOK {
		return &grpcError{codeOfHTTP(resp.StatusCode), fmt.Sprintf("unexpected HTTP status code received from server: %d (%s)",
			resp.StatusCode, http.StatusText(resp.StatusCode))}
	}
	if kind := resp.Header.Get("Content-Type"); kind != "application/grpc" && !strings.HasPrefix(kind, "application/grpc+") &&
		!strings.HasPrefix(kind, "application/grpc;") {
		return &grpcError{codeUnknown, fmt.Sprintf("unexpected content-type %q received from server", kind)}
	}
	said := resp.Trailer
	if said.Get("Grpc-Status") == "" {
		said = resp.Header
	}
	code, err := strconv.Atoi(said.Get("Grpc-Status"))
	switch {
	case err != nil:
		return &grpcError{codeInternal, "server closed the stream without sending trailers"}
	case code == 0:
		return nil
	}
	desc := said.Get("Grpc-Message")
	if plain, err := url.PathUnescape(desc); err == nil {
		desc = plain
	}
	return &grpcError{code, desc}
}

// codeOfHTTP is what a server that is none of gRPC answered.
// https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
func codeOfHTTP(status int) int {
	switch status {
	case http.StatusBadRequest:
		return codeInternal
	case http.StatusUnauthorized:
		return codeUnauthenticated
	case http.StatusForbidden:
		return codePermissionDenied
	case http.StatusNotFound:
		return codeUnimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codeUnavailable
	}
	return codeUnknown
}

// healthRequest is a HealthCheckRequest as it goes over the wire: five bytes
// that say it is not compressed and how long it is, then field 1, the service.
func healthRequest(service string) []byte {
	var message []byte
	if service != "" {
		message = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service))), service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// healthAnswer reads a HealthCheckResponse: field 1 is the status, and 0 where
// it is missing.
func healthAnswer(body []byte) (serving uint64, err error) {
	broken := &grpcError{codeInternal, "the answer is no grpc.health.v1.HealthCheckResponse"}
	if len(body) < 5 || body[0] != 0 || uint64(binary.BigEndian.Uint32(body[1:5])) != uint64(len(body)-5) {
		return 0, broken
	}
	for rest := body[5:]; len(rest) > 0; {
		tag, value, n := field(rest)
		if n == 0 {
			return 0, broken
		}
		if tag == 1<<3 {
			serving = value
		}
		rest = rest[n:]
	}
	return serving, nil
}

// field reads one field of a message: its tag, its value where that is a number,
// and how many bytes it takes, which is 0 for a broken one.
// https://protobuf.dev/programming-guides/encoding/
func field(b []byte) (tag, value uint64, n int) {
	tag, head := binary.Uvarint(b)
	if head <= 0 {
		return 0, 0, 0
	}
	number, size := 0, uint64(0)
	switch tag & 7 {
	case 0, 2: // a number, or so many bytes
		if value, number = binary.Uvarint(b[head:]); number <= 0 {
			return 0, 0, 0
		}
		if tag&7 == 2 {
			size = value
		}
	case 1:
		size = 8
	case 5:
		size = 4
	default:
		return 0, 0, 0
	}
	if size > uint64(len(b)-head-number) {
		return 0, 0, 0
	}
	return tag, value, head + number + int(size)
}

// servingStatus is HealthCheckResponse.SERVING.
const servingStatus = 1

func servingName(serving uint64) string {
	names := [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if serving < uint64(len(names)) {
		return names[serving]
	}
	return strconv.FormatUint(serving, 10)
}
