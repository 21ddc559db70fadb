package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"berth/internal/ctxio"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/directory"
	dockerarchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	ocilayout "go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// Format is what Save writes, in podman's words.
type Format string

// The formats. Archives and OCI folders hold several images, a Docker folder one.
const (
	FormatDockerArchive Format = "docker-archive"
	FormatOCIArchive    Format = "oci-archive"
	FormatOCIDir        Format = "oci-dir"
	FormatDockerDir     Format = "docker-dir"
)

// Target is where and how Save writes.
type Target struct {
	Format Format
	Path   string    // a file is replaced at once; a folder must be empty or not exist
	To     io.Writer // instead of Path, for archives
	Quiet  bool
}

// export is one image to save and the names it is saved under.
type export struct {
	img   *storage.Image
	names []reference.NamedTagged
}

// Save writes images to an archive or a folder. An image asked for by ID is
// saved without a name, several names of one image as one image.
func (s *Store) Save(ctx context.Context, to Target, images ...string) error {
	exports, err := s.exports(ctx, images)
	if err == nil {
		err = s.save(ctx, to, exports)
	}
	if err != nil {
		return err
	}
	for _, e := range exports {
		name := ""
		if len(e.names) > 0 {
			name = e.names[0].String()
		}
		s.note("save", e.img.ID, name)
	}
	return nil
}

func (s *Store) save(ctx context.Context, to Target, exports []*export) error {
	show := s.board.begin(to.Quiet)
	defer show.end()
	switch to.Format {
	case FormatDockerArchive, FormatOCIArchive:
		return s.saveArchive(ctx, to, exports, show)
	case FormatOCIDir, FormatDockerDir:
		if to.To != nil {
			return fmt.Errorf("save: %s is a folder and needs a path", to.Format)
		}
		if to.Format == FormatDockerDir && len(exports) > 1 {
			return fmt.Errorf("save: %s holds one image, %d were asked for", to.Format, len(exports))
		}
		return s.saveFolder(ctx, to, exports, show)
	}
	return fmt.Errorf("save: unknown format %q: want %s, %s, %s or %s", to.Format,
		FormatDockerArchive, FormatOCIArchive, FormatOCIDir, FormatDockerDir)
}

// exports finds the images and puts the names of each together.
func (s *Store) exports(ctx context.Context, images []string) ([]*export, error) {
	var list []*export
	byID := map[string]*export{}
	for _, typed := range images {
		img, err := s.find(ctx, typed)
		if err != nil {
			return nil, err
		}
		e := byID[img.ID]
		if e == nil {
			e = &export{img: img}
			byID[img.ID] = e
			list = append(list, e)
		}
		name, ok := s.nameTyped(img, typed)
		if !ok {
			continue
		}
		if named, err := localName(name); err == nil { // not one by digest
			e.names = append(e.names, named)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("save: no image named")
	}
	return list, nil
}

func (s *Store) saveArchive(ctx context.Context, to Target, exports []*export, show *display) (err error) {
	if to.To == nil {
		if info, err := os.Stat(to.Path); err == nil && !info.Mode().IsRegular() {
			f, err := os.OpenFile(to.Path, os.O_WRONLY, 0) // a pipe, a terminal's other end
			if err != nil {
				return err
			}
			to.To = f
			defer func() { err = errors.Join(err, f.Close()) }()
		}
	}
	dir, release, err := s.scratch()
	if err != nil {
		return err
	}
	defer release()
	if to.To != nil {
		f, err := os.Create(filepath.Join(dir, "archive.tar"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := s.writeArchive(ctx, to.Format, f, dir, exports, show); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err = io.Copy(to.To, ctxio.Reader(ctx, f))
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to.Path), ".berth-save-*")
	if err != nil {
		return err
	}
	err = errors.Join(s.writeArchive(ctx, to.Format, f, dir, exports, show), f.Chmod(0o644))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), to.Path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// writeArchive writes the images to an empty file; dir is for what is needed
// on the way.
func (s *Store) writeArchive(ctx context.Context, format Format, f *os.File, dir string, exports []*export, show *display) error {
	if format == FormatDockerArchive {
		return s.writeDockerArchive(ctx, f, exports, show)
	}
	layout := filepath.Join(dir, "layout")
	if err := s.writeLayout(ctx, layout, exports, show); err != nil {
		return err
	}
	return packLayout(ctx, layout, f)
}

func (s *Store) writeDockerArchive(ctx context.Context, f *os.File, exports []*export, show *display) (err error) {
	// By descriptor, because the file's own path may hold a colon.
	writer, err := dockerarchive.NewWriter(nil, fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return err
	}
	failed := true
	defer func() {
		if closeErr := writer.Close(); !failed {
			err = closeErr
		}
	}()
	for _, e := range exports {
		var name reference.NamedTagged
		options := copy.Options{ForceManifestMIMEType: manifest.DockerV2Schema2MediaType}
		if len(e.names) > 0 {
			name = e.names[0]
			options.DestinationCtx = &types.SystemContext{DockerArchiveAdditionalTags: e.names[1:]}
		}
		dest, err := writer.NewReference(name)
		if err != nil {
			return err
		}
		if _, err := s.copyOut(ctx, dest, e.img, options, show); err != nil {
			return err
		}
	}
	failed = false
	return nil
}

// writeLayout makes an OCI layout of the images, one index entry for each name.
func (s *Store) writeLayout(ctx context.Context, dir string, exports []*export, show *display) error {
	for _, e := range exports {
		names := []string{""}
		if len(e.names) > 0 {
			names = names[:0]
			for _, named := range e.names {
				names = append(names, named.String())
			}
		}
		for _, name := range names {
			dest, err := ocilayout.NewReference(dir, name)
			if err != nil {
				return err
			}
			options := copy.Options{ForceManifestMIMEType: ociv1.MediaTypeImageManifest}
			if _, err := s.copyOut(ctx, dest, e.img, options, show); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) saveFolder(ctx context.Context, to Target, exports []*export, show *display) error {
	if entries, err := os.ReadDir(to.Path); err == nil && len(entries) > 0 {
		return fmt.Errorf("save: folder %s is not empty", to.Path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(filepath.Clean(to.Path)), ".berth-save-*")
	if err != nil {
		return err
	}
	if to.Format == FormatOCIDir {
		err = s.writeOCIDir(ctx, dir, exports, show)
	} else {
		err = s.writeDockerDir(ctx, dir, exports[0].img, show)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		err = os.Rename(dir, filepath.Clean(to.Path)) // takes the place of an empty folder
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return nil
}

func (s *Store) writeOCIDir(ctx context.Context, dir string, exports []*export, show *display) error {
	plain, release, err := s.alias(dir)
	if err != nil {
		return err
	}
	defer release()
	return s.writeLayout(ctx, plain, exports, show)
}

func (s *Store) writeDockerDir(ctx context.Context, dir string, img *storage.Image, show *display) error {
	dest, err := directory.NewReference(dir)
	if err != nil {
		return err
	}
	_, err = s.copyOut(ctx, dest, img, copy.Options{ForceManifestMIMEType: manifest.DockerV2Schema2MediaType}, show)
	return err
}

// copyOut copies an image out of the store. What is in the store was accepted
// when it came in, so the signature policy is not asked again. It returns the
// manifest as it was written.
func (s *Store) copyOut(ctx context.Context, dest types.ImageReference, img *storage.Image, options copy.Options, show *display) (written []byte, err error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	src, err := istorage.Transport.NewStoreReference(store, nil, img.ID)
	if err != nil {
		return nil, err
	}
	dir, release, err := s.scratch()
	if err != nil {
		return nil, err
	}
	defer release()
	policy, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, policy.Destroy()) }()
	if options.DestinationCtx == nil {
		options.DestinationCtx = &types.SystemContext{}
	}
	options.DestinationCtx.BigFilesTemporaryDir = dir
	options.DestinationCtx.BlobInfoCacheDir = dir
	options.SourceCtx = &types.SystemContext{BigFilesTemporaryDir: dir}
	options.RemoveSignatures = true // no archive can keep them, and a registry only where it is set up to
	options.ReportWriter = show.lines()
	stop := show.watch(&options)
	defer stop()
	return copy.Image(ctx, policy, dest, src, &options)
}

// packLayout writes an OCI layout as a tar archive.
func packLayout(ctx context.Context, dir string, to io.Writer) error {
	out := tar.NewWriter(to)
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(name), Typeflag: tar.TypeReg, Mode: 0o644, Size: info.Size(), Format: tar.FormatPAX}
		if entry.IsDir() {
			header.Name, header.Typeflag, header.Mode, header.Size = header.Name+"/", tar.TypeDir, 0o755, 0
		}
		if err := out.WriteHeader(header); err != nil || entry.IsDir() {
			return err
		}
		return packFile(out, file)
	})
	return errors.Join(err, out.Close())
}

func packFile(out io.Writer, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(out, in)
	return err
}
