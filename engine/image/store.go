package image

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"golang.org/x/sync/semaphore"

	"berth/engine/spec"
)

// maxPulls is how many images are fetched at a time.
const maxPulls = 3

// Options say where images are kept and how progress is shown.
type Options struct {
	// Root, RunRoot, Driver and DriverOptions override storage.conf.
	Root          string
	RunRoot       string
	Driver        string
	DriverOptions []string
	// SignaturePolicy is used instead of policy.json.
	SignaturePolicy string

	// Progress takes what a pull reports; nil: nothing is. ProgressTTY says
	// that it is a terminal, on which bars are drawn.
	Progress    io.Writer
	ProgressTTY bool

	Log  *slog.Logger   // nil: discarded
	Note func(spec.Act) // is told what was done; nil: nobody is
}

// Store is the images and root file systems of one containers/storage. It may
// be used by many goroutines; other processes use the same storage.
type Store struct {
	opts  Options
	log   *slog.Logger
	host  types.SystemContext // what every operation starts from
	board *board
	pulls flight
	slots *semaphore.Weighted
	facts factCache

	policyOnce sync.Once // says once that there is no policy.json
	sweepOnce  sync.Once

	clock func() time.Time

	mu    sync.Mutex
	store storage.Store // nil until first use
}

// New returns a Store. Nothing is opened before it is used.
func New(o Options) *Store {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if o.Note == nil {
		o.Note = func(spec.Act) {}
	}
	return &Store{
		opts:  o,
		log:   log,
		board: newBoard(o.Progress, o.ProgressTTY),
		slots: semaphore.NewWeighted(maxPulls),
		clock: time.Now,
	}
}

// note tells what was done to an image.
func (s *Store) note(status, id, name string) {
	s.opts.Note(spec.Act{Type: spec.ActImage, Status: status, ID: id, Name: name})
}

// Close forgets the opened storage. What is mounted stays mounted.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store = nil
	return nil
}

// open opens the storage at first use. A failure is not remembered.
func (s *Store) open() (storage.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store != nil {
		return s.store, nil
	}
	options, err := s.opts.storage()
	if err != nil {
		return nil, err
	}
	store, err := storage.GetStore(options)
	if err != nil {
		return nil, fmt.Errorf("open image store %s: %w", options.GraphRoot, err)
	}
	s.store = store
	return store, nil
}

// storage merges the overrides into what storage.conf says.
func (o Options) storage() (storage.StoreOptions, error) {
	options, err := storage.DefaultStoreOptions()
	if err != nil {
		return options, fmt.Errorf("read storage.conf: %w", err)
	}
	if o.Root != "" {
		options.GraphRoot = o.Root
		options.ImageStore = ""
	}
	if o.RunRoot != "" {
		options.RunRoot = o.RunRoot
	}
	if o.Driver != "" && o.Driver != options.GraphDriverName {
		options.GraphDriverName = o.Driver
		options.GraphDriverOptions = ofDriver(options.GraphDriverOptions, o.Driver)
	}
	if len(o.DriverOptions) > 0 {
		options.GraphDriverOptions = o.DriverOptions
	}
	return options, nil
}

// ofDriver keeps the options that another driver than storage.conf's
// understands: its own and those for all ("overlay.mountopt", ".imagestore").
func ofDriver(options []string, driver string) []string {
	var keep []string
	for _, option := range options {
		if owner, _, _ := strings.Cut(option, "."); owner == "" || owner == driver {
			keep = append(keep, option)
		}
	}
	return keep
}

// Roots are the folders the storage lies in, the one kept over a reboot and the
// other, without opening it.
func (s *Store) Roots() (root, runRoot string, err error) {
	options, err := s.opts.storage()
	return options.GraphRoot, options.RunRoot, err
}

// Driver returns the name of the storage driver in use.
func (s *Store) Driver() (string, error) {
	store, err := s.open()
	if err != nil {
		return "", err
	}
	return store.GraphDriverName(), nil
}

func tempBase() string {
	if dir := os.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	// Where containers/image puts large files; /tmp is often in memory.
	return "/var/tmp"
}
