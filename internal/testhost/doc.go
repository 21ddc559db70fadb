// Package testhost gives tests a throw-away host: namespaces of its own
// (mount, network, pid, uts, ipc, cgroup), a copy-on-write view of this
// machine's files, an empty /run, /var/lib/berth and /var/lib/containers on a
// real file system, and a cgroup tree of its own. Whatever a test does there is
// gone when the test ends, also when it is killed.
//
// It is for tests that need root and real helpers. It is not a container and
// no security boundary: devices, clock and kernel are the machine's.
//
// A package whose tests all want a host calls Main from TestMain: the test
// binary runs itself once more inside one. A test that needs to look from
// outside, reboot, or have systemd as PID 1 uses Start and Host.Command. Both
// need the test binary to run itself again, so a TestMain that does not use
// Main calls Hook first.
//
//	test ── keeper ── PID 1 of the host ── the tests, or what Command runs
//
// The keeper is the only process outside that knows the host. It holds one end
// of a pipe whose other end the test holds: when the test is gone, however it
// went, the keeper kills PID 1, and with it everything on the host, removes the
// host's cgroups and its disk, and ends.
//
// Leaks says what was left behind on a host: each e2e script ends with it.
// Start reading at host.go, then setup.go.
package testhost
