package network

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"berth/engine/spec"
	"berth/internal/holder"
)

// DefaultNetwork is the network of pods that name none. It is made on first
// use and cannot be removed.
const DefaultNetwork = "berth"

// ordinaryRunDir is the run folder whose networks have the plain prefix.
const ordinaryRunDir = "/run/berth"

// Options says where a Manager works.
type Options struct {
	ConfigDir     string   // definitions of networks, kept
	RunDir        string   // /run/berth: addresses in net/, netavark's and aardvark-dns's files in netavark/
	HelperDirs    []string // containers.conf's helper_binaries_dir
	DefaultSubnet string   // of the default network, in CIDR form; empty: the first free one
	Firewall      string   // containers.conf's firewall_driver: "iptables" or "nftables"; empty: as netavark prefers
	PastaOptions  []string // its pasta_options
	SlirpOptions  []string // its network_cmd_options
	SlirpPath     string   // its network_cmd_path: slirp4netns; empty: as other helpers are found
	Log           *slog.Logger
	Note          func(spec.Act) // is told what was done; nil: nobody is
}

// Manager is this host's networks. It may be used from many goroutines, and
// several processes may each have one on the same folders.
type Manager struct {
	configDir, runDir string
	helperDirs        []string
	defaultSubnet     string
	driver            string // of the firewall, as configured
	pastaOptions      []string
	slirpOptions      []string
	slirpPath         string
	log               *slog.Logger
	note              func(spec.Act)
	waits             *holder.Teller

	prefix        string        // of everything we name in the kernel and in rules
	limiter       chan struct{} // bounds the calls of netavark under way
	helperTimeout time.Duration
	dnsTimeout    time.Duration
	endTimeout    time.Duration // of a helper that was told to

	namesWaiting atomic.Int32 // how many wait for the lock of the DNS names
	namesUntold  atomic.Bool  // names were changed and the server not told yet

	mu     sync.Mutex
	tools  map[string]tool    // helpers whose version is known, by path
	asking singleflight.Group // for those that are not
}

// New returns a Manager. It touches nothing until it is used.
func New(o Options) *Manager {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Note == nil {
		o.Note = func(spec.Act) {}
	}
	return &Manager{
		note:      o.Note,
		configDir: o.ConfigDir, runDir: o.RunDir, helperDirs: o.HelperDirs, defaultSubnet: o.DefaultSubnet, driver: o.Firewall, log: o.Log,
		pastaOptions: o.PastaOptions, slirpOptions: o.SlirpOptions, slirpPath: o.SlirpPath,
		waits:         holder.NewTeller(o.Log),
		prefix:        prefixOf(o.RunDir),
		limiter:       make(chan struct{}, max(4, 2*runtime.NumCPU())),
		helperTimeout: 30 * time.Second,
		dnsTimeout:    5 * time.Second,
		endTimeout:    5 * time.Second,
		tools:         map[string]tool{},
	}
}

// Prefix begins the names of all that is ours on this host.
func (m *Manager) Prefix() string { return m.prefix }

// prefixOf is "berth", or for another run folder something that differs for
// each: several engine roots may work on one host at once.
func prefixOf(runDir string) string {
	if filepath.Clean(runDir) == ordinaryRunDir {
		return "berth"
	}
	sum := sha256.Sum256([]byte(filepath.Clean(runDir)))
	return "berth" + hex.EncodeToString(sum[:3])
}

// Pod is a pod as the network sees it.
type Pod struct {
	ID  spec.PodID
	Key spec.PodKey
	// Names are the pod's DNS names on every network it joins, beside those
	// its Key gives: name.namespace and, in the default namespace, the bare name.
	Names       []string
	Namespace   string // path of the pinned network namespace
	Attachments []spec.NetworkAttachment
	UserMode    *spec.UserMode     // in place of networks
	Ports       []spec.PortMapping // as BindPorts resolved them
	Servers     []string           // asked for what is no pod's name, in place of the networks'
	// Locks are descriptors that netavark inherits, so that one orphaned by our
	// death still holds the pod's lock while it works.
	Locks []*os.File
}

func (m *Manager) netavarkDir() string { return filepath.Join(m.runDir, "netavark") }

// makeRunDir makes a folder below the run folder: netavark does not make the
// parents of its own.
func (m *Manager) makeRunDir(elem ...string) (string, error) {
	dir := filepath.Join(append([]string{m.runDir}, elem...)...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the network's run folder: %w", err)
	}
	return dir, nil
}
