package translate

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"berth/engine/spec"
	"berth/kube"
)

// TestGenerateGolden generates the pod of pod.json, or what play.yaml with
// play.json becomes, with options.json, and compares with out.yaml and lost.txt.
func TestGenerateGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/generate/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	schema := loadSchema(t)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { generateGolden(t, schema, path) })
	}
}

func generateGolden(t *testing.T, schema *openAPI, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var p spec.Pod
	var options GenerateOptions
	set, defaults := readArchive(t, archive)
	if result := Pods(set, testHost, defaults); len(result.Pods) > 0 {
		if err := result.Diagnostics.Err(); err != nil {
			t.Fatal(err)
		}
		p = *result.Pods[0]
	}
	for _, f := range archive.Files {
		switch f.Name {
		case "pod.json":
			strictJSON(t, f.Data, &p)
		case "generate.json":
			strictJSON(t, f.Data, &options)
		}
	}
	generated, ds := Generate(&p, options)
	schema.fits(t, generated)
	text, err := YAML(generated)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, _ := Generate(&p, options)
		if data, _ := YAML(again); !bytes.Equal(data, text) {
			t.Error("generated again, the same pod gives another file")
		}
	}
	got := map[string][]byte{"out.yaml.want": text, "problems.txt": problems(Result{Diagnostics: ds})}
	if *update {
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { _, ours := got[f.Name]; return ours })
		for _, name := range []string{"problems.txt", "out.yaml.want"} {
			if len(got[name]) > 0 {
				archive.Files = append(archive.Files, txtar.File{Name: name, Data: got[name]})
			}
		}
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{}
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
	}
	for name, data := range got {
		if diff := cmp.Diff(want[name], string(data)); diff != "" {
			t.Errorf("%s (-want +got, run with -update if this is right):\n%s", name, diff)
		}
	}
}

func strictJSON(t *testing.T, data []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func TestEscapeIsTheWayBackOfExpand(t *testing.T) {
	alphabet := []rune("$$()(a")
	back := func(seed []uint8) bool {
		var text strings.Builder
		for _, s := range seed {
			text.WriteRune(alphabet[int(s)%len(alphabet)])
		}
		known := func(string) (string, bool) { return "expanded", true }
		return Expand(escape(text.String()), known) == text.String()
	}
	if err := quick.Check(back, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
}

func TestGenerateClaim(t *testing.T) {
	for volume, want := range map[string]struct{ namespace, name, lost string }{
		"data":           {"default", "data", ""},
		"prod_data":      {"prod", "data", ""},
		"pg.data":        {"default", "pg.data", ""},
		"My_Data":        {"default", "my-data", "it is called my-data"},
		"prod_Data":      {"prod", "data", "it is called data"},
		"_":              {"default", safeEncode(volumeHashLen/2, []byte("_")), "Kubernetes takes no claim of this name"},
		"a_b_c":          {"a", "b-c", "it is called b-c"},
		"0123456789abcd": {"default", "0123456789abcd", ""},
	} {
		made := spec.NamedVolume{Volume: volume, Labels: map[string]string{"app": "web"}, Options: map[string]string{
			"type": "tmpfs", "device": "tmpfs", "o": "uid=1000,size=1m,gid=7,noexec",
		}}
		g, ds := GenerateClaim(made)
		if g.Namespace != want.namespace || g.Name != want.name {
			t.Errorf("%s becomes %s", volume, g.Key)
		}
		if got := ds.Error(); want.lost == "" && len(ds) > 0 || !strings.Contains(got, want.lost) || ds.Err() != nil {
			t.Errorf("%s: %q, want %q", volume, got, want.lost)
		}
		loadSchema(t).fits(t, []Generated{g})
		text, err := YAML([]Generated{g})
		if err != nil {
			t.Fatal(err)
		}
		objects, problems := kube.Decode("claim.yaml", text)
		if problems.Err() != nil {
			t.Fatalf("%v\n%s", problems.Err(), text)
		}
		again, problems := Volumes(&kube.Set{Objects: objects})
		if problems.Err() != nil || len(again) != 1 {
			t.Fatalf("%d volumes, %v", len(again), problems)
		}
		made.Options["o"] = "uid=1000,gid=7,size=1m,noexec"
		if len(ds) > 0 {
			made.Volume = again[0].Volume
		}
		if diff := cmp.Diff(made, again[0]); diff != "" {
			t.Errorf("%s is made anew as another one (-was +is):\n%s", volume, diff)
		}
	}
}

func TestClaimSaysWhatItCannot(t *testing.T) {
	_, ds := GenerateClaim(spec.NamedVolume{Volume: "data", Options: map[string]string{"nocopy": ""}})
	if !strings.Contains(ds.Error(), "the option nocopy") {
		t.Errorf("got %q", ds.Error())
	}
}

func TestGenerateRefusesKindsForOtherPods(t *testing.T) {
	for _, c := range []struct {
		policy spec.RestartPolicy
		kind   string
		want   string
	}{
		{spec.RestartAlways, "Deployment", ""},
		{spec.RestartNever, "Deployment", "k8s Deployments can only have restartPolicy set to Always, this pod has Never"},
		{spec.RestartOnFailure, "DaemonSet", "k8s DaemonSets can only have restartPolicy set to Always"},
		{spec.RestartAlways, "Job", "k8s Jobs can not have restartPolicy set to Always"},
		{spec.RestartOnFailure, "Job", ""},
	} {
		p := &spec.Pod{Namespace: "default", Name: "p", RestartPolicy: c.policy, Networks: []spec.NetworkAttachment{{Network: DefaultNetwork}},
			Containers: []spec.Container{{Name: "a", Image: "busybox:1"}}}
		generated, ds := Generate(p, GenerateOptions{Kind: c.kind})
		if c.want == "" && (ds.Err() != nil || len(generated) != 1) || c.want != "" && (ds.Err() == nil || !strings.Contains(ds.Error(), c.want) || generated != nil) {
			t.Errorf("%s of a pod with %s: %v", c.kind, c.policy, ds)
		}
		loadSchema(t).fits(t, generated)
	}
}

// What a running pod was given anew is what it has.
func TestGenerateAfterAResize(t *testing.T) {
	const yaml = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - image: busybox:1\n    name: a\n    resources:\n      limits:\n        cpu: \"1\"\n        memory: 64Mi\n"
	for sentence, c := range map[string]struct {
		now  spec.Resources
		want string
	}{
		"nothing changed":                  {spec.Resources{CPULimit: 1000, CPURequest: 1000, MemoryLimit: 64 << 20, MemoryRequest: 64 << 20}, `{"limits":{"cpu":"1","memory":"64Mi"}}`},
		"more, and as much is requested":   {spec.Resources{CPULimit: 2500, CPURequest: 2500, MemoryLimit: 64 << 20, MemoryRequest: 64 << 20}, `{"limits":{"cpu":"2500m","memory":"64Mi"}}`},
		"more, and requested is as before": {spec.Resources{CPULimit: 2000, CPURequest: 1000, MemoryLimit: 1 << 30, MemoryRequest: 64 << 20}, `{"limits":{"cpu":"2","memory":"1Gi"},"requests":{"cpu":"1","memory":"64Mi"}}`},
		"no limit any more":                {spec.Resources{MemoryLimit: 64 << 20, MemoryRequest: 64 << 20}, `{"limits":{"memory":"64Mi"}}`},
	} {
		p := translateOne(t, "a.yaml", yaml, testHost, Options{})
		p.Containers[0].Resources = c.now
		generated, ds := Generate(p, GenerateOptions{})
		if len(ds) > 0 || len(generated) != 1 {
			t.Fatalf("%s: %v", sentence, ds)
		}
		container := generated[0].Fields["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
		if got, _ := json.Marshal(container["resources"]); string(got) != c.want {
			t.Errorf("%s: %s, want %s", sentence, got, c.want)
		}
	}
}

// What a person has set is given back, and the pod it makes has it.
func TestGenerateAfterAnUpdateByHand(t *testing.T) {
	const yaml = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations: {%s}\nspec:\n  containers:\n  - {image: 'busybox:1', name: a, restartPolicy: OnFailure}\n  - {image: 'busybox:1', name: b}\n"
	const prefix = "io.podman.annotations."
	for sentence, c := range map[string]struct {
		annotations string
		now         spec.Resources
		restart     spec.RestartPolicy
		options     GenerateOptions
		lost        string
	}{
		"nothing": {restart: spec.RestartOnFailure},
		"memory and a restart policy": {
			now: spec.Resources{MemoryLimit: 64 << 20, MemoryRequest: 64 << 20}, restart: spec.RestartNever,
		},
		"no restart policy of its own":        {},
		"a limit that had an annotation":      {annotations: prefix + "pids-limit/a: '5'", now: spec.Resources{PidsLimit: 9}},
		"one that had one for all containers": {annotations: prefix + "cpuset: '0'", now: spec.Resources{CPUSet: "1-2"}},
		"a limit that is gone":                {annotations: prefix + "pids-limit/a: '5'," + prefix + "cpuset/a: '0'"},
		"one that others still have":          {annotations: prefix + "pids-limit: '5'," + prefix + "pids-limit/a: '4'"},
		"what can only be said for all":       {annotations: prefix + "cpuset: '0'", lost: "no annotation takes back io.podman.annotations.cpuset"},
		"a limit that no field has":           {now: spec.Resources{PidsLimit: 9}, lost: "no field for a limit of 9 processes"},
		"one, with podman's annotations":      {now: spec.Resources{CPUSet: "0,3"}, options: GenerateOptions{PodmanOnly: true}},
	} {
		p := translateOne(t, "a.yaml", strings.Replace(yaml, "%s", c.annotations, 1), testHost, Options{})
		p.Containers[0] = p.Containers[0].Override(c.now, c.restart)
		generated, ds := Generate(p, c.options)
		if c.lost != "" {
			if !strings.Contains(ds.Error(), c.lost) {
				t.Errorf("%s: %q lacks %q", sentence, ds.Error(), c.lost)
			}
			continue
		}
		text, err := YAML(generated)
		if err != nil || len(ds) > 0 {
			t.Fatalf("%s: %v, %v", sentence, err, ds)
		}
		back := translateOne(t, "b.yaml", string(text), testHost, Options{}).Containers[0]
		back.Resources.OOMScoreAdj = nil
		if !cmp.Equal(back.Resources, c.now) || back.RestartPolicy != c.restart {
			t.Errorf("%s: it makes %+v, %q of\n%s", sentence, back.Resources, back.RestartPolicy, text)
		}
	}
}

func TestGenerateTellsOfAnotherFolderOfProfiles(t *testing.T) {
	const yaml = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations: {io.podman.annotations.seccomp: %s}\nspec:\n  containers:\n  - {image: 'busybox:1', name: a}\n"
	for profile, told := range map[string]bool{"localhost/x.json": true, "/elsewhere/x.json": false, "unconfined": false} {
		p := translateOne(t, "a.yaml", strings.Replace(yaml, "%s", profile, 1), testHost, Options{SeccompRoot: "/profiles"})
		if _, ds := Generate(p, GenerateOptions{}); strings.Contains(ds.Error(), "--seccomp-profile-root") != told || len(ds) > 1 {
			t.Errorf("%s: %q", profile, ds.Error())
		}
	}
}

func TestGenerateOnlyAContainerOfAnotherName(t *testing.T) {
	p := &spec.Pod{Namespace: "default", Name: "p", Containers: []spec.Container{{Name: "Web_1", Image: "busybox:1"}, {Name: "b", Image: "busybox:1"}}}
	objects, ds := Generate(p, GenerateOptions{Containers: []string{"Web_1"}})
	text, err := YAML(objects)
	if err != nil || ds.Err() != nil || !strings.Contains(string(text), "name: web-1\n") || strings.Contains(string(text), "name: b\n") {
		t.Errorf("%v, %v\n%s", err, ds, text)
	}
}

func TestGenerateOnlyInitContainers(t *testing.T) {
	p := &spec.Pod{Namespace: "default", Name: "p", InitContainers: []spec.Container{{Name: "i", Image: "busybox:1"}}, Containers: []spec.Container{{Name: "a", Image: "busybox:1"}, {Name: "b", Image: "busybox:1"}}}
	if objects, ds := Generate(p, GenerateOptions{Containers: []string{"i"}}); objects != nil || !strings.Contains(ds.Error(), "only init containers are named") {
		t.Errorf("%d objects, %v", len(objects), ds)
	}
}

func TestGenerateWithoutAManifestThatCanBeRead(t *testing.T) {
	p := &spec.Pod{Name: "p", Manifest: json.RawMessage(`{"spec": 1}`)}
	if objects, ds := Generate(p, GenerateOptions{}); objects != nil || ds.Err() == nil || !strings.Contains(ds.Error(), "its manifest cannot be read") {
		t.Errorf("got %v", ds)
	}
}
