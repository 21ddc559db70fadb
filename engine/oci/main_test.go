package oci

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/testhost"
)

// TestMain runs the tests on a test host with cgroup v2, those that drive real
// helpers (TestReal…) once more on one with cgroup v1, as no host here has both
// controllers and the unified tree, and TestSystemd… on one where systemd runs.
func TestMain(m *testing.M) {
	testhost.Hook()
	if testhost.Inside() || testhost.Unavailable() != "" || os.Getenv("BERTH_TESTHOST_CGROUP") != "" {
		os.Exit(testhost.Main(m, testhost.Options{}))
	}
	if slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.run=TestSystemd") }) {
		os.Exit(bootedRun())
	}
	code := testhost.Main(m, testhost.Options{Cgroup: testhost.V2})
	if code != 0 || asksForTests(os.Args) {
		os.Exit(code)
	}
	args := slices.Clone(os.Args)
	os.Args = append(args, "-test.run=^TestReal")
	code = testhost.Main(m, testhost.Options{Cgroup: testhost.V1})
	os.Args = args
	if code == 0 {
		code = bootedRun()
	}
	os.Exit(code)
}

// bootedRun runs what needs systemd on a host that has it.
func bootedRun() int {
	h, err := testhost.Start(context.Background(), testhost.Options{Boot: true, Share: []string{filepath.Dir(os.Args[0])}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer h.Close()
	args := append(slices.Clone(os.Args[1:]), "-test.run=^TestSystemd")
	cmd := h.Command(context.Background(), os.Args[0], args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "on a host with systemd:", err)
		return 1
	}
	return 0
}

// asksForTests reports whether certain tests were asked for, or coverage, which
// a second run would overwrite.
func asksForTests(args []string) bool {
	for _, arg := range args {
		if strings.HasPrefix(arg, "-test.run") || strings.HasPrefix(arg, "-test.fuzz") || strings.HasPrefix(arg, "-test.coverprofile") {
			return true
		}
	}
	return false
}
