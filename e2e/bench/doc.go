// Command bench measures berth on a test host, in one run with what nothing can
// be faster than: the same helpers called directly (mount, runtime, netavark),
// one after the other for one pod, side by side for many; and with podman where
// it is installed.
//
//	go run ./e2e/bench [-pods 100] [-rounds 3] [-cgroup 1|2] [-podman] [-only MEASUREMENT]
//
// $BERTH_E2E_BINARY is the berth to measure. Times are medians, wall clock
// unless said otherwise. What a supervisor takes is measured at the one that kube
// play leaves in the background. The floor leaves conmon and pod names out: they are what
// berth adds.
//
// podman need not be installed to be measured: with -podman the host has the one
// that `make deps` unpacked, and that release's helpers, which all are then
// measured with. `make bench PODMAN=1` says so.
package main
