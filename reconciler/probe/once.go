package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"berth/engine/spec"
)

// version is that of the kubelet whose probes these are, as servers are told it.
const version = "1.36"

// maxBody is how much of an answer is read, as in the kubelet.
const maxBody = 10 << 10

// Reach is how a container is got at; an engine has it.
type Reach interface {
	// RunInContainer runs a command in a container. When ctx ends, the command is
	// killed and the error is ctx's.
	RunInContainer(ctx context.Context, id spec.PodID, name string, command []string) (spec.ExecResult, error)
	// DialPod connects from within the pod's network namespace; the address's
	// host is an IP address.
	DialPod(ctx context.Context, id spec.PodID, network, address string) (net.Conn, error)
}

// Target is the container a handler is carried out for.
type Target struct {
	Reach     Reach
	Pod       spec.PodID
	Container string // its name in the pod
	IP        string // the pod's; empty: it has a loopback only, and that is asked
}

// Outcome is how one probe went.
type Outcome int

// Outcomes. Unknown comes with an error: the probe could not be made, which says
// nothing about the container. Warning is a success that people should know of.
const (
	Unknown Outcome = iota
	Success
	Warning
	Failure
)

// String is the kubelet's word for it.
func (o Outcome) String() string {
	switch o {
	case Success:
		return "success"
	case Warning:
		return "warning"
	case Failure:
		return "failure"
	}
	return "unknown"
}

// Once carries out a probe's handler and says how it went, and why in the
// kubelet's words. It takes no longer than timeout, unless that is 0. An error
// means that the probe could not be made; the outcome is then what the kubelet
// calls it.
func Once(ctx context.Context, t Target, h *spec.Handler, timeout time.Duration) (Outcome, string, error) {
	switch {
	case h.HTTP != nil:
		return t.getHTTP(ctx, h.HTTP, timeout)
	case h.Exec == nil && h.TCP == nil && h.GRPC == nil:
		return Unknown, "", errors.New("missing probe handler")
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	switch {
	case h.Exec != nil:
		return t.exec(ctx, h.Exec)
	case h.TCP != nil:
		return t.connect(ctx, h.TCP)
	default:
		return t.checkGRPC(ctx, h.GRPC, timeout)
	}
}

// exec runs a command; exit code 0 is success.
func (t Target) exec(ctx context.Context, command []string) (Outcome, string, error) {
	result, err := t.Reach.RunInContainer(ctx, t.Pod, t.Container, command)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Failure, fmt.Sprintf("command %q timed out", said(command)), nil
	case err != nil:
		return Unknown, "", err
	case result.ExitCode != 0:
		return Failure, string(result.Output), nil
	}
	return Success, string(result.Output), nil
}

// said is a command as people may read it.
func said(command []string) string { return spec.Mask(strings.Join(command, " ")) }

// connect opens a connection and closes it.
func (t Target) connect(ctx context.Context, to *spec.TCPSocket) (Outcome, string, error) {
	conn, err := t.dial(ctx, "tcp", t.address(to.Host, to.Port))
	if err != nil {
		return Failure, err.Error(), nil
	}
	_ = conn.Close() // it was open, which is all that was asked
	return Success, "", nil
}

// address is where a server listens; without a host it is the pod's.
func (t Target) address(host string, port uint16) string {
	if host == "" {
		host = t.IP
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// dial connects from within the pod's network namespace. Names are looked up on
// the host's side: there may be no resolver in the pod.
func (t Target) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) != nil {
		return t.Reach.DialPod(ctx, t.Pod, network, address)
	}
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", network, err)
	}
	var failed error
	for _, addr := range addrs {
		conn, err := t.Reach.DialPod(ctx, t.Pod, network, net.JoinHostPort(addr, port))
		if err == nil {
			return conn, nil
		}
		if failed == nil {
			failed = err // the first address is the preferred one
		}
	}
	return nil, failed
}
