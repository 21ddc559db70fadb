package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"berth/internal/testhost"
	"berth/internal/testhost/vm"
)

// Environment of the commands that enter a host.
const (
	handleEnv = "BERTH_E2E_HOST"   // the host's Handle
	kindEnv   = "BERTH_E2E_KIND"   // vmKind for a virtual machine's
	binaryEnv = "BERTH_E2E_BINARY" // the berth to test; built when not set
	fetchEnv  = "FETCH"            // the fetch to put into images
	pushEnv   = "PUSH"             // the push that fills a registry
	serveEnv  = "SERVE"            // the server of scripts' own
	answerEnv = "ANSWER"           // the answer to put into images
	imagesEnv = "BERTH_E2E_IMAGES" // where images are kept for other scripts
	// runtimeEnv is the runtime of every host; without it, the one that works there.
	runtimeEnv = "BERTH_E2E_RUNTIME"
)

func TestMain(m *testing.M) {
	testhost.Hook()
	vm.Hook()
	testscript.Main(suite{m}, map[string]func(){
		"berth": func() { onHost("/usr/local/bin/berth", os.Args[1:]) },
		"host":  func() { onHost("", os.Args[1:]) },
		"http":  func() { onHost("curl", append([]string{"-fsS", "--max-time", "10"}, os.Args[1:]...)) },
	})
}

// onHost runs a program on the script's host, as one of testscript's commands.
func onHost(program string, args []string) {
	argv := args
	if program != "" {
		argv = append([]string{program}, args...)
	}
	if err := os.Setenv("PATH", hostPath()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	enter := testhost.Enter
	if os.Getenv(kindEnv) == vmKind {
		enter = vm.Enter
	}
	code, err := enter(os.Getenv(handleEnv), argv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// hostPath finds berth itself before the command of that name that enters the host.
func hostPath() string {
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + os.Getenv("PATH")
}

// suite builds what scripts need, once, before they run.
type suite struct{ m *testing.M }

// Run is testing.M's.
func (s suite) Run() int {
	dir, err := os.MkdirTemp("", "berth-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	err = errors.Join(
		os.Setenv(imagesEnv, dir),
		build(fetchEnv, filepath.Join(dir, "fetch"), "berth/e2e/testimage/fetch"),
		build(pushEnv, filepath.Join(dir, "push"), "berth/e2e/testimage/push"),
		build(serveEnv, filepath.Join(dir, "serve"), "berth/e2e/testimage/serve"),
		build(answerEnv, filepath.Join(dir, "answer"), "berth/e2e/testimage/answer"),
		build(binaryEnv, filepath.Join(dir, "berth"), "berth/cmd/berth"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return s.m.Run()
}

// build builds a program and names it in the environment, unless that names one.
func build(env, path, pkg string) error {
	if os.Getenv(env) != "" {
		return nil
	}
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", path, pkg)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w", pkg, err)
	}
	return os.Setenv(env, path)
}
