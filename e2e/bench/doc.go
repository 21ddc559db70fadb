// Command bench measures berth on a test host, in one run with what nothing can
// be faster than: the same helpers called directly (mount, runtime, netavark),
// one after the other for one pod, side by side for many; and with podman where
// it is installed.
//
//	go run ./e2e/bench [-pods 100] [-rounds 3] [-cgroup 1|2] [-only MEASUREMENT]
//
// $BERTH_E2E_BINARY is the berth to measure. Times are medians, wall clock
// unless said otherwise. What a supervisor takes is measured at the one that kube
// play leaves in the background. The floor leaves conmon and pod names out: they are what
// berth adds.
//
// podman need not be installed to be measured, unpacked packages will do:
//
//	apt-get download podman libgpgme11
//	for p in *.deb; do dpkg -x $p /tmp/podman; done
//	PATH=/tmp/podman/usr/bin:$PATH LD_LIBRARY_PATH=/tmp/podman/usr/lib/x86_64-linux-gnu make bench
package main
