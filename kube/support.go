package kube

import (
	"fmt"
	"strings"
	"sync"
)

// Support says what berth does with a field.
type Support string

// What berth does with a field.
const (
	Honoured Support = "honoured" // has its effect
	Harmless Support = "harmless" // has no effect on one host; named in a warning
	Refused  Support = "refused"  // an object that sets it is refused
)

// row is a line of the support table.
type row struct {
	field   string // Go struct and JSON name: "PodSpec.hostNetwork"
	support Support
	only    []string // values that are accepted silently: what is so anyway
	note    string
	unread  bool // written by a cluster: its content is neither checked nor kept
}

func honoured(field, note string) row { return row{field: field, support: Honoured, note: note} }
func harmless(field, note string) row { return row{field: field, support: Harmless, note: note} }
func written(field string) row {
	return row{field: field, support: Harmless, note: "written by a cluster, not read", unread: true}
}
func refused(field, note string) row { return row{field: field, support: Refused, note: note} }

// unless names the values with which the field is as it is anyway.
func (r row) unless(values ...string) row {
	r.only = values
	return r
}

// honouredAll makes a row of each field of one struct.
func honouredAll(owner, fields string) []row {
	var rows []row
	for _, name := range strings.Fields(fields) {
		rows = append(rows, honoured(owner+"."+name, ""))
	}
	return rows
}

func refusedAll(owner, fields string) []row {
	var rows []row
	for _, name := range strings.Fields(fields) {
		rows = append(rows, refused(owner+"."+name, ""))
	}
	return rows
}

// accepts reports whether n is a value with which all is as it is anyway.
func (r row) accepts(n *node) bool {
	for _, value := range r.only {
		if n.kind != kindMap && n.kind != kindList && n.text == value {
			return true
		}
	}
	return false
}

// refusal is the message about a field that cannot be honoured.
func (r row) refusal(n *node) string {
	what := "berth cannot honour this field"
	switch {
	case len(r.only) > 0 && n.kind != kindMap && n.kind != kindList:
		what = fmt.Sprintf("berth cannot honour %s here, only %s", quote(n.text), strings.Join(r.only, " or "))
	case r.note != "":
		what += " (" + r.note + ")"
	}
	return what + ": remove it, or run the pod where it is honoured"
}

func (r row) warning() string {
	const what = "without effect on one host"
	if r.note == "" {
		return what
	}
	return what + ": " + r.note
}

// supportRows is the whole support table.
func supportRows() [][]row {
	return [][]row{
		objectRows(), metadataRows(), deploymentRows(), dataRows(), claimRows(),
		podRows(), podSecurityRows(), containerRows(), lifeRows(), containerSecurityRows(), environmentRows(), volumeRows(),
	}
}

// supportTable is the support table as the walk looks it up.
var supportTable = sync.OnceValue(func() map[string]row {
	table := map[string]row{}
	for _, rows := range supportRows() {
		for _, r := range rows {
			table[r.field] = r
		}
	}
	return table
})
