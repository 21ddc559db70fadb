package volume

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
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
	Options    map[string]string `json:"Options"` // device, type, o, uid, gid; of the driver image: image
	Scope      string            `json:"Scope"`
	Anonymous  bool              `json:"Anonymous,omitempty"` // nobody named it
	UID        int               `json:"UID,omitempty"`       // of the data folder
	GID        int               `json:"GID,omitempty"`
	// StorageID is the root file system that holds the data of the driver image.
	StorageID spec.ContainerID `json:"StorageID,omitempty"`
}

// Layers makes, mounts and unmounts the root file systems of volumes of the driver
// image. Each is idempotent.
type Layers interface {
	LayRootfs(ctx context.Context, id spec.ContainerID, name, image string) error
	MountRootfs(ctx context.Context, id spec.ContainerID) (string, error)
	UnmountRootfs(ctx context.Context, id spec.ContainerID) error
}

// Store keeps named volumes, one folder each: volume.json and the data in
// _data.
type Store struct {
	dir    string
	layers Layers
	note   func(spec.Act)
}

// NewStore keeps volumes below dir; note is told what was done, nil: nobody is.
func NewStore(dir string, layers Layers, note func(spec.Act)) *Store {
	return &Store{dir, layers, note}
}

func (s *Store) tell(status string, v Volume) {
	if s.note != nil {
		s.note(spec.Act{Type: spec.ActVolume, Status: status, Name: v.Name, Attributes: v.Labels})
	}
}

var nameForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
})

type stored struct {
	Version int    `json:"version"`
	Volume  Volume `json:"volume"`
}

// Check says whether a volume could be made so, as far as that can be seen
// without making it.
func (v Volume) Check() error {
	if !nameForm().MatchString(v.Name) || len(v.Name) > 253 {
		return fmt.Errorf("volume name %q: want letters, digits, '_', '.' and '-', starting with a letter or digit", v.Name)
	}
	driver := cmp.Or(v.Driver, DriverLocal)
	if !slices.Contains(Drivers(), driver) {
		return fmt.Errorf("volume driver %q: only local and image are known, plugins are not", driver)
	}
	if err := checkOptions(driver, v.Options); err != nil {
		return fmt.Errorf("volume %q: %w", v.Name, err)
	}
	return nil
}

// laying, beside a volume's data, says that its root file system is yet to be made.
const laying = "laying"

// Create makes a volume; one of that name is spec.ErrExists. The root file system of
// one of the driver image is made after its record, which alone tells whose it is:
// where that was cut short it is made when the volume is first mounted.
func (s *Store) Create(ctx context.Context, v Volume) (Volume, error) {
	if err := v.Check(); err != nil {
		return Volume{}, err
	}
	v.Driver, v.StorageID = cmp.Or(v.Driver, DriverLocal), ""
	if v.Driver == DriverImage {
		v.StorageID = spec.NewContainerID()
	}
	v.Scope, v.CreatedAt = "local", time.Now()
	v.UID, _ = ownerID(v.Options, "uid") // checked
	v.GID, _ = ownerID(v.Options, "gid")
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
	if err := makeData(filepath.Join(half, "_data"), v.UID, v.GID); err != nil {
		return Volume{}, err
	}
	if err := atomicfile.WriteJSON(filepath.Join(half, "volume.json"), stored{1, v}, 0o600); err != nil {
		return Volume{}, err
	}
	if v.Driver == DriverImage {
		if err := atomicfile.Write(filepath.Join(half, laying), nil, 0o600); err != nil {
			return Volume{}, err
		}
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
	err = atomicfile.SyncDir(s.dir) // or a power cut takes the name from what is written there
	if err == nil {
		err = s.lay(ctx, v)
	}
	if err != nil {
		return v, errors.Join(err, s.Remove(context.WithoutCancel(ctx), v.Name))
	}
	s.tell("create", v)
	return v, nil
}

// lay makes the root file system of a volume that is to have one and has none yet.
func (s *Store) lay(ctx context.Context, v Volume) error {
	dir := filepath.Join(s.dir, v.Name)
	if v.Driver != DriverImage || !there(dir, laying) {
		return nil
	}
	if err := s.layers.LayRootfs(ctx, v.StorageID, "volume-"+v.Name, v.Options["image"]); err != nil {
		return fmt.Errorf("volume %q: %w", v.Name, err)
	}
	return atomicfile.Remove(filepath.Join(dir, laying))
}

func makeData(dir string, uid, gid int) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chown(dir, uid, gid)
}

// Inspect returns one volume; spec.ErrNotFound if there is none.
func (s *Store) Inspect(_ context.Context, name string) (Volume, error) {
	if !nameForm().MatchString(name) {
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
	v, err = s.Create(ctx, Volume{Name: n.Volume, Labels: n.Labels, Options: n.Options, Anonymous: n.Anonymous})
	if errors.Is(err, spec.ErrExists) { // somebody else made it meanwhile
		v, err = s.Inspect(ctx, n.Volume)
		return v, false, err
	}
	return v, err == nil, err
}

// Mounts reports whether something has to be mounted for the data to be there.
func (v Volume) Mounts() bool { return v.Driver == DriverImage || mounts(v.Options) }

// Mounted reports whether it is.
func (v Volume) Mounted() (bool, error) { return mountinfo.Mounted(v.Mountpoint) }

// Mount has the data of a volume there: what holds it is mounted, if that is no
// plain folder, and nothing is left of a filling that was cut short. That it is
// already is success.
func (s *Store) Mount(ctx context.Context, v Volume) error {
	if v.Mounts() {
		if err := s.mount(ctx, v); err != nil {
			return err
		}
	}
	return s.settle(ctx, v)
}

func (s *Store) mount(ctx context.Context, v Volume) error {
	// Pods that start at the same time would mount it twice, or, with NFS, fail.
	unlock, err := lockFolder(ctx, filepath.Join(s.dir, v.Name), unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("mount volume %q: %w", v.Name, err)
	}
	defer unlock()
	if mounted, err := v.Mounted(); err != nil || mounted {
		return err
	}
	if v.Driver == DriverImage {
		err = s.mountLayer(ctx, v)
	} else {
		err = mountDevice(ctx, v)
	}
	if err != nil {
		return fmt.Errorf("mount volume %q: %w", v.Name, err)
	}
	return nil
}

// mountDevice leaves it to mount(8) and its helpers, who know nfs, cifs, loop
// devices and option words.
func mountDevice(ctx context.Context, v Volume) error {
	device, kind := v.Options["device"], v.Options["type"]
	var args []string
	if kind != "" && kind != "bind" && kind != "none" {
		args = append(args, "-t", kind)
	}
	if words := mountWords(v.Options); words != "" {
		args = append(args, "-o", words)
	}
	args = append(args, "--", cmp.Or(device, kind), v.Mountpoint)
	_, err := hostexec.Run(ctx, hostexec.Cmd{Path: "mount", Args: args})
	return err
}

// mountLayer has the writable layer where the data of every volume is.
func (s *Store) mountLayer(ctx context.Context, v Volume) error {
	if err := s.lay(ctx, v); err != nil {
		return err
	}
	path, err := s.layers.MountRootfs(ctx, v.StorageID)
	if err != nil {
		return err
	}
	if err := unix.Mount(path, v.Mountpoint, "", unix.MS_BIND, ""); err != nil {
		return errors.Join(&os.PathError{Op: "mount", Path: v.Mountpoint, Err: err}, s.layers.UnmountRootfs(ctx, v.StorageID))
	}
	return nil
}

// Unmount takes off what was mounted for a volume; data in plain folders stays
// put. Not mounted is success.
func (s *Store) Unmount(ctx context.Context, v Volume) error {
	if err := Unmount(v.Mountpoint); err != nil {
		return fmt.Errorf("volume %q: %w", v.Name, err)
	}
	if v.Driver == DriverImage {
		return s.layers.UnmountRootfs(ctx, v.StorageID)
	}
	return nil
}
