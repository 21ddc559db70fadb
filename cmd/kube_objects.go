package cmd

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"berth/cmd/kubectl"
	"berth/engine"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
	"berth/translate"
)

// objects is what get, describe and wait look at: the pods there are, those a
// supervisor wants, and the objects that were given.
type objects struct {
	sights []reconciler.Sight
	node   reconciler.Node
	brief  bool // of pods, no more than lists show

	engine *engine.Engine
	given  *kube.Set // read when first asked for
}

// lookAround observes all pods. Those that cannot be observed are told of.
func (a *app) lookAround(ctx context.Context, e *engine.Engine, views []reconciler.PodView) (*objects, error) {
	observed, err := e.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return nil, err
	}
	if err != nil {
		a.warn("%v", err)
	}
	return &objects{
		sights: reconciler.Sights(observed, views, a.now()),
		node:   reconciler.Node{Name: hostFacts().NodeName, IPs: e.HostIPs()},
		engine: e,
	}, nil
}

// supervisorViews is what the supervisor knows of pods, nothing if there is none.
func supervisorViews(ctx context.Context, e *engine.Engine) []reconciler.PodView {
	views, err := reconciler.NewClient(e.Paths().Run).Pods(ctx)
	if err != nil {
		return nil // nobody supervises: what can be observed is all there is to know
	}
	return views
}

// pods are the pods of a namespace, "" for all.
func (o *objects) pods(namespace string) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	var errs []error
	for _, s := range o.sights {
		if namespace != "" && s.Status.Pod.Namespace != namespace {
			continue
		}
		if o.brief {
			pod := reconciler.BriefPod(s, o.node)
			pods = append(pods, pod)
			continue
		}
		pod, err := reconciler.KubePod(s, o.node)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		pods = append(pods, pod)
	}
	return pods, errors.Join(errs...)
}

// list is the objects of a kind in a namespace, "" for all, by namespace and name.
func (o *objects) list(ctx context.Context, kind kubectl.Kind, namespace string) ([]kubectl.Object, error) {
	switch kind.Name {
	case kubectl.PodKind:
		pods, err := o.pods(namespace)
		list := make([]kubectl.Object, len(pods))
		for i, pod := range pods {
			object, wrong := kubectl.ObjectOf(pod)
			list[i], err = object, errors.Join(err, wrong)
		}
		return list, err
	case "Namespace":
		return o.namespaces(ctx), nil
	case kubectl.QuadletKind:
		return o.quadlets(ctx)
	}
	var list []kubectl.Object
	for _, object := range o.all(ctx).Objects {
		if object.Kind != kind.Name || namespace != "" && object.Namespace != namespace {
			continue
		}
		fields, err := o.object(ctx, object)
		if err != nil {
			return nil, err
		}
		list = append(list, fields)
	}
	slices.SortFunc(list, kubectl.CompareNames)
	return list, nil
}

// quadlets are the Quadlet units that a supervisor runs; without one there are none.
func (o *objects) quadlets(ctx context.Context) ([]kubectl.Object, error) {
	views, err := reconciler.NewClient(o.engine.Paths().Run).Units(ctx)
	if err != nil {
		return nil, nil // nobody runs any
	}
	list := make([]kubectl.Object, len(views))
	for i, v := range views {
		if list[i], err = kubectl.QuadletObject(v); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// all is what was given: to kube play, and in the folders that are followed.
func (o *objects) all(ctx context.Context) *kube.Set {
	if o.given != nil {
		return o.given
	}
	o.given = &kube.Set{}
	owners := []spec.Owner{spec.OwnerPlay}
	if status, err := reconciler.NewClient(o.engine.Paths().Run).Status(ctx); err == nil {
		for _, s := range status.Sources {
			owners = append(owners, s.Owner)
		}
	}
	for _, s := range o.sights {
		if _, ok := s.Status.Pod.Owner.Folder(); ok {
			owners = append(owners, s.Status.Pod.Owner)
		}
	}
	slices.Sort(owners)
	for _, owner := range slices.Compact(owners) {
		for _, object := range objectsOf(ctx, o.engine, owner).Objects {
			if _, known := o.given.Find(object.Key()); !known {
				o.given.Objects = append(o.given.Objects, object)
			}
		}
	}
	return o.given
}

// object is an object with what is live about it.
func (o *objects) object(ctx context.Context, object *kube.Object) (kubectl.Object, error) {
	data, err := object.Given()
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("%s: %w", object.Key(), err)
	}
	meta, _ := fields["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		fields["metadata"] = meta
	}
	if !object.Created.IsZero() {
		meta["creationTimestamp"] = object.Created.UTC().Format(time.RFC3339)
	}
	meta["name"], meta["uid"] = object.Name, string(reconciler.ObjectUID(object.Kind, object.Namespace, object.Name))
	if object.Namespace != "" {
		meta["namespace"] = object.Namespace
	}
	switch {
	case object.Secret != nil:
		secretData(object.Secret, fields)
	case object.Deployment != nil:
		o.deployment(object, fields)
	case object.PersistentVolumeClaim != nil:
		o.claim(ctx, object, fields)
	}
	return fields, nil
}

// secretData writes a Secret as a cluster keeps it: all of it in data, encoded.
func secretData(secret *corev1.Secret, fields kubectl.Object) {
	data := map[string]any{}
	for key, value := range secret.Data {
		data[key] = base64.StdEncoding.EncodeToString(value)
	}
	for key, value := range secret.StringData {
		data[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	delete(fields, "stringData")
	fields["data"], fields["type"] = data, "Opaque"
	if secret.Type != "" {
		fields["type"] = string(secret.Type)
	}
}

// deployment counts the pods of a Deployment.
func (o *objects) deployment(object *kube.Object, fields kubectl.Object) {
	var all, ready int64
	for _, s := range o.sights {
		from := s.Status.Pod.Origin
		if s.Status.Pod.ID == "" || from.Kind != object.Kind || from.Namespace != object.Namespace || from.Name != object.Name {
			continue
		}
		all++
		pod := reconciler.BriefPod(s, o.node)
		if slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}) {
			ready++
		}
	}
	wanted := int64(1)
	if n := object.Deployment.Spec.Replicas; n != nil {
		wanted = int64(*n)
	}
	body, _ := fields["spec"].(map[string]any)
	if body != nil {
		body["replicas"] = wanted
	}
	available := "False"
	if ready >= wanted {
		available = "True"
	}
	fields["status"] = map[string]any{
		"replicas": all, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": all,
		"conditions": []any{map[string]any{"type": "Available", "status": available}},
	}
}

// claim says which volume a claim is bound to.
func (o *objects) claim(ctx context.Context, object *kube.Object, fields kubectl.Object) {
	name := translate.VolumeName(object.Namespace, object.Name)
	status := map[string]any{"phase": "Pending"}
	if v, err := o.engine.Volumes().Inspect(ctx, name); err == nil {
		status["phase"] = "Bound"
		if body, ok := fields["spec"].(map[string]any); ok {
			body["volumeName"] = v.Name
		}
		if q, ok := object.PersistentVolumeClaim.Spec.Resources.Requests[corev1.ResourceStorage]; ok {
			status["capacity"] = map[string]any{"storage": q.String()}
		}
	}
	fields["status"] = status
}

// namespaces are those that anything is in.
func (o *objects) namespaces(ctx context.Context) []kubectl.Object {
	first := map[string]time.Time{spec.DefaultNamespace: {}} // when there was something in it first
	in := func(name string, created time.Time) {
		if at, known := first[name]; !known || at.IsZero() || !created.IsZero() && created.Before(at) {
			first[name] = created
		}
	}
	for _, s := range o.sights {
		in(s.Status.Pod.Namespace, s.Status.Pod.CreatedAt)
	}
	for _, object := range o.all(ctx).Objects {
		if object.Kind == "Namespace" {
			in(object.Name, object.Created)
		} else {
			in(object.Namespace, object.Created)
		}
	}
	var list []kubectl.Object
	for _, name := range slices.Sorted(maps.Keys(first)) {
		meta := map[string]any{"name": name, "uid": string(reconciler.ObjectUID("Namespace", "", name))}
		if at := first[name]; !at.IsZero() {
			meta["creationTimestamp"] = at.UTC().Format(time.RFC3339)
		}
		list = append(list, kubectl.Object{
			"apiVersion": "v1", "kind": "Namespace", "metadata": meta, "status": map[string]any{"phase": "Active"},
		})
	}
	return list
}
