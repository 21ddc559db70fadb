package engine_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

// cgroupOf is a process's cgroup, in cgroup v2 or in systemd's hierarchy.
func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat("/sys/fs/cgroup/cgroup.procs")
	unified := err == nil
	var found string
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if unified && parts[1] == "" || !unified && parts[1] == "name=systemd" {
			found = parts[2]
		}
	}
	return found
}

// unit puts the test into a cgroup of its own, as a service manager does.
func unit(t *testing.T) string {
	t.Helper()
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
		root = "/sys/fs/cgroup/systemd"
	}
	home, self := cgroupOf(t, os.Getpid()), []byte(strconv.Itoa(os.Getpid()))
	dir := filepath.Join(root, home, "berth-test.service")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), self, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(filepath.Join(root, home, "cgroup.procs"), self, 0); err != nil {
			t.Error(err)
		}
		_ = os.Remove(filepath.Join(dir, "supervisor"))
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join("/", home, "berth-test.service")
}

func TestTheCallersCgroupIsDivided(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	unit := unit(t)
	pod := handPod("divided", "sleep", "1000")
	pod.Cgroup.Mode = spec.CgroupsSplit
	id := pod.Containers[0].ByHand.ID
	c := start(t, e, pod).Containers[0]
	if got := cgroupOf(t, c.Pid); got != unit+"/berth-payload-"+string(id) {
		t.Errorf("the container is in %s", got)
	}
	if c.CgroupPath != unit+"/berth-payload-"+string(id) {
		t.Errorf("observed in %s", c.CgroupPath)
	}
	for _, pid := range []int{c.ConmonPid, os.Getpid()} {
		if got := cgroupOf(t, pid); got != unit+"/supervisor" {
			t.Errorf("process %d is in %s", pid, got)
		}
	}
	if err := e.StopContainer(ctx, pod.ID, "c", 0); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
		t.Fatal(err)
	}
	if st, err := e.ObservePod(ctx, pod.ID); err != nil || cgroupOf(t, st.Containers[0].Pid) != unit+"/berth-payload-"+string(id) {
		t.Errorf("started again: %+v, %v", st.Containers[0], err)
	}
	if err := e.StopPod(ctx, pod.ID, 0); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		if left, _ := filepath.Glob(filepath.Join(pattern, unit, "berth-payload-*")); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	}
}

func TestConmonStaysWithItsCaller(t *testing.T) {
	e := realEngine(t)
	pod := handPod("stay", "sleep", "1000")
	pod.Cgroup.Mode = spec.CgroupsNoConmon
	c := start(t, e, pod).Containers[0]
	if got := cgroupOf(t, c.ConmonPid); got != cgroupOf(t, os.Getpid()) {
		t.Errorf("conmon is in %s", got)
	}
	if got := cgroupOf(t, c.Pid); !strings.Contains(got, pod.ID.UID()) {
		t.Errorf("the container is in %s", got)
	}
}

func TestACgroupParentIsHonoured(t *testing.T) {
	e := realEngine(t)
	pod := handPod("child", "sleep", "1000")
	pod.Cgroup.Parent = "/parents/of/berth"
	c := start(t, e, pod).Containers[0]
	if want := "/parents/of/berth/pod" + pod.ID.UID() + "/" + string(c.ID); cgroupOf(t, c.Pid) != want {
		t.Errorf("the container is in %s, want %s", cgroupOf(t, c.Pid), want)
	}
	t.Cleanup(func() { // not ours to remove elsewhere
		for _, dir := range []string{"/parents/of/berth", "/parents/of", "/parents"} {
			_ = os.Remove("/sys/fs/cgroup" + dir)
		}
	})
}

func TestAContainerWithoutACgroupNeedsCrun(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := handPod("none", "sleep", "1000")
	pod.Cgroup.Mode = spec.CgroupsDisabled
	if testRuntime() != "crun" {
		if err := e.CheckPod(ctx, pod); err == nil {
			t.Error("runc was thought to do without cgroups")
		}
		return
	}
	c := start(t, e, pod).Containers[0]
	if got := cgroupOf(t, c.Pid); got != cgroupOf(t, os.Getpid()) {
		t.Errorf("the container is in %s", got)
	}
}

func TestPidFilesAreWritten(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	dir := t.TempDir()
	pod := handPod("pids", "sleep", "1000")
	hand := pod.Containers[0].ByHand
	hand.PidFile, hand.ConmonPidFile = filepath.Join(dir, "pid"), filepath.Join(dir, "conmon.pid")
	c := start(t, e, pod).Containers[0]
	for path, want := range map[string]int{hand.PidFile: c.Pid, hand.ConmonPidFile: c.ConmonPid} {
		if data, err := os.ReadFile(path); err != nil || string(data) != strconv.Itoa(want) {
			t.Errorf("%s: %q, %v, want %d", path, data, err, want)
		}
	}
	if err := e.StopPod(ctx, pod.ID, 0); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAContainerTellsSystemdThatItIsReady(t *testing.T) {
	e := realEngine(t)
	address := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", address)
	pod := handPod("ready", "sleep", "1000")
	pod.Containers[0].ByHand.Notify = spec.NotifyContainer
	start(t, e, pod)
	if got := inside(t, e, pod.ID, "echo $NOTIFY_SOCKET"); got != "/run/notify/notify.sock\n" {
		t.Errorf("its socket is %q", got)
	}
	tell(t, pod, e)
	if err := systemd.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := systemd.Read(buf)
	if err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("systemd was told %q, %v", buf[:n], err)
	}
}

func TestAnAbstractSocketOfSystemdsNeedsTheHostsNetwork(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	t.Setenv("NOTIFY_SOCKET", "@berth-test-notify")
	pod := handPod("abstract", "sleep", "1000")
	pod.Networks, pod.HostNet = nil, true
	pod.Containers[0].ByHand.Notify = spec.NotifyContainer
	start(t, e, pod)
	if got := inside(t, e, pod.ID, "echo $NOTIFY_SOCKET"); got != "@berth-test-notify\n" {
		t.Errorf("its socket is %q", got)
	}
	if err := e.StopPod(ctx, pod.ID, 0); err != nil {
		t.Fatal(err)
	}
	pod = handPod("refused", "sleep", "1000")
	pod.Containers[0].ByHand.Notify = spec.NotifyContainer
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := e.EnsurePod(ctx, pod, []string{"c"}); !errors.Is(err, spec.ErrConfig) {
		t.Errorf("err %v", err)
	}
	if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
		t.Error(err)
	}
}

func TestWhatSystemdGaveUsIsNotPassedOn(t *testing.T) {
	e := realEngine(t)
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "notify"))
	pod := handPod("plain", "sleep", "1000")
	start(t, e, pod)
	if got := inside(t, e, pod.ID, "echo =$NOTIFY_SOCKET="); got != "==\n" {
		t.Errorf("its socket is %q", got)
	}
}

// tell says from inside the container's mount namespace, as any program in it
// could, that it is ready.
func tell(t *testing.T, pod *spec.Pod, e interface {
	ObservePod(context.Context, spec.PodID) (spec.PodStatus, error)
}) {
	t.Helper()
	st, err := e.ObservePod(context.Background(), pod.ID)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join("/proc", strconv.Itoa(st.Containers[0].Pid), "root/run/notify/notify.sock")
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("READY=1")); err != nil {
		t.Fatal(err)
	}
}

func TestAllContainersOfAPodAreLimitedTogether(t *testing.T) {
	e := realEngine(t)
	pod := handPod("limited", "sleep", "1000")
	pod.Limits.MemoryLimit, pod.Limits.CPULimit, pod.Limits.PidsLimit = 64<<20, 500, 100
	if testRuntime() != "crun" {
		refused(t, e, pod, spec.ErrConfig) // the v2 tree of a test host has no controllers
		return
	}
	start(t, e, pod)
	for file, want := range map[string]string{"memory/%s/memory.limit_in_bytes": "67108864", "pids/%s/pids.max": "100", "cpu/%s/cpu.cfs_quota_us": "50000"} {
		path := "/sys/fs/cgroup/" + strings.ReplaceAll(file, "%s", "berth/pod"+pod.ID.UID())
		data, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(data)) != want {
			t.Errorf("%s: %q, %v, want %s", path, data, err, want)
		}
	}
}
