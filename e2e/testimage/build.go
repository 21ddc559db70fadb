package testimage

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/internal/ociarchive"
)

// Options is what is special about an image.
type Options struct {
	Name   string            // with its tag
	Config ociv1.ImageConfig // what is set here replaces the base's
	Files  []ociarchive.File // one more layer
}

// Bases are the names Build takes.
func Bases() []string { return []string{"busybox", "nginx", "postgres", "redis", "scratch"} }

// Build writes an OCI archive to path.
func Build(path, base string, o Options) error {
	img, err := baseImage(base)
	if err != nil {
		return err
	}
	if o.Name != "" {
		img.Name = o.Name
	}
	if len(o.Files) > 0 {
		img.Layers = append(img.Layers, ociarchive.Files(o.Files...))
	}
	override(&img.Config, o.Config)
	return ociarchive.Write(path, img)
}

func baseImage(base string) (ociarchive.Image, error) {
	img := ociarchive.Image{Name: "localhost/" + base + ":latest"}
	img.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	switch base {
	case "scratch":
		return img, nil
	case "busybox":
		img.Config.Cmd = []string{"sh"}
	case "nginx":
		img.Config.Entrypoint = []string{"nginx", "-g", "daemon off; error_log stderr; pid /tmp/nginx.pid;"}
		img.Config.ExposedPorts = map[string]struct{}{"80/tcp": {}}
	case "postgres":
		img.Config.Env = []string{"PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin", "PGDATA=/var/lib/postgresql/data"}
		img.Config.Entrypoint = []string{"postgres", "-c", "jit=off", "-c", "unix_socket_directories=/tmp"}
		img.Config.User = "postgres"
		img.Config.ExposedPorts = map[string]struct{}{"5432/tcp": {}}
	case "redis":
		img.Config.Entrypoint = []string{"redis-server"}
		img.Config.WorkingDir = "/data"
		img.Config.ExposedPorts = map[string]struct{}{"6379/tcp": {}}
	default:
		return img, fmt.Errorf("no image base %q: there are %s", base, strings.Join(Bases(), ", "))
	}
	box, err := busybox()
	if err != nil {
		return img, err
	}
	img.Layers = append(img.Layers, box)
	if base != "busybox" {
		layer, err := packages(base)
		if err != nil {
			return img, err
		}
		img.Layers = append(img.Layers, layer)
	}
	return img, nil
}

func override(config *ociv1.ImageConfig, with ociv1.ImageConfig) {
	if with.User != "" {
		config.User = with.User
	}
	if with.WorkingDir != "" {
		config.WorkingDir = with.WorkingDir
	}
	if with.StopSignal != "" {
		config.StopSignal = with.StopSignal
	}
	if with.Entrypoint != nil {
		config.Entrypoint, config.Cmd = with.Entrypoint, nil
	}
	if with.Cmd != nil {
		config.Cmd = with.Cmd
	}
	if with.ExposedPorts != nil {
		config.ExposedPorts = with.ExposedPorts
	}
	if with.Volumes != nil {
		config.Volumes = with.Volumes
	}
	if with.Labels != nil {
		config.Labels = with.Labels
	}
	config.Env = append(config.Env, with.Env...)
}

// Cache is where what was downloaded is kept between runs.
func Cache() (string, error) {
	if dir := os.Getenv("BERTH_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	return filepath.Join(dir, "berth"), nil
}

// Podman is where `make deps` unpacked podman and the helpers of its release, for
// testhost's Options.Packages; "" where it could not.
func Podman() string {
	cache, err := Cache()
	if err != nil {
		return ""
	}
	dir := filepath.Join(cache, "debs", "podman")
	if _, err := os.Stat(filepath.Join(dir, "complete")); err != nil {
		return ""
	}
	return filepath.Join(dir, "root")
}

// applets are busybox's programs that scripts use.
func applets() []string {
	return strings.Fields(`ash awk basename cat chmod chown cp cut date dd df dirname du echo env expr false find free
		grep head hostname httpd id ifconfig ip kill killall ln ls md5sum mkdir mkfifo mknod mktemp mount mv nc netstat
		nproc nslookup od pgrep pidof ping pkill ps pwd readlink realpath rm rmdir route sed seq setsid sh sleep sort
		stat stty sync tail tar tee telnet test time timeout top touch tr true tty umount uname uniq uptime usleep vi
		wc wget which whoami xargs yes`)
}

func busybox() (ociarchive.Layer, error) {
	source := ""
	for _, path := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		if _, err := os.Stat(path); err == nil {
			source = path
			break
		}
	}
	if source == "" {
		return nil, fmt.Errorf("no static busybox on this machine: run `make deps`")
	}
	files := []ociarchive.File{
		{Path: "/bin/busybox", Source: source, Mode: 0o755},
		{Path: "/etc/passwd", Content: []byte("root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
		{Path: "/etc/group", Content: []byte("root:x:0:\nwww-data:x:33:\npostgres:x:70:\nuser:x:1000:\nextra:x:2000:user\nnogroup:x:65534:\n")},
		{Path: "/root", Dir: true, Mode: 0o700},
		{Path: "/home/user", Dir: true, Mode: 0o755, UID: 1000, GID: 1000},
		{Path: "/tmp", Dir: true, Mode: 0o777 | os.ModeSticky},
		{Path: "/var/tmp", Dir: true, Mode: 0o777 | os.ModeSticky},
		{Path: "/data", Dir: true},
		{Path: "/run", Dir: true},
	}
	names := applets()
	sort.Strings(names)
	for _, name := range names {
		files = append(files, ociarchive.File{Path: "/bin/" + name, Link: "busybox"})
	}
	return ociarchive.Files(files...), nil
}
