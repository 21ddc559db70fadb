package kube

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"berth/internal/source"
)

// readObjects decodes a file of testdata in which nothing may be wrong.
func readObjects(t *testing.T, name string) []*Object {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	objects, ds := Decode(name, data)
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	return objects
}

const smallest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

// TestBytes is about files that no editor should have written.
func TestBytes(t *testing.T) {
	for name, test := range map[string]struct {
		data    string
		want    string // the first error, "" for none
		objects int
	}{
		"empty":               {"", "f.yaml: there is no object in the file", 0},
		"blanks":              {" \n\t\n", "f.yaml: there is no object in the file", 0},
		"byte order mark":     {"\xef\xbb\xbf" + smallest, "", 1},
		"carriage returns":    {strings.ReplaceAll(smallest+"---\n"+strings.Replace(smallest, "a}", "b}", 1), "\n", "\r\n"), "", 2},
		"no newline":          {strings.TrimSpace(smallest), "", 1},
		"only an end marker":  {"...\n", "f.yaml: there is no object in the file", 0},
		"NUL":                 {"apiVersion: v1\nkind: \x00", "f.yaml:2:7: a NUL byte: this is not a text file", 0},
		"control character":   {"a: b\nü: \x1b[0m", "f.yaml:2:4: a control character: remove it, or write it as an escape in double quotes", 0},
		"not UTF-8":           {"a: b\nname: ü\xff", "f.yaml:2:8: not valid UTF-8: save the file as UTF-8", 0},
		"UTF-16":              {"\xff\xfea\x00", "f.yaml:1:1: not valid UTF-8: save the file as UTF-8", 0},
		"an ELF file":         {"\x7fELF\x02\x01\x01\x00", "f.yaml:1:5: a control character: remove it, or write it as an escape in double quotes", 0},
		"tabs between tokens": {"apiVersion: v1\nkind:\tConfigMap\nmetadata:\t{name: a}\t\n", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			objects, ds := Decode("f.yaml", []byte(test.data))
			got := ""
			if err := ds.Err(); err != nil {
				got, _, _ = strings.Cut(err.Error(), "\n")
			}
			if got != test.want || len(objects) != test.objects {
				t.Errorf("got %q and %d objects, want %q and %d", got, len(objects), test.want, test.objects)
			}
		})
	}
}

// TestLimits builds what is too large to lie in testdata.
func TestLimits(t *testing.T) {
	deep := func(open, end string, n int) string {
		return "a: " + strings.Repeat(open, n) + strings.Repeat(end, n) + "\n"
	}
	for name, test := range map[string]struct {
		file, data, want string
	}{
		"file size":    {"f.yaml", strings.Repeat("#", maxFile+1), "larger than 4 MiB"},
		"documents":    {"f.yaml", strings.Repeat("---\na: b\n", maxDocuments+1), "more than 10000 documents"},
		"YAML depth":   {"f.yaml", deep("[", "]", maxDepth+1), "nested more than 100 deep"},
		"JSON depth":   {"f.json", strings.Repeat("[", 1_000_000), "nested more than 100 deep"},
		"map depth":    {"f.yaml", deep("{a: ", "}", 5000), "nested more than 100 deep"},
		"alias depth":  {"f.yaml", aliasChain(maxDepth), "nested more than 100 deep"},
		"alias text":   {"f.yaml", "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 20) + "]\n", "too large"},
		"merge keys":   {"f.yaml", mergeChain(40), "too large"},
		"merge bomb":   {"f.yaml", "a: &a {" + manyKeys(10_000) + "}\nb:\n" + strings.Repeat("- {<<: *a}\n", 10_000), "too large"},
		"alias keys":   {"f.yaml", "a: &a b\n*a : c\n", "2:1: a key must be written out, not as an alias"},
		"values":       {"f.yaml", "a: [" + strings.Repeat("0,", maxNodes) + "]", "too large"},
		"JSON values":  {"f.json", "[" + strings.Repeat("0,", maxNodes) + "0]", "too large"},
		"long numbers": {"f.yaml", smallest + "data: {a: " + strings.Repeat("9", 1<<20) + "_1}\nx: " + strings.Repeat("9", 1<<20), "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			objects, ds := Decode(test.file, []byte(test.data))
			if err := ds.Err(); err == nil || !strings.Contains(err.Error(), test.want) || len(objects) != 0 {
				t.Errorf("got %.300v and %d objects, want %q", err, len(objects), test.want)
			}
		})
	}
}

// aliasChain nests n anchors one in another.
func aliasChain(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	return b.String()
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: v, ", i)
	}
	return b.String()
}

// mergeChain merges each mapping twice into the next.
func mergeChain(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 {x: y}\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "a%d: &a%d {<<: [*a%d, *a%d], k%d: v}\n", i, i, i-1, i-1, i)
	}
	return b.String()
}

func TestManyProblemsAreCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString(smallest)
	for i := range 100_000 {
		fmt.Fprintf(&b, "unknown%d: 1\n", i)
	}
	_, ds := Decode("f.yaml", []byte(b.String()))
	if len(ds) != maxProblems+1 {
		t.Fatalf("%d diagnostics", len(ds))
	}
	if got, want := ds[maxProblems].Message, "99800 more problems are not shown"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDataSize(t *testing.T) {
	large := strings.Repeat("x", maxObjectData)
	for name, test := range map[string]struct{ data, want string }{
		"config map":  {smallest + "data: {a: " + large + ", b: x}", "f.yaml:4:1: data: 1048577 bytes are too many: at most 1048576 (1 MiB) in all"},
		"just so":     {smallest + "data: {a: " + large + "}", ""},
		"secret":      {strings.Replace(smallest, "ConfigMap", "Secret", 1) + "stringData: {a: " + large + ", b: x}", "data: 1048577 bytes"},
		"annotations": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {a: " + large[:maxAnnotations] + "}}", "f.yaml:3:21: metadata.annotations: 262145 bytes are too many"},
	} {
		t.Run(name, func(t *testing.T) {
			_, ds := Decode("f.yaml", []byte(test.data))
			err := ds.Err()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %.300v, want %q", err, test.want)
			}
		})
	}
}

// TestSecretsStaySecret makes every mistake with a Secret's value that there is
// and looks for the value in what is said.
func TestSecretsStaySecret(t *testing.T) {
	const secret = "87654321"
	head := strings.Replace(smallest, "ConfigMap", "Secret", 1)
	for _, data := range []string{
		"stringData: {a: " + secret + "}", "data: {a: '%" + secret + "'}", "data: {a: " + secret + ".5}",
		"stringData: [" + secret + "]", "stringData: " + secret, "data: '" + secret + "'", "immutable: '" + secret + "'",
		"type: kubernetes.io/dockercfg\nstringData: {.dockercfg: '" + secret + ",'}", "type: " + secret,
		"stringData: {a: {b: '" + secret + "'}}", "data: {a: '" + base64.StdEncoding.EncodeToString([]byte(secret)) + "='}",
		"stringData: {a: !!int x" + secret + "}",
	} {
		_, ds := Decode("f.yaml", []byte(head+data))
		if ds.Err() == nil {
			t.Errorf("%s: nothing is wrong with it", data)
		}
		if strings.Contains(ds.Error(), secret) {
			t.Errorf("the secret is told: %v", ds)
		}
	}
}

func TestPositions(t *testing.T) {
	objects := readObjects(t, "positions.yaml")
	if len(objects) != 2 {
		t.Fatalf("%d objects", len(objects))
	}
	for path, want := range map[string]string{
		"":                               "positions.yaml:4:3",
		"kind":                           "positions.yaml:5:3",
		"metadata.name":                  "positions.yaml:6:14",
		"metadata.labels[a.b/c]":         "positions.yaml:6:32",
		"metadata.labels[a]":             "positions.yaml:6:23", // not written
		"metadata.namespace":             "positions.yaml:6:3",
		"spec.containers[0]":             "positions.yaml:9:7",
		"spec.containers[0].image":       "positions.yaml:10:7",
		"spec.containers[0].command[1]":  "positions.yaml:13:9",
		"spec.containers[0].command[7]":  "positions.yaml:11:7",
		"spec.containers[1].name":        "positions.yaml:15:19",
		"spec.containers[1].image":       "positions.yaml:10:7", // by <<
		"spec.containers[x].image":       "positions.yaml:8:5",
		"spec.volumes[0].emptyDir.x.y.z": "positions.yaml:7:3",
		"nonsense[[[":                    "positions.yaml:4:3",
	} {
		if got := objects[0].Fields.At(path).String(); got != want {
			t.Errorf("At(%q) = %s, want %s", path, got, want)
		}
	}
	if got := objects[1].Fields.At("spec.nodeSelector[a[0].b]").String(); got != "positions.yaml:19:25" {
		t.Errorf("a key with brackets is at %s", got)
	}
	if got := (Positions{}).At("spec"); got != (source.Pos{}) {
		t.Errorf("no positions give %v", got)
	}
}

func TestDuplicatesKeepTheFirst(t *testing.T) {
	a, _ := Decode("a.yaml", []byte(smallest))
	b, _ := Decode("b.yaml", []byte(smallest))
	if ds := Duplicates(a); len(ds) != 0 {
		t.Errorf("one object is a duplicate: %v", ds)
	}
	want := "b.yaml:3:12: metadata.name: there are two of ConfigMap default/a, the other is at a.yaml:3:12"
	if ds := Duplicates(append(a, b...)); len(ds) != 1 || ds.Error() != want {
		t.Errorf("got %v, want %s", ds, want)
	}
}

func TestSetFindsByKind(t *testing.T) {
	set := Set{Objects: readObjects(t, "defaults.yaml")}
	if m, ok := set.ConfigMap("default", "c"); !ok || m.Data["a"] != "b" {
		t.Errorf("config map: %v, %v", m, ok)
	}
	if s, ok := set.Secret("default", "s"); !ok || string(s.Data["a"]) != "new" {
		t.Errorf("secret: %v, %v", s, ok)
	}
	if _, ok := set.PersistentVolumeClaim("other", "v"); ok {
		t.Error("a claim of another namespace is found")
	}
	if _, ok := set.PersistentVolumeClaim("default", "v"); !ok {
		t.Error("the claim is not found")
	}
	if _, ok := set.Secret("default", "c"); ok {
		t.Error("a config map is found as a secret")
	}
}

func TestPodTemplate(t *testing.T) {
	for _, o := range readObjects(t, "defaults.yaml") {
		meta, spec, ok := o.PodTemplate()
		if want := o.Kind == "Pod" || o.Kind == "Deployment"; ok != want {
			t.Errorf("%s has a template: %v", o.Kind, ok)
		}
		if ok && (meta == nil || len(spec.Containers) == 0) {
			t.Errorf("%s has an empty template", o.Kind)
		}
		if o.Meta().Name != o.Name {
			t.Errorf("%s is named %q and %q", o.Kind, o.Meta().Name, o.Name)
		}
	}
	if name := (&Object{Kind: "Pod"}).Meta().Name; name != "" {
		t.Errorf("nothing has the name %q", name)
	}
	if _, err := (&Object{Kind: "Pod"}).JSON(); err == nil {
		t.Error("nothing can be encoded")
	}
}

func TestPullPolicyByTag(t *testing.T) {
	for image, want := range map[string]corev1.PullPolicy{
		"nginx": "Always", "nginx:latest": "Always", "nginx:1.27": "IfNotPresent", "host:5000/nginx": "Always",
		"host:5000/nginx:1": "IfNotPresent", "nginx@sha256:0123": "IfNotPresent", "nginx:latest@sha256:0123": "Always",
		"nginx:1@sha256:0123": "IfNotPresent", "localhost/x": "Always",
	} {
		if got := pullPolicy(image); got != want {
			t.Errorf("pullPolicy(%q) = %s, want %s", image, got, want)
		}
	}
}

// TestDefaults compares the canonical forms, which hold all defaults, with the
// wanted ones, one a line.
func TestDefaults(t *testing.T) {
	var got bytes.Buffer
	for _, o := range readObjects(t, "defaults.yaml") {
		data, err := o.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(data, '\n'))
	}
	const name = "testdata/defaults.jsonl"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
	}
}

func BenchmarkDecode(b *testing.B) {
	data, err := os.ReadFile("testdata/defaults.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ds := Decode("defaults.yaml", data); ds.Err() != nil {
			b.Fatal(ds.Err())
		}
	}
}
