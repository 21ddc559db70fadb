// Package quadlet reads Quadlet unit files, podman-systemd.unit(5), and says
// what each of them stands for: the argument lists berth is called with, and
// the systemd service that calls it.
//
//	files ─▶ Parse ─▶ Merge drop-ins ─▶ names, references ─▶ Convert ──────▶ Unit
//	         file.go  file.go           name.go              container.go    arguments, service,
//	         quote.go                   set.go, depend.go    resource.go     links, dependencies
//	                                                         keys.go
//
// A file is kept byte for byte: sections that are systemd's are passed on as
// they stand, with their comments. keys.go is the one table of the keys: what
// is accepted, how a value is read, and the option it stands for; docs/quadlet.md
// is written from it. What is not one key to one option has a function of its
// own, named in the table.
//
// Invariants:
//   - The package does no I/O: files come as values; the few facts of the host
//     that conversion needs (does a device exist, what number has a user) come
//     through Host.
//   - A problem names file, line and key. One bad unit never keeps another from
//     being converted.
//   - Parse never panics, and a file is bounded by MaxSize.
//   - What Quote writes, SplitArgs reads back.
//
// Not here: where files come from (manifests/unitdir), writing what was made
// (cmd/generator), what the options mean (translate/option).
package quadlet
