package testimage

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"berth/internal/ociarchive"
)

// packages is a layer of the Debian packages kept for an image, unpacked; their
// install scripts do not run.
func packages(name string) (ociarchive.Layer, error) {
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	debs, err := filepath.Glob(filepath.Join(cache, "debs", name, "*.deb"))
	if err != nil {
		return nil, fmt.Errorf("look for packages: %w", err)
	}
	if len(debs) == 0 {
		return nil, fmt.Errorf("no packages for image %s in %s: run `make deps`", name, cache)
	}
	return func(w *tar.Writer) error {
		seen := map[string]bool{"": true}
		for _, deb := range debs {
			if unwantedPackage.MatchString(filepath.Base(deb)) {
				continue
			}
			if err := copyPackage(w, deb, seen); err != nil {
				return fmt.Errorf("unpack %s: %w", deb, err)
			}
		}
		return nil
	}, nil
}

// Packages that others pull in for their install scripts, and paths nobody runs.
var (
	unwantedPackage = regexp.MustCompile(`^(perl|libperl|usrmerge|dpkg|tar|adduser|passwd|debconf|libgdbm|libdb5|init-system-helpers|sysvinit|libfile-|libtext-|libnumber-|libjson-|gcc-|locales|libc-l10n|ucf|sensible-utils|libllvm|libz3)`)
	unwantedPath    = regexp.MustCompile(`^\./usr/share/(doc|man|locale|info|lintian|perl|bash-completion|zoneinfo)/.|^\./usr/lib/postgresql/[0-9]+/lib/(bitcode|pgxs)/.`)
)

func copyPackage(w *tar.Writer, deb string, seen map[string]bool) error {
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	copyErr := copyEntries(w, tar.NewReader(out), seen)
	_, drainErr := io.Copy(io.Discard, out)
	return errors.Join(copyErr, drainErr, cmd.Wait())
}

// copyEntries leaves out what was seen: packages share folders, and a layer has
// each path once.
func copyEntries(w *tar.Writer, r *tar.Reader, seen map[string]bool) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.Trim(path.Clean("/"+h.Name), "/")
		if seen[name] || unwantedPath.MatchString(h.Name) {
			continue
		}
		seen[name] = true
		h.ModTime, h.AccessTime, h.ChangeTime = time.Unix(0, 0), time.Time{}, time.Time{}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(w, r); err != nil {
			return err
		}
	}
}
