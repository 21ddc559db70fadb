package testhost

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// setupStatusFD is the status pipe, as PID 1 inherits it.
const setupStatusFD = 3

// setup is PID 1 while it makes the host: it then becomes init, or systemd.
func setup(c config) (int, error) {
	// The cgroup namespace is a thread's: this one's, until it executes the next stage.
	runtime.LockOSThread()
	unix.CloseOnExec(setupStatusFD)
	if err := mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 1, err
	}
	if err := joinGroups(c.Groups, ""); err != nil {
		return 1, err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return 1, fmt.Errorf("make a cgroup namespace: %w", err)
	}
	if !c.Boot { // systemd takes the cgroup it starts in for the root of its own
		if err := joinGroups(c.Groups, c.leaf()); err != nil {
			return 1, err
		}
	}
	root := filepath.Join(c.Base, "root")
	for _, step := range []func(config, string) error{mountDisk, mountKernel, mountDevices, enterRoot, replaceHelpers, configure} {
		if err := step(c, root); err != nil {
			return 1, err
		}
	}
	return 1, becomeInit(c)
}

// mountDisk lays a copy-on-write view of every real file system of the machine
// below root, and puts the folders that hold overlays themselves on the disk.
func mountDisk(c config, root string) error {
	if err := installPackages(c); err != nil {
		return err
	}
	if err := mountCopy(c, "/", root); err != nil {
		return err
	}
	mounts, err := readMounts("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if !copied(m) {
			continue
		}
		// What overlayfs cannot have as a lower layer stays away, as on a machine without it.
		if err := mountCopy(c, m.point, filepath.Join(root, m.point)); err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	for _, dir := range []string{"/var/lib/berth", "/var/lib/containers"} {
		if err := bindDisk(filepath.Join(c.Base, filepath.Base(dir)), filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	for _, dir := range c.Share {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return fmt.Errorf("share %s: %w", dir, err)
		}
		if err := bind(dir, filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	return nil
}

// copied says whether a mount of the machine is one of files, and none of ours.
func copied(m mountEntry) bool {
	switch m.kind {
	case "proc", "sysfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay", "nsfs", "debugfs", "tracefs",
		"securityfs", "pstore", "bpf", "configfs", "fusectl", "hugetlbfs", "binfmt_misc", "autofs", "ramfs", "efivarfs":
		return false
	}
	for _, dir := range []string{"/proc", "/sys", "/dev", "/run", "/var/lib/berth", "/var/lib/containers"} {
		if m.point == dir || strings.HasPrefix(m.point, dir+"/") {
			return false
		}
	}
	info, err := os.Stat(m.point)
	return m.point != "/" && err == nil && info.IsDir()
}

// upperRoot holds what differs from the machine's / on the host.
const upperRoot = "upper-root"

// installPackages puts the files of unpacked packages on a new host's disk. They
// are copied, not laid below it: they may be anywhere on the machine, and
// overlayfs takes no layer that lies in another.
func installPackages(c config) error {
	upper := filepath.Join(c.Base, upperRoot)
	if _, err := os.Lstat(upper); err == nil {
		return nil // it has started before
	}
	for _, dir := range c.Packages {
		if err := os.CopyFS(upper, os.DirFS(dir)); err != nil {
			return fmt.Errorf("install the packages of %s: %w", dir, err)
		}
	}
	return nil
}

func mountCopy(c config, dir, target string) error {
	name := strings.ReplaceAll(strings.Trim(dir, "/"), "/", "-")
	upper, work := filepath.Join(c.Base, "upper", name), filepath.Join(c.Base, "work", name)
	if dir == "/" {
		upper, work = filepath.Join(c.Base, upperRoot), filepath.Join(c.Base, "work-root")
	}
	for _, d := range []string{upper, work, target} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("copy %s: %w", dir, err)
		}
	}
	return mount("overlay", target, "overlay", 0, "lowerdir="+dir+",upperdir="+upper+",workdir="+work)
}

func bindDisk(source, target string) error {
	for _, dir := range []string{source, target} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the host's disk: %w", err)
		}
	}
	return bind(source, target)
}

func mountKernel(c config, root string) error {
	if err := mount("tmpfs", filepath.Join(root, "run"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(root, "run/lock"), 0o1777); err != nil {
		return fmt.Errorf("make /run/lock: %w", err)
	}
	if err := mount("proc", filepath.Join(root, "proc"), "proc", 0, ""); err != nil {
		return err
	}
	if err := mount("sysfs", filepath.Join(root, "sys"), "sysfs", 0, ""); err != nil {
		return err
	}
	bootID := filepath.Join(c.Base, "boot_id")
	if err := os.WriteFile(bootID, []byte(c.BootID), 0o444); err != nil {
		return fmt.Errorf("make a boot id: %w", err)
	}
	if err := bind(bootID, filepath.Join(root, "proc/sys/kernel/random/boot_id")); err != nil {
		return err
	}
	return mountGroups(c.Groups, c.Cgroup, root)
}

func mountDevices(_ config, root string) error {
	dev := filepath.Join(root, "dev")
	if err := mount("tmpfs", dev, "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return err
	}
	for _, dir := range []string{"net", "pts", "shm", "mqueue"} {
		if err := os.Mkdir(filepath.Join(dev, dir), 0o755); err != nil {
			return fmt.Errorf("make /dev: %w", err)
		}
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty", "fuse", "kmsg", "net/tun"} {
		if _, err := os.Stat(filepath.Join("/dev", name)); errors.Is(err, fs.ErrNotExist) {
			continue // not on every machine
		}
		if err := os.WriteFile(filepath.Join(dev, name), nil, 0o666); err != nil {
			return fmt.Errorf("make /dev/%s: %w", name, err)
		}
		if err := bind(filepath.Join("/dev", name), filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	links := map[string]string{"ptmx": "pts/ptmx", "fd": "/proc/self/fd",
		"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return fmt.Errorf("make /dev/%s: %w", name, err)
		}
	}
	return errors.Join(
		mount("devpts", filepath.Join(dev, "pts"), "devpts", 0, "newinstance,ptmxmode=0666,mode=620"),
		mount("tmpfs", filepath.Join(dev, "shm"), "tmpfs", 0, "mode=1777"),
		mount("mqueue", filepath.Join(dev, "mqueue"), "mqueue", 0, ""))
}

// enterRoot makes root the host's /; its mounts propagate, as systemd has it.
func enterRoot(_ config, root string) error {
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("enter the host's root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("enter the host's root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the machine's root: %w", err)
	}
	return mount("none", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// replaceHelpers puts each program of $BERTH_TESTHOST_HELPERS where the host has
// one of that name, as an upgrade does; what the host lacks is put on its PATH.
func replaceHelpers(_ config, _ string) error {
	dir := os.Getenv(helpersEnv)
	if dir == "" {
		return nil
	}
	programs, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("replace helpers: %w", err)
	}
	for _, program := range programs {
		if err := replaceHelper(dir, program.Name()); err != nil {
			return fmt.Errorf("replace helpers: %w", err)
		}
	}
	return nil
}

func replaceHelper(dir, name string) error {
	target := filepath.Join("/usr/local/bin", name)
	for _, at := range []string{"/usr/bin", "/usr/sbin", "/usr/lib/podman", "/usr/libexec/podman"} {
		if _, err := os.Lstat(filepath.Join(at, name)); err == nil {
			target = filepath.Join(at, name)
			break
		}
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(filepath.Join(dir, name), target)
}

func configure(_ config, _ string) error {
	if err := unix.Sethostname([]byte("testhost")); err != nil {
		return fmt.Errorf("name the host: %w", err)
	}
	if err := linkUp("lo"); err != nil {
		return err
	}
	return SaveBaseline()
}

// SaveBaseline writes down the mounts of this host, where nothing has happened
// yet: Leaks compares with them.
func SaveBaseline() error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read the mounts: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(baseline), 0o755); err != nil {
		return fmt.Errorf("save the mounts: %w", err)
	}
	if err := os.WriteFile(baseline, data, 0o644); err != nil {
		return fmt.Errorf("save the mounts: %w", err)
	}
	return nil
}

func linkUp(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// becomeInit replaces this process; it returns only to say why it could not.
func becomeInit(c config) error {
	if c.Boot {
		systemd, err := exec.LookPath("/lib/systemd/systemd")
		if err != nil {
			return fmt.Errorf("boot: %w", err)
		}
		if err := errors.Join(os.Setenv("container", "testhost"), disableServices()); err != nil {
			return fmt.Errorf("boot: %w", err)
		}
		if _, err := unix.Write(setupStatusFD, []byte(readyLine)); err != nil {
			return fmt.Errorf("say that the host is there: %w", err)
		}
		env := append(cleanEnviron(), insideEnv+"="+string(c.Cgroup))
		return unix.Exec(systemd, []string{systemd, "--unit=multi-user.target"}, env)
	}
	// The pipe goes along, so that init speaks only when it is one.
	if _, err := unix.FcntlInt(setupStatusFD, unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("keep the status pipe: %w", err)
	}
	env, err := c.environ("init")
	if err != nil {
		return err
	}
	return fmt.Errorf("become init: %w", unix.Exec(selfExe, []string{c.Exe}, env))
}

// disableServices keeps what this machine starts at boot from starting on a host
// that boots for the first time, and /tmp from being emptied, where programs
// under test may lie. What is enabled there later stays so.
func disableServices() error {
	const done = "/etc/systemd/system/.testhost"
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	links, err := filepath.Glob("/etc/systemd/system/*.wants/*.service")
	if err != nil {
		return fmt.Errorf("look for enabled services: %w", err)
	}
	errs := []error{os.WriteFile(done, nil, 0o600), os.MkdirAll("/etc/tmpfiles.d", 0o755), os.WriteFile("/etc/tmpfiles.d/tmp.conf", nil, 0o600)}
	for _, link := range links {
		errs = append(errs, os.Remove(link))
	}
	return errors.Join(errs...)
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func readPID(base string) (int, error) {
	data, err := os.ReadFile(filepath.Join(base, "pid"))
	if err != nil {
		return 0, fmt.Errorf("find the host: %w", err)
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		return 0, fmt.Errorf("find the host: %w", err)
	}
	return pid, nil
}
