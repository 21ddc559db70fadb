package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Unavailable says why no machine can be made here; "" when one can. Debs is the
// folder with the packages its system is made of.
func Unavailable(debs string) string {
	if runtime.GOARCH != "amd64" {
		return "only on amd64"
	}
	if os.Geteuid() != 0 {
		return "needs root"
	}
	for _, program := range []string{qemu, "qemu-img", "mke2fs", "dpkg-deb", "tar", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Sprintf("no %s: run `make deps`", program)
		}
	}
	if _, err := os.Stat(filepath.Join(debs, "complete")); err != nil {
		return "no packages to make one of: run `make deps`"
	}
	return ""
}

const qemu = "qemu-system-x86_64"

// acceleration is the part of qemu's command line that says what runs the guest.
func acceleration() []string {
	if hardware() {
		return []string{"-accel", "kvm", "-accel", "tcg", "-cpu", "max"}
	}
	// What newer processors have is slow where software does it.
	return []string{"-accel", "tcg,thread=multi", "-cpu", "Westmere"}
}

// hardware says whether the processor runs guests. Where it does not, there can be
// a /dev/kvm all the same, for kernels made for it: an ordinary one hangs on it.
func hardware() bool {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || !bytes.Contains(info, []byte(" vmx ")) && !bytes.Contains(info, []byte(" svm ")) {
		return false
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	return f.Close() == nil
}
