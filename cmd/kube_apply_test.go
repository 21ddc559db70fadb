package cmd

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// apiServer is an API server that accepts all but what refuse names, and notes
// what it was asked. It returns a kubeconfig for it.
func apiServer(t *testing.T, refuse string) (kubeconfig string, asked func() string) {
	t.Helper()
	var paths []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.Method+" "+r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		if refuse != "" && strings.HasSuffix(r.URL.Path, refuse) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"not you","reason":"Forbidden","code":403}`)
			return
		}
		fmt.Fprint(w, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"}}`)
	}))
	t.Cleanup(s.Close)
	kubeconfig = filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}", s.URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig, func() string {
		all := strings.Join(paths, "\n")
		paths = nil
		return all
	}
}

const applyYAML = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: a, image: "busybox:1"}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: shop}
stringData: {token: x}
`

func TestApplyFiles(t *testing.T) {
	dir := t.TempDir()
	config, asked := apiServer(t, "")
	r := run(t, dir, applyYAML, "kube", "apply", "--kubeconfig", config, "-f", "-")
	if r.code != 0 || r.out != "secret/keys serverside-applied\npod/web serverside-applied\n" || r.err != "" {
		t.Errorf("code %d\n%s%s", r.code, r.out, r.err)
	}
	if got := asked(); got != "PATCH /api/v1/namespaces/shop/secrets/keys\nPATCH /api/v1/namespaces/default/pods/web" {
		t.Errorf("the server was asked\n%s", got)
	}
	if _, err := os.Stat(dir + "/root"); err == nil {
		t.Error("an engine was opened to send a file")
	}
	r = run(t, dir, applyYAML, "kube", "apply", "--kubeconfig", config, "--dry-run", "-n", "shop", "-f", "-")
	if r.code != 0 || !strings.Contains(r.out, "pod/web serverside-applied (server dry run)\n") || !strings.Contains(asked(), "/namespaces/shop/pods/web") {
		t.Errorf("into a namespace: code %d\n%s%s", r.code, r.out, r.err)
	}
	r = run(t, dir, applyYAML, "kube", "apply", "--kubeconfig", config, "--ns", "other", "-f", "-")
	if r.code != 125 || r.err != "Error: <stdin>:6:1: the secret names namespace shop, --ns other: drop one of them\n" || asked() != "" {
		t.Errorf("into another namespace: code %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestApplyTriesAll(t *testing.T) {
	config, asked := apiServer(t, "/keys")
	r := run(t, t.TempDir(), applyYAML, "kube", "apply", "--kubeconfig", config, "-f", "-")
	if r.code != 125 || r.out != "pod/web serverside-applied\n" || r.err != "Error: secret/keys: not you\n" {
		t.Errorf("code %d\n%s%s", r.code, r.out, r.err)
	}
	if got := asked(); strings.Count(got, "PATCH") != 2 {
		t.Errorf("the server was asked\n%s", got)
	}
}

func TestApplyWhatIsHere(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, translated(t, strings.Replace(replicasYAML, "  name: echo\n", "  name: echo\n  namespace: shop\n", 1))...)
	run(t, dir, "", "volume", "create", "shop_data")
	config, asked := apiServer(t, "")
	r := run(t, dir, "", "kube", "apply", "-k", config, "--service", "echo", "shop_data")
	if r.code != 0 || r.out != "persistentvolumeclaim/data serverside-applied\nservice/echo serverside-applied\ndeployment.apps/echo serverside-applied\n" {
		t.Errorf("code %d\n%s%s", r.code, r.out, r.err)
	}
	if got := asked(); !strings.Contains(got, "PATCH /apis/apps/v1/namespaces/shop/deployments/echo") {
		t.Errorf("the server was asked\n%s", got)
	}
	r = run(t, dir, "", "kube", "apply", "-k", config, "--ns", "prod", "echo")
	if got := asked(); r.code != 0 || !strings.Contains(got, "/namespaces/prod/deployments/echo") {
		t.Errorf("into another namespace: code %d, %s\n%s", r.code, r.err, got)
	}
	r = run(t, dir, "", "kube", "apply", "-k", config, "echo", "nothing")
	if got := asked(); r.code != 125 || !strings.Contains(r.err, "nothing") || got != "" {
		t.Errorf("something is not here: code %d, %s\n%s", r.code, r.err, got)
	}
}

func TestApplyMistakes(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	config, asked := apiServer(t, "")
	for args, want := range map[string]string{
		"kube apply": "'berth kube apply' needs --file, or the name or ID",
		"kube apply -k " + config + " -f /nowhere.yaml":      "/nowhere.yaml",
		"kube apply -k " + config + " -f " + config:          "kind",
		"kube apply -k " + config + " --context nobody -f -": `context "nobody" does not exist`,
		"kube apply -f -": "no cluster is named: give --kubeconfig",
		"kube apply --ca-cert-file /nowhere -k " + config + " -f -": "/nowhere",
	} {
		r := run(t, t.TempDir(), applyYAML, strings.Fields(args)...)
		if r.code != 125 || !strings.Contains(r.err, want) || r.out != "" || asked() != "" {
			t.Errorf("berth %s: code %d, %s%swant %s", args, r.code, r.out, r.err, want)
		}
	}
	// A server that is down is told of once.
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}], contexts: [{name: c, context: {cluster: c}}]}", s.URL)
	down := filepath.Join(t.TempDir(), "down")
	if err := os.WriteFile(down, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, t.TempDir(), applyYAML, "kube", "apply", "-k", down, "-f", "-")
	if r.code != 125 || strings.Count(r.err, "Error: ") != 1 || !strings.Contains(r.err, "the API server cannot be reached: "+s.URL) {
		t.Errorf("a server that is down: code %d, %s", r.code, r.err)
	}
}
