// Command bench measures berth on a test host, in one run with what nothing can
// be faster than: the same helpers called directly (mount, runtime, netavark),
// one after the other for one pod, side by side for many; and with podman where
// it is installed.
//
//	go run ./e2e/bench [-pods 100] [-rounds 3] [-cgroup 1|2]
//
// $BERTH_E2E_BINARY is the berth to measure. Times are medians, wall clock
// unless said otherwise. The floor leaves conmon and pod names out: they are what
// berth adds.
package main
