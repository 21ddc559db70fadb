package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/compression"

	"berth/internal/ctxio"
)

// ImportOptions say what an image is that is made of a tree of files.
type ImportOptions struct {
	Name              string   // empty: none
	Changes           []string // instructions of a Containerfile
	Message           string
	OS, Arch, Variant string // empty: this host's
	Source            string // what History says it was made from
}

// Import makes an image of one layer, the tar archive that in holds, compressed or
// not, and returns its ID.
func (s *Store) Import(ctx context.Context, in io.Reader, o ImportOptions) (id string, err error) {
	now := time.Now().UTC()
	config := ociv1.Image{Created: &now, Platform: ociv1.Platform{
		OS: cmp.Or(o.OS, runtime.GOOS), Architecture: cmp.Or(o.Arch, runtime.GOARCH), Variant: o.Variant,
	}}
	if err := Change(&config.Config, o.Changes); err != nil {
		return "", err
	}
	config.History = []ociv1.History{{Created: &now, CreatedBy: "import " + o.Source, Comment: o.Message}}
	dir, release, err := s.scratch()
	if err != nil {
		return "", err
	}
	defer release()
	m, err := newMaking(dir)
	if err != nil {
		return "", err
	}
	plain, _, err := compression.AutoDecompress(ctxio.Reader(ctx, in))
	if err != nil {
		return "", fmt.Errorf("import %s: %w", o.Source, err)
	}
	defer func() { err = errors.Join(err, plain.Close()) }()
	if err := m.layer(func(w io.Writer) error { return copyTar(w, plain) }); err != nil {
		return "", fmt.Errorf("import %s: %w", o.Source, err)
	}
	if err := m.finish(&config); err != nil {
		return "", err
	}
	id, err = s.keepMade(ctx, m, o.Name, false)
	if err == nil {
		s.note("import", id, o.Name)
	}
	return id, err
}

// mostBegin is how far into an archive its first file begins at the most: what comes
// before, of which there may be any amount, is kept in memory.
const mostBegin = 4 << 20

// copyTar copies an archive, up to maxArchive, and fails if it does not begin as one.
func copyTar(w io.Writer, in io.Reader) error {
	var begun bytes.Buffer
	_, err := tar.NewReader(io.TeeReader(io.LimitReader(in, mostBegin), &begun)).Next()
	if empty := begun.Len() > 0 && begun.Len() < mostBegin && errors.Is(err, io.EOF); err != nil && !empty {
		return fmt.Errorf("it is no tar archive: %w", err)
	}
	n, err := io.Copy(w, io.LimitReader(io.MultiReader(&begun, in), maxArchive+1))
	if err == nil && n > maxArchive {
		err = fmt.Errorf("it is larger than %d GiB", maxArchive>>30)
	}
	return err
}
