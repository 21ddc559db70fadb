package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// podmanConf has podman use what berth uses: without it, podman 4 takes CNI
// where it finds images that it did not make, and without systemd it warns of
// cgroups and journal at each call.
const podmanConf = `[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
`

// findPodman looks for podman and has it ready to be measured: its first pod
// also makes its database, its network and its pause image.
func (b *bench) findPodman(ctx context.Context) error {
	path, err := exec.LookPath("podman")
	if errors.Is(err, exec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	b.podman = path
	conf := "/etc/containers/containers.conf.d/bench.conf" // of the test host
	if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(conf, []byte(podmanConf), 0o644); err != nil {
		return err
	}
	if err := b.call(ctx, b.podman, "image", "exists", imageName); err != nil {
		return fmt.Errorf("podman does not see berth's image: %w", err)
	}
	manifest, err := b.manifest("first", 1, 1)
	if err != nil {
		return err
	}
	_, err = b.playAndDown(ctx, b.podman, manifest, 1)
	return err
}

// clearPodman takes away what podman keeps mounted between two calls.
func (b *bench) clearPodman() error {
	if b.podman == "" {
		return nil
	}
	if err := unix.Unmount("/run/netns", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount podman's namespaces: %w", err)
	}
	return nil
}

func (b *bench) podmanVersion(ctx context.Context) string {
	if b.podman == "" {
		return "not installed"
	}
	return version(ctx, b.podman, "--version")
}

// withPodman measures podman where it is installed.
func (b *bench) withPodman(measure func() (time.Duration, error)) (time.Duration, error) {
	if b.podman == "" {
		return 0, nil
	}
	return measure()
}
