package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/ctxio"
)

// ErrKind is a folder where a file is to be, or a file where a folder is.
var ErrKind = errors.New("another kind of file is there")

// UnpackOptions say what becomes of the files of an archive.
type UnpackOptions struct {
	// Owner says whose a file is, by its owner in the archive.
	Owner func(Owner) (Owner, error)
	// Foreign files are of somebody who is not to be trusted: they lose their
	// set-user-ID and set-group-ID bits and their attributes.
	Foreign bool
	// KeepTop leaves the folder that is unpacked to as it is, whatever the archive
	// says of it.
	KeepTop bool
	// Overwrite removes what is of another kind than what takes its place.
	Overwrite bool
	// Plain leaves FIFOs out, too.
	Plain bool
}

// Unpack unpacks a tar archive to an open folder, with holes where a file has
// zeros. What is there and not in the archive stays; a file of the same name is
// replaced. Devices are left out, and named in left. A name that leads out of the
// folder, by ".." or by a symlink that is there, is an error.
func Unpack(ctx context.Context, dir *os.File, from io.Reader, o UnpackOptions) (left []string, err error) {
	root, err := os.OpenRoot(descriptor(dir))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	u := &unpacker{UnpackOptions: o, ctx: ctx, root: root}
	in := tar.NewReader(ctxio.Reader(ctx, from))
	for begun := false; ; begun = true {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !begun && ctx.Err() == nil {
			err = fmt.Errorf("this is no tar archive, or one that is compressed: %w", err)
		}
		if err == nil {
			err = u.entry(h, in)
		}
		if err != nil {
			return u.left, err
		}
	}
	return u.left, u.finishFolders()
}

type unpacker struct {
	UnpackOptions
	ctx     context.Context
	root    *os.Root
	folders []folder // get their owner, mode and times last: what comes into them needs and changes these
	left    []string
}

type folder struct {
	name string
	like *tar.Header
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := path.Clean(strings.TrimLeft(h.Name, "/"))
	if len(h.Name) > longestPath {
		return fmt.Errorf("%.64q… in the archive lies deeper than any program could reach", h.Name)
	}
	if !fs.ValidPath(name) {
		return fmt.Errorf("%q in the archive leads out of the folder", h.Name)
	}
	if name == "." {
		if h.Typeflag == tar.TypeDir && !u.KeepTop {
			u.folders = append(u.folders, folder{name, h})
		}
		return nil
	}
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeReg, tar.TypeGNUSparse, tar.TypeSymlink, tar.TypeLink:
	case tar.TypeFifo:
		if u.Plain {
			return nil
		}
	default:
		u.left = append(u.left, name)
		return nil
	}
	if err := u.parents(path.Dir(name), h); err != nil {
		return err
	}
	exists, err := u.makeWay(name, h.Typeflag == tar.TypeDir)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if !exists {
			err = u.root.Mkdir(name, 0o700)
		}
		u.folders = append(u.folders, folder{name, h})
		return err
	case tar.TypeLink:
		target := path.Clean(strings.TrimLeft(h.Linkname, "/"))
		if !fs.ValidPath(target) {
			return fmt.Errorf("%q in the archive is a link to %q, which leads out of the folder", h.Name, h.Linkname)
		}
		return u.root.Link(target, name)
	case tar.TypeSymlink:
		if err := u.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		owner, err := u.owner(h)
		if err != nil {
			return err
		}
		return u.root.Lchown(name, owner.UID, owner.GID)
	case tar.TypeFifo:
		return u.fifo(name, h)
	}
	return u.file(name, h, content, exists)
}

// parents makes folders that the archive does not have, for the owner of what is in
// them.
func (u *unpacker) parents(name string, h *tar.Header) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	if _, err := u.root.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := u.parents(path.Dir(name), h); err != nil {
		return err
	}
	owner, err := u.owner(h)
	if err != nil {
		return err
	}
	if err := u.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	return u.root.Lchown(name, owner.UID, owner.GID)
}

// makeWay has nothing lie at a path, or, for a folder, a folder; exists says that
// something stays there, for a file one that is mounted.
func (u *unpacker) makeWay(name string, isDir bool) (exists bool, err error) {
	info, err := u.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case info.IsDir() && isDir:
		return true, nil
	case info.IsDir() != isDir && !u.Overwrite:
		return false, &os.PathError{Op: "overwrite", Path: name, Err: ErrKind}
	}
	parent, err := u.root.OpenFile(path.Dir(name), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return false, err
	}
	defer parent.Close()
	err = RemoveIn(parent, path.Base(name))
	if errors.Is(err, ErrMounted) && info.Mode().IsRegular() {
		return true, nil
	}
	return false, err
}

// file writes a file that is not there, or into one that is mounted.
func (u *unpacker) file(name string, h *tar.Header, content io.Reader, exists bool) error {
	how := os.O_CREATE | os.O_EXCL
	if exists {
		how = os.O_TRUNC
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|how, 0o600)
	if err != nil {
		return err
	}
	err = writeSparse(f, ctxio.Reader(u.ctx, content)) // of holes much may come from an archive that is small
	if err == nil {
		err = u.likeHeader(f, h)
	}
	if err = errors.Join(err, f.Close()); err != nil && !exists {
		err = errors.Join(err, u.root.Remove(name)) // half a file is none
	}
	return err
}

func (u *unpacker) fifo(name string, h *tar.Header) error {
	parent, err := u.root.OpenFile(path.Dir(name), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := unix.Mknodat(int(parent.Fd()), path.Base(name), unix.S_IFIFO|0o600, 0); err != nil {
		return &os.PathError{Op: "mkfifo", Path: name, Err: err}
	}
	owner, err := u.owner(h)
	if err != nil {
		return err
	}
	return errors.Join(u.root.Lchown(name, owner.UID, owner.GID), u.root.Chmod(name, h.FileInfo().Mode().Perm()))
}

func (u *unpacker) owner(h *tar.Header) (Owner, error) {
	return u.Owner(Owner{h.Uid, h.Gid})
}

// likeHeader gives an open file, or folder, what the archive says of it.
func (u *unpacker) likeHeader(f *os.File, h *tar.Header) error {
	owner, err := u.owner(h)
	if err != nil {
		return err
	}
	mode := uint32(h.Mode) & 0o7777
	if u.Foreign {
		mode &= 0o1777
	}
	fd := int(f.Fd())
	if err := f.Chown(owner.UID, owner.GID); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, mode); err != nil { // after chown, which takes bits away
		return &os.PathError{Op: "chmod", Path: f.Name(), Err: err}
	}
	for key, value := range h.PAXRecords {
		key, ok := strings.CutPrefix(key, attributePrefix)
		if !ok || u.Foreign || !kept(key) {
			continue
		}
		if err := unix.Fsetxattr(fd, key, []byte(value), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
			return &os.PathError{Op: "set attribute " + key, Path: f.Name(), Err: err}
		}
	}
	times := []unix.Timeval{unix.NsecToTimeval(time.Now().UnixNano()), unix.NsecToTimeval(h.ModTime.UnixNano())}
	if err := unix.Futimes(fd, times); err != nil {
		return &os.PathError{Op: "set times", Path: f.Name(), Err: err}
	}
	return nil
}

// finishFolders has folders be as the archive says, the deepest first.
func (u *unpacker) finishFolders() error {
	for _, d := range slices.Backward(u.folders) {
		f, err := u.root.OpenFile(d.name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a later file of the archive took its place
		}
		if err != nil {
			return err
		}
		if err := errors.Join(u.likeHeader(f, d.like), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// sparseBlock is the least run of zeros that becomes a hole.
const sparseBlock = 64 << 10

// writeSparse writes a new file, with holes where there are zeros.
func writeSparse(f *os.File, from io.Reader) error {
	block, zeros := make([]byte, sparseBlock), make([]byte, sparseBlock)
	var size int64
	for {
		n, err := readBlock(from, block)
		if n > 0 && !bytes.Equal(block[:n], zeros[:n]) {
			if _, err := f.WriteAt(block[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return f.Truncate(size)
		}
		if err != nil {
			return err
		}
	}
}

// readBlock fills a block, or reads to the end. Unlike io.ReadFull's, its error is
// the reader's own: an archive that was cut short is no end.
func readBlock(from io.Reader, block []byte) (n int, err error) {
	for n < len(block) && err == nil {
		var m int
		m, err = from.Read(block[n:])
		n += m
	}
	return n, err
}

// Copy copies what is open, a file or a folder, into an open folder, under the name
// that a gives it there. That folder itself is not copied, wherever it is seen below.
func Copy(ctx context.Context, from, to *os.File, a ArchiveOptions, u UnpackOptions) (flaws []error, left []string, err error) {
	if a.goal, err = to.Stat(); err != nil {
		return nil, nil, err
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { // ends when from is read, or nobody unpacks it any more
		var err error
		flaws, err = Archive(ctx, from, w, a)
		_ = w.CloseWithError(err) // never fails
		done <- err
	}()
	left, err = Unpack(ctx, to, r, u)
	_ = r.CloseWithError(errStopped)
	if read := <-done; read != nil && !errors.Is(read, errStopped) && !errors.Is(err, read) {
		err = errors.Join(read, err)
	}
	return flaws, left, err
}

var errStopped = errors.New("the copy was stopped")
