package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"berth/engine/spec"
	"berth/internal/atomicfile"
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

// PodRun is a pod's folder of things that die with the boot.
func (d Dirs) PodRun(id spec.PodID) string { return filepath.Join(d.Run, "pods", id.UID()) }

// Bundle is the folder of one container's runtime configuration, sockets and
// process IDs.
func (d Dirs) Bundle(id spec.PodID, container string) string {
	return filepath.Join(d.PodRun(id), "c", container)
}

// Netns is where a pod's network namespace is pinned.
func (d Dirs) Netns(id spec.PodID) string { return filepath.Join(d.PodRun(id), "netns") }

// Log is the log of one container's attempt.
func (d Dirs) Log(id spec.PodID, container string, attempt int) string {
	return filepath.Join(d.Pod(id), "logs", container, fmt.Sprintf("%d.log", attempt))
}

// Exits is where conmon leaves exit codes, one file a container ID.
func (d Dirs) Exits() string { return filepath.Join(d.Run, "exits") }

// Exit is the exit file of one container.
func (d Dirs) Exit(id spec.ContainerID) string { return filepath.Join(d.Exits(), string(id)) }

// OCI is the runtime's own state folder.
func (d Dirs) OCI() string { return filepath.Join(d.Run, "oci") }

// Addresses holds one file an address handed out.
func (d Dirs) Addresses() string { return filepath.Join(d.Run, "net") }

// Networks holds the definitions of networks.
func (d Dirs) Networks() string { return filepath.Join(d.State, "networks") }

// Volumes holds the named volumes.
func (d Dirs) Volumes() string { return filepath.Join(d.State, "volumes") }

// Objects holds the Kubernetes objects given on the command line.
func (d Dirs) Objects() string { return filepath.Join(d.State, "objects") }

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
	marker := filepath.Join(d.Run, "boot")
	switch seen, err := os.ReadFile(marker); {
	case err == nil && strings.TrimSpace(string(seen)) == boot:
		return nil // made before, in this boot
	case err == nil:
		if err := os.RemoveAll(d.Run); err != nil {
			return fmt.Errorf("clear what an earlier boot left: %w", err)
		}
	}
	for _, dir := range []string{d.State, d.Pods(), d.Volumes(), d.Run, filepath.Join(d.Run, "pods"), d.Exits(), d.locks(), d.OCI()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the engine's folders: %w", err)
		}
	}
	return atomicfile.WriteVolatile(marker, []byte(boot+"\n"), 0o600)
}

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot ID: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
