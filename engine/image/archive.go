package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/compression"

	"berth/internal/ctxio"
)

// Bounds of what is read from an archive: more than any image has, and far
// less than a stream of zeros that compresses to nothing would fill.
const (
	maxArchive = 256 << 30 // bytes, unpacked
	maxIndex   = 16 << 20  // bytes of index.json
)

// blobPath is where an OCI layout keeps a blob.
var blobPath = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^blobs/[a-z0-9+._-]+/[a-zA-Z0-9=_-]+$`)
})

// archiveKind tells the two kinds of image archive apart.
type archiveKind int

const (
	kindDocker archiveKind = iota + 1
	kindOCI
)

// damaged is the error of an archive that cannot be read to its end. A disk
// that fails or is full is not the archive's fault.
func damaged(name string, err error) error {
	var file *fs.PathError
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &file):
		return fmt.Errorf("archive %s: %w", name, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("archive %s is cut off: %w", name, err)
	}
	return fmt.Errorf("archive %s is damaged, or no image archive: %w", name, err)
}

// survey reads an uncompressed archive to its end and says what it is. One
// that "docker save" of today writes is both; Docker's part has the full names.
func survey(ctx context.Context, name, file string) (archiveKind, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var kind archiveKind
	entries := tar.NewReader(f)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, damaged(name, err)
		}
		switch path.Clean(header.Name) {
		case "manifest.json":
			kind = kindDocker
		case ociv1.ImageIndexFile:
			if kind == 0 {
				kind = kindOCI
			}
		}
	}
	if kind == 0 {
		return 0, fmt.Errorf("archive %s holds no image: it has neither manifest.json nor index.json", name)
	}
	return kind, nil
}

// plainArchive returns a path to the archive that can be read as it is: not
// compressed, and without the colon that references cannot express.
func (s *Store) plainArchive(ctx context.Context, file string) (plain string, release func(), err error) {
	in, compressed, err := openArchive(ctx, file)
	if err != nil {
		return "", nil, err
	}
	defer in.Close()
	if !compressed {
		plain, release, err = s.alias(file)
	} else {
		plain, release, err = s.unpacked(in, file)
	}
	if err != nil {
		return "", nil, err
	}
	if _, err := survey(ctx, file, plain); err != nil {
		release()
		return "", nil, err
	}
	return plain, release, nil
}

// unpacked writes what was compressed to a file.
func (s *Store) unpacked(in io.Reader, name string) (plain string, release func(), err error) {
	dir, release, err := s.scratch()
	if err != nil {
		return "", nil, err
	}
	plain = filepath.Join(dir, "archive.tar")
	if err := spool(in, name, plain); err != nil {
		release()
		return "", nil, err
	}
	return plain, release, nil
}

// spool writes a stream to a file, up to maxArchive.
func spool(in io.Reader, name, file string) error {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, maxArchive+1))
	if err != nil {
		err = damaged(name, err)
	} else if n > maxArchive {
		err = fmt.Errorf("archive %s is larger than %d GiB", name, maxArchive>>30)
	}
	return errors.Join(err, out.Close())
}

// openArchive opens an archive and takes its compression off.
func openArchive(ctx context.Context, file string) (in io.ReadCloser, compressed bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, false, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder, not an archive", file)
	}
	if err != nil {
		return nil, false, errors.Join(err, f.Close())
	}
	stream, compressed, err := compression.AutoDecompress(ctxio.Reader(ctx, f))
	if err != nil {
		return nil, false, errors.Join(damaged(file, err), f.Close())
	}
	return &stacked{stream, f}, compressed, nil
}

// extractLayout unpacks the OCI layout in an archive, and nothing else that
// the archive may hold, to dir.
func extractLayout(ctx context.Context, file, dir string) error {
	in, _, err := openArchive(ctx, file)
	if err != nil {
		return err
	}
	defer in.Close()
	limit := &io.LimitedReader{R: in, N: maxArchive}
	entries := tar.NewReader(limit)
	found := false
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(file, err)
		}
		name := path.Clean(header.Name)
		index := name == ociv1.ImageIndexFile
		if header.Typeflag != tar.TypeReg || !index && name != ociv1.ImageLayoutFile && !blobPath().MatchString(name) {
			continue
		}
		if !strings.HasPrefix(name, "blobs/") && header.Size > maxIndex {
			return fmt.Errorf("archive %s: its %s is larger than %d MiB", file, name, maxIndex>>20)
		}
		if err := writeFile(filepath.Join(dir, name), entries); err != nil {
			return damaged(file, err)
		}
		found = found || index
	}
	if limit.N <= 0 {
		return fmt.Errorf("archive %s is larger than %d GiB", file, maxArchive>>30)
	}
	if !found {
		return fmt.Errorf("archive %s is no OCI archive: it has no %s", file, ociv1.ImageIndexFile)
	}
	return nil
}

func writeFile(file string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Close())
}

// stacked is a stream and the file below it.
type stacked struct {
	io.ReadCloser
	below io.Closer
}

func (s *stacked) Close() error { return errors.Join(s.ReadCloser.Close(), s.below.Close()) }

// relabelled is an error whose text names the file a person gave instead of
// our copy of it.
type relabelled struct {
	text string
	err  error
}

func (e *relabelled) Error() string { return e.text }
func (e *relabelled) Unwrap() error { return e.err }

// clean replaces a scratch path in an error's text.
func clean(err error, scratch, path string) error {
	if err == nil || !strings.Contains(err.Error(), scratch) {
		return err
	}
	return &relabelled{strings.ReplaceAll(err.Error(), scratch, path), err}
}
