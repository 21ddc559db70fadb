package state

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/internal/tree"
)

// Dirs says where the engine's files lie.
type Dirs struct {
	State string // survives a reboot
	Run   string // does not; a tmpfs
}

// Pods is the folder of pod folders.
func (d Dirs) Pods() string { return filepath.Join(d.State, "pods") }

// Pod is a pod's folder.
func (d Dirs) Pod(id spec.PodID) string { return filepath.Join(d.State, "pods", id.UID()) }

// PodRuns is the folder of those that PodRun names.
func (d Dirs) PodRuns() string { return filepath.Join(d.Run, "pods") }

// PodRun is a pod's folder of things that die with the boot.
func (d Dirs) PodRun(id spec.PodID) string { return filepath.Join(d.Run, "pods", id.UID()) }

// Bundle is the folder of one container's runtime configuration, sockets and
// process IDs.
func (d Dirs) Bundle(id spec.PodID, container string) string {
	return filepath.Join(d.PodRun(id), "c", container)
}

// Message is where the container made under a name writes why it ended.
func (d Dirs) Message(id spec.PodID, container string) string {
	return filepath.Join(d.Pod(id), "c", container+".message")
}

// ContainerEnv is the file by which the container made under a name knows itself.
func (d Dirs) ContainerEnv(id spec.PodID, container string) string {
	return filepath.Join(d.PodRun(id), "env", container)
}

// ContainerHostname is where the /etc/hostname lies of a container that does not share
// its pod's.
func (d Dirs) ContainerHostname(id spec.PodID, container string) string {
	return filepath.Join(d.PodRun(id), "hostnames", container)
}

// Netns is where a pod's network namespace is pinned.
func (d Dirs) Netns(id spec.PodID) string { return filepath.Join(d.PodRun(id), "netns") }

// Log is the log of one container's attempt.
func (d Dirs) Log(id spec.PodID, container string, attempt int) string {
	return filepath.Join(d.Pod(id), "logs", container, fmt.Sprintf("%d.log", attempt))
}

// Roots is where the root file systems of containers with users of their own are
// mounted: who is root in one must come by, and is nobody here.
func (d Dirs) Roots() string { return filepath.Join(d.Run, "roots") }

// Exits is where conmon leaves exit codes, one file a container ID.
func (d Dirs) Exits() string { return filepath.Join(d.Run, "exits") }

// Exit is the exit file of one container.
func (d Dirs) Exit(id spec.ContainerID) string { return filepath.Join(d.Exits(), string(id)) }

// Journal holds what was done lately.
func (d Dirs) Journal() string { return filepath.Join(d.Run, "journal") }

// OCI is the runtime's own state folder.
func (d Dirs) OCI() string { return filepath.Join(d.Run, "oci") }

// Networks holds the definitions of networks.
func (d Dirs) Networks() string { return filepath.Join(d.State, "networks") }

// Volumes holds the named volumes.
func (d Dirs) Volumes() string { return filepath.Join(d.State, "volumes") }

// Secrets holds the secrets made by hand.
func (d Dirs) Secrets() string { return filepath.Join(d.State, "secrets") }

// Objects holds the Kubernetes objects given on the command line.
func (d Dirs) Objects() string { return filepath.Join(d.State, "objects") }

// Waits holds why pods that are wanted could not be made yet.
func (d Dirs) Waits() string { return filepath.Join(d.State, "waits") }

// Units holds what is known of Quadlet units that run without systemd.
func (d Dirs) Units() string { return filepath.Join(d.Run, "units") }

// Socket is where the supervisor listens.
func (d Dirs) Socket() string { return filepath.Join(d.Run, "berth.sock") }

func (d Dirs) locks() string { return filepath.Join(d.Run, "locks") }

// Open makes the folders. When Run was left by an earlier boot, what lies there
// describes processes, mounts and namespaces that are gone, and is removed.
func Open(d Dirs) error {
	boot, err := bootID()
	if err != nil {
		return err
	}
	if seen, err := d.lastBoot(); err != nil || seen == boot {
		return err // made before, in this boot
	}
	if err := os.MkdirAll(d.State, 0o700); err != nil {
		return fmt.Errorf("make the engine's folders: %w", err)
	}
	// Many commands may be the first of a boot: one makes the folders, and none
	// clears away what another has made since.
	lock, err := os.Open(d.State)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := waitFlock(lock); err != nil {
		return fmt.Errorf("lock %s: %w", d.State, err)
	}
	seen, err := d.lastBoot()
	if err != nil || seen == boot {
		return err
	}
	if err := d.make(seen != ""); err != nil {
		return err
	}
	return atomicfile.WriteVolatile(d.marker(), []byte(boot+"\n"), 0o600)
}

// make makes the folders; with stale, what Run holds goes before. The marker
// stays until it is replaced: who is killed meanwhile has not begun.
func (d Dirs) make(stale bool) error {
	if stale {
		entries, err := os.ReadDir(d.Run)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if path := filepath.Join(d.Run, e.Name()); path != d.marker() {
				if err := tree.Remove(path); err != nil {
					return fmt.Errorf("clear what an earlier boot left: %w", err)
				}
			}
		}
	}
	for _, dir := range []string{d.Pods(), d.Volumes(), d.Run, d.PodRuns(), d.Exits(), d.locks(), d.OCI()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the engine's folders: %w", err)
		}
	}
	return nil
}

func (d Dirs) marker() string { return filepath.Join(d.Run, "boot") }

// lastBoot is the boot that Run belongs to, "" if there is no Run. A marker that
// a power cut tore is no boot's.
func (d Dirs) lastBoot() (string, error) {
	data, err := os.ReadFile(d.marker())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return cmp.Or(strings.TrimSpace(string(data)), "torn"), err
}

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot ID: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
