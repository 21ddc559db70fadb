package testhost

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	Hook()
	if os.Getenv("TESTHOST_MAIN") != "" {
		os.Exit(Main(m, Options{}))
	}
	os.Exit(m.Run())
}

// TestInner is what TestMainRunsTheTestsOnAHost runs on one.
func TestInner(t *testing.T) {
	Need(t)
	if leaks, err := Leaks(t.Context()); err != nil || len(leaks) != 0 {
		t.Errorf("leaks %v, %v", leaks, err)
	}
	// An orphan is PID 1's.
	out, err := exec.Command("sh", "-c", "(sleep 0.01; cat /proc/self/stat | cut -d' ' -f4 >&2) 2>&1 & exit 0").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) == "" {
		t.Errorf("%s, %v", out, err)
	}
	if err := os.WriteFile("/var/lib/berth/mark", nil, 0o600); err != nil {
		t.Error(err)
	}
	if os.Getenv("TESTHOST_MAIN") == "fail" {
		t.Fatal("as asked")
	}
}

func TestMainRunsTheTestsOnAHost(t *testing.T) {
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	for how, want := range map[string]string{"pass": "--- PASS: TestInner", "fail": "as asked"} {
		inner := exec.Command(os.Args[0], "-test.run=^TestInner$", "-test.v")
		inner.Env = append(os.Environ(), "TESTHOST_MAIN="+how)
		out, err := inner.CombinedOutput()
		if (err != nil) != (how == "fail") || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s", how, err, out)
		}
	}
	if _, err := os.Stat("/var/lib/berth/mark"); err == nil {
		t.Error("what the tests wrote is on the machine")
	}
}

func start(t *testing.T, o Options) *Host {
	t.Helper()
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	h, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func run(t *testing.T, h *Host, script string) string {
	t.Helper()
	out, err := h.Run(t.Context(), "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func TestAHostIsApartFromTheMachine(t *testing.T) {
	h := start(t, Options{})
	mark := filepath.Join(t.TempDir(), "mark")
	run(t, h, "touch "+mark+" /run/mark /var/lib/berth/mark; hostname other; echo $$ > /tmp/testhost-pid")
	if _, err := os.Stat(mark); err == nil {
		t.Error("a file written on the host is on the machine")
	}
	for _, check := range []struct{ script, want string }{
		{"ls /run", "lock\nmark\ntesthost"},
		{"ls /sys/class/net | tr '\\n' ' '; cat /sys/class/net/lo/operstate", "lo unknown"},
		{"readlink /proc/1/exe | xargs basename", filepath.Base(h.config.Exe)},
		{"findmnt -no FSTYPE /", "overlay"},
		{"cat /proc/self/cgroup | grep 0::", "0::/init"},
		{"ls -d /sys/fs/cgroup/init", "/sys/fs/cgroup/init"},
		{"ls /dev/pts/ptmx /dev/shm -d", "/dev/pts/ptmx\n/dev/shm"},
		{"pwd", cwd(t)},
		{"echo $BERTH_TESTHOST$BERTH_TESTHOST_STAGE$BERTH_TESTHOST_CONFIG", "2"},
		{"exit 3", "?"},
	} {
		out, err := h.Run(t.Context(), "sh", "-c", check.script)
		got := strings.TrimSpace(out)
		if check.want == "?" {
			var exit *exec.ExitError
			if !asExit(err, &exit) || exit.ExitCode() != 3 {
				t.Errorf("exit 3: %v", err)
			}
			continue
		}
		if err != nil || got != check.want {
			t.Errorf("%s: %q, %v; want %q", check.script, got, err, check.want)
		}
	}
}

func TestRebootKeepsTheDiskOnly(t *testing.T) {
	h := start(t, Options{})
	before := run(t, h, "touch /run/mark /etc/mark /var/lib/containers/mark; cat /proc/sys/kernel/random/boot_id")
	sleeper := h.Command(context.Background(), "sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	if err := h.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Wait(); err == nil {
		t.Error("a process survived")
	}
	after := run(t, h, "cat /proc/sys/kernel/random/boot_id")
	if before == after || len(after) != 36 {
		t.Errorf("boot id %q, before %q", after, before)
	}
	if got := run(t, h, "ls -d /run/mark /etc/mark /var/lib/containers/mark 2>/dev/null | cat"); got != "/etc/mark\n/var/lib/containers/mark" {
		t.Errorf("after the reboot there is %q", got)
	}
}

func TestShareSurvives(t *testing.T) {
	dir := t.TempDir()
	h := start(t, Options{Share: []string{dir}})
	run(t, h, "echo hello > "+dir+"/f")
	if data, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(data) != "hello\n" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestPackagesAreInstalled(t *testing.T) {
	packages := t.TempDir()
	for name, text := range map[string]string{"usr/bin/true": "#!/bin/sh\necho another\n", "usr/lib/new/data": "x\n", "etc/new.conf": "y\n"} {
		path := filepath.Join(packages, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	h := start(t, Options{Packages: []string{packages}})
	const look = "/usr/bin/true; cat /usr/lib/new/data /etc/new.conf; test -e /usr/bin/env && echo merged"
	if got := run(t, h, look); got != "another\nx\ny\nmerged" {
		t.Errorf("the host has %q", got)
	}
	run(t, h, "rm /etc/new.conf; echo changed >/usr/lib/new/data")
	if err := h.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := run(t, h, "cat /usr/lib/new/data; ls /etc/new.conf 2>/dev/null || true"); got != "changed" {
		t.Errorf("after a reboot the host has %q", got)
	}
	if data, err := os.ReadFile(filepath.Join(packages, "usr/lib/new/data")); err != nil || string(data) != "x\n" {
		t.Errorf("the packages have %q, %v", data, err)
	}
	if _, err := Start(t.Context(), Options{Packages: []string{t.TempDir()}}); err == nil {
		t.Error("a folder without packages was taken")
	}
}

func TestNothingStaysWhenTheTestIsKilled(t *testing.T) {
	// Another process of this binary plays the test that is killed.
	if os.Getenv("TESTHOST_VICTIM") != "" {
		h := start(t, Options{})
		os.Stdout.WriteString(h.config.Base + "\n")
		select {}
	}
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	victim := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	victim.Env = append(os.Environ(), "TESTHOST_VICTIM=1")
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, _ := out.Read(line)
	base := strings.TrimSpace(string(line[:n]))
	pid, err := readPID(base)
	if err != nil {
		t.Fatal(err)
	}
	groups := configOf(t, base).Groups
	victim.Process.Kill()
	victim.Wait()
	gone := func(path string) bool {
		_, err := os.Stat(path)
		return os.IsNotExist(err)
	}
	eventually(t, "the disk is gone", func() bool { return gone(base) })
	eventually(t, "PID 1 is gone", func() bool { return gone(filepath.Join("/proc", itoa(pid))) })
	for _, g := range groups {
		eventually(t, "the cgroup is gone", func() bool { return gone(g.Path) })
	}
}

func TestV1HasControllers(t *testing.T) {
	if trees, err := hierarchies(); err != nil || len(trees) < 2 {
		t.Skip("this machine has no cgroup v1")
	}
	h := start(t, Options{Cgroup: V1})
	run(t, h, `
		set -e
		mkdir /sys/fs/cgroup/memory/x /sys/fs/cgroup/pids/x /sys/fs/cgroup/cpuset/x
		echo 50000000 > /sys/fs/cgroup/memory/x/memory.limit_in_bytes
		echo $$ > /sys/fs/cgroup/memory/x/cgroup.procs
		grep -q ':memory:/x$' /proc/self/cgroup
		[ -z "$(cat /sys/fs/cgroup/unified/cgroup.controllers)" ]`)
}

func TestLeaksAreFound(t *testing.T) {
	h := start(t, Options{})
	leaks, err := h.Leaks(t.Context())
	if err != nil || len(leaks) != 0 {
		t.Fatalf("on a fresh host: %v, %v", leaks, err)
	}
	run(t, h, `
		set -e
		mkdir -p /var/lib/berth/pods/1 /run/berth/pods/1 /run/berth/net/berth /mnt/x /sys/fs/cgroup/berth/podabc/c /sys/fs/cgroup/berth/conmon
		touch /run/berth/net/berth/10.88.0.2
		mount -t tmpfs none /mnt/x
		ip netns add left
		ip link add name br9 type bridge
		ip link add veth7 type veth peer name veth8
		iptables -N NETAVARK_FORWARD
		iptables -A FORWARD -j NETAVARK_FORWARD
		iptables -A NETAVARK_FORWARD -s 10.88.0.0/16 -j ACCEPT
		cp /bin/sleep /tmp/conmon; setsid /tmp/conmon 1000 >/dev/null 2>&1 &`)
	leaks, err = h.Leaks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range leaks {
		got = append(got, l.String())
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{"mount: /mnt/x (tmpfs)", "mount: /run/netns/left (nsfs)", "process: ", "cgroup: /sys/fs/cgroup/berth/podabc",
		"link: br9", "link: veth7", "rule: -A NETAVARK_FORWARD -s 10.88.0.0/16 -j ACCEPT", "state: /var/lib/berth/pods/1",
		"state: /run/berth/pods/1", "address: /run/berth/net/berth/10.88.0.2", "netns: /run/netns/left"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q not among\n%s", want, all)
		}
	}
}

func TestBootRunsSystemd(t *testing.T) {
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		t.Skip("no systemd")
	}
	h := start(t, Options{Boot: true})
	if got := run(t, h, "cat /proc/1/comm; systemctl is-active basic.target"); got != "systemd\nactive" {
		t.Errorf("got %q", got)
	}
	run(t, h, "systemd-run --unit=x --wait true")
	if leaks, err := h.Leaks(t.Context()); err != nil || len(leaks) != 0 {
		t.Errorf("leaks %v, %v", leaks, err)
	}
	if err := h.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := run(t, h, "cat /proc/1/comm"); got != "systemd" {
		t.Errorf("got %q", got)
	}
}

func TestAHostMayHaveOtherHelpers(t *testing.T) {
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	dir := t.TempDir()
	for _, name := range []string{"hostname", "a-program-of-tomorrow"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho another\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(helpersEnv, dir)
	h := start(t, Options{})
	if got := run(t, h, "hostname; a-program-of-tomorrow; command -v hostname"); got != "another\nanother\n/usr/bin/hostname" {
		t.Errorf("%q", got)
	}
}
