package volume

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

// errShrank is a file of which less was there than it said.
var errShrank = errors.New("became shorter while it was read: stop who writes to it")

// Export writes what is on a mounted volume as a tar archive: owners, modes,
// times, hard links, devices, attributes. Containers may go on writing. No symlink
// is followed, be it put there meanwhile. Sockets are left out, and what is gone
// before it is read.
func (s *Store) Export(ctx context.Context, v Volume, to io.Writer) error {
	root, err := os.OpenRoot(v.Mountpoint)
	if err != nil {
		return fmt.Errorf("export volume %q: %w", v.Name, err)
	}
	defer root.Close()
	x := &exporter{ctx: ctx, root: root, tw: tar.NewWriter(to), links: map[inode]string{}}
	err = x.entry(".")
	if err == nil {
		err = x.tw.Close()
	}
	if err = errors.Join(append(x.flaws, err)...); err != nil {
		return fmt.Errorf("export volume %q: %w", v.Name, err)
	}
	return nil
}

type inode struct{ dev, ino uint64 }

type exporter struct {
	ctx   context.Context
	root  *os.Root
	tw    *tar.Writer
	links map[inode]string // files of several names, by the name they have in the archive
	flaws []error          // files the archive does not have as they were
}

// entry writes one file, a folder with all below it.
func (x *exporter) entry(name string) error {
	if err := x.ctx.Err(); err != nil {
		return err
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
		return x.opened(name)
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
		return x.header(name, info, nil, func(h *tar.Header) { h.Linkname = target })
	}
	return x.header(name, info, nil, nil)
}

// opened writes a file or folder by its descriptor: whatever somebody puts in its
// place, what is read is what was looked at.
func (x *exporter) opened(name string) error {
	f, err := x.root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	attributes, err := attributesOf(f)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return x.folder(name, f, info, attributes)
	}
	if !info.Mode().IsRegular() {
		return nil // it became something else meanwhile
	}
	if first, again := x.linked(name, info); again {
		return x.header(name, info, attributes, func(h *tar.Header) { h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0 })
	}
	if err := x.header(name, info, attributes, nil); err != nil {
		return err
	}
	return x.content(name, f, info.Size())
}

// content copies as much of a file as its header said; a log that grew is cut.
func (x *exporter) content(name string, f *os.File, size int64) error {
	n, err := io.Copy(x.tw, ctxio.Reader(x.ctx, io.LimitReader(f, size)))
	if err != nil || n == size {
		return err
	}
	x.flaws = append(x.flaws, fmt.Errorf("%s: %w", name, errShrank))
	_, err = io.CopyN(x.tw, zeros{}, size-n)
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (x *exporter) folder(name string, f *os.File, info fs.FileInfo, attributes map[string]string) error {
	if err := x.header(name, info, attributes, nil); err != nil {
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
func (x *exporter) linked(name string, info fs.FileInfo) (first string, again bool) {
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
func (x *exporter) header(name string, info fs.FileInfo, attributes map[string]string, amend func(*tar.Header)) error {
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
	for key, value := range attributes {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["SCHILY.xattr."+key] = value
	}
	if amend != nil {
		amend(h)
	}
	return x.tw.WriteHeader(h)
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
		if !strings.HasPrefix(key, "user.") && key != "security.capability" && !strings.HasPrefix(key, "system.posix_acl_") {
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
