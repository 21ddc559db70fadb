package cluster

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// server is an API server that knows server-side apply and who asks.
type server struct {
	*httptest.Server
	dir      string // certificates and kubeconfig files
	requests []request
	answer   func(w http.ResponseWriter, r *http.Request)
}

type request struct {
	method, path, query, contentType, agent, authorization, client string
	body                                                           map[string]any
}

// newServer starts one that accepts what it is sent. Its own certificate is
// vouched for by ca.crt; client.crt and client.key are those of a client.
func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{dir: t.TempDir()}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	clients := x509.NewCertPool()
	clients.AddCert(s.clientCertificate(t))
	s.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	s.write(t, "ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	return s
}

func (s *server) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *server) clientCertificate(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "jane"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "client.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	s.write(t, "client.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	got := request{
		method: r.Method, path: r.URL.Path, query: r.URL.Query().Encode(), contentType: r.Header.Get("Content-Type"),
		agent: r.UserAgent(), authorization: r.Header.Get("Authorization"),
	}
	if certificates := r.TLS.PeerCertificates; len(certificates) > 0 {
		got.client = certificates[0].Subject.CommonName
	}
	data, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(data, &got.body) // the tests look at it
	s.requests = append(s.requests, got)
	w.Header().Set("Content-Type", "application/json")
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(data)
}

// refuse answers as an API server refuses.
func refuse(code int, reason, message string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
	}
}

// kubeconfig writes one with two contexts: "jane" with a client certificate and
// "bot" with a token and a namespace.
func (s *server) kubeconfig(t *testing.T) string {
	t.Helper()
	return s.write(t, "config", fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: jane
clusters:
- name: here
  cluster: {server: %q, certificate-authority: ca.crt}
- name: unchecked
  cluster: {server: %q}
contexts:
- name: jane
  context: {cluster: here, user: jane}
- name: bot
  context: {cluster: here, user: bot, namespace: robots}
- name: unchecked
  context: {cluster: unchecked, user: bot}
users:
- name: jane
  user: {client-certificate: client.crt, client-key: client.key}
- name: bot
  user: {token: sesame}
`, s.URL, s.URL))
}

func (s *server) connect(t *testing.T, o Options) *Client {
	t.Helper()
	if o.Kubeconfig == "" {
		o.Kubeconfig = s.kubeconfig(t)
	}
	c, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func object(kind, namespace, name string) Object {
	meta := map[string]any{"name": name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	return Object{kind, namespace, name, map[string]any{"kind": kind, "metadata": meta}}
}

func TestApply(t *testing.T) {
	for _, c := range []struct {
		object             Object
		options            ApplyOptions
		name, path, forced string
		dry                bool
	}{
		{object("Pod", "", "web"), ApplyOptions{}, "pod/web", "/api/v1/namespaces/default/pods/web", "false", false},
		{object("Pod", "shop", "web"), ApplyOptions{Force: true}, "pod/web", "/api/v1/namespaces/shop/pods/web", "true", false},
		{object("Namespace", "", "shop"), ApplyOptions{}, "namespace/shop", "/api/v1/namespaces/shop", "false", false},
		{object("ConfigMap", "shop", "c"), ApplyOptions{}, "configmap/c", "/api/v1/namespaces/shop/configmaps/c", "false", false},
		{object("Secret", "shop", "s"), ApplyOptions{}, "secret/s", "/api/v1/namespaces/shop/secrets/s", "false", false},
		{object("PersistentVolumeClaim", "", "d"), ApplyOptions{DryRun: true}, "persistentvolumeclaim/d", "/api/v1/namespaces/default/persistentvolumeclaims/d", "false", true},
		{object("Service", "", "web"), ApplyOptions{}, "service/web", "/api/v1/namespaces/default/services/web", "false", false},
		{object("Deployment", "shop", "web"), ApplyOptions{}, "deployment.apps/web", "/apis/apps/v1/namespaces/shop/deployments/web", "false", false},
		{object("DaemonSet", "", "web"), ApplyOptions{}, "daemonset.apps/web", "/apis/apps/v1/namespaces/default/daemonsets/web", "false", false},
		{object("Job", "", "once"), ApplyOptions{}, "job.batch/once", "/apis/batch/v1/namespaces/default/jobs/once", "false", false},
	} {
		s := newServer(t)
		name, err := s.connect(t, Options{UserAgent: "berth/1"}).Apply(t.Context(), c.object, c.options)
		if err != nil || name != c.name || len(s.requests) != 1 {
			t.Errorf("%s: %q, %v, %d requests", c.name, name, err, len(s.requests))
			continue
		}
		got := s.requests[0]
		query := "fieldManager=berth&fieldValidation=Strict&force=" + c.forced + "&timeout=1m0s"
		if c.dry {
			query = "dryRun=All&" + query
		}
		if got.method != http.MethodPatch || got.path != c.path || got.query != query || got.contentType != "application/apply-patch+yaml" ||
			got.client != "jane" || got.authorization != "" || got.agent != "berth/1" {
			t.Errorf("%s: the server was asked %+v", c.name, got)
		}
		if got.body["kind"] != c.object.Kind {
			t.Errorf("%s: the server was sent %v", c.name, got.body)
		}
	}
}

func TestContextsAndFlags(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		options               Options
		path, token, identity string
	}{
		{Options{Context: "bot"}, "/api/v1/namespaces/robots/pods/web", "Bearer sesame", ""},
		{Options{Context: "bot", Namespace: "other"}, "/api/v1/namespaces/other/pods/web", "Bearer sesame", ""},
		{Options{Namespace: "other"}, "/api/v1/namespaces/other/pods/web", "", "jane"},
		{Options{Context: "unchecked", CAFile: s.dir + "/ca.crt"}, "/api/v1/namespaces/default/pods/web", "Bearer sesame", ""},
	} {
		s.requests = nil
		if _, err := s.connect(t, c.options).Apply(t.Context(), object("Pod", "", "web"), ApplyOptions{}); err != nil {
			t.Errorf("%+v: %v", c.options, err)
			continue
		}
		if got := s.requests[0]; got.path != c.path || got.authorization != c.token || got.client != c.identity {
			t.Errorf("%+v: the server was asked %+v", c.options, got)
		}
	}
}

func TestWhatTheServerRefuses(t *testing.T) {
	s := newServer(t)
	c := s.connect(t, Options{})
	for _, test := range []struct {
		code            int
		reason, message string
		want            []string
	}{
		{http.StatusConflict, "Conflict", `Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas`, []string{"deployment.apps/web: ", `conflict with "kubectl": .spec.replicas`, "--force-conflicts"}},
		{http.StatusForbidden, "Forbidden", `deployments.apps "web" is forbidden: User "jane" cannot patch`, []string{"deployment.apps/web: ", `User "jane" cannot patch`}},
		{http.StatusUnauthorized, "Unauthorized", "Unauthorized", []string{"deployment.apps/web: ", "Unauthorized"}},
		{http.StatusUnprocessableEntity, "Invalid", `Deployment.apps "web" is invalid: spec.selector: field is immutable`, []string{"field is immutable"}},
		{http.StatusNotFound, "NotFound", `namespaces "shop" not found`, []string{`namespaces "shop" not found`}},
		{http.StatusInternalServerError, "InternalError", "webhook failed", []string{"webhook failed"}},
	} {
		s.answer = refuse(test.code, test.reason, test.message)
		_, err := c.Apply(t.Context(), object("Deployment", "shop", "web"), ApplyOptions{})
		if err == nil || errors.Is(err, ErrUnreachable) {
			t.Errorf("%d: %v", test.code, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%d: %v, want %q", test.code, err, want)
			}
		}
		if strings.Contains(err.Error(), "--force-conflicts") != (test.code == http.StatusConflict) {
			t.Errorf("%d: %v", test.code, err)
		}
	}
}

func TestWarningsOfTheServer(t *testing.T) {
	s := newServer(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Warning", `299 - "would violate PodSecurity"`)
		fmt.Fprint(w, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web"}}`)
	}
	var told bytes.Buffer
	c := s.connect(t, Options{Warnings: &told})
	for range 2 {
		if _, err := c.Apply(t.Context(), object("Pod", "", "web"), ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := told.String(); got != "Warning: would violate PodSecurity\n" {
		t.Errorf("told %q", got)
	}
}

func TestNoAnswer(t *testing.T) {
	s := newServer(t)
	config := s.kubeconfig(t)
	for sentence, c := range map[string]*Client{
		"a certificate nobody vouches for": s.connect(t, Options{Context: "unchecked"}),
		"a server that is down": func() *Client {
			down := newServer(t)
			c := down.connect(t, Options{})
			down.Close()
			return c
		}(),
	} {
		_, err := c.Apply(t.Context(), object("Pod", "", "web"), ApplyOptions{})
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), c.host) {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	if len(s.requests) != 0 {
		t.Errorf("a server with a wrong certificate was asked: %+v", s.requests)
	}
	for sentence, o := range map[string]Options{
		"no such file":        {Kubeconfig: config + "-not"},
		"no such context":     {Kubeconfig: config, Context: "nobody"},
		"no kubeconfig":       {Kubeconfig: s.write(t, "empty", nil)},
		"not a kubeconfig":    {Kubeconfig: s.write(t, "wrong", []byte("- a\n"))},
		"no such certificate": {Kubeconfig: config, CAFile: s.dir + "/nothing.crt"},
	} {
		if c, err := Connect(o); err == nil {
			t.Errorf("%s: connected to %s", sentence, c.host)
		}
	}
}

func TestOrder(t *testing.T) {
	if Rank("Namespace") != 0 || Rank("Secret") > Rank("Pod") || Rank("PersistentVolumeClaim") > Rank("Deployment") || Rank("Thing") <= Rank("Job") {
		t.Error("objects would be sent before what they rely on")
	}
	s := newServer(t)
	if _, err := s.connect(t, Options{}).Apply(t.Context(), object("Thing", "", "x"), ApplyOptions{}); err == nil || len(s.requests) > 0 {
		t.Errorf("a kind nobody knows: %v", err)
	}
}
