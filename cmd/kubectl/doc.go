// Package kubectl prints Kubernetes objects the way kubectl does: tables, YAML,
// JSONPath, custom columns, descriptions. Whoever parses kubectl's output finds
// berth's the same.
//
// It knows objects only: nothing of engines and supervisors. It does no I/O but
// to the writer it is given, and reads no clock. Secrets are shown where kubectl
// shows them, which is in -o yaml and -o json of the Secret itself. Start at
// Format and PodRow.
package kubectl
