#!/bin/sh
# Makes translate/testdata/openapi.json.gz: Kubernetes' OpenAPI schema of the kinds
# that `kube generate` writes, by the generator Kubernetes makes its own with, from the
# types of the version go.mod names. Run it after k8s.io/api was raised; it takes a minute.
set -eu
cd "$(dirname "$0")/../.."
repo=$PWD
version() { go list -m -f '{{.Version}}' "$1"; }
api=$(version k8s.io/api)
openapi=$(version k8s.io/kube-openapi)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir gen
cat > go.mod <<END
module schema

go 1.26.0

tool k8s.io/kube-openapi/cmd/openapi-gen

require (
	k8s.io/api $api
	k8s.io/apimachinery $api
	k8s.io/kube-openapi $openapi
)
END
cat > main.go <<'END'
package main

import (
	"encoding/json"
	"os"
	"strings"

	_ "k8s.io/api/apps/v1"
	_ "k8s.io/api/batch/v1"
	_ "k8s.io/api/core/v1"
	_ "k8s.io/api/scheduling/v1alpha3"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"schema/gen"
)

const prefix = "#/definitions/"

type schemas map[string]any

// keep adds a definition and those it refers to.
func (s schemas) keep(name string) {
	if _, ok := s[name]; ok {
		return
	}
	all := gen.GetOpenAPIDefinitions(func(path string) spec.Ref { return spec.MustCreateRef(prefix + path) })
	definition, ok := all[name]
	if !ok {
		panic("there is no " + name)
	}
	data, err := json.Marshal(definition.Schema)
	if err != nil {
		panic(err)
	}
	var schema any
	if err := json.Unmarshal(data, &schema); err != nil {
		panic(err)
	}
	s[name] = schema
	s.trim(schema)
}

// trim drops what only people and clients read, and keeps what is referred to.
func (s schemas) trim(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			text, isText := value.(string)
			switch {
			case key == "description" && isText, strings.HasPrefix(key, "x-kubernetes-"):
				delete(v, key)
			case key == "$ref" && isText:
				s.keep(strings.TrimPrefix(text, prefix))
			default:
				s.trim(value)
			}
		}
	case []any:
		for _, item := range v {
			s.trim(item)
		}
	}
}

func main() {
	kept := schemas{}
	for _, name := range os.Args[2:] {
		kept.keep(name)
	}
	err := json.NewEncoder(os.Stdout).Encode(map[string]any{"source": os.Args[1], "definitions": kept})
	if err != nil {
		panic(err)
	}
}
END
echo 'package gen' > gen/doc.go
export GOFLAGS=-mod=mod
go mod tidy
go tool openapi-gen --output-dir gen --output-pkg schema/gen --output-file openapi.go --report-filename report --go-header-file /dev/null \
	k8s.io/api/core/v1 k8s.io/api/apps/v1 k8s.io/api/batch/v1 k8s.io/api/scheduling/v1alpha3 k8s.io/apimachinery/pkg/apis/meta/v1 \
	k8s.io/apimachinery/pkg/util/intstr k8s.io/apimachinery/pkg/api/resource k8s.io/apimachinery/pkg/runtime
go mod tidy
core=io.k8s.api.core.v1
go run . "k8s.io/api $api, k8s.io/kube-openapi $openapi" \
	$core.Pod $core.Service $core.PersistentVolumeClaim io.k8s.api.apps.v1.Deployment io.k8s.api.apps.v1.DaemonSet io.k8s.api.batch.v1.Job > openapi.json
gzip -9n < openapi.json > "$repo/translate/testdata/openapi.json.gz"
