package vm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// system is what a machine boots: a kernel, what it needs to find its disk, and
// the disk.
type system struct{ dir string }

func (s system) kernel() string { return filepath.Join(s.dir, "vmlinuz") }
func (s system) initrd() string { return filepath.Join(s.dir, "initrd") }
func (s system) disk() string   { return filepath.Join(s.dir, "disk") }

// ensureSystem makes the system of the packages in debs, unless cache has it.
func ensureSystem(ctx context.Context, debs, cache string) (system, error) {
	packages, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil || len(packages) == 0 {
		return system{}, errors.Join(fmt.Errorf("no packages in %s", debs), err)
	}
	slices.Sort(packages)
	hash := sha256.New()
	for _, deb := range packages {
		fmt.Fprintln(hash, filepath.Base(deb))
	}
	hash.Write([]byte(finish + initScript + agentUnit + hostTarget))
	s := system{filepath.Join(cache, fmt.Sprintf("%.16x", hash.Sum(nil)))}
	now := time.Now()
	if err := os.Chtimes(s.dir, now, now); err == nil { // it is there, and in use
		return s, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return s, fmt.Errorf("make the cache: %w", err)
	}
	part, err := os.MkdirTemp(cache, "part-")
	if err != nil {
		return s, fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(part)
	if err := makeSystem(ctx, system{part}, packages); err != nil {
		return s, fmt.Errorf("make a virtual machine's system: %w", err)
	}
	if err := dropOthers(cache); err != nil {
		return s, err
	}
	if err := os.Rename(part, s.dir); err != nil {
		if _, there := os.Stat(s.dir); there == nil {
			return s, nil // another test was faster
		}
		return s, fmt.Errorf("keep the virtual machine's system: %w", err)
	}
	return s, nil
}

// unused is how long a system is kept that nobody starts a machine of.
const unused = 24 * time.Hour

// dropOthers removes the systems of before.
func dropOthers(cache string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return fmt.Errorf("clear the cache: %w", err)
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > unused { // gone meanwhile: somebody else's work
			errs = append(errs, os.RemoveAll(filepath.Join(cache, e.Name())))
		}
	}
	return errors.Join(errs...)
}

func makeSystem(ctx context.Context, s system, packages []string) error {
	tree := filepath.Join(s.dir, "tree")
	defer os.RemoveAll(tree)
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(tree, "usr", dir), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+dir, filepath.Join(tree, dir)); err != nil {
			return err
		}
	}
	for _, deb := range packages {
		if err := unpack(ctx, deb, tree); err != nil {
			return err
		}
	}
	files := map[string]string{
		"etc/systemd/system/agent.service":   agentUnit,
		"etc/systemd/system/testhost.target": hostTarget,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := run(ctx, "sh", "-euc", finish, tree, s.dir, initScript); err != nil {
		return err
	}
	return makeDisk(ctx, s.disk(), tree, "4G")
}

// unpack is dpkg-deb -x, but for keeping links to folders as they are.
func unpack(ctx context.Context, deb, tree string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	out := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	out.Stdout = w
	err = out.Start()
	w.Close()
	if err != nil {
		return err
	}
	in := exec.CommandContext(ctx, "tar", "-x", "-C", tree, "--keep-directory-symlink",
		"--exclude=./usr/share/doc/*", "--exclude=./usr/share/man/*", "--exclude=./usr/share/locale/*")
	in.Stdin = r
	said, err := in.CombinedOutput()
	_, drain := io.Copy(io.Discard, r)
	if err := errors.Join(err, drain, out.Wait()); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", filepath.Base(deb), err, said)
	}
	return nil
}

// makeDisk makes an ext4 image of a folder.
func makeDisk(ctx context.Context, path, dir, size string) error {
	return run(ctx, "mke2fs", "-q", "-t", "ext4", "-d", dir, "-E", "lazy_itable_init=1,lazy_journal_init=1", path, size)
}

func run(ctx context.Context, name string, args ...string) error {
	if said, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, said)
	}
	return nil
}

// finish does what the packages' install scripts would, as far as tests need it,
// and takes the kernel and the initrd out: $0 is the tree, $1 the folder for
// them, $2 the initrd's program.
const finish = `
cd "$0"
cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
cp usr/share/libc-bin/nsswitch.conf etc/nsswitch.conf
printf '%032d\n' 1 >etc/machine-id
echo testhost >etc/hostname
echo '127.0.0.1 localhost testhost' >etc/hosts
printf '/dev/vda / ext4 defaults 0 1\n/dev/vdb /opt ext4 ro 0 0\n' >etc/fstab
for p in iptables ip6tables; do
	for s in '' -save -restore; do ln -sf $p-nft$s usr/sbin/$p$s; done
done
rm -rf var/run var/lock
ln -s /run var/run
ln -s /run/lock var/lock
mkdir -p usr/local/bin
ln -s /opt/berth usr/local/bin/berth
# Files that scripts use lie in /tmp.
: >etc/tmpfiles.d/tmp.conf
mkdir -p etc/systemd/system/testhost.target.wants
ln -sf ../agent.service etc/systemd/system/testhost.target.wants/agent.service
ln -sf testhost.target etc/systemd/system/default.target
for unit in getty@.service serial-getty@.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-random-seed.service \
	modprobe@drm.service modprobe@efi_pstore.service systemd-pstore.service systemd-binfmt.service systemd-tmpfiles-clean.timer e2scrub_reap.service; do
	ln -sf /dev/null etc/systemd/system/$unit
done
kernel=$(ls usr/lib/modules)
chroot . /sbin/depmod "$kernel"
chroot . /usr/bin/systemd-sysusers
cp boot/vmlinuz-* "$1/vmlinuz"
initrd="$1/root"
mkdir -p "$initrd/bin" "$initrd/dev" "$initrd/mnt"
cp usr/bin/busybox "$initrd/bin/"
: >"$initrd/modules"
for m in virtio_pci virtio_blk; do
	line=$(grep "/$m.ko:" "usr/lib/modules/$kernel/modules.dep")
	# Those it needs come last first.
	for ko in $(echo "${line#*:}" | tr ' ' '\n' | tac) ${line%%:*}; do
		grep -qx "/$(basename "$ko")" "$initrd/modules" && continue
		cp "usr/lib/modules/$kernel/$ko" "$initrd/"
		echo "/$(basename "$ko")" >>"$initrd/modules"
	done
done
printf %s "$2" >"$initrd/init"
chmod 755 "$initrd/init"
(cd "$initrd" && find . | busybox cpio -o -H newc) >"$1/initrd" 2>/dev/null
rm -rf "$initrd" boot
# What is to be done at the first boot after an update is done.
touch -r usr etc/.updated var/.updated
`

// initScript finds the disk and starts what is on it. Debian's kernel has its
// driver as a module.
const initScript = `#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
while read -r module; do busybox insmod "$module"; done </modules
until [ -b /dev/vda ]; do busybox usleep 10000; done
busybox mount -t ext4 /dev/vda /mnt
busybox umount /dev
exec busybox switch_root /mnt /sbin/init
`

// hostTarget is reached when all that starts at boot has.
const hostTarget = `[Unit]
Requires=multi-user.target
After=multi-user.target
AllowIsolate=yes
`

const agentUnit = `[Unit]
After=multi-user.target

[Service]
Environment=` + roleEnv + `=` + agentRole + ` HOME=/root TMPDIR=/tmp
ExecStart=/opt/agent
KillMode=process
TasksMax=infinity
`
