package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"berth/e2e/testimage"
	"berth/internal/testhost"
	"berth/internal/testhost/vm"
)

var script = flag.String("script", "*", "run only the scripts whose names match this pattern")

func TestScripts(t *testing.T) {
	if why := testhost.Unavailable(); why != "" {
		t.Skip("test hosts: " + why)
	}
	files, err := filepath.Glob(filepath.Join("testdata", *script+".txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no script matches %q: %v", *script, err)
	}
	testscript.Run(t, testscript.Params{
		Files:              files,
		Setup:              setup,
		Condition:          condition,
		RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"image":     imageCmd,
			"kill9":     kill9Cmd,
			"leaks":     leaksCmd,
			"power-cut": powerCutCmd,
			"reboot":    rebootCmd,
			"same":      sameCmd,
			"wait-for":  waitForCmd,
		},
	})
}

type hostKey struct{}

// machine is what a script runs on: a test host, or a virtual machine.
type machine interface {
	Command(ctx context.Context, name string, args ...string) *exec.Cmd
	Run(ctx context.Context, name string, args ...string) (string, error)
	Handle() string
	Reboot(ctx context.Context) error
	PowerCut(ctx context.Context) error
	Leaks(ctx context.Context) ([]testhost.Leak, error)
	Close() error
}

// host is a test host. It goes down in no other way than by a power cut.
type host struct{ *testhost.Host }

func (h host) PowerCut(ctx context.Context) error { return h.Reboot(ctx) }

// hostOf is the script's host.
func hostOf(ts *testscript.TestScript) machine {
	return ts.Value(hostKey{}).(machine)
}

// setup gives a script its host, and looks for leaks when it has ended.
func setup(env *testscript.Env) error {
	o, err := hostOptions(env.WorkDir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	h, err := start(ctx, env, o)
	if err != nil {
		return fmt.Errorf("start a test host: %w", err)
	}
	env.Values[hostKey{}] = h
	env.Setenv(handleEnv, h.Handle())
	env.Setenv(kindEnv, o.kind)
	env.Setenv(binaryEnv, os.Getenv(binaryEnv))
	env.Setenv(fetchEnv, os.Getenv(fetchEnv))
	env.Setenv(pushEnv, os.Getenv(pushEnv))
	env.Setenv(serveEnv, os.Getenv(serveEnv))
	env.Setenv(answerEnv, os.Getenv(answerEnv))
	env.Setenv("HOME", "/root")
	env.Setenv("TMPDIR", "/tmp")
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	env.Setenv("REPO", root)
	t := env.T().(interface {
		testscript.T
		Failed() bool
		Errorf(string, ...any)
	})
	env.Defer(func() {
		if t.Failed() {
			t.Log(diagnose(ctx, h, o))
		} else if leaks, err := h.Leaks(ctx); err != nil || len(leaks) > 0 {
			t.Errorf("at the end of the script, left on the host:\n%s", describe(leaks, err))
			t.Log(diagnose(ctx, h, o))
		}
		if err := h.Close(); err != nil {
			t.Errorf("end the test host: %v", err)
		}
	})
	return prepare(ctx, h, o)
}

// options say what a script runs on.
type options struct {
	testhost.Options
	kind string // "vm", or "" for a test host
}

const vmKind = "vm"

func start(ctx context.Context, env *testscript.Env, o options) (machine, error) {
	if o.kind != vmKind {
		h, err := testhost.Start(ctx, o.Options)
		return host{h}, err
	}
	cache, err := testimage.Cache()
	if err != nil {
		return nil, err
	}
	debs := filepath.Join(cache, "debs", "vm")
	if why := vm.Unavailable(debs); why != "" {
		env.T().Skip("virtual machine: " + why)
	}
	return vm.Start(ctx, vm.Options{
		Debs: debs, Cache: filepath.Join(cache, "vm"), Share: o.Share,
		Tools: map[string]string{"berth": os.Getenv(binaryEnv)},
	})
}

func hostOptions(workDir string) (options, error) {
	o := options{Options: testhost.Options{Share: []string{workDir}}}
	data, err := os.ReadFile(filepath.Join(workDir, "testhost"))
	if err != nil && !os.IsNotExist(err) {
		return o, err
	}
	for _, word := range strings.Fields(string(data)) {
		switch word {
		case "boot":
			o.Boot = true
		case "cgroup=1":
			o.Cgroup = testhost.V1
		case vmKind:
			o.kind, o.Boot = vmKind, true
		case "podman":
			if dir := testimage.Podman(); dir != "" {
				o.Packages = append(o.Packages, dir)
			}
		default:
			return o, fmt.Errorf("testhost: no option %q", word)
		}
	}
	return o, nil
}

// calmSettings keep a disk of this machine that happens to be full from ending
// a script's pods and taking its images. What is done then has a script of its own.
const calmSettings = "eviction: false\nimageGCHighThresholdPercent: 100"

// prepare puts berth on the host's PATH, has it disregard how full the machine
// is, and makes the runtime one that works there.
func prepare(ctx context.Context, h machine, o options) error {
	if o.kind != vmKind { // it has its own
		if _, err := h.Run(ctx, "ln", "-sfn", os.Getenv(binaryEnv), "/usr/local/bin/berth"); err != nil {
			return err
		}
	}
	if _, err := h.Run(ctx, "sh", "-c", "mkdir -p /etc/berth && echo \"$0\" >/etc/berth/berth.yaml", calmSettings); err != nil {
		return err
	}
	runtime := os.Getenv(runtimeEnv)
	// crun needs to raise limits in a pure v2 tree, which a sandboxed machine forbids.
	if runtime == "" && o.kind != vmKind && o.Cgroup != testhost.V1 && !canRaiseLimits() {
		runtime = "runc"
	}
	if runtime == "" {
		return nil
	}
	_, err := h.Run(ctx, "sh", "-c", `mkdir -p /etc/containers && printf '[engine]\nruntime = "%s"\n' "$0" > /etc/containers/containers.conf`, runtime)
	return err
}

func condition(name string) (bool, error) {
	switch name {
	case "boot":
		_, err := os.Stat("/lib/systemd/systemd")
		return err == nil, nil
	case "cgroup1":
		_, err := os.Stat("/sys/fs/cgroup/memory/cgroup.procs")
		return err == nil, nil
	case "podman":
		return testimage.Podman() != "", nil
	case "debs":
		cache, err := testimage.Cache()
		if err != nil {
			return false, err
		}
		for _, name := range []string{"nginx", "postgres", "redis"} {
			if _, err := os.Stat(filepath.Join(cache, "debs", name, "complete")); err != nil {
				return false, nil
			}
		}
		return true, nil
	}
	return false, fmt.Errorf("no condition [%s]", name)
}

func describe(leaks []testhost.Leak, err error) string {
	lines := make([]string, 0, len(leaks)+1)
	for _, l := range leaks {
		lines = append(lines, "  "+l.String())
	}
	slices.Sort(lines)
	if err != nil {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// diagnose is what one wants to know of a host where a script failed.
func diagnose(ctx context.Context, h machine, o options) string {
	script := `echo "--- processes"; ps -eo pid,ppid,stat,args --width 200 | grep -v '\[.*\]$'
		echo "--- records"; ls -d /var/lib/berth/pods/* /run/berth/pods/* 2>/dev/null
		echo "--- status"; timeout 10 "$0" ps -a; timeout 10 "$0" status`
	if o.Boot {
		script += `; echo "--- journal"; journalctl -b --no-pager -n 60 _TRANSPORT=stdout + _TRANSPORT=journal + _TRANSPORT=syslog 2>/dev/null; systemctl --failed --no-legend`
	}
	out, err := h.Run(ctx, "sh", "-c", script+"; true", "/usr/local/bin/berth")
	if err != nil {
		out += err.Error()
	}
	return out
}
