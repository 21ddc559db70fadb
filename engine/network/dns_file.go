package network

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/engine/spec"
)

// aardvark-dns reads one file for each network: first a line with the addresses
// to listen on, then one for each container:
//
//	<container ID> <IPv4,…> <IPv6,…> <name,…> [<name server,…>]
//
// A file whose name ends in %int belongs to an internal network, whose names it
// does not look up elsewhere. It reads all files of the folder, and ends when
// one is not well-formed; so ours are written elsewhere and renamed.

const internalSuffix = "%int"

func (m *Manager) dnsDir() string { return filepath.Join(m.netavarkDir(), "aardvark-dns") }

func (m *Manager) namesPath(n Network) string {
	name := m.hostName(n.Name)
	if n.Internal {
		name += internalSuffix
	}
	return filepath.Join(m.dnsDir(), name)
}

// namesFile is the content of one of aardvark-dns's files.
type namesFile struct {
	header string
	lines  []string
}

func readNames(path string) (namesFile, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return namesFile{}, nil
	}
	if err != nil {
		return namesFile{}, fmt.Errorf("read the DNS names: %w", err)
	}
	var f namesFile
	for line := range strings.SplitSeq(string(data), "\n") {
		switch {
		case line == "":
		case f.header == "":
			f.header = line
		default:
			f.lines = append(f.lines, line)
		}
	}
	return f, nil
}

// without is the file less one pod's line.
func (f namesFile) without(pod spec.PodID) namesFile {
	out := namesFile{header: f.header}
	for _, line := range f.lines {
		if lineOwner(line) != pod {
			out.lines = append(out.lines, line)
		}
	}
	return out
}

func lineOwner(line string) spec.PodID {
	id, _, _ := strings.Cut(line, " ")
	return spec.PodID(id)
}

func (f namesFile) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(f.header + "\n")
	for _, line := range f.lines {
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}

// namesFields is how many fields a line has without name servers.
const namesFields = 4

// namesLine is a pod's line in the file of one of its networks.
func namesLine(lease Lease, n NetworkLease) string {
	var v4, v6 []string
	for _, ip := range n.IPs {
		if ip.Is4() {
			v4 = append(v4, ip.String())
		} else {
			v6 = append(v6, ip.String())
		}
	}
	fields := []string{string(lease.Pod), strings.Join(v4, ","), strings.Join(v6, ","), strings.Join(lease.namesOn(n), ",")}
	servers := lease.Servers
	if len(servers) == 0 {
		servers = n.Network.DNSServers
	}
	// In a column of its own, which 1.4 knows too, instead of the header's.
	if len(servers) > 0 {
		fields = append(fields, strings.Join(servers, ","))
	}
	return strings.Join(fields, " ")
}

func namesHeader(n Network) string { return joinAddrs(n.gateways()) }

func joinAddrs(addrs []netip.Addr) string {
	var s []string
	for _, a := range addrs {
		s = append(s, a.String())
	}
	return strings.Join(s, ",")
}

// writeNames replaces a file, or removes it when no pod is left in it.
func (m *Manager) writeNames(path string, f namesFile) error {
	if len(f.lines) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("write the DNS names: %w", err)
		}
		return nil
	}
	suffix := make([]byte, 8)
	_, _ = rand.Read(suffix) // never fails
	tmp := filepath.Join(m.netavarkDir(), ".names-"+hex.EncodeToString(suffix))
	if err := os.WriteFile(tmp, f.bytes(), 0o644); err != nil {
		return fmt.Errorf("write the DNS names: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("write the DNS names: %w", err)
	}
	return nil
}

// setLostAside takes the files of networks whose gateways this host lacks, as
// when their bridge was removed, out of aardvark-dns's sight until putBack.
func (m *Manager) setLostAside() (putBack func() error, aside bool, err error) {
	here, err := net.InterfaceAddrs()
	if err != nil {
		return nil, false, fmt.Errorf("list the host's addresses: %w", err)
	}
	has := func(addr string) bool {
		return slices.ContainsFunc(here, func(a net.Addr) bool {
			p, err := netip.ParsePrefix(a.String())
			return err == nil && p.Addr().String() == addr
		})
	}
	files, err := m.namesFiles()
	if err != nil {
		return nil, false, err
	}
	var away [][2]string
	putBack = func() error {
		var errs []error
		for _, move := range away {
			errs = append(errs, os.Rename(move[1], move[0]))
		}
		return errors.Join(errs...)
	}
	for _, path := range files {
		f, err := readNames(path)
		if err == nil && slices.ContainsFunc(strings.Split(f.header, ","), func(addr string) bool { return !has(addr) }) {
			move := [2]string{path, filepath.Join(m.netavarkDir(), ".lost-"+filepath.Base(path))}
			if err = os.Rename(move[0], move[1]); err == nil {
				away = append(away, move)
			}
		}
		if err != nil {
			return nil, false, errors.Join(fmt.Errorf("set the DNS names aside: %w", err), putBack())
		}
	}
	return putBack, len(away) > 0, nil
}

// namesFiles lists aardvark-dns's files.
func (m *Manager) namesFiles() ([]string, error) {
	entries, err := os.ReadDir(m.dnsDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the DNS names: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if e.Name() != pidFile {
			paths = append(paths, filepath.Join(m.dnsDir(), e.Name()))
		}
	}
	return paths, nil
}
