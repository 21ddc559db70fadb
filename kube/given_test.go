package kube

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestGivenIsWhatPeopleWrote(t *testing.T) {
	for sentence, c := range map[string]struct{ yaml, want string }{
		"no defaults, no nulls, what a cluster wrote left out": {`
apiVersion: v1
kind: Pod
metadata: {name: p, uid: 5-6, resourceVersion: "7", managedFields: [{manager: x}], labels: {a: b}, creationTimestamp: null}
spec:
  dnsPolicy:
  terminationGracePeriodSeconds: 3.0
  containers: [{name: c, image: "a:1", stdin: yes, resources: {limits: {cpu: 0.5}}, env: [{name: A, value: ""}]}]
status: {phase: Running}
`, `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"},"name":"p"},"spec":{"containers":[` +
			`{"env":[{"name":"A","value":""}],"image":"a:1","name":"c","resources":{"limits":{"cpu":0.5}},"stdin":true}],"terminationGracePeriodSeconds":3}}`},
		"anchors and merge keys are written out": {`
apiVersion: v1
kind: ConfigMap
metadata: {name: &n c, labels: &l {a: b}, annotations: {<<: *l, c: *n}}
`, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"a":"b","c":"c"},"labels":{"a":"b"},"name":"c"}}`},
		"a list says what its items are": {`
apiVersion: v1
kind: SecretList
items: [{metadata: {name: s}, stringData: {a: b}, data: {c: ZA==}}]
`, `{"apiVersion":"v1","data":{"c":"ZA=="},"kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"b"}}`},
		"a template's metadata too": {`
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {a: b}}
  template: {metadata: {uid: "5", labels: {a: b}}, spec: {containers: [{name: c, image: "a:1"}]}}
`, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},` +
			`"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"image":"a:1","name":"c"}]}}}}`},
	} {
		objects, ds := Decode("a.yaml", []byte(c.yaml))
		if err := ds.Err(); err != nil || len(objects) != 1 {
			t.Errorf("%s: %d objects, %v", sentence, len(objects), err)
			continue
		}
		if got, err := objects[0].Given(); err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", sentence, err, got, c.want)
		}
	}
}

func TestGivenOfAnObjectMadeInMemory(t *testing.T) {
	o := &Object{Kind: "Pod", Namespace: "n", Name: "p", Pod: &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{Hostname: "h"},
	}}
	if got, err := o.Given(); err != nil || !json.Valid(got) {
		t.Errorf("Given = %s, %v", got, err)
	}
	given := o.GivenPod()
	if spec, ok := given.Spec.(*corev1.PodSpec); !ok || spec.Hostname != "h" || given.Metadata == nil {
		t.Errorf("GivenPod = %+v", given)
	}
	claim := &Object{Kind: "PersistentVolumeClaim", PersistentVolumeClaim: &corev1.PersistentVolumeClaim{}}
	if given := claim.GivenPod(); given.Metadata == nil || given.Spec != nil {
		t.Errorf("a claim makes the pod %+v", given)
	}
}
