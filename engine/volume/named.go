package volume

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/internal/hostexec"
)

// Volume is a named volume.
type Volume struct {
	Name       string            `json:"Name"`
	Driver     string            `json:"Driver"`
	Mountpoint string            `json:"Mountpoint"`
	CreatedAt  time.Time         `json:"CreatedAt"`
	Labels     map[string]string `json:"Labels"`
	Options    map[string]string `json:"Options"` // device, type, o, uid, gid
	Scope      string            `json:"Scope"`
}

// Store keeps named volumes, one folder each: volume.json and the data in
// _data.
type Store struct{ dir string }

// NewStore keeps volumes below dir.
func NewStore(dir string) *Store { return &Store{dir: dir} }

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

type stored struct {
	Version int    `json:"version"`
	Volume  Volume `json:"volume"`
}

// Create makes a volume; one of that name is spec.ErrExists.
func (s *Store) Create(_ context.Context, v Volume) (Volume, error) {
	if !nameForm.MatchString(v.Name) || len(v.Name) > 253 {
		return Volume{}, fmt.Errorf("volume name %q: want letters, digits, '_', '.' and '-', starting with a letter or digit", v.Name)
	}
	if d := cmp.Or(v.Driver, "local"); d != "local" {
		return Volume{}, fmt.Errorf("volume driver %q: only \"local\" is known", d)
	}
	if err := checkOptions(v.Options); err != nil {
		return Volume{}, fmt.Errorf("volume %q: %w", v.Name, err)
	}
	v.Driver, v.Scope, v.CreatedAt = "local", "local", time.Now()
	v.Mountpoint = filepath.Join(s.dir, v.Name, "_data")
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return Volume{}, err
	}
	// The folder is made whole beside its place and renamed there, so that a
	// volume is there with its record or not at all.
	half, err := os.MkdirTemp(s.dir, ".new-*")
	if err != nil {
		return Volume{}, err
	}
	defer os.RemoveAll(half)
	if err := makeData(filepath.Join(half, "_data"), v.Options); err != nil {
		return Volume{}, err
	}
	if err := atomicfile.WriteJSON(filepath.Join(half, "volume.json"), stored{1, v}, 0o600); err != nil {
		return Volume{}, err
	}
	if err := os.Chmod(half, 0o700); err != nil {
		return Volume{}, err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, half, unix.AT_FDCWD, filepath.Join(s.dir, v.Name), unix.RENAME_NOREPLACE); err != nil {
		if errors.Is(err, unix.EEXIST) {
			return Volume{}, fmt.Errorf("volume %q: %w", v.Name, spec.ErrExists)
		}
		return Volume{}, fmt.Errorf("make volume %q: %w", v.Name, err)
	}
	return v, atomicfile.SyncDir(s.dir) // or a power cut takes the name from what is written there
}

func checkOptions(options map[string]string) error {
	known := []string{"device", "type", "o", "uid", "gid", "copy", "nocopy"}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(known, key) {
			return fmt.Errorf("option %q is not known: use %s", key, strings.Join(known, ", "))
		}
		if key == "uid" || key == "gid" {
			if _, err := strconv.ParseUint(options[key], 10, 31); err != nil {
				return fmt.Errorf("option %s=%q: want a number", key, options[key])
			}
		}
	}
	return nil
}

func makeData(dir string, options map[string]string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	uid, gid := 0, 0
	if n, err := strconv.Atoi(options["uid"]); err == nil {
		uid = n
	}
	if n, err := strconv.Atoi(options["gid"]); err == nil {
		gid = n
	}
	return os.Chown(dir, uid, gid)
}

// Inspect returns one volume; spec.ErrNotFound if there is none.
func (s *Store) Inspect(_ context.Context, name string) (Volume, error) {
	if !nameForm.MatchString(name) {
		return Volume{}, fmt.Errorf("volume %q: %w", name, spec.ErrNotFound)
	}
	var v stored
	err := atomicfile.ReadJSON(filepath.Join(s.dir, name, "volume.json"), &v)
	if errors.Is(err, fs.ErrNotExist) {
		return Volume{}, fmt.Errorf("volume %q: %w", name, spec.ErrNotFound)
	}
	v.Volume.Mountpoint = filepath.Join(s.dir, name, "_data") // the store may have moved
	return v.Volume, err
}

// List returns all volumes by name.
func (s *Store) List(ctx context.Context) ([]Volume, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []Volume
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		v, err := s.Inspect(ctx, e.Name())
		if errors.Is(err, spec.ErrNotFound) {
			continue // on its way out
		}
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Ensure returns the volume's data folder, making the volume where it is
// missing and mounting its device where it has one.
func (s *Store) Ensure(ctx context.Context, n *spec.NamedVolume) (string, error) {
	v, _, err := s.Obtain(ctx, n)
	if err != nil {
		return "", err
	}
	return v.Mountpoint, s.Mount(ctx, v)
}

// Obtain returns the volume, making it where it is missing; made says whether
// it did. Nothing is mounted.
func (s *Store) Obtain(ctx context.Context, n *spec.NamedVolume) (v Volume, made bool, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return Volume{}, false, err
	}
	unlock, err := lockFolder(ctx, s.dir, unix.LOCK_SH)
	if err != nil {
		return Volume{}, false, fmt.Errorf("volume %q: %w", n.Volume, err)
	}
	defer unlock()
	v, err = s.Inspect(ctx, n.Volume)
	if !errors.Is(err, spec.ErrNotFound) {
		return v, false, err
	}
	v, err = s.Create(ctx, Volume{Name: n.Volume, Labels: n.Labels, Options: n.Options})
	if errors.Is(err, spec.ErrExists) { // somebody else made it meanwhile
		v, err = s.Inspect(ctx, n.Volume)
		return v, false, err
	}
	return v, err == nil, err
}

// Mount mounts the device of a volume that has one; mounted already is success.
func (s *Store) Mount(ctx context.Context, v Volume) error {
	device, kind := v.Options["device"], v.Options["type"]
	if device == "" && kind == "" {
		return nil
	}
	// Pods that start at the same time would mount it twice, or, with NFS, fail.
	unlock, err := lockFolder(ctx, filepath.Join(s.dir, v.Name), unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("mount volume %q: %w", v.Name, err)
	}
	defer unlock()
	if mounted, err := mountinfo.Mounted(v.Mountpoint); err != nil || mounted {
		return err
	}
	// mount(8) and its helpers know nfs, cifs, loop devices and option words.
	var args []string
	options := v.Options["o"]
	switch kind {
	case "":
	case "bind", "none":
		options = strings.Trim("bind,"+options, ",")
	default:
		args = append(args, "-t", kind)
	}
	if options != "" {
		args = append(args, "-o", options)
	}
	args = append(args, "--", cmp.Or(device, kind), v.Mountpoint)
	if _, err := hostexec.Run(ctx, hostexec.Cmd{Path: "mount", Args: args}); err != nil {
		return fmt.Errorf("mount volume %q: %w", v.Name, err)
	}
	return nil
}

// Unmount takes the device of a volume off; data in plain volumes stays put.
func (s *Store) Unmount(v Volume) error { return Unmount(v.Mountpoint) }
