package translate

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"berth/kube"
)

// podObject is a Pod with one container.
func podObject(name string, c corev1.Container) *kube.Object {
	c.Name, c.Image = "app", "busybox:1"
	return &kube.Object{Kind: "Pod", Namespace: "default", Name: name, Pod: &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{c}},
	}}
}

// wantBroken expects that set gives the error and no pod of its last object.
func wantBroken(t *testing.T, set *kube.Set, want string) {
	t.Helper()
	result := Pods(set, testHost, Options{})
	if err := result.Diagnostics.Err(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	last := set.Objects[len(set.Objects)-1]
	if len(result.Broken) != 1 || result.Broken[0] != last.Key() {
		t.Errorf("broken %v, want %v", result.Broken, last.Key())
	}
	if made := len(result.Pods); made != len(set.Objects)-1 {
		t.Errorf("%d pods of %d objects", made, len(set.Objects))
	}
}

func TestBinaryValuesAreRefused(t *testing.T) {
	for sentence, c := range map[string]corev1.Container{
		"a late value in the environment": {Env: []corev1.EnvVar{{Name: "A", Value: "\x00status.podIP\x00"}}},
		"NUL in a command":                {Command: []string{"a\x00b"}},
		"NUL in an argument":              {Args: []string{"a\x00b"}},
		"not UTF-8 in an argument":        {Args: []string{"\xff"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			wantBroken(t, &kube.Set{Objects: []*kube.Object{podObject("p", c)}}, "the value is binary")
		})
	}
}

func TestBinarySecretsAreNoVariables(t *testing.T) {
	secret := &kube.Object{Kind: "Secret", Namespace: "default", Name: "s", Secret: &corev1.Secret{Data: map[string][]byte{"k": {0xff, 0}}}}
	ref := corev1.LocalObjectReference{Name: "s"}
	for sentence, c := range map[string]corev1.Container{
		"one key":  {Env: []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref, Key: "k"}}}}},
		"all keys": {EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: ref}}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			result := Pods(&kube.Set{Objects: []*kube.Object{secret, podObject("p", c)}}, testHost, Options{})
			if err := result.Diagnostics.Err(); err == nil || !strings.Contains(err.Error(), "mount it as a file") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTwoObjectsCannotMakeOnePod(t *testing.T) {
	wantBroken(t, &kube.Set{Objects: []*kube.Object{podObject("p", corev1.Container{}), podObject("p", corev1.Container{})}}, "pod default/p is already made by Pod default/p")
}

func TestUnreadableOptions(t *testing.T) {
	o := podObject("p", corev1.Container{})
	o.Options = json.RawMessage(`{"networks": 5}`)
	wantBroken(t, &kube.Set{Objects: []*kube.Object{o}}, "options this object was given with cannot be read")
}

func TestPublishNeedsANetworkOfOurs(t *testing.T) {
	o := podObject("p", corev1.Container{})
	o.Pod.Spec.HostNetwork = true
	o.Options = json.RawMessage(`{"publish": [{"hostPort": 1, "containerPort": 2, "protocol": "tcp"}]}`)
	wantBroken(t, &kube.Set{Objects: []*kube.Object{o}}, "spec.hostNetwork: --publish cannot be honoured")
	o.Pod.Spec.HostNetwork = false
	o.Options = json.RawMessage(`{"networkMode": "none", "publish": [{"hostPort": 1, "containerPort": 2, "protocol": "tcp"}]}`)
	wantBroken(t, &kube.Set{Objects: []*kube.Object{o}}, "--publish cannot be honoured with --network none")
}

func TestPublishCannotTakeAHostPortOfTheSamePod(t *testing.T) {
	o := podObject("p", corev1.Container{Ports: []corev1.ContainerPort{{ContainerPort: 1, HostPort: 9000}, {ContainerPort: 2}}})
	o.Options = json.RawMessage(`{"publish": [{"hostPort": 9000, "containerPort": 2, "protocol": "tcp"}]}`)
	wantBroken(t, &kube.Set{Objects: []*kube.Object{o}}, "host port 9000/tcp is already taken by spec.containers[0].ports[0] of this pod")
}

func TestVolumesOfClaims(t *testing.T) {
	claim := func(namespace string) *kube.Object {
		return &kube.Object{Kind: "PersistentVolumeClaim", Namespace: namespace, Name: "data", PersistentVolumeClaim: &corev1.PersistentVolumeClaim{}}
	}
	volumes, ds := Volumes(&kube.Set{Objects: []*kube.Object{claim("default"), podObject("p", corev1.Container{}), claim("shop")}})
	if len(ds) > 0 || len(volumes) != 2 || volumes[0].Volume != "data" || volumes[1].Volume != "shop_data" {
		t.Errorf("volumes %v, %v", volumes, ds)
	}
}
