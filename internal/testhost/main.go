package testhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Main runs the tests of m on a host of their own and returns the exit code for
// os.Exit. Call it from TestMain, after reexec.Init if the package needs that.
//
// Where no host can be made because we are not root, the tests run where they
// are: those that must not call Need.
func Main(m *testing.M, o Options) int {
	Hook()
	if Inside() || Unavailable() != "" {
		return m.Run()
	}
	code, err := Once(o, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testhost:", err)
		return 1
	}
	return code
}

// Inside says whether this process is on a test host.
func Inside() bool { return os.Getenv(insideEnv) != "" }

// Unavailable says why no host can be made here; "" when one can.
func Unavailable() string {
	if os.Geteuid() != 0 {
		return "needs root"
	}
	return ""
}

// Need skips the test unless it runs on a test host.
func Need(t testing.TB) {
	t.Helper()
	if !Inside() {
		t.Skip("runs on a test host only: " + Unavailable())
	}
}

// Hook plays the part this process was started for, if it is one of the
// machinery's own, and does not return then. Main and Start need it called
// first thing in TestMain; Main does so itself.
func Hook() {
	stage := os.Getenv(stageEnv)
	if stage == "" {
		return
	}
	stages := map[string]func(config) (int, error){
		"keep":  keep,
		"setup": setup,
		"init":  initialize,
		"enter": enter,
		"leaks": printLeaks,
	}
	c, err := readConfig()
	run, ok := stages[stage]
	if !ok {
		err = errors.Join(err, fmt.Errorf("no stage %q", stage))
	}
	// What runs for a stage is not to be taken for one itself.
	err = errors.Join(err, os.Unsetenv(stageEnv), os.Unsetenv(configEnv))
	code := 0
	if err == nil {
		code, err = run(c)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "testhost: %s: %v\n", stage, err)
		code = max(code, 125)
	}
	os.Exit(code)
}

// Once runs this program once more, with args, on a host of its own, and returns
// its exit code. Main does so for tests; another program calls Hook first, and
// Once when it is not Inside.
func Once(o Options, args []string) (int, error) {
	c, err := o.config()
	if err != nil {
		return 1, err
	}
	c.Args = append([]string{}, args...)
	h := &Host{config: c}
	defer h.Close()
	if err := h.start(context.Background(), os.Stdin, os.Stdout, os.Stderr); err != nil {
		return 1, err
	}
	err = h.keeper.Wait()
	h.keeper = nil
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// exitCode is a process's status as a shell reports it.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
