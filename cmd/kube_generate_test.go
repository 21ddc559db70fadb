package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
	"berth/engine/state"
	"berth/kube"
	"berth/translate"
)

// record writes pods down as an engine does.
func record(t *testing.T, dir string, pods ...*spec.Pod) {
	t.Helper()
	a := &app{in: strings.NewReader(""), out: os.Stdout, err: os.Stderr, now: time.Now}
	a.globals.root, a.globals.runRoot = dir+"/root", dir+"/run"
	e, err := a.engine()
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	store, err := state.NewStore(e.Paths())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pods {
		p.ID, p.CreatedAt = spec.NewPodID(), time.Now()
		if err := store.CreatePod(p, state.Intent{}); err != nil {
			t.Fatal(err)
		}
	}
}

func translated(t *testing.T, yaml string) []*spec.Pod {
	t.Helper()
	objects, ds := kube.Decode("test.yaml", []byte(yaml))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	result := translate.Pods(&kube.Set{Objects: objects}, translate.Host{}, translate.Options{})
	if err := result.Diagnostics.Err(); err != nil {
		t.Fatal(err)
	}
	return result.Pods
}

const replicasYAML = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: echo
spec:
  replicas: 2
  selector:
    matchLabels:
      app: echo
  template:
    metadata:
      labels:
        app: echo
    spec:
      containers:
      - image: localhost/echo:1
        name: web
        ports:
        - containerPort: 80
`

func TestGenerateReplicas(t *testing.T) {
	dir := t.TempDir()
	pods := translated(t, replicasYAML)
	record(t, dir, pods...)
	for _, words := range []string{"echo", "deployment/echo", "-t deployment echo-pod", "-t deployment " + pods[1].Name, "-t deployment " + pods[1].Name + " " + pods[0].Name} {
		r := run(t, dir, "", strings.Fields("kube generate "+words)...)
		if r.code != 0 || !strings.HasSuffix(r.out, "\n"+replicasYAML) || r.err != "" {
			t.Errorf("kube generate %s: code %d\n%s%s", words, r.code, r.out, r.err)
		}
	}
	r := run(t, dir, "", "kube", "generate", "-t", "deployment", "-r", "5", "-s", "echo")
	if r.code != 0 || !strings.Contains(r.out, "replicas: 5\n") || !strings.Contains(r.out, "kind: Service\n") {
		t.Errorf("five and a Service: code %d\n%s%s", r.code, r.out, r.err)
	}
	r = run(t, dir, "", "kube", "generate", pods[0].Name, string(pods[1].ID))
	if r.code != 0 || strings.Count(r.out, "kind: Pod\n") != 2 || !strings.Contains(r.out, "  name: "+pods[1].Name+"\n") || strings.Contains(r.out, "replicas") {
		t.Errorf("as pods: code %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestGenerateWhatWasMadeByHand(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, &spec.Pod{
		Namespace: "default", Name: "web", Hostname: "web", Owner: spec.OwnerRun, RestartPolicy: spec.RestartNever,
		Networks:   []spec.NetworkAttachment{{Network: "front"}},
		Containers: []spec.Container{{Name: "web", Image: "localhost/web:1", Resources: spec.Resources{PidsLimit: 9}}},
	})
	r := run(t, dir, "", "kube", "generate", "web")
	if r.code != 0 || !strings.Contains(r.out, "  containers:\n  - image: localhost/web:1\n    name: web\n  restartPolicy: Never\n") ||
		!strings.Contains(r.err, "Warning: pod web: Kubernetes has no field for --network front") || !strings.Contains(r.err, "--podman-only") {
		t.Errorf("code %d\n%s%s", r.code, r.out, r.err)
	}
	r = run(t, dir, "", "kube", "generate", "--podman-only", "web")
	if r.code != 0 || !strings.Contains(r.out, `pids-limit/web: "9"`) || strings.Contains(r.err, "--podman-only") {
		t.Errorf("--podman-only: code %d\n%s%s", r.code, r.out, r.err)
	}
	r = run(t, dir, "", "kube", "generate", "--type", "deployment", "web")
	if r.code != 125 || r.out != "" || !strings.Contains(r.err, "k8s Deployments can only have restartPolicy set to Always") {
		t.Errorf("a Deployment of a pod that ends: code %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestGenerateVolume(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "", "volume", "create", "--label", "app=web", "--opt", "type=tmpfs", "--opt", "o=uid=7,noexec", "data")
	run(t, dir, "", "volume", "create", "My_Data")
	const header = "# Save the output of this file and use kubectl create -f to import\n# it into Kubernetes.\n#\n# Created with berth-1.2.3\n"
	const data = `apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  annotations:
    volume.podman.io/mount-options: noexec
    volume.podman.io/type: tmpfs
    volume.podman.io/uid: "7"
  labels:
    app: web
  name: data
spec:
  accessModes:
  - ReadWriteOnce
  resources:
    requests:
      storage: 1Gi
`
	for _, words := range []string{"kube generate data", "generate kube data", "kube generate data data", "kube generate --no-trunc -t deployment data"} {
		r := run(t, dir, "", strings.Fields(words)...)
		if r.code != 0 || r.out != header+data || r.err != "" {
			t.Errorf("berth %s: code %d\n%s%s", words, r.code, r.out, r.err)
		}
	}
	r := run(t, dir, "", "kube", "generate", "data", "My_Data")
	if r.code != 0 || strings.Count(r.out, "\n---\n") != 1 || !strings.Contains(r.out, "  name: my-data\n") ||
		!strings.Contains(r.err, "Warning: volume My_Data: Kubernetes takes no claim of this name: it is called my-data") {
		t.Errorf("two volumes: code %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestGenerateIntoAFile(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "", "volume", "create", "data")
	file := filepath.Join(dir, "data.yaml")
	if r := run(t, dir, "", "kube", "generate", "-f", file, "data"); r.code != 0 || r.out != "" || r.err != "" {
		t.Fatalf("code %d, %s%s", r.code, r.out, r.err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "name: data") {
		t.Errorf("%v: %s", err, text)
	}
	r := run(t, dir, "", "kube", "generate", "-f", file, "nothing")
	if r.code != 125 || r.err != "Error: cannot write to \""+file+"\"; file exists\n" {
		t.Errorf("over a file: code %d, %s", r.code, r.err)
	}
	if r := run(t, dir, "", "kube", "generate", "-f", dir+"/no/such.yaml", "data"); r.code != 125 || !strings.Contains(r.err, "no such file or directory") {
		t.Errorf("into no folder: code %d, %s", r.code, r.err)
	}
	// Nothing is written of one thing when another is not there.
	other := filepath.Join(dir, "other.yaml")
	if r := run(t, dir, "", "kube", "generate", "-f", other, "data", "nothing"); r.code != 125 || !strings.Contains(r.err, `no pod, container, volume or Deployment is called "nothing": no such object`) {
		t.Errorf("one is not there: code %d, %s", r.code, r.err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a file is written all the same")
	}
}

func TestGenerateMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"kube generate":                           "'berth kube generate' needs the name or ID of a pod, a container or a volume",
		"kube generate --replicas 2 x":            "--replicas can only be set when --type is set to deployment",
		"kube generate -t daemonset -r 2 x":       "--replicas can only be set when --type is set to deployment",
		"kube generate -t deployment -r 0 x":      "--replicas 0: want one or more",
		"kube generate --type statefulset x":      "want one of pod, deployment, daemonset, job",
		"generate frobnicate":                     "unrecognized command",
		"generate kube":                           "'berth generate kube' needs",
		"kube generate deployment/nothing data -": `called "deployment/nothing"`,
	} {
		r := run(t, t.TempDir(), "", strings.Fields(args)...)
		if r.code != 125 || !strings.Contains(r.err, want) || r.out != "" {
			t.Errorf("berth %s: code %d, %s%swant %s", args, r.code, r.out, r.err, want)
		}
	}
}
