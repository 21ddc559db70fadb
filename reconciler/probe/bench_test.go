package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// BenchmarkOnce is the price of one probe; a tenth of the nanoseconds, in
// percent of a core, is what a hundred a second take. The server is in the price.
func BenchmarkOnce(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	rpc := serveGRPC(b, func(s *grpc.Server) { healthpb.RegisterHealthServer(s, health.NewServer()) })
	to := target()
	to.Reach = here{func(context.Context, []string) (spec.ExecResult, error) { return spec.ExecResult{}, nil }}
	for _, h := range []spec.Handler{
		{HTTP: &spec.HTTPGet{Port: portOf(b, server.URL), Path: "/"}},
		{TCP: &spec.TCPSocket{Port: portOf(b, server.URL)}},
		{GRPC: &spec.GRPC{Port: rpc}},
		{Exec: []string{"true"}},
	} {
		name := map[bool]string{h.HTTP != nil: "http", h.TCP != nil: "tcp", h.GRPC != nil: "grpc", h.Exec != nil: "exec"}[true]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got, says, err := probe.Once(b.Context(), to, &h, time.Second); got != probe.Success {
					b.Fatal(got, says, err)
				}
			}
		})
	}
}

// BenchmarkIdle is what a probe takes while it waits for its turn.
func BenchmarkIdle(b *testing.B) {
	reach := here{func(context.Context, []string) (spec.ExecResult, error) { return spec.ExecResult{}, nil }}
	set := probe.NewSet(reach, func(probe.Result) {})
	defer set.Close()
	var before, after runtime.MemStats
	pods := make([]spec.PodStatus, b.N)
	for i := range pods {
		pods[i] = waiting(i)
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	for i := range pods {
		set.Sync(&pods[i])
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse)/float64(b.N), "B/probe")
	runtime.KeepAlive(pods)
}

// BenchmarkSync is the price of a look at a pod that goes on as it was.
func BenchmarkSync(b *testing.B) {
	set := probe.NewSet(here{}, func(probe.Result) {})
	defer set.Close()
	pod := waiting(0)
	b.ReportAllocs()
	for b.Loop() {
		set.Sync(&pod)
	}
}

// waiting is a pod whose readiness probe has its first turn in an hour.
func waiting(i int) spec.PodStatus {
	p := &spec.Probe{
		Handler: spec.Handler{HTTP: &spec.HTTPGet{Port: 80}}, InitialDelay: time.Hour, Period: time.Hour, Timeout: time.Second, SuccessThreshold: 1, FailureThreshold: 3,
	}
	return spec.PodStatus{
		Pod:        spec.Pod{ID: spec.PodID(fmt.Sprintf("%036d", i)), Containers: []spec.Container{{Name: "c", Lifecycle: spec.Lifecycle{Readiness: p}}}},
		Sandbox:    spec.SandboxReady,
		Containers: []spec.ContainerStatus{{ID: spec.ContainerID(fmt.Sprintf("%064x", i)), Name: "c", State: spec.StateRunning, StartedAt: time.Now()}},
	}
}
