package probe_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// serveGRPC serves with gRPC's own library, which is what a probe must be understood by.
func serveGRPC(t testing.TB, register func(*grpc.Server)) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	register(server)
	go server.Serve(l) // ends with Stop
	t.Cleanup(server.Stop)
	return portOf(t, l.Addr().String())
}

// answering is a health server that does what a test says.
type answering struct {
	healthpb.UnimplementedHealthServer
	check func(ctx context.Context, service string) (*healthpb.HealthCheckResponse, error)
}

func (a answering) Check(ctx context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return a.check(ctx, r.Service)
}

// slow waits until its caller has given up.
func slow(ctx context.Context, _ string) (*healthpb.HealthCheckResponse, error) {
	<-ctx.Done()
	return nil, status.Error(codes.Unavailable, "too late")
}

func TestGRPC(t *testing.T) {
	known := serveGRPC(t, func(s *grpc.Server) {
		h := health.NewServer()
		h.SetServingStatus("up", healthpb.HealthCheckResponse_SERVING)
		h.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
		h.SetServingStatus("new", healthpb.HealthCheckResponse_UNKNOWN)
		healthpb.RegisterHealthServer(s, h)
	})
	bare := serveGRPC(t, func(*grpc.Server) {})
	with := func(check func(context.Context, string) (*healthpb.HealthCheckResponse, error)) uint16 {
		return serveGRPC(t, func(s *grpc.Server) { healthpb.RegisterHealthServer(s, answering{check: check}) })
	}
	plain := httptest.NewServer(http.HandlerFunc(pages))
	defer plain.Close()
	for _, c := range []struct {
		name string
		ask  spec.GRPC
		want probe.Outcome
		says string
	}{
		{"SERVING is success", spec.GRPC{Port: known}, probe.Success, "service healthy"},
		{"of a service by name too", spec.GRPC{Port: known, Service: "up"}, probe.Success, "service healthy"},
		{"NOT_SERVING is failure", spec.GRPC{Port: known, Service: "down"}, probe.Failure, `service unhealthy (responded with "NOT_SERVING")`},
		{"UNKNOWN is failure", spec.GRPC{Port: known, Service: "new"}, probe.Failure, `service unhealthy (responded with "UNKNOWN")`},
		{"a status of later versions is failure", spec.GRPC{Port: with(func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
			return &healthpb.HealthCheckResponse{Status: 300}, nil
		})}, probe.Failure, `service unhealthy (responded with "300")`},
		{"a service nobody knows", spec.GRPC{Port: known, Service: "x"}, probe.Failure,
			"error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"},
		{"a server without health", spec.GRPC{Port: bare}, probe.Failure,
			"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health"},
		{"a message that is encoded on its way", spec.GRPC{Port: with(func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
			return nil, status.Error(codes.Aborted, "100 % ausgelastet: später\n")
		})}, probe.Failure, "error: health rpc probe failed: rpc error: code = Aborted desc = 100 % ausgelastet: später\n"},
		{"a code of later versions", spec.GRPC{Port: with(func(context.Context, string) (*healthpb.HealthCheckResponse, error) {
			return nil, status.Error(99, "odd")
		})}, probe.Failure, "error: health rpc probe failed: rpc error: code = Code(99) desc = odd"},
		{"the call is the kubelet's", spec.GRPC{Port: with(func(ctx context.Context, service string) (*healthpb.HealthCheckResponse, error) {
			md, _ := metadata.FromIncomingContext(ctx)
			return nil, status.Errorf(codes.Internal, "%s %s %s", service, md.Get("user-agent"), md.Get(":authority"))
		}), Service: "größe"}, probe.Failure,
			"error: health rpc probe failed: rpc error: code = Internal desc = größe [kube-probe/1.36] [127.0.0.1:PORT]"},
		{"a server that speaks HTTP/1 only", spec.GRPC{Port: portOf(t, plain.URL)}, probe.Failure, ""},
		{"one that speaks something else", spec.GRPC{Port: mute(t, "220 smtp ready\r\n")}, probe.Failure, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, says, err := probe.Once(t.Context(), target(), &spec.Handler{GRPC: &c.ask}, 10*time.Second)
			want := replaced(c.says, nil, c.ask.Port)
			if got != c.want || err != nil || want != "" && says != want || says == "" {
				t.Errorf("%v %q %v, want %v %q", got, says, err, c.want, want)
			}
		})
	}
}

func TestGRPCTimeouts(t *testing.T) {
	hanging := serveGRPC(t, func(s *grpc.Server) { healthpb.RegisterHealthServer(s, answering{check: slow}) })
	for _, c := range []struct {
		name string
		port uint16
		says string
	}{
		{"a call that hangs", hanging, "timeout: health rpc did not complete within 100ms"},
		{"a server that never speaks", mute(t, ""), `timeout: failed to connect service "127.0.0.1:PORT" within 100ms: context deadline exceeded`},
		{"nobody listens", closed(t), `timeout: failed to connect service "127.0.0.1:PORT" within 100ms: dial tcp 127.0.0.1:PORT: connect: connection refused`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, says, err := probe.Once(t.Context(), target(), &spec.Handler{GRPC: &spec.GRPC{Port: c.port}}, 100*time.Millisecond)
			if want := replaced(c.says, nil, c.port); got != probe.Failure || says != want || err != nil {
				t.Errorf("%v %q %v, want %q", got, says, err, want)
			}
		})
	}
}

// TestGRPCWaitsForAServerThatStarts: within its time-out, a probe sees a server that was not there at first.
func TestGRPCWaitsForAServerThatStarts(t *testing.T) {
	port := serveGRPC(t, func(s *grpc.Server) { healthpb.RegisterHealthServer(s, health.NewServer()) })
	to := target()
	to.Reach = &late{refuse: 1}
	got, says, err := probe.Once(t.Context(), to, &spec.Handler{GRPC: &spec.GRPC{Port: port}}, 20*time.Second)
	if got != probe.Success || err != nil {
		t.Error(got, says, err)
	}
}

// late refuses connections at first.
type late struct {
	here
	refuse int
}

func (l *late) DialPod(ctx context.Context, id spec.PodID, network, address string) (net.Conn, error) {
	if l.refuse--; l.refuse >= 0 {
		return nil, errGone
	}
	return l.here.DialPod(ctx, id, network, address)
}

// TestGRPCOfStrangeServers: what gRPC's own library never sends.
func TestGRPCOfStrangeServers(t *testing.T) {
	frame := func(message string) string {
		return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))) + message
	}
	for _, c := range []struct {
		name    string
		code    int
		kind    string
		body    string
		trailer string
		want    probe.Outcome
		says    string
	}{
		{"an answer", 200, "application/grpc+proto", frame("\x08\x01"), "0", probe.Success, "service healthy"},
		{"fields nobody knows are passed over", 200, "application/grpc", frame("\x12\x03abc\x19abcdefgh\x25abcd\x30\x96\x01\x08\x01"), "0", probe.Success, "service healthy"},
		{"an empty message is UNKNOWN", 200, "application/grpc", frame(""), "0", probe.Failure, `service unhealthy (responded with "UNKNOWN")`},
		{"the last value counts", 200, "application/grpc", frame("\x08\x01\x08\x02"), "0", probe.Failure, `service unhealthy (responded with "NOT_SERVING")`},
		{"a proxy that knows no such page", 404, "text/html", "no", "", probe.Failure,
			"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unexpected HTTP status code received from server: 404 (Not Found)"},
		{"one that is overloaded", 503, "text/html", "no", "", probe.Failure,
			"error: health rpc probe failed: rpc error: code = Unavailable desc = unexpected HTTP status code received from server: 503 (Service Unavailable)"},
		{"a web page", 200, "text/html", "hello", "", probe.Failure, `error: health rpc probe failed: rpc error: code = Unknown desc = unexpected content-type "text/html" received from server`},
		{"no status", 200, "application/grpc", frame("\x08\x01"), "", probe.Failure,
			"error: health rpc probe failed: rpc error: code = Internal desc = server closed the stream without sending trailers"},
		{"less than a message", 200, "application/grpc", "\x00\x00", "0", probe.Failure, broken},
		{"a message that is cut", 200, "application/grpc", "\x00\x00\x00\x00\x09\x08\x01", "0", probe.Failure, broken},
		{"a compressed one", 200, "application/grpc", "\x01\x00\x00\x00\x02\x08\x01", "0", probe.Failure, broken},
		{"a number without end", 200, "application/grpc", frame("\x08\xff"), "0", probe.Failure, broken},
		{"a length beyond the message", 200, "application/grpc", frame("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01abc"), "0", probe.Failure, broken},
		{"a kind of field there is none of", 200, "application/grpc", frame("\x0f\x01"), "0", probe.Failure, broken},
		{"its time-out is ours", 200, "application/grpc", "", "4", probe.Failure, "timeout: health rpc did not complete within 10s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				w.WriteHeader(c.code)
				fmt.Fprint(w, c.body)
				if c.trailer != "" {
					w.Header().Set(http.TrailerPrefix+"Grpc-Status", c.trailer)
				}
			}))
			server.Config.Protocols = new(http.Protocols)
			server.Config.Protocols.SetUnencryptedHTTP2(true)
			server.Start()
			defer server.Close()
			got, says, err := probe.Once(t.Context(), target(), &spec.Handler{GRPC: &spec.GRPC{Port: portOf(t, server.URL)}}, 10*time.Second)
			if got != c.want || says != c.says || err != nil {
				t.Errorf("%v %q %v, want %v %q", got, says, err, c.want, c.says)
			}
		})
	}
}

const broken = "error: health rpc probe failed: rpc error: code = Internal desc = the answer is no grpc.health.v1.HealthCheckResponse"
