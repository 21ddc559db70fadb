package oci

import (
	"os"
	"strings"
	"testing"

	"berth/internal/testhost"
)

// TestMain runs the tests on a test host with cgroup v2, and those that drive
// real helpers once more on one with cgroup v1: no host here has both
// controllers and the unified tree.
func TestMain(m *testing.M) {
	testhost.Hook()
	if testhost.Inside() || testhost.Unavailable() != "" || os.Getenv("BERTH_TESTHOST_CGROUP") != "" {
		os.Exit(testhost.Main(m, testhost.Options{}))
	}
	code := testhost.Main(m, testhost.Options{Cgroup: testhost.V2})
	if code == 0 && !asksForTests(os.Args) {
		os.Args = append(os.Args, "-test.run=^TestReal")
		code = testhost.Main(m, testhost.Options{Cgroup: testhost.V1})
	}
	os.Exit(code)
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
