package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/ctxio"
	"berth/internal/tree"
)

// CopyEnd is one end of a copy: a path of a container, or of this host.
type CopyEnd struct {
	Root *ContainerRoot // nil: this host
	Path string
}

// CopyOptions say what becomes of what is copied.
type CopyOptions struct {
	// KeepOwners leaves files in a container to who has them at the other end, by
	// number; else they are its user's. On the host they are always ours.
	KeepOwners bool
	// Overwrite lets a file take the place of a folder, and the other way round.
	Overwrite bool
}

// CopyResult is what of a copy was not as it should be.
type CopyResult struct {
	LeftOut []string // devices and the like
	Flaws   []error  // files that were not copied as they are
}

// Copy copies a file, or a folder with all that is in it, as podman-cp(1) says:
// into a folder that is there, under another name where nothing is, and of a folder
// whose path ends in "/." only the content. Symlinks at either end lead where they
// lead in their container; those in a folder are copied.
func (e *Engine) Copy(ctx context.Context, from, to CopyEnd, o CopyOptions) (CopyResult, error) {
	source, isDir, err := from.source()
	if err != nil {
		return CopyResult{}, err
	}
	defer source.Close()
	p, err := to.place(isDir, from.base())
	if err != nil {
		return CopyResult{}, err
	}
	defer p.Close()
	if err := p.apart(source); err != nil {
		return CopyResult{}, fmt.Errorf("%s to %s: %w", from.Path, to.Path, err)
	}
	if p.into != nil {
		return CopyResult{}, writeInto(ctx, source, p.into)
	}
	how := to.unpacking(o)
	how.KeepTop = p.name == "."
	flaws, left, err := tree.Copy(ctx, source, p.dir, tree.ArchiveOptions{Name: p.name, Owner: from.ownerThere()}, how)
	if errors.Is(err, tree.ErrKind) {
		err = fmt.Errorf("%w: --overwrite replaces it", err)
	}
	return CopyResult{left, flaws}, err
}

// CopyOut writes a file or folder of a container as a tar archive.
func (e *Engine) CopyOut(ctx context.Context, from CopyEnd, to io.Writer) (CopyResult, error) {
	source, _, err := from.source()
	if err != nil {
		return CopyResult{}, err
	}
	defer source.Close()
	flaws, err := tree.Archive(ctx, source, to, tree.ArchiveOptions{Name: from.base(), Owner: from.ownerThere()})
	return CopyResult{Flaws: flaws}, err
}

// CopyIn unpacks a tar archive to a folder of a container.
func (e *Engine) CopyIn(ctx context.Context, from io.Reader, to CopyEnd, o CopyOptions) (CopyResult, error) {
	dir, err := to.open(to.Path)
	if err != nil {
		return CopyResult{}, err
	}
	defer dir.Close()
	if info, err := dir.Stat(); err != nil || !info.IsDir() {
		return CopyResult{}, errors.Join(err, fmt.Errorf("%s: an archive is unpacked to a folder, which this is not", to.Path))
	}
	how := to.unpacking(o)
	how.KeepTop = true
	left, err := tree.Unpack(ctx, dir, from, how)
	if errors.Is(err, tree.ErrKind) {
		err = fmt.Errorf("%w: --overwrite replaces it", err)
	}
	return CopyResult{LeftOut: left}, err
}

// open opens a path to be looked at.
func (c CopyEnd) open(name string) (*os.File, error) {
	if c.Root == nil {
		return os.OpenFile(name, unix.O_PATH, 0)
	}
	if name == "" || name == "." {
		name = "/"
	}
	return tree.OpenIn(c.Root.root, name, unix.O_PATH)
}

// source opens what is to be copied.
func (c CopyEnd) source() (f *os.File, isDir bool, err error) {
	if f, err = c.open(c.Path); err != nil {
		return nil, false, err
	}
	info, err := f.Stat()
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: is neither a file nor a folder", c.Path)
	}
	if err != nil {
		return nil, false, errors.Join(err, f.Close())
	}
	return f, info.IsDir(), nil
}

// base is what is copied by its own name; "." is the content of a folder.
func (c CopyEnd) base() string {
	if strings.HasSuffix(c.Path, "/.") {
		return "."
	}
	switch base := path.Base(c.Path); base {
	case "/", "..":
		return "."
	default:
		return base
	}
}

// ownerThere translates owners of this host into those of the end.
func (c CopyEnd) ownerThere() func(tree.Owner) tree.Owner {
	if c.Root == nil {
		return nil
	}
	return c.Root.inside
}

func (c CopyEnd) unpacking(o CopyOptions) tree.UnpackOptions {
	how := tree.UnpackOptions{Overwrite: o.Overwrite}
	switch {
	case c.Root == nil:
		// A container's program must not come to run as whoever copies it.
		how.Foreign = true
		how.Owner = func(tree.Owner) (tree.Owner, error) { return tree.Owner{UID: os.Geteuid(), GID: os.Getegid()}, nil }
	case o.KeepOwners:
		how.Owner = c.Root.host
	default:
		how.Owner = func(tree.Owner) (tree.Owner, error) { return c.Root.owner, nil }
	}
	return how
}

// place is where a copy goes: under a name in a folder, "." being the folder
// itself, or into a file that is there.
type place struct {
	dir  *os.File
	name string
	into *os.File
}

func (p place) Close() {
	for _, f := range []*os.File{p.dir, p.into} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// apart fails if a copy would go into what is copied.
func (p place) apart(source *os.File) error {
	from, err := source.Stat()
	if err != nil {
		return err
	}
	if p.into != nil {
		if info, err := p.into.Stat(); err != nil || os.SameFile(info, from) {
			return errors.Join(err, errors.New("both are the same file"))
		}
		return nil
	}
	at := p.dir
	var before os.FileInfo
	for { // up to the root, which is its own parent
		info, err := at.Stat()
		if err == nil && os.SameFile(info, from) {
			err = errors.New("a folder cannot be copied into itself")
		}
		if err != nil || before != nil && os.SameFile(info, before) {
			return err
		}
		before = info
		fd, err := unix.Openat(int(at.Fd()), "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		at = os.NewFile(uintptr(fd), "..")
		defer at.Close()
	}
}

// place finds where a file, or a folder, of that name is to be copied.
func (c CopyEnd) place(isDir bool, base string) (place, error) {
	there, err := c.open(c.Path)
	switch {
	case errors.Is(err, os.ErrNotExist) && (isDir || !strings.HasSuffix(c.Path, "/")):
		return c.beside()
	case err != nil:
		return place{}, err
	}
	info, err := there.Stat()
	if err != nil {
		return place{}, errors.Join(err, there.Close())
	}
	if info.IsDir() {
		return place{dir: there, name: base}, nil
	}
	p, err := c.beside()
	if err != nil || isDir {
		return p, errors.Join(err, there.Close())
	}
	var st unix.Stat_t
	err = unix.Fstatat(int(p.dir.Fd()), p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch special := !info.Mode().IsRegular(); {
	case err == nil && special && c.Root != nil:
		err = fmt.Errorf("%s: is neither a file nor a folder", c.Path)
	case err == nil && (special || st.Mode&unix.S_IFMT == unix.S_IFLNK): // where the link leads, as a shell would
		p.into = there
		return p, nil
	}
	if err = errors.Join(err, there.Close()); err != nil {
		p.Close()
	}
	return p, err
}

// beside is the end by its name in the folder that it is, or is to be, in.
func (c CopyEnd) beside() (place, error) {
	clean := path.Clean(c.Path)
	if c.Root != nil {
		clean = path.Clean("/" + c.Path)
	}
	dir, err := c.open(path.Dir(clean))
	if err != nil {
		return place{}, err
	}
	if name := path.Base(clean); name != ".." && name != "/" {
		return place{dir: dir, name: name}, nil
	}
	return place{}, errors.Join(fmt.Errorf("%s: is no name that a copy could have", c.Path), dir.Close())
}

// writeInto writes a file's content to what is there.
func writeInto(ctx context.Context, from, to *os.File) error {
	in, err := os.OpenFile(fdPath(from), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errors.New("only a file can be copied into a file"))
	}
	out, err := os.OpenFile(fdPath(to), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, ctxio.Reader(ctx, in))
	return errors.Join(err, out.Close())
}
