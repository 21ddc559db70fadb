package manifests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/internal/atomicfile"
	"berth/internal/filename"
	"berth/internal/source"
	"berth/kube"
)

// StoreOwner is the owner of what kube play was given.
const StoreOwner = "play"

// storeVersion is that of the files. A reader refuses a higher one.
const storeVersion = 1

// storeWrites is how many files are written at a time; most of it is waiting
// for the disk.
const storeWrites = 16

// Store keeps the objects that kube play was given, one file each, readable by
// its user alone because some are Secrets:
//
//	objects/<Kind>/<namespace>_<name>.json
//
// where a name too long for a file is cut (package filename).
//
// It is a source too. A file that cannot be read makes its owner unknown.
type Store struct {
	dir  string
	tree *tree
	opts FolderOptions
}

// stored is the content of one file.
type stored struct {
	Version int             `json:"version"`
	Pos     source.Pos      `json:"source"`           // where the object was read
	Created time.Time       `json:"created,omitzero"` // when it was first given
	Options json.RawMessage `json:"options,omitempty"`
	Input   bool            `json:"input,omitempty"`
	Object  json.RawMessage `json:"object"`
}

// NewStore opens the store in a folder, making it.
func NewStore(dir string, o FolderOptions) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the store of objects: %w", err)
	}
	match := func(name string) bool { return filepath.Ext(name) == ".json" }
	return &Store{dir: dir, opts: o, tree: newTree(dir, StoreOwner, match, decodeStored(nil))}, nil
}

// Owners is the one owner of stored objects.
func (s *Store) Owners() []string { return []string{StoreOwner} }

// Read reads the store now. Of objects that are stored just as they stand in
// given, the most there is to read where a file is played again, nothing need be
// decoded.
func (s *Store) Read(_ context.Context, given ...*kube.Object) kube.Set {
	at := make(map[string]*kube.Object, len(given))
	for _, o := range given {
		at[s.path(o.Key())] = o
	}
	return s.tree.scanBy(decodeStored(at)).set
}

// Outdated reports whether what a set says, or does not say, of an object is no
// longer so.
func (s *Store) Outdated(_ string, key kube.Key, known bool) bool {
	return s.tree.outdated(key, known, s.path(key))
}

// Run hands over the stored set now and whenever it changes, until ctx ends.
func (s *Store) Run(ctx context.Context, emit func(kube.Set)) error {
	s.tree.watcher(s.opts, emit).run(ctx)
	return nil
}

// Put stores objects, replacing those of the same key. One that is stored
// already just so is not written.
func (s *Store) Put(ctx context.Context, objects []*kube.Object) error {
	made := map[string]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(storeWrites)
	for _, o := range objects {
		path := s.path(o.Key())
		if dir := filepath.Dir(path); !made[dir] {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return errors.Join(fmt.Errorf("store %s: %w", o.Key(), err), group.Wait())
			}
			made[dir] = true
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := putOne(path, o); err != nil {
				return fmt.Errorf("store %s: %w", o.Key(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

func putOne(path string, o *kube.Object) error {
	object, err := o.Given()
	if err != nil {
		return err
	}
	s := stored{Version: storeVersion, Pos: o.Pos, Created: time.Now().UTC().Truncate(time.Second), Options: o.Options, Input: o.Input, Object: object}
	var data []byte
	same := false
	err = atomicfile.Use(path, func(old []byte) error {
		var before struct {
			Created time.Time `json:"created"`
		}
		if json.Unmarshal(old, &before) == nil {
			s.Created = before.Created
		}
		data, err = s.line()
		same = err == nil && bytes.Equal(old, data)
		return err
	})
	switch {
	case err == nil && same:
		return nil
	case data == nil: // there is none
		if data, err = s.line(); err != nil {
			return err
		}
	}
	return atomicfile.Write(path, data, 0o600)
}

// line is what the file holds.
func (s *stored) line() ([]byte, error) {
	data, err := json.Marshal(s)
	return append(data, '\n'), err
}

// Delete forgets objects. Those that are not stored are no error.
func (s *Store) Delete(_ context.Context, keys []kube.Key) error {
	var errs []error
	for _, key := range keys {
		if err := atomicfile.Remove(s.path(key)); err != nil {
			errs = append(errs, fmt.Errorf("forget %s: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// path is an object's file. Neither kinds nor names hold a slash or an
// underscore.
func (s *Store) path(key kube.Key) string {
	return filepath.Join(s.dir, key.Kind, filename.Fit(key.Namespace, key.Name, ".json"))
}

// is reports whether an object, stored, would be just that.
func (s *stored) is(o *kube.Object) bool {
	if o == nil || s.Pos != o.Pos || s.Input != o.Input || !bytes.Equal(s.Options, o.Options) {
		return false
	}
	object, err := o.Given()
	return err == nil && bytes.Equal(s.Object, object)
}

// decodeStored reads stored files; known are objects, by path, that may be there.
func decodeStored(known map[string]*kube.Object) decoder {
	return func(file string, data []byte) ([]*kube.Object, source.Diagnostics) {
		return decodeOne(file, data, known[file])
	}
}

// decodeOne reads one stored file, which may hold an object that is known.
func decodeOne(file string, data []byte, known *kube.Object) ([]*kube.Object, source.Diagnostics) {
	wrong := func(format string, args ...any) ([]*kube.Object, source.Diagnostics) {
		return nil, source.Diagnostics{{Pos: source.Pos{File: file}, Message: fmt.Sprintf(format, args...)}}
	}
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return wrong("a stored object cannot be read (%v): play it again, or take it down", err)
	}
	if s.Version > storeVersion {
		return wrong("it was written by a newer berth (version %d)", s.Version)
	}
	if s.is(known) {
		o := *known
		o.Created = s.Created
		return []*kube.Object{&o}, nil
	}
	objects, diags := kube.Decode(file, s.Object)
	if diags.Err() != nil {
		return nil, diags
	}
	if len(objects) != 1 {
		return wrong("a stored file holds %d objects instead of one", len(objects))
	}
	o := objects[0]
	if want := filename.Fit(o.Namespace, o.Name, ".json"); filepath.Base(file) != want || filepath.Base(filepath.Dir(file)) != o.Kind {
		return wrong("it holds %s, which belongs in %s", o.Key(), strings.Join([]string{o.Kind, want}, "/"))
	}
	o.Pos, o.Created, o.Options, o.Input = s.Pos, s.Created, s.Options, s.Input
	o.Fields = o.Fields.From(s.Pos)
	return objects, nil // warnings were given when it was played
}
