// Package e2e tests berth from outside: each script in testdata/ runs the built
// binary on a test host of its own, two at a time, and ends with a look for
// leaks. Nothing here knows berth's packages.
//
// One test is no script: it compares the services that podman's Quadlet generator and
// berth's make of thousands of unit files.
//
// A script is a txtar archive for testscript
// (https://pkg.go.dev/github.com/rogpeppe/go-internal/testscript): commands
// first, then the files they use. These commands run on the host, and take &,
// !, stdin and stdout as exec does:
//
//	berth ARG…        the built binary
//	host CMD ARG…     any other program
//	http URL ARG…     curl: prints the body, fails on a status of 400 and more
//
// and these act on the host:
//
//	image BASE FILE [-name N] [-user U] [-cmd C]… [-entrypoint E]… [-env K=V]… [-workdir D] [-volume V]… [-expose P]… [-file PATH=TEXT]…
//	                  writes an OCI archive; bases are busybox, nginx, postgres, redis and scratch
//	wait-for [-in 60s] [!] REGEXP CMD ARG…
//	                  runs CMD on the host again and again until it succeeds and its output matches
//	                  (with !: until it fails or does not match)
//	kill9 NAME        kills every process of that name and waits until they are gone
//	reboot            a virtual machine goes down in order and starts again; on a test host it is a power cut
//	power-cut         every process gone in the middle of anything, /run empty, the disk as it was: in a virtual
//	                  machine, as it was flushed
//	leaks             fails if a pod left anything, as every script does at its end
//	same FILE FILE    fails unless both have the same lines, in any order
//
// A file named "testhost" in the archive says what the host is like: the words
// "boot" (systemd is PID 1), "cgroup=1" (v1 controllers, where limits work), "podman"
// (a later Debian's podman with Quadlet, and that release's crun, conmon, netavark and
// aardvark-dns, as if installed), or
// "vm": not a test host but a virtual machine (internal/testhost/vm), with a kernel,
// a clock and a disk of its own, systemd, crun and nothing but cgroup v2. It boots in
// half a minute, longer on a busy machine without KVM, so what a test host can show
// is shown there. The script's files are copied into it before each command; what
// commands write stays in it, and of this machine it has berth alone: no $REPO.
// `make e2e 'S=vm_*'` runs these scripts; where qemu or the packages for it are
// missing they are skipped, and say so.
//
// In a script's environment $REPO is the repository, $FETCH a static program for
// images that prints what a URL answers, $ANSWER another that answers probes as it is
// told, $PUSH uploads an archive to a registry, and $SERVE is an http or https server
// that redirects, never ends or stalls.
//
// A signal is for one process: "host sh -c 'echo $$ > pid; exec berth …' &name&"
// notes its ID for "host sh -c 'kill -INT $(cat pid)'".
//
// Conditions: [boot] systemd is here, [cgroup1] v1 controllers are, [debs] the
// packages of the nginx, postgres and redis images are, [podman] podman's are.
//
// A script removes the pods it made; what it leaves is a leak.
package e2e
