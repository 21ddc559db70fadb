package reconciler

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

func TestSights(t *testing.T) {
	const always = spec.RestartAlways
	named := func(name string, st *spec.PodStatus) *spec.PodStatus {
		st.Pod.Namespace, st.Pod.Name = "default", name
		st.Pod.ID = spec.PodID("id of " + name)
		return st
	}
	wanted := podOf(always, "a:none").Pod
	wanted.Namespace, wanted.Name = "default", "db"
	crashed := named("web", with(podOf(always, "a:exited=1"), last("a", 1)))
	crashed.Removal = &spec.Removal{Since: noon, Grace: 7 * time.Second}
	views := []PodView{
		{PodReport: PodReport{ID: "id of web"}, Failure: &Waiting{Reason: "CreateContainerError"}},
		{PodReport: PodReport{Reason: "ErrImagePull"}, Wanted: &wanted, Failure: &Waiting{Reason: "ErrImagePull", Message: "no such host"}},
		{PodReport: PodReport{ID: "id of another"}},
	}
	sights := Sights([]spec.PodStatus{*crashed, *named("app", podOf(always, "a:running"))}, views, noon)
	var names []string
	for _, s := range sights {
		names = append(names, s.Status.Pod.Name)
	}
	if got := strings.Join(names, " "); got != "app db web" {
		t.Fatalf("pods %s", got)
	}
	app, db, web := BriefPod(sights[0], Node{}), BriefPod(sights[1], Node{Name: "host"}), BriefPod(sights[2], Node{})
	if app.Status.Phase != corev1.PodRunning || app.DeletionTimestamp != nil {
		t.Errorf("app: %+v", app)
	}
	if w := db.Status.ContainerStatuses[0].State.Waiting; w == nil || w.Reason != "ErrImagePull" || db.UID != "" || db.Spec.NodeName != "host" {
		t.Errorf("db: %+v", db)
	}
	if !web.DeletionTimestamp.Time.Equal(noon.Add(7*time.Second)) || *web.DeletionGracePeriodSeconds != 7 || web.Status.ContainerStatuses[0].State.Terminated == nil {
		t.Errorf("web: %+v", web)
	}
	crashed.Removal = nil
	again := Sights([]spec.PodStatus{*crashed}, views[:1], noon)
	if got := BriefPod(again[0], Node{}).Status.ContainerStatuses[0].State.Waiting; got == nil || got.Reason != "CreateContainerError" {
		t.Errorf("it waits for %+v", got)
	}
	// Once it is there, the supervisor's wish for it is no second pod.
	if got := Sights([]spec.PodStatus{*named("db", podOf(always, "a:running"))}, views[1:2], noon); len(got) != 1 {
		t.Errorf("%d pods of one name", len(got))
	}
}

func TestKubePod(t *testing.T) {
	st := podOf(spec.RestartAlways, "a:running")
	st.Pod.ID, st.Pod.Namespace, st.Pod.Name, st.Pod.CreatedAt = spec.NewPodID(), "default", "shop-x", noon
	st.Pod.Labels = map[string]string{"app": "shop"}
	st.Pod.Origin = spec.Origin{Kind: "Deployment", Namespace: "default", Name: "shop"}
	st.Pod.Manifest = json.RawMessage(`{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"old":"one"}},"spec":{"priorityClassName":"high","containers":[{"name":"a","image":"app"}]}}`)
	pod, err := KubePod(Sight{Status: *st}, Node{Name: "host", IPs: []string{"192.0.2.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if pod.Name != "shop-x" || string(pod.UID) != st.Pod.ID.UID() || pod.Labels["app"] != "shop" || pod.Labels["old"] != "" ||
		pod.Spec.PriorityClassName != "high" || pod.Spec.NodeName != "host" || pod.Status.HostIP != "192.0.2.1" ||
		!pod.CreationTimestamp.Time.Equal(noon) || pod.Status.ObservedGeneration != pod.Generation {
		t.Errorf("%+v", pod)
	}
	o := pod.OwnerReferences
	if len(o) != 1 || o[0].APIVersion != "apps/v1" || o[0].Kind != "Deployment" || o[0].UID != ObjectUID("Deployment", "default", "shop") || len(o[0].UID) != 36 {
		t.Errorf("owners %+v", o)
	}
	st.Pod.Manifest, st.Pod.Origin = nil, spec.Origin{}
	st.Pod.Containers[0].Image = "localhost/app:1"
	if pod, err = KubePod(Sight{Status: *st}, Node{}); err != nil || pod.Spec.Containers[0].Image != "localhost/app:1" || pod.OwnerReferences != nil {
		t.Errorf("made by hand: %+v, %v", pod, err)
	}
}
