package translate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
	"berth/kube"
)

const hashYAML = `
apiVersion: v1
kind: ConfigMap
metadata: {name: files}
data: {a: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: vars}
data: {A: "2"}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, labels: {x: "3"}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {l: "4"}}
spec:
  volumes:
  - {name: files, configMap: {name: files}}
  - {name: data, persistentVolumeClaim: {claimName: data}}
  - {name: tmp, emptyDir: {medium: Memory}}
  containers:
  - name: app
    image: busybox:1
    envFrom: [{configMapRef: {name: vars}}]
    args: ["5"]
    resources: {requests: {memory: 1Gi}}
    volumeMounts: [{name: files, mountPath: /files}]
`

// translateOne translates the only pod of yaml.
func translateOne(t *testing.T, file, yaml string, host Host, opts Options) *spec.Pod {
	t.Helper()
	objects, ds := kube.Decode(file, []byte(yaml))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	result := Pods(&kube.Set{Objects: objects}, host, opts)
	if err := result.Diagnostics.Err(); err != nil || len(result.Pods) != 1 {
		t.Fatalf("%d pods, %v", len(result.Pods), err)
	}
	return result.Pods[0]
}

func TestHashChangesOnlyWithWhatRuns(t *testing.T) {
	before := translateOne(t, "a.yaml", hashYAML, testHost, Options{})
	for sentence, c := range map[string]struct {
		replace string // old=>new
		host    Host
		options Options
		file    string
		same    bool
	}{
		"the same again":                              {same: true},
		"the file was renamed":                        {file: "b.yaml", same: true},
		"a mounted ConfigMap changed":                 {replace: `a: "1"=>a: "one"`, same: true},
		"a mounted ConfigMap got a file":              {replace: `{a: "1"}=>{a: "1", b: "2"}`, same: true},
		"the host has another size":                   {host: Host{NodeName: "node1", CPUs: 1, Memory: 1 << 40}, same: true},
		"a claim's labels changed":                    {replace: `x: "3"=>x: "three"`, same: true},
		"a default was written out":                   {replace: `volumes:=>restartPolicy: Always` + "\n  volumes:", same: true},
		"quantities were written differently":         {replace: "memory: 1Gi=>memory: 1024Mi", same: true},
		"a ConfigMap read into the environment":       {replace: `A: "2"=>A: "two"`},
		"an argument":                                 {replace: `["5"]=>["five"]`},
		"a label":                                     {replace: `l: "4"=>l: "four"`, same: true},
		"an annotation":                               {replace: `labels: {l: "4"}=>annotations: {l: "4"}`, same: true},
		"an annotation of ours":                       {replace: `labels: {l: "4"}=>annotations: {berth.io/restart-on-change: "true"}`, same: true},
		"an annotation of podman's that has effect":   {replace: `labels: {l: "4"}=>annotations: {io.podman.annotations.pids-limit: "5"}`},
		"a label that a variable shows":               {replace: `args:=>env: [{name: L, valueFrom: {fieldRef: {fieldPath: "metadata.labels['l']"}}}]` + "\n    args:"},
		"the image":                                   {replace: "busybox:1=>busybox:2"},
		"a request":                                   {replace: "memory: 1Gi=>memory: 2Gi", same: true},
		"a limit beside it":                           {replace: "requests: {memory: 1Gi}=>limits: {memory: 2Gi}, requests: {memory: 1Gi}", same: true},
		"what a resize takes":                         {replace: "args:=>resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}]\n    args:", same: true},
		"another class of service":                    {replace: "resources: {requests: {memory: 1Gi}}=>resources: {}"},
		"the class Guaranteed":                        {replace: "requests: {memory: 1Gi}=>limits: {cpu: 1, memory: 1Gi}"},
		"a probe":                                     {replace: "args:=>livenessProbe: {tcpSocket: {port: 1}}\n    args:"},
		"the size of a tmpfs":                         {replace: "medium: Memory=>medium: Memory, sizeLimit: 1Mi"},
		"a reference to a request":                    {replace: "args:=>env: [{name: M, valueFrom: {resourceFieldRef: {resource: requests.memory}}}]\n    args:"},
		"another ConfigMap is mounted somewhere else": {replace: "mountPath: /files=>mountPath: /other"},
		"options":                                     {options: Options{NoHosts: true}},
	} {
		yaml, file := hashYAML, "a.yaml"
		if c.replace != "" {
			old, new, _ := strings.Cut(c.replace, "=>")
			if !strings.Contains(yaml, old) {
				t.Fatalf("%s: the test does not change anything", sentence)
			}
			yaml = strings.Replace(yaml, old, new, 1)
		}
		if c.file != "" {
			file = c.file
		}
		host := testHost
		if c.host != (Host{}) {
			host = c.host
		}
		after := translateOne(t, file, yaml, host, c.options)
		if same := after.Hash == before.Hash; same != c.same {
			t.Errorf("%s: hash stays: %v, want %v", sentence, same, c.same)
		}
	}
}

func TestChangedFilesChangeTheirContent(t *testing.T) {
	content := func(data string) string {
		p := translateOne(t, "a.yaml", strings.Replace(hashYAML, `a: "1"`, data, 1), testHost, Options{})
		v, _ := p.Volume("files")
		return v.Files.Content
	}
	seen := map[string]string{}
	for _, data := range []string{`a: "1"`, `a: "2"`, `b: "1"`, `a: "", b: "1"`, `ab: "1"`} {
		if other, ok := seen[content(data)]; ok {
			t.Errorf("{%s} and {%s} have the same content digest", data, other)
		}
		seen[content(data)] = data
	}
}

func TestHashLeavesOutWhatIsMadeLater(t *testing.T) {
	p := translateOne(t, "a.yaml", hashYAML, testHost, Options{})
	want := p.Hash
	p.ID, p.CreatedAt, p.Owner, p.Origin = spec.NewPodID(), time.Unix(1, 0), "play", spec.Origin{File: "x"}
	p.Containers[0].ImageID, p.Containers[0].ImageDigest = "id", "digest"
	p.Volumes[0].Files.Files = nil // as in the pod's record
	p.Manifest = []byte("{}")
	p.Labels, p.Annotations, p.RestartOnChange = nil, map[string]string{"a": "b"}, true
	p.Containers[0].Resources.Resize(spec.Resources{MemoryRequest: 5, MemoryLimit: 7}) // as it was resized
	p.Containers[0] = p.Containers[0].Override(spec.Resources{MemoryRequest: 5, MemoryLimit: 7, PidsLimit: 9}, spec.RestartNever)
	p.Volumes[2].Empty.Cap = 7
	if got := Hash(p); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	if p.Containers[0].ImageID != "id" || p.Volumes[0].Files.Content == "" || p.Containers[0].Resources.MemoryLimit != 7 || p.Volumes[2].Empty.Cap != 7 {
		t.Error("Hash changed the pod")
	}
}

func TestAssign(t *testing.T) {
	pod := func(name, ports string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: app, image: 'busybox:1', ports: [%s]}]}\n---\n", name, ports)
	}
	publish := []spec.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}
	for sentence, c := range map[string]struct {
		yaml    string
		options Options
		want    []int // ports published by each pod
		err     string
	}{
		"the only pod takes all ports":                {yaml: pod("a", ""), options: Options{Publish: publish}, want: []int{1}},
		"of two, the one that declares it":            {yaml: pod("a", "") + pod("b", "{containerPort: 80}"), options: Options{Publish: publish}, want: []int{0, 1}},
		"the protocol counts":                         {yaml: pod("a", "{containerPort: 80, protocol: UDP}") + pod("b", ""), options: Options{Publish: publish}, err: "none of the 2 objects declares containerPort 80/tcp"},
		"an address too many is an error":             {yaml: pod("a", ""), options: Options{IPs: []string{"10.0.0.1", "10.0.0.2"}}, err: "--ip 10.0.0.2: no pod is left"},
		"as many addresses as pods":                   {yaml: pod("a", "") + pod("b", ""), options: Options{IPs: []string{"10.0.0.1", "10.0.0.2"}}, want: []int{0, 0}},
		"a MAC address too many":                      {yaml: pod("a", ""), options: Options{MACs: []string{"92:d0:c6:0a:29:33", "92:d0:c6:0a:29:34"}}, err: "--mac-address 92:d0:c6:0a:29:34"},
		"objects that make no pods take no addresses": {yaml: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\n" + pod("a", ""), options: Options{IPs: []string{"10.0.0.1"}}, want: []int{0}},
	} {
		objects, ds := kube.Decode("a.yaml", []byte(c.yaml))
		if err := ds.Err(); err != nil {
			t.Fatal(err)
		}
		err := Assign(c.options, objects)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", sentence, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", sentence, err)
			continue
		}
		result := Pods(&kube.Set{Objects: objects}, testHost, Options{})
		for i, p := range result.Pods {
			if len(p.Ports) != c.want[i] {
				t.Errorf("%s: pod %s publishes %v", sentence, p.Name, p.Ports)
			}
			if len(c.options.IPs) > 0 && (len(p.Networks[0].IPs) != 1 || p.Networks[0].IPs[0] != c.options.IPs[i]) {
				t.Errorf("%s: pod %s has addresses %v", sentence, p.Name, p.Networks[0].IPs)
			}
		}
	}
}

func TestHashFollowsSecretsOfTheEnvironment(t *testing.T) {
	const yaml = `
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {token: "1"}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - {name: app, image: "busybox:1", args: [$(keytoken)], envFrom: [{prefix: key, secretRef: {name: keys}}]}
`
	one := translateOne(t, "a.yaml", yaml, testHost, Options{})
	two := translateOne(t, "a.yaml", strings.Replace(yaml, `"1"`, `"2"`, 1), testHost, Options{})
	if one.Hash == two.Hash {
		t.Error("another secret gives the same hash")
	}
	record, err := json.Marshal(two)
	if err != nil || strings.Contains(string(record), `"2"`) {
		t.Errorf("a record has the secret: %s, %v", record, err)
	}
	facts := spec.Facts{Secrets: two.Secrets}
	if got := facts.Fill(two.Containers[0].Args[0]); got != "2" {
		t.Errorf("argument %q", got)
	}
}
