package cmd

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/translate/option"
)

func TestMadeUpNames(t *testing.T) {
	tries := 0
	name := madeUpName(func(string) bool { tries++; return tries < 20 })
	if !regexp.MustCompile(`^[a-z]+_[a-z]+\d+$`).MatchString(name) {
		t.Errorf("after 19 that are taken: %q", name)
	}
	if name := madeUpName(func(string) bool { return false }); !regexp.MustCompile(`^[a-z]+_[a-z]+$`).MatchString(name) {
		t.Errorf("%q", name)
	}
}

func TestIDFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "id")
	drop, err := writeIDFile(path, "abc")
	if err != nil {
		t.Fatal(err)
	}
	restore, err := writeIDFile(path, "d")
	if err != nil {
		t.Fatal(err)
	}
	if id, err := readIDFile(path); err != nil || id != "d" {
		t.Errorf("%q, %v", id, err)
	}
	restore()
	if id, err := readIDFile(path); err != nil || id != "abc" {
		t.Errorf("of what was there before: %q, %v", id, err)
	}
	drop()
	if _, err := os.Stat(path); err == nil {
		t.Error("it was not dropped")
	}
	missing := targets{idFiles: []string{path}, ignore: true}
	if names, err := missing.withFiles(nil); err != nil || len(names) != 0 {
		t.Errorf("%q, %v", names, err)
	}
	missing.ignore = false
	if _, err := missing.withFiles(nil); err == nil {
		t.Error("a file that is not there is no error")
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readIDFile(path); err == nil {
		t.Error("an empty file is no error")
	}
}

func TestPortsAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct {
		text, protocol string
		port           uint16
	}{{"80", "tcp", 80}, {"53/udp", "udp", 53}, {"5/sctp", "sctp", 5}, {"0", "", 0}, {"70000", "", 0}, {"web", "", 0}, {"80/icmp", "", 0}} {
		port, protocol, err := parsePort(c.text)
		if port != c.port || protocol != c.protocol || (err != nil) != (c.port == 0) {
			t.Errorf("%q: %d/%s, %v", c.text, port, protocol, err)
		}
	}
	if got := hostSide(spec.PortMapping{HostIP: "::1", HostPort: 8}); got != "[::1]:8" {
		t.Error(got)
	}
}

func TestPasswordsStayOutOfRecords(t *testing.T) {
	args := os.Args
	defer func() { os.Args = args }()
	os.Args = []string{"berth", "run", "--creds", "u:secret", "--creds=u:secret", "image"}
	if got := strings.Join(commandLine(), " "); strings.Contains(got, "secret") || !strings.HasPrefix(got, "berth run --creds ") {
		t.Error(got)
	}
}

func TestHostnames(t *testing.T) {
	for name, c := range map[string]struct {
		pod  spec.Pod
		want string
	}{
		"alone":             {spec.Pod{Bare: true}, "0123456789ab"},
		"as the host":       {spec.Pod{Bare: true, HostNet: true}, ""},
		"in the host's UTS": {spec.Pod{Bare: true, Join: spec.Joins{UTS: spec.Join{Host: true}}}, ""},
		"as was said":       {spec.Pod{Bare: true, Hostname: "h"}, "h"},
		"a pod":             {spec.Pod{ByHand: true, Name: "shop"}, "shop"},
	} {
		option.NameHost(&c.pod, "0123456789abcdef")
		if c.pod.Hostname != c.want {
			t.Errorf("%s: %q, want %q", name, c.pod.Hostname, c.want)
		}
	}
}

// A unit that names a pipe must not keep berth serve waiting for who writes to it.
func TestUnitsReadNoPipes(t *testing.T) {
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := errors.Join(unix.Mkfifo(pipe, 0o600), os.WriteFile(file, []byte("A=1"), 0o600)); err != nil {
		t.Fatal(err)
	}
	host := optionHost{regular: true}
	if data, err := host.ReadFile(file); err != nil || string(data) != "A=1" {
		t.Errorf("%q, %v", data, err)
	}
	for _, path := range []string{pipe, dir, "/dev/zero"} {
		if _, err := host.ReadFile(path); err == nil || !strings.Contains(err.Error(), path+" is no regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
