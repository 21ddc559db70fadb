package network

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// stored is the file of one network.
type stored struct {
	Version int        `json:"version"`
	Owner   spec.Owner `json:"owner,omitempty"`
	Network
}

func storedAs(n Network) stored { return stored{storedVersion, n.Owner, n} }

const storedVersion = 1

// modes are what podman's --network takes for something other than a network.
func modes() []string {
	return []string{"bridge", "container", "default", "host", "none", "ns", "pasta", "podman", "private", "slirp4netns"}
}

// Create completes and checks a network and keeps it. A network of that name
// is spec.ErrExists.
func (m *Manager) Create(ctx context.Context, n Network) (Network, error) {
	if n.Name == DefaultNetwork {
		return Network{}, fmt.Errorf("network %q: %w: it is made by itself", n.Name, spec.ErrExists)
	}
	if slices.Contains(modes(), n.Name) {
		return Network{}, fmt.Errorf("network %q: %w: --network takes that word for something else: choose another name", n.Name, spec.ErrConfig)
	}
	return m.create(ctx, n)
}

func (m *Manager) create(ctx context.Context, n Network) (Network, error) {
	if err := os.MkdirAll(m.configDir, 0o755); err != nil {
		return Network{}, fmt.Errorf("create network %q: %w", n.Name, err)
	}
	// Two that choose a subnet at once would choose the same one.
	unlock, err := lockFile(ctx, m.configDir, exclusive)
	if err != nil {
		return Network{}, fmt.Errorf("create network %q: %w", n.Name, err)
	}
	defer unlock()
	if _, err := os.Lstat(m.path(n.Name)); err == nil {
		return Network{}, fmt.Errorf("network %q: %w", n.Name, spec.ErrExists)
	}
	others, err := m.List(ctx)
	if err != nil {
		return Network{}, err
	}
	n, err = m.complete(n, others)
	if err != nil {
		return Network{}, fmt.Errorf("network %q: %w", n.Name, err)
	}
	n.Created = time.Now().UTC()
	if err := m.store(n); err != nil {
		return Network{}, fmt.Errorf("create network %q: %w", n.Name, err)
	}
	m.tell("create", n)
	return n, nil
}

func (m *Manager) tell(status string, n Network) {
	m.note(spec.Act{Type: spec.ActNetwork, Status: status, ID: n.ID, Name: n.Name, Network: n.Name, Attributes: map[string]string{"driver": n.Driver}})
}

// store writes a network's file without ever replacing one that is there.
func (m *Manager) store(n Network) error {
	suffix := make([]byte, 8)
	_, _ = rand.Read(suffix) // never fails
	tmp := filepath.Join(m.configDir, ".new-"+hex.EncodeToString(suffix))
	if err := atomicfile.WriteJSON(tmp, storedAs(n), 0o644); err != nil {
		return err
	}
	defer os.Remove(tmp)
	err := os.Link(tmp, m.path(n.Name))
	if errors.Is(err, fs.ErrExist) {
		return spec.ErrExists
	}
	return err
}

// EnsureDefault returns the default network, making it on first use.
func (m *Manager) EnsureDefault(ctx context.Context) (Network, error) {
	n, err := m.Inspect(ctx, DefaultNetwork)
	if err == nil || !errors.Is(err, spec.ErrNotFound) {
		return n, err
	}
	n = Network{Name: DefaultNetwork, Driver: DriverBridge, DNS: true}
	if m.defaultSubnet != "" {
		subnet, err := parseSubnet(m.defaultSubnet)
		if err != nil {
			return Network{}, fmt.Errorf("default subnet: %w", err)
		}
		n.Subnets = []Subnet{{Subnet: subnet}}
	}
	n, err = m.create(ctx, n)
	if errors.Is(err, spec.ErrExists) {
		return m.Inspect(ctx, DefaultNetwork)
	}
	return n, err
}

// Inspect returns the network of that name; none is spec.ErrNotFound.
func (m *Manager) Inspect(_ context.Context, name string) (Network, error) {
	if err := checkName(name); err != nil {
		return Network{}, fmt.Errorf("network %q: %w", name, err)
	}
	var file stored
	err := atomicfile.ReadJSON(m.path(name), &file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Network{}, fmt.Errorf("network %q: %w", name, spec.ErrNotFound)
	case err != nil:
		return Network{}, fmt.Errorf("network %q: %w", name, err)
	case file.Version > storedVersion:
		return Network{}, fmt.Errorf("network %q was written by a newer berth (version %d, this one knows %d)", name, file.Version, storedVersion)
	}
	file.Network.Owner = file.Owner
	return file.Network, nil
}

// List returns all networks by name. The default one is there once it was used.
func (m *Manager) List(ctx context.Context) ([]Network, error) {
	entries, err := os.ReadDir(m.configDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	var networks []Network
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok || checkName(name) != nil {
			continue
		}
		n, err := m.Inspect(ctx, name)
		if errors.Is(err, spec.ErrNotFound) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	sort.Slice(networks, func(i, j int) bool { return networks[i].Name < networks[j].Name })
	return networks, nil
}

// Remove forgets a network. One that a pod has an address of, and the default
// one, are spec.ErrInUse; one that is not there is spec.ErrNotFound.
func (m *Manager) Remove(ctx context.Context, name string) error {
	if name == DefaultNetwork {
		return fmt.Errorf("network %q: %w: it is the default and cannot be removed", name, spec.ErrInUse)
	}
	return m.forget(ctx, name)
}

// RemoveOwned is Remove of a network that this owner had made. Another's stays, and
// that is success, as one that is not there.
func (m *Manager) RemoveOwned(ctx context.Context, name string, owner spec.Owner) error {
	n, err := m.Inspect(ctx, name)
	if err == nil && n.Owner == owner {
		err = m.Remove(ctx, name)
	}
	if errors.Is(err, spec.ErrNotFound) {
		return nil
	}
	return err
}

// Reset forgets every network, the default one too, and which firewall drivers
// made rules: without a network there are none.
func (m *Manager) Reset(ctx context.Context) error {
	networks, err := m.List(ctx)
	errs := []error{err}
	for _, n := range networks {
		if err := m.forget(ctx, n.Name); !errors.Is(err, spec.ErrNotFound) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(m.netavarkDir(), "drivers"))
}

func (m *Manager) forget(ctx context.Context, name string) error {
	n, err := m.Inspect(ctx, name)
	if err != nil {
		return err
	}
	// First the definition, then the look at the addresses; who reserves one
	// does it the other way round (reserve.go), so one of both sees the other.
	if err := os.Remove(m.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove network %q: %w", name, err)
	}
	err = os.Remove(m.addressDir(name))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		m.tell("remove", n)
		return atomicfile.Remove(m.hintPath(name))
	}
	if back := m.store(n); back != nil && !errors.Is(back, spec.ErrExists) {
		return fmt.Errorf("remove network %q: put it back: %w", name, back)
	}
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		return fmt.Errorf("network %q: %w: %s", name, spec.ErrInUse, m.users(name))
	}
	return fmt.Errorf("remove network %q: %w", name, err)
}

func (m *Manager) path(name string) string { return filepath.Join(m.configDir, name+".json") }
