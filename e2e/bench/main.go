package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"berth/e2e/testimage"
	"berth/internal/testhost"
)

// options are the command's flags.
type options struct {
	pods   int
	rounds int
	cgroup string
	podman bool
	only   string
}

func main() {
	testhost.Hook()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	code, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string) (int, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.pods, "pods", 100, "how many pods are many")
	flags.IntVar(&o.rounds, "rounds", 3, "how often what is measured with many pods is")
	flags.StringVar(&o.cgroup, "cgroup", "", "cgroup version of the host; 1 where this machine has v1 controllers")
	flags.BoolVar(&o.podman, "podman", false, "measure with podman and its release's helpers, as make deps unpacked them")
	flags.StringVar(&o.only, "only", "", "measure this alone: start-up, generator, one, many, list, file, restart, idle or probes")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	if os.Getenv(binaryEnv) == "" {
		return 2, errors.New("$" + binaryEnv + " must name the berth to measure: run `make bench`")
	}
	if !testhost.Inside() {
		if why := testhost.Unavailable(); why != "" {
			return 1, errors.New(why)
		}
		host := testhost.Options{Cgroup: o.version()}
		if o.podman {
			dir := testimage.Podman()
			if dir == "" {
				return 1, errors.New("no podman is unpacked here: run `make deps`")
			}
			host.Packages = []string{dir}
		}
		return testhost.Once(host, args)
	}
	return 0, measure(ctx, o)
}

// binaryEnv names the berth to measure.
const binaryEnv = "BERTH_E2E_BINARY"

// version is where crun works: with v1 controllers if the machine uses those.
func (o options) version() testhost.Cgroup {
	if o.cgroup != "" {
		return testhost.Cgroup(o.cgroup)
	}
	if _, err := os.Stat("/sys/fs/cgroup/memory/cgroup.procs"); err == nil {
		return testhost.V1
	}
	return testhost.V2
}

type measurement struct {
	name string
	do   func(context.Context) ([]row, error)
}

func (b *bench) measurements() []measurement {
	return []measurement{
		{"start-up", b.startUp},
		{"generator", b.generator},
		{"one", b.onePod},
		{"many", b.manyPods},
		{"list", b.list},
		{"file", b.fileToPod},
		{"restart", b.restarted},
		{"idle", b.idle},
		{"probes", b.probes},
	}
}

func measure(ctx context.Context, o options) error {
	b, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s, %s, %s, podman: %s; %d cores, medians, wall clock\n\n", version(ctx, b.berth, "--version"),
		version(ctx, b.floor.runtime, "--version"), version(ctx, b.floor.netavark, "--version"),
		version(ctx, "conmon", "--version"), b.podmanVersion(ctx), runtime.NumCPU())
	rows := newTable(os.Stdout)
	for _, m := range b.measurements() {
		if o.only != "" && o.only != m.name {
			continue
		}
		found, err := m.do(ctx)
		rows.print(found)
		if err != nil {
			return err
		}
	}
	if err := b.clearPodman(); err != nil {
		return err
	}
	leaks, err := testhost.Leaks(ctx)
	if err != nil {
		return err
	}
	for _, l := range leaks {
		fmt.Println("left behind:", l)
	}
	return nil
}

// version is the first line of what a program says of itself.
func version(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// timed runs do and says how long it took.
func timed(do func() error) (time.Duration, error) {
	start := time.Now()
	err := do()
	return time.Since(start), err
}
