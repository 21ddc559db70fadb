package tree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/ctxio"
)

// ErrShrank is a file of which less was there than it said.
var ErrShrank = errors.New("became shorter while it was read: stop who writes to it")

// Owner says whose a file is: a user and a group.
type Owner struct{ UID, GID int }

// ArchiveOptions say how a file is written to an archive.
type ArchiveOptions struct {
	// Name is what it is called there; a folder called "." gives its content.
	Name string
	// Owner says whose a file is there, by its owner here; nil: the same.
	Owner func(Owner) Owner

	goal fs.FileInfo // a folder below that is left out: what is written goes there
}

// Archive writes an open file, or a folder with all below it, as a tar archive:
// owners, modes, times, hard links, devices, attributes. Others may go on writing
// to it. No symlink is followed, be it put there meanwhile. Left out are sockets,
// what is gone before it is read, and file systems that are the kernel's own. flaws
// are the files that the archive does not have as they were; it is whole all the
// same.
func Archive(ctx context.Context, top *os.File, to io.Writer, o ArchiveOptions) (flaws []error, err error) {
	x := &archiver{ctx: ctx, tw: tar.NewWriter(to), links: map[inode]string{}, ArchiveOptions: o}
	info, err := top.Stat()
	if err == nil && !info.IsDir() {
		err = x.opened(top, o.Name)
	} else if err == nil {
		if x.root, err = os.OpenRoot(descriptor(top)); err == nil {
			defer x.root.Close()
			err = x.entry(".")
		}
	}
	if err == nil {
		err = x.tw.Close()
	}
	return x.flaws, err
}

// descriptor is a path to what is open, also by O_PATH.
func descriptor(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

type inode struct{ dev, ino uint64 }

type archiver struct {
	ArchiveOptions
	ctx   context.Context
	root  *os.Root // paths are below it
	tw    *tar.Writer
	links map[inode]string // files of several names, by the name they have in the archive
	flaws []error          // files the archive does not have as they were
}

// longestPath bounds how deep folders may lie: no program can name what lies
// deeper (PATH_MAX), and whoever made that means harm.
const longestPath = 4096

// mostLevels bounds how many folders lie in each other, since each is looked up from
// the top.
const mostLevels = 512

// called is the name that the archive has for a path below the root.
func (x *archiver) called(path string) string {
	switch {
	case path == ".":
		return x.Name
	case x.Name == ".":
		return path
	}
	return x.Name + "/" + path
}

// entry writes one file below the root, a folder with all below it.
func (x *archiver) entry(name string) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	if len(x.called(name)) >= longestPath || strings.Count(name, "/") >= mostLevels {
		x.flaws = append(x.flaws, fmt.Errorf("%.64s…: lies too deep and was left out", x.called(name)))
		return nil
	}
	info, err := x.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case 0, fs.ModeDir:
		// By its descriptor: whatever somebody puts in its place, what is read is
		// what was looked at.
		f, err := x.root.OpenFile(name, unix.O_PATH|unix.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return x.opened(f, name)
	case fs.ModeSocket:
		return nil
	case fs.ModeSymlink:
		target, err := x.root.Readlink(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return x.header(x.called(name), info, nil, func(h *tar.Header) { h.Linkname = target })
	}
	return x.header(x.called(name), info, nil, nil)
}

// opened writes a file or folder that is open by O_PATH; name is below the root, or
// the archive's where there is none.
func (x *archiver) opened(seen *os.File, name string) error {
	info, err := seen.Stat()
	if err != nil {
		return err
	}
	as := name
	if x.root != nil {
		as = x.called(name)
	}
	switch {
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil // it became something else meanwhile
	case x.goal != nil && os.SameFile(x.goal, info):
		x.flaws = append(x.flaws, fmt.Errorf("%s: is where the copy goes, and was left out", as))
		return nil
	case ofKernel(seen):
		x.flaws = append(x.flaws, fmt.Errorf("%s: is the kernel's, and no file that could be copied", as))
		return nil
	}
	f, err := os.OpenFile(descriptor(seen), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	attributes, err := attributesOf(f)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return x.folder(name, f, info, attributes)
	}
	if first, again := x.linked(as, info); again {
		return x.header(as, info, attributes, func(h *tar.Header) { h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0 })
	}
	if err := x.header(as, info, attributes, nil); err != nil {
		return err
	}
	return x.content(as, f, info.Size())
}

// ofKernel reports whether a file is of a file system that holds no data: reading
// it may wait for ever, or tell of the host.
func ofKernel(f *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil {
		return false
	}
	switch st.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, mqueueMagic:
		return true
	}
	return false
}

// mqueueMagic is that of the file system of message queues (ipc/mqueue.c).
const mqueueMagic = 0x19800202

// content copies as much of a file as its header said; a log that grew is cut.
func (x *archiver) content(name string, f *os.File, size int64) error {
	n, err := io.Copy(x.tw, ctxio.Reader(x.ctx, io.LimitReader(f, size)))
	if err != nil || n == size {
		return err
	}
	x.flaws = append(x.flaws, fmt.Errorf("%s: %w", name, ErrShrank))
	_, err = io.CopyN(x.tw, ctxio.Reader(x.ctx, zeros{}), size-n)
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (x *archiver) folder(name string, f *os.File, info fs.FileInfo, attributes map[string]string) error {
	if err := x.header(x.called(name), info, attributes, nil); err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	_ = f.Close() // however deep the folders are
	slices.Sort(names)
	for _, n := range names {
		if err := x.entry(path.Join(name, n)); err != nil {
			return err
		}
	}
	return nil
}

// linked says under which name the archive has a file already.
func (x *archiver) linked(name string, info fs.FileInfo) (first string, again bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink < 2 {
		return "", false
	}
	key := inode{st.Dev, st.Ino}
	if first, again = x.links[key]; !again {
		x.links[key] = name
	}
	return first, again
}

// header writes what is known of a file; amend, where it is given, changes that.
func (x *archiver) header(name string, info fs.FileInfo, attributes map[string]string, amend func(*tar.Header)) error {
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	h.Name, h.Format = name, tar.FormatPAX
	if info.IsDir() {
		h.Name += "/"
	}
	// Owners are numbers: names are those of the host, not of the containers.
	h.Uname, h.Gname, h.AccessTime, h.ChangeTime = "", "", time.Time{}, time.Time{}
	if x.Owner != nil {
		owner := x.Owner(Owner{h.Uid, h.Gid})
		h.Uid, h.Gid = owner.UID, owner.GID
	}
	for key, value := range attributes {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[attributePrefix+key] = value
	}
	if amend != nil {
		amend(h)
	}
	return x.tw.WriteHeader(h)
}

// attributePrefix begins the names of attributes in an archive (tar(5)).
const attributePrefix = "SCHILY.xattr."

// kept reports whether an attribute belongs to the data.
func kept(key string) bool {
	return strings.HasPrefix(key, "user.") || key == "security.capability" || strings.HasPrefix(key, "system.posix_acl_")
}

// attributesOf are the extended attributes that belong to the data. Those of the
// host, such as its security labels, are not among them.
func attributesOf(f *os.File) (map[string]string, error) {
	fd := int(f.Fd())
	size, err := unix.Flistxattr(fd, nil)
	if errors.Is(err, unix.ENOTSUP) || size == 0 && err == nil {
		return nil, nil
	}
	list := make([]byte, max(size, 0)+1024) // some may come in between
	if err == nil {
		size, err = unix.Flistxattr(fd, list)
	}
	if err != nil {
		return nil, &os.PathError{Op: "list attributes", Path: f.Name(), Err: err}
	}
	out := map[string]string{}
	for key := range strings.SplitSeq(string(list[:size]), "\x00") {
		if !kept(key) {
			continue
		}
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX
		n, err := unix.Fgetxattr(fd, key, value)
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read attribute " + strconv.Quote(key), Path: f.Name(), Err: err}
		}
		out[key] = string(value[:n])
	}
	return out, nil
}
