package volume

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/chrootarchive"

	"berth/internal/ctxio"
)

// Import unpacks a tar archive, compressed or not, onto a mounted volume. What is
// there already and not in the archive stays. It is unpacked by a process whose
// root directory is the volume: no name and no symlink in the archive, and none
// that a container puts there meanwhile, leads out of it.
//
// Names that mean a deletion in an image's layer (".wh.…") are files like others.
func (s *Store) Import(ctx context.Context, v Volume, from io.Reader) error {
	if err := s.unpack(ctxio.Reader(ctx, from), v); err != nil {
		return fmt.Errorf("import volume %q: %w", v.Name, err)
	}
	return nil
}

func (s *Store) unpack(from io.Reader, v Volume) error {
	plain, err := archive.DecompressStream(from)
	if err != nil {
		return err
	}
	defer plain.Close()
	var begun bytes.Buffer
	first, err := tar.NewReader(io.TeeReader(plain, &begun)).Next()
	if errors.Is(err, io.EOF) && begun.Len() > 0 {
		return nil // an archive of nothing
	}
	if err != nil {
		return fmt.Errorf("this is no tar archive: %w", err)
	}
	if err := chrootarchive.UntarUncompressed(io.MultiReader(&begun, plain), v.Mountpoint, &archive.TarOptions{}); err != nil {
		return err
	}
	return like(v.Mountpoint, first)
}

// like gives the volume's own folder the owner and mode it has in the archive:
// unpacking leaves the folder it unpacks to as it is.
func like(dir string, h *tar.Header) error {
	if h.Typeflag != tar.TypeDir || path.Clean(h.Name) != "." {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return errors.Join(f.Chown(h.Uid, h.Gid), f.Chmod(h.FileInfo().Mode()), os.Chtimes(dir, h.ModTime, h.ModTime))
}
