package translate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// openAPI is a schema and what it was made of.
type openAPI struct {
	source   string
	compiler *jsonschema.Compiler
}

// loadSchema reads Kubernetes' OpenAPI schema of the kinds that Generate makes,
// which internal/tools/openapi.sh wrote. Its definitions are JSON schemas; they
// are made to take no field they do not name.
func loadSchema(t *testing.T) *openAPI {
	t.Helper()
	f, err := os.Open("testdata/openapi.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(z)
	if err != nil {
		t.Fatal(err)
	}
	strict(document)
	s := &openAPI{compiler: jsonschema.NewCompiler()}
	s.source, _ = document.(map[string]any)["source"].(string)
	s.compiler.DefaultDraft(jsonschema.Draft4)
	if err := s.compiler.AddResource("kubernetes.json", document); err != nil {
		t.Fatal(err)
	}
	return s
}

func strict(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, value := range v {
			strict(value)
		}
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
	case []any:
		for _, item := range v {
			strict(item)
		}
	}
}

// check checks one object in YAML.
func (s *openAPI) check(t *testing.T, text []byte) error {
	t.Helper()
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	object, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	fields := object.(map[string]any)
	apiVersion := fields["apiVersion"].(string)
	if apiVersion == "v1" {
		apiVersion = "core/v1"
	}
	name := fmt.Sprintf("kubernetes.json#/definitions/io.k8s.api.%s.%s", strings.ReplaceAll(apiVersion, "/", "."), fields["kind"])
	schema, err := s.compiler.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(object)
}

// fits checks the YAML of objects.
func (s *openAPI) fits(t *testing.T, objects []Generated) {
	t.Helper()
	for _, o := range objects {
		text, err := YAML([]Generated{o})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.check(t, text); err != nil {
			t.Errorf("%s is not as Kubernetes' schema wants it: %v\n%s", o.Key, err, text)
		}
	}
}

func TestSchemaIsOfTheVersionWeUse(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	of, _, _ := strings.Cut(loadSchema(t).source, ",")
	if !strings.Contains(string(mod), "\t"+of+"\n") {
		t.Errorf("the schema is of %q, go.mod has another one: run internal/tools/openapi.sh", of)
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := loadSchema(t)
	const good = `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a, image: i, resources: {limits: {cpu: 1, memory: 1Gi}}, livenessProbe: {httpGet: {port: web}}}]}}`
	for change, wrong := range map[string]bool{
		"name: a=>name: a":                          false,
		"containers: [=>conta: [":                   true,
		"image: i=>imag: i":                         true,
		"name: a=>terminal: true":                   true,
		"image: i=>tty: 'yes'":                      true,
		"image: i=>ports: [{hostPort: 1}]":          true,
		"image: i=>imagePullPolicy: Sometimes":      true,
		"image: i=>ports: {containerPort: 1}":       true,
		"metadata: {name: p}=>metadata: {nam: p}":   true,
		"image: i=>restartPolicyRules: [{exit: 1}]": true,
	} {
		old, new, _ := strings.Cut(change, "=>")
		if !strings.Contains(good, old) {
			t.Fatalf("%s changes nothing", change)
		}
		if err := schema.check(t, []byte(strings.Replace(good, old, new, 1))); (err != nil) != wrong {
			t.Errorf("%s: %v", change, err)
		}
	}
}
