package oci

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"berth/engine/spec"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// bpfAnnotation gives crun a system call filter as the kernel takes it, in
// base64, in place of the profile beside it (crun(1)). A crun that does not know
// it compiles the profile.
const bpfAnnotation = "run.oci.seccomp_bpf_data"

// filters remembers what crun made of a seccomp profile: compiling the default
// one takes crun 1.8 longer than all else it does to create a container, and is
// always the same. They are crun's own, as it left them in its state, and only
// this process's memory holds them: nobody else can put one there.
type filters struct {
	mu       sync.Mutex
	compiled map[filterKey]string // in base64
}

// filterKey is a profile and the crun that compiled it.
type filterKey struct {
	program string
	profile [sha256.Size]byte
}

// maxFilter is the largest filter Linux takes: BPF_MAXINSNS instructions.
const maxFilter = 4096 * bpfInstruction

const bpfInstruction = 8 // bytes

// filterKey is that of a container's profile; false if it has none that can be
// remembered. One with a listener is more than its filter.
func (r *Runtime) filterKey(s *specs.Spec) (filterKey, bool) {
	if filepath.Base(r.runtime) != "crun" || s.Linux == nil || s.Linux.Seccomp == nil || s.Linux.Seccomp.ListenerPath != "" {
		return filterKey{}, false
	}
	if _, own := s.Annotations[bpfAnnotation]; own {
		return filterKey{}, false // it is not what comes out of the profile: no other container may get it
	}
	data, err := json.Marshal(s.Linux.Seccomp)
	if err != nil {
		return filterKey{}, false
	}
	return filterKey{program: r.program(), profile: sha256.Sum256(data)}, true
}

// of is the filter that is known for a key, in base64; "" if there is none.
func (f *filters) of(key filterKey) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.compiled[key]
}

// learn remembers the filter of a container that was just created.
func (f *filters) learn(key filterKey, stateRoot string, id spec.ContainerID) {
	if f.of(key) != "" {
		return
	}
	filter, err := os.ReadFile(filepath.Join(stateRoot, string(id), "seccomp.bpf"))
	if err != nil || !plausible(filter) {
		return // another crun keeps it elsewhere
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compiled[key] = base64.StdEncoding.EncodeToString(filter)
}

// plausible reports whether a filter can be a whole one: of whole instructions,
// the last of which returns, as the kernel demands of it as well.
func plausible(filter []byte) bool {
	n := len(filter)
	if n == 0 || n > maxFilter || n%bpfInstruction != 0 {
		return false
	}
	code := binary.NativeEndian.Uint16(filter[n-bpfInstruction:]) // struct sock_filter begins with it
	return code == unix.BPF_RET|unix.BPF_K
}
