package kubectl

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// EventHeadings are the headings of EventRow.
func EventHeadings(namespaces bool) []string {
	h := []string{"LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"}
	if namespaces {
		h = append([]string{"NAMESPACE"}, h...)
	}
	return h
}

// EventRow is an event as kubectl events lists it.
func EventRow(e *corev1.Event, now time.Time, namespaces bool) []string {
	about := e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name
	row := []string{eventAge(e, now), e.Type, e.Reason, about, strings.TrimSpace(e.Message)}
	if namespaces {
		row = append([]string{e.Namespace}, row...)
	}
	return row
}

// eventAge is "12s", or of what repeats "12s (x3 over 5m)".
func eventAge(e *corev1.Event, now time.Time) string {
	if e.Count > 1 {
		return fmt.Sprintf("%s (x%d over %s)", Age(now, e.LastTimestamp.Time), e.Count, Age(now, e.FirstTimestamp.Time))
	}
	return Age(now, e.FirstTimestamp.Time)
}

// events ends a description with what happened.
func (d *describer) events(events []corev1.Event) {
	if len(events) == 0 {
		d.line(0, "Events:\t<none>")
		return
	}
	d.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage")
	d.line(1, "----\t------\t----\t----\t-------")
	for i := range events {
		e := &events[i]
		d.line(1, "%s\t%s\t%s\t%s\t%s", e.Type, e.Reason, eventAge(e, d.now), e.Source.Component, strings.TrimSpace(e.Message))
	}
}
