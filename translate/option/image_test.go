package option

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

func imageGood() []good {
	no, five := false, uint(5)
	return []good{
		{"--pull always img", func(_ *Made, c *spec.Container, _ *spec.ByHand) { c.PullPolicy = spec.PullAlways }},
		{"--pull never img", func(_ *Made, c *spec.Container, _ *spec.ByHand) { c.PullPolicy = spec.PullNever }},
		{"--pull=newer img", func(_ *Made, c *spec.Container, _ *spec.ByHand) { c.PullPolicy = spec.PullNewer }},
		{"--retry 5 --retry-delay 2s -q img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pull.Retries, m.Pull.RetryDelay, m.Quiet, m.Pull.Quiet = &five, 2*time.Second, true, true
		}},
		{"--quiet --authfile auth.json --creds me:secret --cert-dir /certs --tls-verify=false img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Quiet = true
			m.Pull = spec.PullOptions{Retries: m.Pull.Retries, Authfile: "/home/me/auth.json", Creds: "me:secret", CertDir: "/certs", TLSVerify: &no, Quiet: true}
		}},
		{"--decryption-key k.pem --decryption-key /locked:pass=x --decryption-key provider:p img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pull.DecryptionKeys = []string{"/home/me/k.pem", "/locked:pass=x", "provider:p"}
		}},
		{"--platform linux/arm64/v8 img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pull.OS, m.Pull.Arch, m.Pull.Variant = "linux", "arm64", "v8"
		}},
		{"--os linux --arch arm --variant v7 img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pull.OS, m.Pull.Arch, m.Pull.Variant = "linux", "arm", "v7"
		}},
		{"--rootfs ./tree sh", func(_ *Made, c *spec.Container, h *spec.ByHand) {
			c.Image, c.Args, h.Rootfs = "", []string{"sh"}, &spec.Rootfs{Path: "/home/me/tree"}
		}},
		{"--rootfs /tree:O,idmap=uids=0-1-10", func(_ *Made, c *spec.Container, h *spec.ByHand) {
			c.Image = ""
			h.Rootfs = &spec.Rootfs{Path: "/tree", Overlay: true, IDMap: &spec.IDMaps{UIDs: []spec.IDMap{{Host: 1, Size: 10}}}}
		}},
		{"--image-volume tmpfs img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.ImageVolumes = spec.ImageVolumesTmpfs }},
		{"--image-volume ignore img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.ImageVolumes = spec.ImageVolumesIgnore }},
		{"--image-volume bind img", func(*Made, *spec.Container, *spec.ByHand) {}},
		{"--rmi img", func(m *Made, _ *spec.Container, h *spec.ByHand) { m.RemoveImage, h.Remove = true, true }},
	}
}

func imageBad() bad {
	return bad{
		"--pull sometimes img":            `--pull "sometimes": unknown policy`,
		"--retry-delay soon img":          `--retry-delay "soon": not a time`,
		"--creds :x img":                  "--creds: write user:password",
		"--platform linux/arm/v7/x img":   "write os/arch[/variant]",
		"--platform linux/arm --os x img": "give one or the others",
		"--rootfs /tree:X":                `--rootfs "/tree:X": unknown option "X"`,
		"--rootfs /tree:idmap=uids=1-2-x": "idmap: range",
		"--image-volume mount img":        `--image-volume "mount": not a way with volumes`,
		"--rmi --restart on-failure img":  "--rmi removes the container when it ends",
		"--rmi --rm=false img":            "drop --rm=false",
		"--rmi --rootfs /tree":            "--rmi cannot be honoured with --rootfs",
		"--rmi --restart always img":      "--rmi removes the container when it ends",
	}
}

func TestWithoutPasswords(t *testing.T) {
	given := strings.Fields("berth run --creds me:secret --creds=me:secret --decryption-key k --decryption-key k:secret" +
		" --decryption-key=k:pass=secret --decryption-key k:file=/p --decryption-key=k:fd=3 --decryption-key provider:p img")
	want := strings.Fields("berth run --creds … --creds=… --decryption-key k --decryption-key k:…" +
		" --decryption-key=k:… --decryption-key k:file=/p --decryption-key=k:fd=3 --decryption-key provider:p img")
	if got := WithoutPasswords(given); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
