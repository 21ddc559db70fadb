package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const manyUnits = 300

// generator is what systemd waits for at each boot and daemon-reload.
func (b *bench) generator(ctx context.Context) ([]row, error) {
	units, out := filepath.Join(b.dir, "units"), "/run/bench-generator" // tmpfs, as systemd's own
	if err := b.units(units); err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	measure := func(program string, args ...string) (time.Duration, error) {
		if program == "" {
			return 0, nil
		}
		var times []time.Duration
		for range often {
			if err := errors.Join(os.RemoveAll(out), os.Mkdir(out, 0o755)); err != nil {
				return 0, err
			}
			cmd := exec.CommandContext(ctx, program, append(args, "-no-kmsg-log", out)...)
			cmd.Env = append(os.Environ(), "QUADLET_UNIT_DIRS="+units)
			took, err := timed(func() error { return quiet(cmd) })
			if err != nil {
				return 0, err
			}
			times = append(times, took)
		}
		return median(times), nil
	}
	r := row{what: fmt.Sprintf("generator, %d units", manyUnits), budget: "40 ms"}
	var errB, errP error
	r.berth, errB = measure(b.berth, "quadlet", "generator")
	r.podman, errP = measure(podmanGenerator(b.podman))
	return []row{r}, errors.Join(errB, errP)
}

// units writes unit files that use each other: of each six, two containers with
// a pod, a volume, a network and an image.
func (b *bench) units(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	const container = `[Unit]
Description=Application
After=nNR.network
[Container]
Image=iNR.image
Pod=pNR.pod
Volume=vNR.volume:/data
Network=nNR.network
Environment=A=1 "B=two words"
Label=app=x
HealthCmd=curl -f localhost
Exec=sh -c "sleep inf"
[Service]
Restart=always
[Install]
WantedBy=multi-user.target default.target
`
	for i := range manyUnits / 6 {
		for name, text := range map[string]string{
			"a%d.container": container, "b%d.container": container, "p%d.pod": "[Pod]\nPublishPort=8080:80\n", "v%d.volume": "[Volume]\nLabel=a=b\n",
			"n%d.network": "[Network]\nSubnet=10.NR.0.0/24\n", "i%d.image": "[Image]\nImage=localhost/app:NR\n",
		} {
			path := filepath.Join(dir, fmt.Sprintf(name, i))
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "NR", strconv.Itoa(i))), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// podmanGenerator is podman's, beside an unpacked podman or in its place.
func podmanGenerator(podman string) string {
	if podman == "" {
		return ""
	}
	for _, path := range []string{
		filepath.Join(filepath.Dir(podman), "../libexec/podman/quadlet"), filepath.Join(filepath.Dir(podman), "../lib/systemd/system-generators/podman-system-generator"),
		"/usr/libexec/podman/quadlet", "/usr/lib/systemd/system-generators/podman-system-generator",
	} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}
