// Package output prints lists and objects the way podman users expect them:
// tables, Go templates (`--format '{{.ID}}'`, `--format 'table {{.ID}}\t{{.Names}}'`),
// JSON, durations and sizes in words.
//
// It knows nothing of containers: rows are any values, their fields and methods
// are what templates name. It does no I/O but to the writer it is given and
// reads no clock. Start at List.
package output
