package generator

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"berth/internal/atomicfile"
	"berth/quadlet"
)

// print writes all services one after another.
func print(w io.Writer, results []quadlet.Result) error {
	for _, u := range units(results) {
		if _, err := fmt.Fprintf(w, "---%s---\n%s\n", u.Service, u.Text()); err != nil {
			return err
		}
	}
	return nil
}

// units are those that can be used, ordered by their services.
func units(results []quadlet.Result) []*quadlet.Unit {
	var all []*quadlet.Unit
	for _, r := range results {
		if r.Unit != nil {
			all = append(all, r.Unit)
		}
	}
	slices.SortFunc(all, func(a, b *quadlet.Unit) int { return cmp.Compare(a.Service, b.Service) })
	return all
}

// Write puts services and links into a folder. It goes on past what fails.
func Write(dir string, results []quadlet.Result) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	const writers = 4
	all := units(results)
	var wg sync.WaitGroup
	failed := make([]error, writers)
	for w := range writers {
		wg.Go(func() { // ends when its share is written
			for i := w; i < len(all); i += writers {
				failed[w] = errors.Join(failed[w], writeUnit(dir, all[i]))
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

func writeUnit(dir string, u *quadlet.Unit) error {
	if err := atomicfile.WriteVolatile(filepath.Join(dir, u.Service), u.Text(), 0o644); err != nil {
		return fmt.Errorf("write the service of %s: %w", u.Path, err)
	}
	var errs []error
	for _, l := range u.Links {
		if err := link(filepath.Join(dir, l.Path), l.Target); err != nil {
			errs = append(errs, fmt.Errorf("enable %s: %w", u.Service, err))
		}
	}
	for _, d := range u.Upholds {
		if err := addDropIn(filepath.Join(dir, d.Path), d.Data); err != nil {
			errs = append(errs, fmt.Errorf("have %s upheld: %w", u.Service, err))
		}
	}
	return errors.Join(errs...)
}

func addDropIn(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteVolatile(path, data, 0o644)
}

// link makes a symbolic link, or replaces one, in one step.
func link(path, target string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	err := os.Symlink(target, path)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if old, err := os.Readlink(path); err == nil && old == target {
		return nil
	}
	// A name of its own: another generator may be at work.
	temporary := fmt.Sprintf("%s/.tmp-%d-%s", filepath.Dir(path), os.Getpid(), filepath.Base(path))
	if err := os.Symlink(target, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}
