// Package vm gives tests what a test host cannot be: a virtual machine with a
// kernel, a clock and a disk of its own, systemd as PID 1 and cgroup v2 with
// every controller. Its clock can be set, its power cut, its limits enforced.
//
//	test ── qemu ── Debian's kernel ── systemd ── agent ── what Enter runs
//	  │                                             │
//	  └────────── ssh over a virtio-serial port ────┘
//
// The system on its disk is made of Debian packages, unpacked without their
// install scripts, and kept in a cache under the hash of what it is made of; a
// machine writes to a copy-on-write file of its own above it. A second disk has
// the programs under test. There is no network but the guest's own.
//
// The agent is the test binary itself, as for test hosts: TestMain calls Hook.
// A process that calls Enter hands its standard streams to the test, which runs
// the command over ssh: output, signals and exit code are the command's. Before
// each command the shared folders' changed files are copied into the guest; what
// the guest changes there stays in the guest.
//
// qemu dies with the test. It uses KVM where the processor has it, and otherwise
// runs in software, about ten times slower.
package vm
