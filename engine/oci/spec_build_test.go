package oci

import (
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"berth/engine/spec"

	"github.com/google/go-cmp/cmp"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite golden files")

// testHost is a host that grants everything, with cgroup v2.
func testHost() Host {
	return Host{
		Capabilities: capabilityNames(),
		Limits:       map[string]uint64{"nofile": 1 << 20, "nproc": 1 << 22},
		Cgroups:      Controllers{Unified: true, Names: []string{"cpu", "cpuset", "memory", "pids"}, Quota: true, Swap: true},
		Memory:       8 << 30,
		Devices:      []Device{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, Mode: 0o666}},
	}
}

// imageRoot makes a root file system with user tables.
func imageRoot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n", 0o644)
	write(t, filepath.Join(dir, "etc/group"), "root:x:0:\napp:x:1001:\nextra:x:2000:app\nother:x:3000:\n", 0o644)
	return dir
}

func testInput(t *testing.T, c spec.Container) Input {
	t.Helper()
	return Input{
		Pod:       &spec.Pod{ID: spec.PodID(strings.Repeat("ab", 32)), Namespace: "shop", Name: "web", Hostname: "web-1"},
		Container: &c, Image: ociv1.ImageConfig{Entrypoint: []string{"/entry"}, Cmd: []string{"serve", "--all"}},
		Rootfs: imageRoot(t), CgroupPath: "/berth/pod1/c1", Host: testHost(),
		Facts: spec.Facts{PodIPs: []string{"10.88.0.5", "fd00::5"}, HostIPs: []string{"192.0.2.1"}, PodUID: "uid"},
	}
}

func TestBuildSpecGolden(t *testing.T) {
	user := int64(1000)
	full := spec.Container{
		Name: "app", Args: []string{"--listen=" + spec.LatePodIP}, WorkingDir: "/srv/./x", TTY: true,
		Env:  []spec.EnvVar{{Name: "B", Value: "container"}, {Name: "IP", Value: spec.LatePodIPs}},
		User: spec.User{UID: &user, Groups: []int64{77}},
		Resources: spec.Resources{CPURequest: 250, CPULimit: 500, MemoryLimit: 64 << 20, PidsLimit: 10, CPUSet: "0-1",
			Ulimits: []spec.Ulimit{{Name: "core", Soft: 0, Hard: math.MaxUint64}}},
		Security: spec.Security{NoNewPrivileges: true, CapAdd: []string{"net_raw"}, CapDrop: []string{"CHOWN"}, Seccomp: "unconfined"},
	}
	for name, change := range map[string]func(*Input){
		"plain": func(in *Input) { in.Container.Security.Seccomp = "unconfined" },
		"full": func(in *Input) {
			in.Container = &full
			in.Image.Env = []string{"A=image", "B=image", "PATH=/bin"}
			in.Namespaces = Namespaces{Net: "/run/netns/x", IPC: "/proc/7/ns/ipc", UTS: "/proc/7/ns/uts"}
			in.ShmPath = "/run/berth/shm"
			in.Mounts = []Mount{
				{Source: "/vol/deep", Path: "/data/sub/deep"},
				{Source: "/vol", Path: "/data/", ReadOnly: true, Recursive: true, Propagation: spec.PropagationHostContainer, Options: []string{"noexec", "Z"}},
				{Source: "/hosts", Path: "/etc/hosts"},
			}
		},
		"privileged": func(in *Input) {
			in.Container.Security = spec.Security{Privileged: true}
			in.Pod.HostNet, in.Pod.HostPID, in.Pod.HostIPC = true, true, true
			in.Namespaces = InfraNamespaces(in.Pod, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := testInput(t, spec.Container{Name: "app"})
			change(&in)
			s, err := BuildSpec(in)
			if err != nil {
				t.Fatal(err)
			}
			s.Root.Path = "/rootfs"
			got, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".json")
			if *update {
				write(t, path, string(got)+"\n", 0o644)
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCommand(t *testing.T) {
	for name, test := range map[string]struct {
		command, args, entrypoint, cmd, want []string
	}{
		"the image's own":                    {nil, nil, []string{"e"}, []string{"c"}, []string{"e", "c"}},
		"args replace cmd":                   {nil, []string{"a"}, []string{"e"}, []string{"c"}, []string{"e", "a"}},
		"command drops cmd":                  {[]string{"x"}, nil, []string{"e"}, []string{"c"}, []string{"x"}},
		"both":                               {[]string{"x"}, []string{"a"}, []string{"e"}, []string{"c"}, []string{"x", "a"}},
		"only cmd":                           {nil, nil, nil, []string{"c"}, []string{"c"}},
		"nothing":                            {nil, nil, nil, nil, []string{}},
		"late values are filled in":          {[]string{"x", spec.LateHostIP}, nil, nil, nil, []string{"x", "192.0.2.1"}},
		"a dollar in the image means itself": {nil, nil, []string{"$(A)"}, nil, []string{"$(A)"}},
	} {
		c := &spec.Container{Command: test.command, Args: test.args}
		got := Command(c, ociv1.ImageConfig{Entrypoint: test.entrypoint, Cmd: test.cmd}, spec.Facts{HostIPs: []string{"192.0.2.1"}})
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestBuildSpecRefuses(t *testing.T) {
	zero, big := int64(0), int64(1)<<40
	for name, test := range map[string]struct {
		change func(*Input)
		want   string
	}{
		"nothing to run":       {func(in *Input) { in.Image = ociv1.ImageConfig{} }, "no command specified"},
		"unknown user":         {func(in *Input) { in.Container.User.Name = "ghost" }, `user "ghost"`},
		"unknown group":        {func(in *Input) { in.Container.User.Name = "app:ghost" }, `user "app:ghost"`},
		"user out of range":    {func(in *Input) { in.Container.User.UID = &big }, "out of range"},
		"root image, nonroot":  {func(in *Input) { in.Container.User.NonRoot = true }, "container has runAsNonRoot and image will run as root"},
		"root by number":       {func(in *Input) { in.Container.User.NonRoot, in.Image.User = true, "0:5" }, "container has runAsNonRoot and image will run as root"},
		"root asked, nonroot":  {func(in *Input) { in.Container.User = spec.User{NonRoot: true, UID: &zero} }, "runAsUser breaks non-root policy"},
		"named user, nonroot":  {func(in *Input) { in.Container.User.NonRoot, in.Image.User = true, "app" }, "image has non-numeric user (app), cannot verify user is non-root"},
		"relative working dir": {func(in *Input) { in.Container.WorkingDir = "srv" }, `"srv" is not an absolute path`},
		"unknown capability":   {func(in *Input) { in.Container.Security.CapAdd = []string{"NET_ADMN"} }, `did you mean "CAP_NET_ADMIN"?`},
		"capability both ways": {func(in *Input) {
			s := &in.Container.Security
			s.CapAdd, s.CapDrop = []string{"KILL"}, []string{"CAP_KILL"}
		}, "both added and dropped"},
		"capability not ours": {func(in *Input) { in.Container.Security.CapAdd = []string{"BPF"}; in.Host.Capabilities = nil }, "CAP_BPF cannot be added"},
		"unknown ulimit":      {func(in *Input) { in.Container.Resources.Ulimits = []spec.Ulimit{{Name: "nofiles"}} }, `did you mean "nofile"?`},
		"ulimit upside down":  {func(in *Input) { in.Container.Resources.Ulimits = []spec.Ulimit{{Name: "nofile", Soft: 2, Hard: 1}} }, "above the hard limit"},
		"ulimit over ours": {func(in *Input) {
			in.Container.Resources.Ulimits = []spec.Ulimit{{Name: "nofile", Soft: 1, Hard: 1 << 30}}
			in.Host.Capabilities = nil
		}, "no CAP_SYS_RESOURCE"},
		"sysctl of the host": {func(in *Input) { in.Pod.Sysctls = map[string]string{"vm.swappiness": "1"} }, "vm.swappiness does not belong to a namespace"},
		"sysctl, host network": {func(in *Input) {
			in.Pod.Sysctls = map[string]string{"net.core.somaxconn": "1"}
			in.Namespaces.Net = HostNamespace
		}, "host's network namespace"},
		"missing profile":      {func(in *Input) { in.Container.Security.Seccomp = "/no/such" }, "seccomp profile"},
		"relative mount":       {func(in *Input) { in.Mounts = []Mount{{Source: "/a", Path: "b"}} }, "not absolute"},
		"mount over root":      {func(in *Input) { in.Mounts = []Mount{{Source: "/a", Path: "/."}} }, "over the container's root"},
		"two mounts":           {func(in *Input) { in.Mounts = []Mount{{Source: "/a", Path: "/b"}, {Source: "/c", Path: "/b/"}} }, "two mounts at /b"},
		"unknown mount option": {func(in *Input) { in.Mounts = []Mount{{Source: "/a", Path: "/b", Options: []string{"noexce"}}} }, `did you mean "noexec"?`},
		"no memory controller": {func(in *Input) { in.Container.Resources.MemoryLimit = 1; in.Host.Cgroups = Controllers{} }, "cgroup_enable=memory swapaccount=1"},
		"no controller for cpu": {func(in *Input) {
			in.Container.Resources.CPULimit = 1
			in.Host.Cgroups = Controllers{Names: []string{"cpu"}}
		}, "CONFIG_CFS_BANDWIDTH"},
	} {
		t.Run(name, func(t *testing.T) {
			in := testInput(t, spec.Container{Name: "app"})
			test.change(&in)
			_, err := BuildSpec(in)
			if err == nil || !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err %v, want %q", err, test.want)
			}
		})
	}
}

func TestCapabilities(t *testing.T) {
	all := slices.Sorted(slices.Values(capabilityNames()))
	def := slices.Sorted(slices.Values(spec.DefaultCapabilities()))
	few := Host{Capabilities: []string{"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"}}
	for name, test := range map[string]struct {
		sec       spec.Security
		root      bool
		host      Host
		bounding  []string
		effective []string
	}{
		"root has the default":            {spec.Security{}, true, testHost(), def, def},
		"another user has none":           {spec.Security{}, false, testHost(), def, nil},
		"another user has what was added": {spec.Security{CapAdd: []string{"SYS_TIME"}}, false, testHost(), slices.Sorted(slices.Values(append(slices.Clone(def), "CAP_SYS_TIME"))), []string{"CAP_SYS_TIME"}},
		"drop all":                        {spec.Security{CapDrop: []string{"all"}}, true, testHost(), nil, nil},
		"drop all but one":                {spec.Security{CapDrop: []string{"ALL"}, CapAdd: []string{"KILL"}}, true, testHost(), []string{"CAP_KILL"}, []string{"CAP_KILL"}},
		"add all":                         {spec.Security{CapAdd: []string{"ALL"}}, true, testHost(), all, all},
		"add all but one": {spec.Security{CapAdd: []string{"ALL"}, CapDrop: []string{"SYS_ADMIN"}}, true, few,
			[]string{"CAP_CHOWN", "CAP_KILL"}, []string{"CAP_CHOWN", "CAP_KILL"}},
		"what the host lacks is not there": {spec.Security{}, true, few, []string{"CAP_CHOWN", "CAP_KILL"}, []string{"CAP_CHOWN", "CAP_KILL"}},
		"privileged has what we have":      {spec.Security{Privileged: true}, true, few, few.Capabilities, few.Capabilities},
	} {
		got, err := capabilities(test.sec, spec.DefaultCapabilities(), test.root, test.host)
		if err != nil || !slices.Equal(got.Bounding, test.bounding) || !slices.Equal(got.Effective, test.effective) || !slices.Equal(got.Permitted, test.effective) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err == nil && !test.root && !slices.Equal(got.Ambient, test.effective) {
			t.Errorf("%s: ambient %v", name, got.Ambient)
		}
	}
}

func TestLookupUser(t *testing.T) {
	root := imageRoot(t)
	id := func(n int64) *int64 { return &n }
	for name, test := range map[string]struct {
		user  spec.User
		image string
		want  specs.User
		home  string
	}{
		"root":                      {spec.User{}, "", specs.User{AdditionalGids: []uint32{0}}, "/root"},
		"the image's name":          {spec.User{}, "app", specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{1001, 2000}}, "/home/app"},
		"a group of one's own":      {spec.User{}, "app:other", specs.User{UID: 1000, GID: 3000, AdditionalGids: []uint32{3000}}, "/home/app"},
		"number known to the image": {spec.User{}, "1000", specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{1001, 2000}}, "/home/app"},
		"number unknown":            {spec.User{}, "4242", specs.User{UID: 4242, AdditionalGids: []uint32{0}}, "/"},
		"runAsUser over the image":  {spec.User{UID: id(4242)}, "app", specs.User{UID: 4242, AdditionalGids: []uint32{0}}, "/"},
		"runAsGroup":                {spec.User{GID: id(5)}, "app:other", specs.User{UID: 1000, GID: 5, AdditionalGids: []uint32{5, 2000}}, "/home/app"},
		"fsGroup":                   {spec.User{Groups: []int64{9, 2000, 1001}}, "app", specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{9, 1001, 2000}}, "/home/app"},
		"non-root by number":        {spec.User{NonRoot: true}, "1000", specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{1001, 2000}}, "/home/app"},
	} {
		got, err := lookupUser(test.user, test.image, root)
		if err != nil || !reflect.DeepEqual(got.user, test.want) || got.home != test.home {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := lookupUser(spec.User{Name: "7:8"}, "app", t.TempDir()); err != nil || got.user.UID != 7 || got.user.GID != 8 {
		t.Errorf("without tables: %+v, %v", got, err)
	}
}

// An image cannot have us read the host's files.
func TestUserTablesStayInTheImage(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "passwd")
	write(t, outside, "evil:x:0:0::/:/bin/sh\n", 0o644)
	for name, link := range map[string]string{"absolute": outside, "dots": "../../../../../../../../.." + outside, "proc": "/proc/self/root" + outside} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(link, filepath.Join(root, "etc/passwd")); err != nil {
			t.Fatal(err)
		}
		if _, err := lookupUser(spec.User{Name: "evil"}, "", root); !errors.Is(err, spec.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A link inside leads where the container's own processes would be led.
	root := t.TempDir()
	write(t, filepath.Join(root, "usr/share/passwd"), "in:x:12:13::/in:/bin/sh\n", 0o644)
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/usr/share/passwd", filepath.Join(root, "etc/passwd")); err != nil {
		t.Fatal(err)
	}
	if got, err := lookupUser(spec.User{Name: "in"}, "", root); err != nil || got.user.UID != 12 {
		t.Errorf("%+v, %v", got, err)
	}
	// A table without end.
	root = t.TempDir()
	write(t, filepath.Join(root, "etc/passwd"), "", 0o644)
	if err := os.Truncate(filepath.Join(root, "etc/passwd"), maxUserTable+1); err != nil {
		t.Fatal(err)
	}
	if _, err := lookupUser(spec.User{Name: "a"}, "", root); !errors.Is(err, spec.ErrConfig) {
		t.Errorf("too large: %v", err)
	}
	// A table that is a folder, that nobody writes to, or a device: one no driver
	// has, so that an attempt to open it would show.
	device := func(p string) error { return unix.Mknod(p, unix.S_IFCHR|0o666, int(unix.Mkdev(240, 7))) }
	for _, make := range []func(string) error{func(p string) error { return os.Mkdir(p, 0o755) }, mkfifo, device} {
		root = t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := make(filepath.Join(root, "etc/passwd")); err != nil {
			t.Fatal(err)
		}
		if _, err := lookupUser(spec.User{}, "", root); !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), "is not a file") {
			t.Errorf("not a file: %v", err)
		}
	}
}

func TestSeccomp(t *testing.T) {
	build := func(change func(*Input)) *specs.LinuxSeccomp {
		t.Helper()
		in := testInput(t, spec.Container{Name: "app"})
		change(&in)
		s, err := BuildSpec(in)
		if err != nil {
			t.Fatal(err)
		}
		return s.Linux.Seccomp
	}
	allows := func(s *specs.LinuxSeccomp, name string) bool {
		return slices.ContainsFunc(s.Syscalls, func(c specs.LinuxSyscall) bool {
			return c.Action == specs.ActAllow && len(c.Args) == 0 && slices.Contains(c.Names, name)
		})
	}
	def := build(func(*Input) {})
	if def.DefaultAction != specs.ActErrno || !allows(def, "read") || allows(def, "mount") {
		t.Errorf("default profile: %s", def.DefaultAction)
	}
	if admin := build(func(in *Input) { in.Container.Security.CapAdd = []string{"SYS_ADMIN"} }); !allows(admin, "mount") {
		t.Error("mount is not allowed with CAP_SYS_ADMIN")
	}
	for name, sec := range map[string]spec.Security{"unconfined": {Seccomp: "unconfined"}, "privileged": {Privileged: true}} {
		if got := build(func(in *Input) { in.Container.Security = sec }); got != nil {
			t.Errorf("%s: a filter", name)
		}
	}
	path := filepath.Join(t.TempDir(), "profile.json")
	write(t, path, `{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["exit"],"action":"SCMP_ACT_ALLOW"}]}`, 0o644)
	for name, change := range map[string]func(*Input){
		"named by the container": func(in *Input) { in.Container.Security.Seccomp = path },
		"the host's":             func(in *Input) { in.Host.SeccompProfile = path },
	} {
		if got := build(change); got == nil || got.DefaultAction != specs.ActKill || !allows(got, "exit") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestUlimitsAndScoresAreCutToWhatTheHostAllows(t *testing.T) {
	host := Host{Limits: map[string]uint64{"nofile": 20000, "nproc": 1 << 40}, OOMScoreAdj: 5}
	got, err := rlimitsFor([]spec.Ulimit{{Name: "RLIMIT_CORE", Soft: 0, Hard: 0}}, host)
	want := []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}, {Type: "RLIMIT_NOFILE", Soft: 20000, Hard: 20000}, {Type: "RLIMIT_NPROC", Soft: 4194304, Hard: 4194304}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	low, high := -997, 2000
	for _, c := range []struct {
		asked *int
		hand  *spec.ByHand
		host  Host
		want  *int
		fails bool
	}{
		{&low, nil, host, new(5), false},
		{&low, &spec.ByHand{}, host, nil, true}, // whoever asks for it himself hears of it
		{&high, &spec.ByHand{}, host, new(1000), false},
		{&low, &spec.ByHand{}, testHost(), &low, false},
		{nil, nil, host, nil, false},
	} {
		got, err := oomScoreAdj(&spec.Container{Resources: spec.Resources{OOMScoreAdj: c.asked}, ByHand: c.hand}, c.host)
		if (err != nil) != c.fails || (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}

func TestCPUNumbers(t *testing.T) {
	for milli, want := range map[int64]uint64{0: 2, 1: 2, 100: 102, 1000: 1024, 1 << 40: 262144} {
		if got := cpuShares(milli); got != want {
			t.Errorf("shares of %d: %d, want %d", milli, got, want)
		}
	}
	for milli, want := range map[int64]int64{1: 1000, 10: 1000, 500: 50000, 2500: 250000} {
		if got := cpuQuota(milli); got != want {
			t.Errorf("quota of %d: %d, want %d", milli, got, want)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]int{"SIGTERM": 15, "term": 15, "9": 9, "SIGRTMIN+3": 37, "rtmax-1": 63, "SIGRTMIN": 34} {
		if got, err := ParseSignal(text); err != nil || int(got) != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"SIGTREM": `did you mean "SIGTERM"?`, "65": "between 1 and 64", "0": "between", "SIGRTMIN+99": "unknown", "RTMIN3": "unknown", "": "unknown"} {
		if _, err := ParseSignal(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
