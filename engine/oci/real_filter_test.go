package oci

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The second container of a profile gets the filter the first one's profile came
// to, and is held by it just so; one of another profile gets its own.
func TestAFilterIsCompiledOncePerProfile(t *testing.T) {
	g := crunRig(t)
	const try = "unshare -U true 2>/dev/null && echo allowed || echo refused; grep Seccomp: /proc/self/status"
	first := g.mustStart(sh("first", try))
	second := g.mustStart(sh("second", try))
	more := sh("more", try)
	more.Security.CapAdd = []string{"SYS_ADMIN"}
	other := g.mustStart(more)
	none := sh("none", "grep Seccomp: /proc/self/status")
	none.Security.Seccomp = seccompUnconfined
	unconfined := g.mustStart(none)

	want := "refused\nSeccomp:\t2\n"
	for _, k := range []*ctr{first, second} {
		k.wait()
		if got := k.output(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	filter := func(k *ctr) []byte {
		data, err := os.ReadFile(filepath.Join(g.stateRoot, string(k.ID), "seccomp.bpf"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if !bytes.Equal(filter(first), filter(second)) {
		t.Error("the second container's filter is another")
	}
	if other.wait(); !strings.HasPrefix(other.output(), "allowed\n") || bytes.Equal(filter(first), filter(other)) {
		t.Errorf("with SYS_ADMIN: %q, and its filter is the same: %v", other.output(), bytes.Equal(filter(first), filter(other)))
	}
	if unconfined.wait(); unconfined.output() != "Seccomp:\t0\n" {
		t.Errorf("unconfined: %q", unconfined.output())
	}
	for _, test := range []struct {
		k     *ctr
		given bool
	}{{first, false}, {second, true}, {other, false}, {unconfined, false}} {
		s := config(t, test.k)
		if given := s.Annotations[bpfAnnotation] != ""; given != test.given {
			t.Errorf("container of %v: a filter was given: %v, want %v", s.Process.Args, given, test.given)
		}
	}
	if config(t, second).Linux.Seccomp == nil {
		t.Error("the profile is not there for a crun that does not know the annotation")
	}
}

func config(t *testing.T, k *ctr) specs.Spec {
	t.Helper()
	data, err := os.ReadFile(k.path("config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s specs.Spec
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPlausible(t *testing.T) {
	ret, load := []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}, []byte{0x20, 0, 0, 0, 4, 0, 0, 0}
	for _, test := range []struct {
		name   string
		filter []byte
		want   bool
	}{
		{"nothing", nil, false},
		{"it returns", ret, true},
		{"it loads and returns", append(bytes.Clone(load), ret...), true},
		{"it has lost its end", append(bytes.Clone(ret), load...), false},
		{"it has lost half an instruction", append(bytes.Clone(load), ret[:4]...), false},
		{"it is longer than the kernel takes", bytes.Repeat(ret, 4097), false},
	} {
		if got := plausible(test.filter); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
