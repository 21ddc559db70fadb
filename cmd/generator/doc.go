// Package generator is the systemd generator: it writes a service for each
// Quadlet unit file, systemd.generator(7).
//
// It runs before anything else is up, at every boot and daemon-reload, and holds
// both up for as long as it runs. So main calls it before anything heavy is set
// up, and it imports little: package quadlet converts, manifests/unitdir reads.
//
// Files are written beside their place and renamed, so that two generators at
// once, or one that is killed, leave whole files only. A unit that cannot be
// converted is reported and left out; the exit code is 1 then, and all others
// are written.
package generator
