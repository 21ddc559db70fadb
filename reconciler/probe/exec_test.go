package probe_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// stuck is a pod that is never reached.
type stuck struct{}

func (stuck) DialPod(ctx context.Context, _ spec.PodID, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (stuck) RunInContainer(ctx context.Context, _ spec.PodID, _ string, _ []string) (spec.ExecResult, error) {
	<-ctx.Done()
	return spec.ExecResult{}, ctx.Err()
}

// container runs what a test says, with one command known to all.
func container(code int, output string, err error) probe.Target {
	to := target()
	to.Reach = here{func(_ context.Context, command []string) (spec.ExecResult, error) {
		if strings.Join(command, " ") != "check it" {
			return spec.ExecResult{}, errors.New("another command")
		}
		return spec.ExecResult{ExitCode: code, Output: []byte(output)}, err
	}}
	return to
}

func TestExec(t *testing.T) {
	for _, c := range []struct {
		name string
		to   probe.Target
		want probe.Outcome
		says string
		fail error
	}{
		{"exit code 0 is success", container(0, "fine\n", nil), probe.Success, "fine\n", nil},
		{"any other is failure", container(3, "no such file\n", nil), probe.Failure, "no such file\n", nil},
		{"a command that could not be run says nothing", container(0, "", errGone), probe.Unknown, "", errGone},
		{"one that takes too long is failure", probe.Target{Reach: stuck{}}, probe.Failure, `command "check it" timed out`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, says, err := probe.Once(t.Context(), c.to, &spec.Handler{Exec: []string{"check", "it"}}, time.Second)
				if got != c.want || says != c.says || !errors.Is(err, c.fail) {
					t.Errorf("%v %q %v", got, says, err)
				}
			})
		})
	}
}

func TestNoSecretIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		command := []string{"login", "--password=" + spec.LateSecret("db/password")}
		_, says, _ := probe.Once(t.Context(), probe.Target{Reach: stuck{}}, &spec.Handler{Exec: command}, time.Second)
		if want := `command "login --password=*******" timed out`; says != want {
			t.Errorf("%q, want %q", says, want)
		}
	})
}

func TestExecThatIsGivenUpIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, _, err := probe.Once(ctx, probe.Target{Reach: stuck{}}, &spec.Handler{Exec: []string{"x"}}, time.Second)
	if got != probe.Unknown || !errors.Is(err, context.Canceled) {
		t.Error(got, err)
	}
}

func TestHooks(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(pages))
	defer server.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(pages))
	defer secure.Close()
	port, tlsPort := portOf(t, server.URL), portOf(t, secure.URL)
	for _, c := range []struct {
		name string
		to   probe.Target
		hook spec.Handler
		warn string
		fail string
	}{
		{"a command that exits 0", container(0, "", nil), spec.Handler{Exec: []string{"check", "it"}}, "", ""},
		{"one that does not", container(2, "broken\n", nil), spec.Handler{Exec: []string{"check", "it"}}, "", "command 'check it' exited with 2: broken"},
		{"one that fails silently", container(2, "", nil), spec.Handler{Exec: []string{"check", "it"}}, "", "command 'check it' exited with 2"},
		{"one that cannot be run", container(0, "", errGone), spec.Handler{Exec: []string{"check", "it"}}, "", "no such container"},
		{"a server that answers", target(), spec.Handler{HTTP: &spec.HTTPGet{Port: port}}, "", ""},
		{"whatever it answers", target(), spec.Handler{HTTP: &spec.HTTPGet{Port: port, Path: "/status/500"}}, "", ""},
		{"however much", target(), spec.Handler{HTTP: &spec.HTTPGet{Port: port, Path: "/endless"}}, "", ""},
		{"in TLS", target(), spec.Handler{HTTP: &spec.HTTPGet{Port: tlsPort, Scheme: "HTTPS"}}, "", ""},
		{"in plain text where TLS was meant", target(), spec.Handler{HTTP: &spec.HTTPGet{Port: port, Scheme: "HTTPS"}},
			"request to HTTPS lifecycle hook 127.0.0.1:PORT got HTTP response, retry with HTTP succeeded", ""},
		{"that does not follow redirects for ever", target(), spec.Handler{HTTP: &spec.HTTPGet{Port: port, Path: "/round"}}, "", `Get "/round": stopped after 10 redirects`},
		{"that is not there", target(), spec.Handler{HTTP: &spec.HTTPGet{Port: 1}}, "", `Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused`},
	} {
		t.Run(c.name, func(t *testing.T) {
			warn, err := probe.Hook(t.Context(), c.to, &c.hook)
			if want := replaced(c.warn, nil, port); warn != want {
				t.Errorf("warning %q, want %q", warn, want)
			}
			if (err != nil) != (c.fail != "") || err != nil && err.Error() != c.fail {
				t.Errorf("error %v, want %q", err, c.fail)
			}
		})
	}
}

func TestHookSendsNoCredentialsInPlainText(t *testing.T) {
	var seen, agent []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen, agent = r.Header.Values("Authorization"), r.Header.Values("User-Agent")
	}))
	defer server.Close()
	get := &spec.HTTPGet{Scheme: "HTTPS", Port: portOf(t, server.URL), Headers: []spec.Header{{Name: "Authorization", Value: "Bearer x"}}}
	if _, err := probe.Hook(t.Context(), target(), &spec.Handler{HTTP: get}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 0 || strings.Join(agent, "") != "kube-lifecycle/1.36" {
		t.Error(seen, agent)
	}
}

func TestHookEndsWithItsBudget(t *testing.T) {
	pause := time.Minute
	for name, h := range map[string]spec.Handler{
		"exec": {Exec: []string{"x"}}, "httpGet": {HTTP: &spec.HTTPGet{Port: 80}}, "sleep": {Sleep: &pause},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			begun := time.Now()
			_, err := probe.Hook(ctx, probe.Target{Reach: stuck{}}, &h)
			if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took != 2*time.Second {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		})
	}
}

func TestSleepHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, pause := time.Now(), 7*time.Second
		if _, err := probe.Hook(t.Context(), target(), &spec.Handler{Sleep: &pause}); err != nil || time.Since(begun) != pause {
			t.Error(err, time.Since(begun))
		}
	})
}
