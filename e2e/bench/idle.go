package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	settleTime  = 15 * time.Second // until what a start leaves to be done is done
	idleTime    = time.Minute
	probeTime   = 20 * time.Second
	probePeriod = 1 // seconds
)

// idle is what a supervisor costs that has nothing to do: it was started by
// kube play itself.
func (b *bench) idle(ctx context.Context) ([]row, error) {
	path, err := b.manifest("idle", b.pods, 1)
	if err != nil {
		return nil, err
	}
	if err := b.call(ctx, b.berth, "kube", "play", path); err != nil {
		return nil, err
	}
	used, err := b.watchSupervisor(ctx, settleTime, idleTime)
	what := fmt.Sprintf("supervisor of %d idle pods, ", b.pods)
	rows := []row{
		{what: what + "RssAnon", said: megabytes(used.anon), budget: "20 MB"},
		{what: what + "RSS", said: megabytes(used.rss), budget: "45 MB"},
		{what: what + "of a core", said: percent(used.cpu, idleTime), budget: "0.1 %"},
		{what: what + "written", said: fmt.Sprintf("%d B", used.written), budget: "0 B"},
	}
	return rows, errors.Join(err, b.call(ctx, b.berth, "kube", "down", path))
}

// probes is what a supervisor costs that asks each of many pods once a second.
func (b *bench) probes(ctx context.Context) ([]row, error) {
	var out strings.Builder
	for i := range b.pods {
		fmt.Fprintf(&out, `---
apiVersion: v1
kind: Pod
metadata: {name: probed%d, labels: {app: probed}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: '%s'
      imagePullPolicy: Never
      command: [httpd, -f, -p, "80", -h, /etc]
      readinessProbe: {httpGet: {path: /hostname, port: 80}, periodSeconds: %d}
`, i, imageName, probePeriod)
	}
	path := filepath.Join(b.dir, "probed.yaml")
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		return nil, err
	}
	if err := b.call(ctx, b.berth, "kube", "play", path); err != nil {
		return nil, err
	}
	if err := b.call(ctx, b.berth, "wait", "--for=condition=Ready", "--timeout", "60s", "pod", "-l", "app=probed"); err != nil {
		return nil, err
	}
	used, err := b.watchSupervisor(ctx, settleTime, probeTime)
	r := row{what: fmt.Sprintf("%d http probes a second, of a core", b.pods/probePeriod), said: percent(used.cpu, probeTime)}
	return []row{r}, errors.Join(err, b.call(ctx, b.berth, "kube", "down", path))
}

// restarted is from a container's end to the first thing its successor does. The
// first restart of each pod comes at once.
func (b *bench) restarted(ctx context.Context) ([]row, error) {
	out := filepath.Join(b.dir, "restarted")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	var text strings.Builder
	for i := range often {
		fmt.Fprintf(&text, `---
apiVersion: v1
kind: Pod
metadata: {name: restarted%d}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: '%s'
      imagePullPolicy: Never
      command: [sh, -c, "echo begun >>/out/%d; exec sleep 100000"]
      volumeMounts: [{name: out, mountPath: /out}]
  volumes: [{name: out, hostPath: {path: %s}}]
`, i, imageName, i, out)
	}
	path := filepath.Join(b.dir, "restarted.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	if err := b.call(ctx, b.berth, "kube", "play", path); err != nil {
		return nil, err
	}
	var times []time.Duration
	var err error
	for i := 0; i < often && err == nil; i++ {
		var took time.Duration
		took, err = b.restartOne(ctx, fmt.Sprintf("restarted%d-main", i), filepath.Join(out, strconv.Itoa(i)))
		times = append(times, took)
	}
	r := row{what: "container ended -> restarted", berth: median(times)}
	return []row{r}, errors.Join(err, b.call(ctx, b.berth, "kube", "down", path))
}

func (b *bench) restartOne(ctx context.Context, container, mark string) (time.Duration, error) {
	said, err := exec.CommandContext(ctx, b.berth, "inspect", "--format", "{{.State.Pid}}", container).Output()
	if err != nil {
		return 0, fmt.Errorf("inspect %s: %w", container, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("inspect %s: no process: %q", container, said)
	}
	begun := func(times int) func() bool {
		return func() bool {
			data, err := os.ReadFile(mark)
			return err == nil && strings.Count(string(data), "begun") == times
		}
	}
	if err := waitFor(ctx, begun(1)); err != nil {
		return 0, fmt.Errorf("%s did not start: %w", container, err)
	}
	took, err := timed(func() error {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return err
		}
		return waitFor(ctx, begun(2))
	})
	if err != nil {
		return 0, fmt.Errorf("%s was not restarted: %w", container, err)
	}
	return took, nil
}

// cost is what a process takes.
type cost struct {
	anon, rss, written int64 // bytes
	cpu                time.Duration
}

// watchSupervisor is what the supervisor takes in so much time, after another.
func (b *bench) watchSupervisor(ctx context.Context, settle, watch time.Duration) (cost, error) {
	pid, err := supervisor()
	if err != nil {
		return cost{}, err
	}
	if err := pause(ctx, settle); err != nil {
		return cost{}, err
	}
	before, err := costOf(pid)
	if err != nil {
		return cost{}, err
	}
	if err := pause(ctx, watch); err != nil {
		return cost{}, err
	}
	after, err := costOf(pid)
	after.cpu -= before.cpu
	after.written -= before.written
	return after, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// supervisor finds the process that a command left in the background.
func supervisor() (pid int, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil && strings.HasSuffix(string(data), "\x00serve\x00--on-demand\x00") {
			return strconv.Atoi(strings.Split(file, "/")[2])
		}
	}
	return 0, errors.New("there is no supervisor in the background")
}

func costOf(pid int) (cost, error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	status, err := fields(filepath.Join(dir, "status"))
	if err != nil {
		return cost{}, err
	}
	io, err := fields(filepath.Join(dir, "io"))
	if err != nil {
		return cost{}, err
	}
	c := cost{anon: status["RssAnon"] << 10, rss: status["VmRSS"] << 10, written: io["write_bytes"]}
	tasks, err := filepath.Glob(filepath.Join(dir, "task/*/schedstat"))
	if err != nil {
		return c, err
	}
	for _, task := range tasks { // finer than stat, which counts ticks of a hundredth of a second
		data, err := os.ReadFile(task)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return c, err
		}
		first, _, _ := strings.Cut(string(data), " ")
		ran, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return c, err
		}
		c.cpu += time.Duration(ran)
	}
	return c, nil
}

// fields reads a file of "name: number" lines; what is no number is left out.
func fields(path string) (map[string]int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found := map[string]int64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if words := strings.Fields(value); len(words) > 0 {
			if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
				found[name] = n
			}
		}
	}
	return found, lines.Err()
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func percent(used, of time.Duration) string {
	return fmt.Sprintf("%.3f %%", 100*used.Seconds()/of.Seconds())
}
