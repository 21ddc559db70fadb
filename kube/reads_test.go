package kube

import "testing"

func TestReadsConfigMap(t *testing.T) {
	objects, ds := Decode("reads.yaml", []byte(`
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  initContainers:
  - {name: i, image: "a:1", env: [{name: X, valueFrom: {configMapKeyRef: {name: variable, key: x}}}, {name: Z, value: plain}]}
  containers:
  - {name: c, image: "a:1", envFrom: [{configMapRef: {name: all, optional: true}}, {secretRef: {name: secret}}]}
  volumes:
  - {name: v, configMap: {name: files}}
  - {name: w, secret: {secretName: secret}}
  - {name: x, projected: {sources: [{downwardAPI: {}}, {secret: {name: secret}}, {configMap: {name: part}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: shop}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: c, image: "a:1", envFrom: [{configMapRef: {name: all}}]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: all, namespace: shop}
`))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	pod, deployment, config := objects[0], objects[1], objects[2]
	for _, test := range []struct {
		object *Object
		key    Key
		want   bool
	}{
		{pod, Key{"ConfigMap", "shop", "variable"}, true},
		{pod, Key{"ConfigMap", "shop", "all"}, true},
		{pod, Key{"ConfigMap", "shop", "files"}, true},
		{pod, Key{"ConfigMap", "shop", "part"}, true},
		{pod, Key{"ConfigMap", "shop", "secret"}, false},
		{pod, Key{"ConfigMap", "default", "all"}, false},
		{pod, Key{"Secret", "shop", "secret"}, false},
		{deployment, Key{"ConfigMap", "shop", "all"}, true},
		{deployment, Key{"ConfigMap", "shop", "files"}, false},
		{config, config.Key(), false},
	} {
		if got := test.object.ReadsConfigMap(test.key); got != test.want {
			t.Errorf("%s reads %s: %v", test.object.Key(), test.key, got)
		}
	}
}
