package network

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// holderOfPort53 names the program, other than our name server, that has UDP or
// TCP port 53 of an address, "" when none is found, and says whether our server
// has it.
func (m *Manager) holderOfPort53(addr netip.Addr) (other string, ours bool) {
	inodes := map[string]bool{}
	for _, table := range []string{"udp", "udp6", "tcp", "tcp6"} {
		for _, s := range socketsIn("/proc/net/" + table) {
			if s.local.Port() == 53 && (s.local.Addr() == addr || s.local.Addr().IsUnspecified()) {
				inodes["socket:["+s.inode+"]"] = true
			}
		}
	}
	if len(inodes) == 0 {
		return "", false
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil || !inodes[target] {
			continue
		}
		proc := filepath.Dir(filepath.Dir(fd))
		pid, err := strconv.Atoi(filepath.Base(proc))
		if err != nil {
			continue
		}
		if m.isServer(pid) {
			ours = true
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(proc, "comm"))
		return fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(comm)), pid), ours
	}
	return "", ours
}

type socketEntry struct {
	local netip.AddrPort
	inode string
}

// socketsIn reads a table of sockets (proc_net_tcp.txt in the kernel's documentation).
func socketsIn(path string) []socketEntry {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var sockets []socketEntry
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			continue
		}
		if local, ok := parseSocketAddr(fields[1]); ok {
			sockets = append(sockets, socketEntry{local, fields[9]})
		}
	}
	return sockets
}

// parseSocketAddr reads "0100007F:0035": the address in 32-bit words of
// the machine's byte order, the port as a number.
func parseSocketAddr(s string) (netip.AddrPort, bool) {
	host, portHex, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	port, portErr := strconv.ParseUint(portHex, 16, 16)
	if !ok || err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), ok
}
