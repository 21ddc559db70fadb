package translate

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
)

// played is a set of objects as somebody may play it.
type played struct {
	name string
	set  kube.Set
}

// everyManifest is what can be played of docs/examples, the end-to-end scripts
// and the golden files of this package and of kube.
func everyManifest(t *testing.T) []played {
	t.Helper()
	var all []played
	add := func(name string, files map[string][]byte) {
		p := played{name: name}
		for _, file := range slices.Sorted(maps.Keys(files)) {
			objects, ds := kube.Decode(file, files[file])
			if ds.Err() == nil {
				p.set.Objects = append(p.set.Objects, objects...)
			}
		}
		if len(p.set.Objects) > 0 {
			all = append(all, p)
		}
	}
	paths, err := filepath.Glob("../docs/examples/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		add(path, map[string][]byte{path: data})
	}
	for _, pattern := range []string{"../e2e/testdata/*.txtar", "testdata/*.txtar", "../kube/testdata/*.txtar"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: nothing there: %v", pattern, err)
		}
		for _, path := range paths {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data := map[string][]byte{} // ConfigMaps and Secrets, which the others of a script may read
			for _, f := range archive.Files {
				if objects, ds := kube.Decode(f.Name, f.Data); isManifest(f.Name) && ds.Err() == nil && len(pods(objects)) == 0 {
					data[f.Name] = f.Data
				}
			}
			for _, f := range archive.Files {
				if isManifest(f.Name) && data[f.Name] == nil {
					files := map[string][]byte{f.Name: f.Data}
					for name, content := range data {
						files[name] = content
					}
					add(path+"/"+f.Name, files)
				}
			}
		}
	}
	return all
}

func isManifest(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".json")
}

func pods(objects []*kube.Object) []*kube.Object {
	return slices.DeleteFunc(slices.Clone(objects), func(o *kube.Object) bool { return podSpec(o) == nil })
}

// again plays what was generated beside what the pods read, and returns the
// pods of these objects.
func again(t *testing.T, from *kube.Set, generated []Generated) []*spec.Pod {
	t.Helper()
	text, err := YAML(generated)
	if err != nil {
		t.Fatal(err)
	}
	objects, ds := kube.Decode("generated.yaml", text)
	if ds.Err() != nil {
		t.Fatalf("what was generated cannot be read: %v\n%s", ds.Err(), text)
	}
	set := kube.Set{Objects: objects}
	for _, o := range from.Objects {
		if podSpec(o) == nil {
			set.Objects = append(set.Objects, o)
		}
	}
	result := Pods(&set, testHost, Options{})
	if err := result.Diagnostics.Err(); err != nil {
		t.Fatalf("what was generated cannot be played: %v\n%s", err, text)
	}
	return result.Pods
}

func TestEveryManifestComesBack(t *testing.T) {
	schema, count, deployments := loadSchema(t), 0, 0
	for _, m := range everyManifest(t) {
		t.Run(m.name, func(t *testing.T) {
			result := Pods(&m.set, testHost, Options{})
			for _, p := range result.Pods {
				count++
				comesBack(t, schema, &m.set, p, GenerateOptions{})
				if p.Origin.Kind == "Deployment" {
					deployments++
					o := GenerateOptions{Kind: "Deployment"}
					for _, other := range result.Pods {
						if other.Origin.Kind == p.Origin.Kind && other.Origin.Name == p.Origin.Name && other.Origin.Namespace == p.Origin.Namespace {
							o.Replicas++
						}
					}
					comesBack(t, schema, &m.set, p, o)
				}
			}
		})
	}
	if count < 50 || deployments < 2 {
		t.Errorf("only %d pods and %d of Deployments were tried", count, deployments)
	}
}

// What is known of a pod without its manifest is enough where nothing is said
// to be lost.
func TestPodsMadeByHandComeBack(t *testing.T) {
	schema, whole := loadSchema(t), 0
	for _, m := range everyManifest(t) {
		t.Run(m.name, func(t *testing.T) {
			for _, p := range Pods(&m.set, testHost, Options{}).Pods {
				p.Manifest = nil
				generated, ds := Generate(p, GenerateOptions{PodmanOnly: true})
				if ds.Err() != nil {
					t.Errorf("pod %s: %v", p.Key(), ds)
				}
				if len(ds) == 0 {
					whole++
					comesBack(t, schema, &m.set, p, GenerateOptions{PodmanOnly: true})
				} else if len(generated) != 1 {
					t.Errorf("pod %s: %d objects", p.Key(), len(generated))
				}
			}
		})
	}
	if whole < 50 {
		t.Errorf("only %d pods came back whole", whole)
	}
}

// comesBack generates the objects of a pod, plays them, and looks for the pod.
func comesBack(t *testing.T, schema *openAPI, set *kube.Set, p *spec.Pod, o GenerateOptions) {
	t.Helper()
	generated, ds := Generate(p, o)
	if len(ds) > 0 {
		t.Errorf("pod %s: %v", p.Key(), source.Diagnostics(ds))
		return
	}
	schema.fits(t, generated)
	pods := again(t, set, generated)
	i := slices.IndexFunc(pods, func(other *spec.Pod) bool { return other.Key() == p.Key() })
	if i < 0 {
		t.Errorf("there is no pod %s any more", p.Key())
		return
	}
	again := pods[i]
	if again.Hash != p.Hash || !maps.Equal(again.Labels, p.Labels) || !maps.Equal(again.Annotations, p.Annotations) ||
		!slices.EqualFunc(again.All(), p.All(), func(x, y spec.Container) bool { return reflect.DeepEqual(x.Resources, y.Resources) }) {
		was, _ := json.Marshal(p)
		is, _ := json.Marshal(again)
		text, _ := YAML(generated)
		t.Errorf("pod %s is another one:\nwas %s\nis  %s\n%s", p.Key(), was, is, text)
	}
}
