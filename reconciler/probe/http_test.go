package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// pages is a server with a page for each thing a probe must get right.
func pages(w http.ResponseWriter, r *http.Request) {
	var code, length int
	switch {
	case r.URL.Path == "/seen":
		fmt.Fprintf(w, "%s %s host=%s agent=%s accept=%q encoding=%q x=%q close=%v", r.Method, r.URL, r.Host, r.UserAgent(),
			r.Header.Values("Accept"), r.Header.Get("Accept-Encoding"), r.Header.Values("X-A"), r.Close)
	case r.URL.Path == "/elsewhere":
		w.Header().Set("Location", "http://example.invalid/")
		w.WriteHeader(http.StatusFound)
		fmt.Fprint(w, "moved")
	case r.URL.Path == "/round":
		http.Redirect(w, r, "/round", http.StatusFound)
	case r.URL.Path == "/to-bad":
		http.Redirect(w, r, "/status/500", http.StatusTemporaryRedirect)
	case r.URL.Path == "/to-good":
		http.Redirect(w, r, "/status/204", http.StatusPermanentRedirect)
	case r.URL.Path == "/never":
		<-r.Context().Done()
	case r.URL.Path == "/half":
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half of it")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case r.URL.Path == "/endless":
		for r.Context().Err() == nil {
			if _, err := fmt.Fprint(w, strings.Repeat("x", 1<<12)); err != nil {
				return
			}
		}
	case scan(r.URL.Path, "/status/%d", &code):
		w.WriteHeader(code)
	case scan(r.URL.Path, "/big/%d", &length):
		fmt.Fprint(w, strings.Repeat("x", length))
	default:
		fmt.Fprint(w, "ok")
	}
}

func scan(path, format string, to *int) bool {
	n, _ := fmt.Sscanf(path, format, to)
	return n == 1
}

func TestHTTPGet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(pages))
	defer server.Close()
	server.Config.ErrorLog = quiet()
	header := func(words ...string) (list []spec.Header) {
		for i := 0; i < len(words); i += 2 {
			list = append(list, spec.Header{Name: words[i], Value: words[i+1]})
		}
		return list
	}
	for _, c := range []struct {
		name string
		get  spec.HTTPGet
		want probe.Outcome
		says string // ADDR is the server's address
		fail string
	}{
		{"200 is success, and the message is the body", spec.HTTPGet{Path: "/"}, probe.Success, "ok", ""},
		{"no path is /", spec.HTTPGet{}, probe.Success, "ok", ""},
		{"204 is success", spec.HTTPGet{Path: "/status/204"}, probe.Success, "", ""},
		{"304 is success, with a warning", spec.HTTPGet{Path: "/status/304"}, probe.Warning, "Probe terminated redirects, Response body: ", ""},
		{"400 is failure", spec.HTTPGet{Path: "/status/400"}, probe.Failure, "HTTP probe failed with statuscode: 400", ""},
		{"503 is failure", spec.HTTPGet{Path: "/status/503"}, probe.Failure, "HTTP probe failed with statuscode: 503", ""},
		{"the request is the kubelet's", spec.HTTPGet{Path: "/seen?a=b%20c"}, probe.Success,
			`GET /seen?a=b%20c host=ADDR agent=kube-probe/1.36 accept=["*/*"] encoding="" x=[] close=true`, ""},
		{"a path without its slash gets one", spec.HTTPGet{Path: "seen"}, probe.Success,
			`GET /seen host=ADDR agent=kube-probe/1.36 accept=["*/*"] encoding="" x=[] close=true`, ""},
		{"headers are sent, Host and repeated ones too",
			spec.HTTPGet{Path: "/seen", Headers: header("Host", "example.org", "x-a", "1", "X-A", "2", "User-Agent", "me", "Accept", "text/plain")}, probe.Success,
			`GET /seen host=example.org agent=me accept=["text/plain"] encoding="" x=["1" "2"] close=true`, ""},
		{"an empty Accept is none", spec.HTTPGet{Path: "/seen", Headers: header("Accept", "")}, probe.Success,
			`GET /seen host=ADDR agent=kube-probe/1.36 accept=[] encoding="" x=[] close=true`, ""},
		{"a host may be a name", spec.HTTPGet{Host: "localhost", Path: "/"}, probe.Success, "ok", ""},
		{"redirects are followed within the host", spec.HTTPGet{Path: "/to-good"}, probe.Success, "", ""},
		{"and what they lead to counts", spec.HTTPGet{Path: "/to-bad"}, probe.Failure, "HTTP probe failed with statuscode: 500", ""},
		{"not for ever", spec.HTTPGet{Path: "/round"}, probe.Failure, `Get "/round": stopped after 10 redirects`, ""},
		{"another host is success with a warning", spec.HTTPGet{Path: "/elsewhere"}, probe.Warning, "Probe terminated redirects, Response body: moved", ""},
		{"10 KiB of the body are read", spec.HTTPGet{Path: "/big/20000"}, probe.Success, strings.Repeat("x", 10<<10), ""},
		{"also of one without end", spec.HTTPGet{Path: "/endless"}, probe.Success, strings.Repeat("x", 10<<10), ""},
		{"a body that breaks off says nothing of the container", spec.HTTPGet{Path: "/half"}, probe.Failure, "", "unexpected EOF"},
		{"https to a server that speaks http", spec.HTTPGet{Scheme: "HTTPS", Path: "/"}, probe.Failure,
			`Get "https://ADDR/": http: server gave HTTP response to HTTPS client`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.get.Port = portOf(t, server.URL)
			got, says, err := probe.Once(t.Context(), target(), &spec.Handler{HTTP: &c.get}, 10*time.Second)
			if want := replaced(c.says, server, 0); got != c.want || says != want {
				t.Errorf("%v %q, want %v %q", got, says, c.want, want)
			}
			if (err != nil) != (c.fail != "") || err != nil && err.Error() != c.fail {
				t.Errorf("error %v, want %q", err, c.fail)
			}
		})
	}
}

func TestHTTPGetOverTLS(t *testing.T) {
	for _, protocols := range [][2]bool{{true, false}, {false, true}} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(pages))
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetHTTP1(protocols[0])
		server.Config.Protocols.SetHTTP2(protocols[1])
		server.EnableHTTP2 = protocols[1]
		server.StartTLS() // with a certificate nobody knows, for another name
		get := &spec.HTTPGet{Scheme: "HTTPS", Port: portOf(t, server.URL), Path: "/"}
		got, says, err := probe.Once(t.Context(), target(), &spec.Handler{HTTP: get}, 10*time.Second)
		if got != probe.Success || says != "ok" || err != nil {
			t.Errorf("HTTP/1 %v, HTTP/2 %v: %v %q %v", protocols[0], protocols[1], got, says, err)
		}
		server.Close()
	}
}

// TestHTTPGetIgnoresProxies: a proxy of the supervisor's environment is none of the pod's.
func TestHTTPGetIgnoresProxies(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(pages))
	defer server.Close()
	t.Setenv("HTTP_PROXY", fmt.Sprintf("http://127.0.0.1:%d", closed(t)))
	got, says, _ := probe.Once(t.Context(), target(), &spec.Handler{HTTP: &spec.HTTPGet{Port: portOf(t, server.URL)}}, 10*time.Second)
	if got != probe.Success {
		t.Errorf("%v %q", got, says)
	}
}

func TestHTTPGetFailures(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(pages))
	defer server.Close()
	const short = 100 * time.Millisecond
	for _, c := range []struct {
		name string
		get  spec.HTTPGet
		says string
	}{
		{"nobody listens", spec.HTTPGet{Port: closed(t), Path: "/healthz"}, `Get "http://127.0.0.1:PORT/healthz": dial tcp 127.0.0.1:PORT: connect: connection refused`},
		{"the server never answers", spec.HTTPGet{Port: portOf(t, server.URL), Path: "/never"},
			`Get "http://127.0.0.1:PORT/never": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`},
		{"it does not even speak", spec.HTTPGet{Port: mute(t, ""), Path: "/"},
			`Get "http://127.0.0.1:PORT/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`},
		{"not in TLS either", spec.HTTPGet{Scheme: "HTTPS", Port: mute(t, ""), Path: "/"},
			`Get "https://127.0.0.1:PORT/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`},
		{"it speaks something else", spec.HTTPGet{Port: mute(t, "220 smtp ready\r\n"), Path: "/"},
			`malformed HTTP status code "smtp"`},
		{"a host nobody knows", spec.HTTPGet{Port: 80, Host: "no.such.host.invalid"}, "no.such.host.invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, says, err := probe.Once(t.Context(), target(), &spec.Handler{HTTP: &c.get}, short)
			want := replaced(c.says, nil, c.get.Port)
			if got != probe.Failure || err != nil || !strings.Contains(says, want) {
				t.Errorf("%v %q %v, want %q", got, says, err, want)
			}
		})
	}
}

func TestHTTPHeadersThatCannotBeSentAreNoFailureOfTheContainer(t *testing.T) {
	get := &spec.HTTPGet{Port: 1, Scheme: "bad scheme"}
	if got, _, err := probe.Once(t.Context(), target(), &spec.Handler{HTTP: get}, time.Second); got != probe.Unknown || err == nil {
		t.Error(got, err)
	}
}

func TestTCPSocket(t *testing.T) {
	open := mute(t, "")
	port := closed(t)
	six := httptest.NewUnstartedServer(http.HandlerFunc(pages))
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		six.Listener.Close()
		six.Listener = l
	}
	defer six.Listener.Close()
	for _, c := range []struct {
		name string
		ip   string
		to   spec.TCPSocket
		want probe.Outcome
		says string
	}{
		{"somebody listens", "127.0.0.1", spec.TCPSocket{Port: open}, probe.Success, ""},
		{"nobody does", "127.0.0.1", spec.TCPSocket{Port: port}, probe.Failure, "dial tcp 127.0.0.1:PORT: connect: connection refused"},
		{"a host beside the pod", "127.0.0.9", spec.TCPSocket{Host: "127.0.0.1", Port: open}, probe.Success, ""},
		{"a pod with a loopback only", "", spec.TCPSocket{Port: open}, probe.Success, ""},
		{"IPv6", six.Listener.Addr().(*net.TCPAddr).IP.String(), spec.TCPSocket{Port: portOf(t, six.Listener.Addr().String())}, probe.Success, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := target()
			to.IP = c.ip
			got, says, err := probe.Once(t.Context(), to, &spec.Handler{TCP: &c.to}, 10*time.Second)
			if want := replaced(c.says, nil, c.to.Port); got != c.want || says != want || err != nil {
				t.Errorf("%v %q %v, want %v %q", got, says, err, c.want, want)
			}
		})
	}
}

// TestNothingIsLeftBehind: a bubble of fake time does not end while one of its goroutines lives.
func TestNothingIsLeftBehind(t *testing.T) {
	handlers := []spec.Handler{{TCP: &spec.TCPSocket{Port: 80}}, {HTTP: &spec.HTTPGet{Port: 80}},
		{HTTP: &spec.HTTPGet{Port: 80, Scheme: "HTTPS"}}, {GRPC: &spec.GRPC{Port: 80}}}
	for _, h := range handlers {
		synctest.Test(t, func(t *testing.T) {
			to := target()
			to.Reach = stuck{} // nobody can connect
			begun := time.Now()
			got, says, err := probe.Once(t.Context(), to, &h, time.Second)
			if got != probe.Failure || err != nil || says == "" || time.Since(begun) != time.Second {
				t.Errorf("%v %q %v after %v", got, says, err, time.Since(begun))
			}
		})
	}
	for _, h := range handlers[1:] {
		synctest.Test(t, func(t *testing.T) {
			to := target()
			to.Reach = deaf{} // who connects gets no answer
			got, says, err := probe.Once(t.Context(), to, &h, time.Second)
			if got != probe.Failure || err != nil || says == "" {
				t.Errorf("%v %q %v", got, says, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := probe.Hook(ctx, probe.Target{Reach: stuck{}}, &handlers[1]); err == nil {
			t.Error("a hook nobody answers succeeded")
		}
	})
}

// deaf is a pod whose server takes everything in and says nothing.
type deaf struct{ stuck }

func (deaf) DialPod(context.Context, spec.PodID, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go io.Copy(io.Discard, server) // ends as the client closes
	return client, nil
}

func TestNoHandler(t *testing.T) {
	pause := time.Second
	for _, h := range []spec.Handler{{}, {Sleep: &pause}} {
		if got, _, err := probe.Once(t.Context(), target(), &h, time.Second); got != probe.Unknown || err == nil {
			t.Error(got, err)
		}
	}
	if _, err := probe.Hook(t.Context(), target(), &spec.Handler{TCP: &spec.TCPSocket{Port: 1}}); err == nil {
		t.Error("a hook of kind tcpSocket was carried out")
	}
}

var errGone = errors.New("no such container")
