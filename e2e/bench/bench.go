package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"berth/e2e/testimage"
)

const (
	imageName = "localhost/bench:1"
	few       = 10 // how often what is quick is measured
	often     = 20
	// limit is how long one thing may take before the run is given up.
	limit = 5 * time.Minute
)

// bench is what the measurements share.
type bench struct {
	options
	berth, podman string // podman is "" where it is not installed
	floor         *floor
	dir           string
}

func prepare(ctx context.Context, o options) (*bench, error) {
	b := &bench{options: o, berth: os.Getenv(binaryEnv), dir: "/var/lib/berth/bench"}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, err
	}
	lower := filepath.Join(b.dir, "lower")
	if err := unpack(lower); err != nil {
		return nil, err
	}
	var err error
	if b.floor, err = newFloor(ctx, filepath.Join(b.dir, "floor"), lower); err != nil {
		return nil, err
	}
	archive := filepath.Join(b.dir, "image.tar")
	if err := testimage.Build(archive, "busybox", testimage.Options{Name: imageName}); err != nil {
		return nil, err
	}
	if err := b.call(ctx, b.berth, "load", "-q", "-i", archive); err != nil {
		return nil, err
	}
	return b, b.findPodman(ctx)
}

// unpack makes the root file system of the floor's containers.
func unpack(dir string) error {
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return fmt.Errorf("a static busybox is needed, run `make deps`: %w", err)
	}
	if err := os.WriteFile(filepath.Join(bin, "sleep"), data, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"proc", "dev", "sys", "etc"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// call runs a command and fails with what it said.
func (b *bench) call(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	return quiet(cmd)
}

// time is the median of n calls; before each, undo is called, untimed.
func (b *bench) time(ctx context.Context, n int, undo func() error, program string, args ...string) (time.Duration, error) {
	if program == "" {
		return 0, nil
	}
	times := make([]time.Duration, 0, n)
	for range n {
		if undo != nil {
			if err := undo(); err != nil {
				return 0, err
			}
		}
		took, err := timed(func() error { return b.call(ctx, program, args...) })
		if err != nil {
			return 0, err
		}
		times = append(times, took)
	}
	return median(times), nil
}

// startUp is the processor time of the smallest command.
func (b *bench) startUp(ctx context.Context) ([]row, error) {
	measure := func(program string) (time.Duration, error) {
		if program == "" {
			return 0, nil
		}
		var times []time.Duration
		for range often {
			cmd := exec.CommandContext(ctx, program, "version")
			if err := quiet(cmd); err != nil {
				return 0, err
			}
			times = append(times, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		}
		return median(times), nil
	}
	r := row{what: "start-up (version), user + system time", budget: "15 ms"}
	var errB, errP error
	r.berth, errB = measure(b.berth)
	r.podman, errP = measure(b.podman)
	return []row{r}, errors.Join(errB, errP)
}

// manifest writes a file of n pods of c containers each.
func (b *bench) manifest(name string, n, c int) (string, error) {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: %s%d}\nspec:\n  terminationGracePeriodSeconds: 2\n  containers:\n", name, i)
		for j := range c {
			fmt.Fprintf(&out, "    - {name: c%d, image: '%s', imagePullPolicy: Never, command: [sh, -c, %q]}\n", j, imageName, "trap 'exit 0' TERM; sleep 100000 & wait")
		}
	}
	path := filepath.Join(b.dir, name+".yaml")
	return path, os.WriteFile(path, []byte(out.String()), 0o600)
}

func (b *bench) onePod(ctx context.Context) ([]row, error) {
	path, err := b.manifest("one", 1, 1)
	if err != nil {
		return nil, err
	}
	play := row{what: "kube play, 1 pod", budget: "1.5 x floor"}
	var times []time.Duration
	for range few {
		took, err := timed(func() error { return b.floor.up(ctx, 0) })
		if err := errors.Join(err, b.floor.down(ctx, 0)); err != nil {
			return nil, fmt.Errorf("the floor: %w", err)
		}
		times = append(times, took)
	}
	play.floor = median(times)
	if play.berth, err = b.playAndDown(ctx, b.berth, path, few); err != nil {
		return nil, err
	}
	if play.podman, err = b.withPodman(func() (time.Duration, error) { return b.playAndDown(ctx, b.podman, path, few) }); err != nil {
		return nil, err
	}
	return []row{play}, nil
}

// playAndDown is the median of n plays, each followed by a down.
func (b *bench) playAndDown(ctx context.Context, program, path string, n int) (time.Duration, error) {
	var times []time.Duration
	for range n {
		took, err := timed(func() error { return b.call(ctx, program, "kube", "play", path) })
		if err := errors.Join(err, b.call(ctx, program, "kube", "down", path)); err != nil {
			return 0, err
		}
		times = append(times, took)
	}
	return median(times), nil
}

func (b *bench) manyPods(ctx context.Context) ([]row, error) {
	path, err := b.manifest("many", b.pods, 1)
	if err != nil {
		return nil, err
	}
	var floorUp, floorDown, berthUp, berthDown, berthAgain, podmanUp, podmanDown series
	berth := func(verb string) func() error {
		return func() error { return b.call(ctx, b.berth, "kube", verb, path) }
	}
	// By turns, so that a machine that slows down slows both.
	for range b.rounds {
		if err := floorUp.add(func() error { return b.floor.upAll(ctx, b.pods) }); err != nil {
			return nil, fmt.Errorf("the floor: %w", err)
		}
		if err := floorDown.add(func() error { return b.floor.downAll(ctx, b.pods) }); err != nil {
			return nil, fmt.Errorf("the floor: %w", err)
		}
		if err := berthUp.add(berth("play")); err != nil {
			return nil, err
		}
		for range few { // the first ones meet a supervisor that is just getting to know the pods
			if err := berthAgain.add(berth("play")); err != nil {
				return nil, err
			}
		}
		if err := berthDown.add(berth("down")); err != nil {
			return nil, err
		}
	}
	if b.podman != "" {
		if err := errors.Join(
			podmanUp.add(func() error { return b.call(ctx, b.podman, "kube", "play", path) }),
			podmanDown.add(func() error { return b.call(ctx, b.podman, "kube", "down", path) })); err != nil {
			return nil, err
		}
	}
	budget := "1.3 x floor, 1/5 of podman"
	if b.floor.old {
		budget = "1.3 x floor, 1/4 of podman"
	}
	var rows []row
	rows = append(rows, compare(fmt.Sprintf("kube play, %d pods", b.pods), budget, floorUp, berthUp, podmanUp)...)
	rows = append(rows, compare(fmt.Sprintf("kube down, %d pods", b.pods), budget, floorDown, berthDown, podmanDown)...)
	again := row{what: fmt.Sprintf("kube play again, %d unchanged pods", b.pods), budget: "50 ms", berth: median(berthAgain.wall)}
	return append(rows, again), nil
}

// compare makes two rows of what was measured by turns: the time it took, and
// the processor time of all that took part, which is much the same on a machine
// that has other things to do.
func compare(what, budget string, floor, berth, podman series) []row {
	return []row{
		{what: what, floor: median(floor.wall), berth: median(berth.wall), podman: median(podman.wall), budget: budget},
		{what: what + ", processor time", floor: median(floor.cpu), berth: median(berth.cpu), podman: median(podman.cpu)},
	}
}

// list is ps with 200 containers.
func (b *bench) list(ctx context.Context) ([]row, error) {
	path, err := b.manifest("list", 50, 4)
	if err != nil {
		return nil, err
	}
	r := row{what: "ps, 200 containers", budget: "30 ms"}
	measure := func(program string) (time.Duration, error) {
		if err := b.call(ctx, program, "kube", "play", path); err != nil {
			return 0, err
		}
		took, err := b.time(ctx, often, nil, program, "ps")
		return took, errors.Join(err, b.call(ctx, program, "kube", "down", path))
	}
	if r.berth, err = measure(b.berth); err != nil {
		return nil, err
	}
	r.podman, err = b.withPodman(func() (time.Duration, error) { return measure(b.podman) })
	return []row{r}, err
}

// fileToPod is from a file's appearance in a folder that berth serves to the
// first thing the pod's container does.
func (b *bench) fileToPod(ctx context.Context) ([]row, error) {
	folder, out := filepath.Join(b.dir, "serve"), filepath.Join(b.dir, "out")
	for _, dir := range []string{folder, out} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	serve := exec.CommandContext(ctx, b.berth, "serve", folder)
	if err := serve.Start(); err != nil {
		return nil, err
	}
	r := row{what: "file saved -> pod running", budget: "250 ms"}
	var times []time.Duration
	var err error
	for i := 0; i < often+1 && err == nil; i++ {
		var took time.Duration
		took, err = b.saveOne(ctx, folder, out, i)
		if i > 0 { // the first also waits for the start
			times = append(times, took)
		}
	}
	r.berth = median(times)
	err = errors.Join(err, serve.Process.Signal(syscall.SIGTERM), serve.Wait())
	return []row{r}, err
}

func (b *bench) saveOne(ctx context.Context, folder, out string, i int) (time.Duration, error) {
	name := fmt.Sprintf("saved%d", i)
	mark := filepath.Join(out, name)
	pod := fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: main
      image: '%s'
      imagePullPolicy: Never
      command: [sh, -c, "touch /out/%s; trap 'exit 0' TERM; sleep 100000 & wait"]
      volumeMounts: [{name: out, mountPath: /out}]
  volumes: [{name: out, hostPath: {path: %s}}]
`, name, imageName, name, out)
	hidden, file := filepath.Join(b.dir, name+".new"), filepath.Join(folder, name+".yaml")
	if err := os.WriteFile(hidden, []byte(pod), 0o600); err != nil {
		return 0, err
	}
	took, err := timed(func() error {
		if err := os.Rename(hidden, file); err != nil {
			return err
		}
		return waitFor(ctx, func() bool { _, err := os.Stat(mark); return err == nil })
	})
	if err != nil {
		return 0, fmt.Errorf("%s did not start: %w", name, err)
	}
	if err := os.Remove(file); err != nil {
		return 0, err
	}
	err = waitFor(ctx, func() bool {
		names, err := exec.CommandContext(ctx, b.berth, "pod", "ps", "-q").Output()
		return err == nil && len(strings.TrimSpace(string(names))) == 0
	})
	if err != nil {
		return 0, fmt.Errorf("%s did not end: %w", name, err)
	}
	return took, nil
}

// waitFor polls, every millisecond: what is waited for is another process's doing.
func waitFor(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
