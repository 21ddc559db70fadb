package oci

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/engine/spec"
)

const cdiFile = `cdiVersion: 0.6.0
kind: vendor.com/class
containerEdits:
  env: [ALL=1]
devices:
- name: one
  containerEdits:
    env: [ONE=1]
    deviceNodes: [{path: /dev/mine, hostPath: /dev/null, permissions: rw}]
    mounts: [{hostPath: /etc/hostname, containerPath: /etc/told, options: [ro, bind]}]
- name: two
  containerEdits:
    env: [TWO=1]
`

func TestDevicesByName(t *testing.T) {
	in := handInput(t)
	in.Host.CDIDirs = []string{t.TempDir()}
	if err := os.WriteFile(filepath.Join(in.Host.CDIDirs[0], "vendor.yaml"), []byte(cdiFile), 0o644); err != nil {
		t.Fatal(err)
	}
	in.Container.ByHand.CDI = []string{"vendor.com/class=one"}
	s, err := BuildSpec(in)
	if err != nil {
		t.Fatal(err)
	}
	if env := s.Process.Env; !slices.Contains(env, "ALL=1") || !slices.Contains(env, "ONE=1") || slices.Contains(env, "TWO=1") {
		t.Errorf("environment %q", env)
	}
	if m := mountAt(s, "/etc/told"); m == nil || m.Source != "/etc/hostname" {
		t.Errorf("mount %+v", m)
	}
	at := slices.IndexFunc(s.Linux.Devices, func(d specs.LinuxDevice) bool { return d.Path == "/dev/mine" })
	if at < 0 || s.Linux.Devices[at].Major != 1 || s.Linux.Devices[at].Minor != 3 {
		t.Errorf("devices %+v", s.Linux.Devices)
	}
	if !slices.ContainsFunc(s.Linux.Resources.Devices, func(r specs.LinuxDeviceCgroup) bool {
		return r.Allow && r.Major != nil && *r.Major == 1 && r.Minor != nil && *r.Minor == 3 && r.Access == "rw"
	}) {
		t.Errorf("rules %+v", s.Linux.Resources.Devices)
	}
	for name, want := range map[string]string{
		"vendor.com/class=onne": `describes the device vendor.com/class=onne, did you mean "vendor.com/class=one"?`,
		"nvidia.com/gpu=all":    "describes the device nvidia.com/gpu=all",
	} {
		in.Container.ByHand.CDI = []string{name}
		if _, err := BuildSpec(in); !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", name, err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(in.Host.CDIDirs[0], "broken.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := BuildSpec(in); err == nil || !strings.Contains(err.Error(), "broken.json") {
		t.Errorf("with a broken file: %v", err)
	}
}
