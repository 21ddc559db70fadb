package kubectl

import (
	"errors"
	"slices"
	"time"

	"berth/cmd/output"
	"berth/internal/source"
	"berth/reconciler"
)

// QuadletObject is a Quadlet unit as an object: metadata, spec and status.
func QuadletObject(v reconciler.UnitView) (Object, error) {
	o := struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       any            `json:"spec"`
		Status     any            `json:"status"`
	}{
		APIVersion: "berth/v1", Kind: QuadletKind, Metadata: map[string]any{"name": v.Name, "creationTimestamp": nil},
		Spec: struct {
			Kind     string `json:"kind"`
			Service  string `json:"service"`
			File     string `json:"file"`
			Owner    string `json:"owner"`
			Resource string `json:"resource,omitempty"`
			Enabled  bool   `json:"enabled"`
		}{v.Kind, v.Service, v.File, string(v.Owner), v.Resource, v.Enabled},
		Status: struct {
			Status   string   `json:"status"`
			Sub      string   `json:"sub,omitempty"`
			Result   string   `json:"result,omitempty"`
			Message  string   `json:"message,omitempty"`
			ExitCode int      `json:"exitCode,omitempty"`
			Restarts int      `json:"restarts"`
			RetryAt  string   `json:"retryAt,omitempty"`
			Problems []string `json:"problems,omitempty"`
		}{v.Status, v.Sub, string(v.Result), v.Message, v.ExitCode, v.Restarts, stamp(v.RetryAt), problems(v)},
	}
	if !v.Since.IsZero() {
		o.Metadata["creationTimestamp"] = stamp(v.Since)
	}
	return ObjectOf(&o)
}

// QuadletNames are what a unit is called: the names of its file and of its service.
func QuadletNames(o Object) (file, service string) {
	return field(o, "name"), textAt(o, "spec", "service")
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// problems are what is wrong with a unit's files: errors first, which keep it from
// being used.
func problems(v reconciler.UnitView) []string {
	errs, _ := errors.AsType[source.Diagnostics](v.Problems.Err())
	var out []string
	for _, p := range slices.Concat(errs, v.Problems.Warnings()) {
		out = append(out, p.Error())
	}
	return out
}

func quadletRow(o Object, now time.Time) []string {
	status, sub := textAt(o, "status", "status"), textAt(o, "status", "sub")
	if sub != "" && sub != status {
		status += "/" + sub
	}
	reason := textAt(o, "status", "message")
	if list, _ := at(o, "status", "problems").([]any); reason == "" && len(list) > 0 {
		reason, _ = list[0].(string)
	}
	return []string{
		output.Printable(field(o, "name")), orNone(textAt(o, "spec", "service")), status, numberAt(o, "status", "restarts"), ageOf(o, now),
		orNone(textAt(o, "spec", "resource")), orNone(reason), output.Printable(textAt(o, "spec", "file")),
	}
}
