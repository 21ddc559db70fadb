package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"berth/internal/tree"
)

// Export writes what is on a mounted volume as a tar archive. Containers may go on
// writing.
func (s *Store) Export(ctx context.Context, v Volume, to io.Writer) error {
	dir, err := os.Open(v.Mountpoint)
	if err != nil {
		return fmt.Errorf("export volume %q: %w", v.Name, err)
	}
	defer dir.Close()
	flaws, err := tree.Archive(ctx, dir, to, tree.ArchiveOptions{Name: "."})
	if err = errors.Join(append(flaws, err)...); err != nil {
		return fmt.Errorf("export volume %q: %w", v.Name, err)
	}
	return nil
}
