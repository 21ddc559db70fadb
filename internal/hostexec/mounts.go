package hostexec

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// elsewhere calls do on a thread that is in a mount namespace of its own, a slave of
// ours, and is thrown away afterwards. The process's first thread is not: it is what
// /proc/self shows to the rest of us.
func elsewhere(do func() error) error {
	done := make(chan error, 1)
	go func() { // ends with do
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread() // until then, nobody else gets this one
			done <- elsewhere(do)
			return
		}
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			done <- os.NewSyscallError("unshare", err)
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
			done <- os.NewSyscallError("mount", err)
			return
		}
		done <- do()
	}()
	return <-done
}
