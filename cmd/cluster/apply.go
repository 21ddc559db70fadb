package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// FieldManager is who the server writes down as the one who set the fields.
const FieldManager = "berth"

// Object is one object to send.
type Object struct {
	Kind      string
	Namespace string // empty: the client's; a Namespace itself has none
	Name      string
	Fields    map[string]any // the whole object, as JSON has it
}

// ApplyOptions say how objects are applied.
type ApplyOptions struct {
	Force  bool // take over fields that others have set
	DryRun bool // the server checks and changes nothing
}

// resource is how a kind is called in a URL.
type resource struct {
	kind, group, version, plural string
	clusterWide                  bool
}

// resources are all kinds that can be sent, those on which others rely first.
func resources() []resource {
	return []resource{
		{"Namespace", "", "v1", "namespaces", true},
		{"ConfigMap", "", "v1", "configmaps", false},
		{"Secret", "", "v1", "secrets", false},
		{"PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", false},
		{"Service", "", "v1", "services", false},
		{"Pod", "", "v1", "pods", false},
		{"Deployment", "apps", "v1", "deployments", false},
		{"DaemonSet", "apps", "v1", "daemonsets", false},
		{"Job", "batch", "v1", "jobs", false},
	}
}

// Rank orders kinds so that what others rely on is sent before them. A kind that
// cannot be sent comes last.
func Rank(kind string) int {
	all := resources()
	if i := slices.IndexFunc(all, func(r resource) bool { return r.kind == kind }); i >= 0 {
		return i
	}
	return len(all)
}

// title is an object as kubectl names it: "deployment.apps/web".
func title(o Object, r resource) string {
	kind := strings.ToLower(o.Kind)
	if r.group != "" {
		kind += "." + r.group
	}
	return kind + "/" + o.Name
}

// Apply has the server make an object what it should be, and returns its name as
// kubectl writes it. A server that gives no answer is ErrUnreachable.
func (c *Client) Apply(ctx context.Context, o Object, options ApplyOptions) (string, error) {
	rank := Rank(o.Kind)
	if rank == len(resources()) {
		return "", fmt.Errorf("%s %s: objects of this kind cannot be sent", o.Kind, o.Name)
	}
	r := resources()[rank]
	gvr := schema.GroupVersionResource{Group: r.group, Version: r.version, Resource: r.plural}
	name := title(o, r)
	var client dynamic.ResourceInterface = c.objects.Resource(gvr)
	if !r.clusterWide {
		client = c.objects.Resource(gvr).Namespace(cmp.Or(o.Namespace, c.namespace))
	}
	data, err := json.Marshal(o.Fields) // JSON is YAML
	if err != nil {
		return "", fmt.Errorf("%s: encode: %w", name, err)
	}
	patch := metav1.PatchOptions{FieldManager: FieldManager, FieldValidation: metav1.FieldValidationStrict, Force: &options.Force}
	if options.DryRun {
		patch.DryRun = []string{metav1.DryRunAll}
	}
	_, err = client.Patch(ctx, o.Name, types.ApplyYAMLPatchType, data, patch)
	var answer apierrors.APIStatus
	switch {
	case err == nil:
		return name, nil
	case apierrors.IsConflict(err):
		return "", fmt.Errorf("%s: %w: give --force-conflicts to take these fields over", name, err)
	case errors.As(err, &answer), ctx.Err() != nil:
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return "", fmt.Errorf("%w: %s: %w", ErrUnreachable, c.host, err)
}
