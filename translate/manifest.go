package translate

import (
	"encoding/json"
	"fmt"
)

// manifest is the Pod as it was given, or the one that its template makes.
func (b *builder) manifest() json.RawMessage {
	given := b.object.GivenPod()
	metadata := given.Metadata
	metadata["name"], metadata["namespace"] = b.pod.Name, b.pod.Namespace
	delete(metadata, "generateName")
	for field, set := range map[string]map[string]string{"labels": b.pod.Labels, "annotations": b.pod.Annotations} {
		delete(metadata, field)
		if len(set) > 0 {
			metadata[field] = set
		}
	}
	data, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": given.Spec})
	if err != nil {
		panic(fmt.Sprintf("what was read cannot be written: %v", err))
	}
	return data
}
