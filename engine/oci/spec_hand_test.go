package oci

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/engine/spec"
)

// handInput is a container made by hand, for crun on a host that has everything.
func handInput(t *testing.T) Input {
	t.Helper()
	in := testInput(t, spec.Container{Name: "app", ByHand: &spec.ByHand{ID: spec.ContainerID(strings.Repeat("cd", 32))}})
	in.Pod.Bare, in.Pod.Hostname = true, ""
	in.Host.Runtime = "/usr/bin/crun"
	in.Image.Env = []string{"PATH=/bin", "LANG=C"}
	return in
}

func mountAt(s *specs.Spec, at string) *specs.Mount {
	for i := range s.Mounts {
		if s.Mounts[i].Destination == at {
			return &s.Mounts[i]
		}
	}
	return nil
}

func TestContainersMadeByHand(t *testing.T) {
	id := strings.Repeat("cd", 32)
	for name, test := range map[string]struct {
		change func(*Input)
		check  func(s *specs.Spec) (got, want any)
	}{
		"have the umask podman's have": {nil, func(s *specs.Spec) (any, any) { return *s.Process.User.Umask, uint32(0o022) }},
		"have their own umask": {func(in *Input) { in.Container.ByHand.Umask = "0077" },
			func(s *specs.Spec) (any, any) { return *s.Process.User.Umask, uint32(0o077) }},
		"are named by their ID": {nil, func(s *specs.Spec) (any, any) { return s.Hostname, id[:12] }},
		"are named as asked": {func(in *Input) { in.Container.ByHand.Hostname = "mine" },
			func(s *specs.Spec) (any, any) { return s.Hostname, "mine" }},
		"have the usual share of CPU, whatever their limit": {func(in *Input) { in.Container.Resources.CPULimit = 500 },
			func(s *specs.Spec) (any, any) {
				return s.Linux.Resources.CPU.Shares == nil, *s.Linux.Resources.CPU.Quota == 50000
			}},
		"have a cgroup namespace of their own, where that is asked for": {func(in *Input) { in.Namespaces.Cgroup, in.Host.Cgroups.Unified = PrivateNamespace, false },
			func(s *specs.Spec) (any, any) {
				return slices.Contains(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace}), true
			}},
		"know that they are containers": {nil, func(s *specs.Spec) (any, any) {
			return s.Process.Env, []string{"PATH=/bin", "LANG=C", "container=podman", "HOSTNAME=" + id[:12], "HOME=/root"}
		}},
		"have variables unset": {func(in *Input) {
			in.Container.ByHand.UnsetEnv = []string{"LANG", "container", "HOME"}
			in.Container.Env = []spec.EnvVar{{Name: "LANG", Value: "de"}}
		}, func(s *specs.Spec) (any, any) {
			return s.Process.Env, []string{"PATH=/bin", "LANG=de", "HOSTNAME=" + id[:12]}
		}},
		"have all variables unset": {func(in *Input) {
			in.Container.ByHand.UnsetEnvAll = true
			in.Container.Env = []spec.EnvVar{{Name: "A", Value: "1"}}
		}, func(s *specs.Spec) (any, any) {
			return s.Process.Env, []string{"A=1", "HOSTNAME=" + id[:12], "HOME=/root"}
		}},
		"have variables made of others, and of secrets": {func(in *Input) {
			in.Container.ByHand.MergeEnv = []spec.EnvVar{{Name: "PATH", Value: "${PATH}:/opt"}, {Name: "B", Value: "$LANG${NONE:-}"}, {Name: "C", Value: "${LANG"}}
			in.Secrets = []spec.EnvVar{{Name: "KEY", Value: "$LANG"}}
		}, func(s *specs.Spec) (any, any) {
			return s.Process.Env, []string{"PATH=/bin:/opt", "LANG=C", "container=podman", "B=C", "C=${LANG", "KEY=$LANG", "HOSTNAME=" + id[:12], "HOME=/root"}
		}},
		"have a domain": {func(in *Input) { in.Pod.Domainname = "example" }, func(s *specs.Spec) (any, any) {
			return s.Linux.Sysctl, map[string]string{"kernel.domainname": "example"}
		}},
		"have terminals of a group they know": {func(in *Input) {
			in.Pod.Users = &spec.UserNamespace{UIDs: []spec.IDMap{{Host: 1000, Size: 10}}, GIDs: []spec.IDMap{{Host: 1000, Size: 5}}}
		}, func(s *specs.Spec) (any, any) { return slices.Contains(mountAt(s, "/dev/pts").Options, "gid=5"), false }},
		"drop the image's entrypoint": {func(in *Input) { in.Container.ByHand.NoEntrypoint = true },
			func(s *specs.Spec) (any, any) { return s.Process.Args, []string{"serve", "--all"} }},
		"run below an init": {func(in *Input) { in.InitPath = "/usr/bin/catatonit" }, func(s *specs.Spec) (any, any) {
			return append(slices.Clone(s.Process.Args), mountAt(s, "/run/podman-init").Source),
				[]string{"/run/podman-init", "--", "/entry", "serve", "--all", "/usr/bin/catatonit"}
		}},
		"show what is hidden": {func(in *Input) { in.Container.ByHand.Unmask = []string{"/proc/a*", "/proc/kcore", "/proc/sys"} },
			func(s *specs.Spec) (any, any) {
				hidden := append(slices.Clone(s.Linux.MaskedPaths), s.Linux.ReadonlyPaths...)
				return slices.ContainsFunc(hidden, func(p string) bool {
					return p == "/proc/acpi" || p == "/proc/asound" || p == "/proc/kcore" || p == "/proc/sys"
				}) || !slices.Contains(hidden, "/proc/keys"), false
			}},
		"show all that is hidden": {func(in *Input) { in.Container.ByHand.Unmask = []string{"ALL"} },
			func(s *specs.Spec) (any, any) { return len(s.Linux.MaskedPaths) + len(s.Linux.ReadonlyPaths), 0 }},
		"hide more": {func(in *Input) { in.Container.ByHand.Mask = []string{"/sys/x/"} },
			func(s *specs.Spec) (any, any) { return slices.Contains(s.Linux.MaskedPaths, "/sys/x"), true }},
		"keep the caller's groups": {func(in *Input) { in.Container.ByHand.KeepGroups = true },
			func(s *specs.Spec) (any, any) { return s.Annotations["run.oci.keep_original_groups"], "1" }},
		"have groups by name": {func(in *Input) { in.Container.ByHand.Groups = []string{"extra", "4000"} },
			func(s *specs.Spec) (any, any) { return s.Process.User.AdditionalGids, []uint32{0, 2000, 4000} }},
		"have another personality": {func(in *Input) { in.Container.ByHand.Personality = "LINUX32" },
			func(s *specs.Spec) (any, any) { return s.Linux.Personality.Domain, specs.PerLinux32 }},
		"have options of /proc": {func(in *Input) { in.Container.ByHand.ProcOptions = []string{"hidepid=2"} },
			func(s *specs.Spec) (any, any) { return slices.Contains(mountAt(s, "/proc").Options, "hidepid=2"), true }},
		"write to memory where the rest is read-only": {func(in *Input) { in.Container.Security.ReadOnlyRoot = true },
			func(s *specs.Spec) (any, any) {
				return []string{mountAt(s, "/tmp").Type, mountAt(s, "/run").Type, mountAt(s, "/var/tmp").Type}, []string{"tmpfs", "tmpfs", "tmpfs"}
			}},
		"write nowhere": {func(in *Input) { in.Container.Security.ReadOnlyRoot, in.Container.ByHand.NoTmpfs = true, true },
			func(s *specs.Spec) (any, any) {
				return mountAt(s, "/tmp") == nil && slices.Contains(mountAt(s, "/dev/shm").Options, "ro") && slices.Contains(mountAt(s, "/dev").Options, "ro"), true
			}},
		"have what systemd wants": {func(in *Input) { in.Container.Command = []string{"/sbin/init"} },
			func(s *specs.Spec) (any, any) {
				return []any{mountAt(s, "/run/lock").Type, slices.Contains(mountAt(s, "/sys/fs/cgroup").Options, "rw"), slices.Contains(s.Process.Env, "container_uuid="+id[:32])},
					[]any{"tmpfs", true, true}
			}},
		"are not taken for systemd": {func(in *Input) {
			in.Container.Command, in.Container.ByHand.Systemd = []string{"/sbin/init"}, spec.SystemdNever
		}, func(s *specs.Spec) (any, any) { return mountAt(s, "/run/lock") == nil, true }},
		"are systemd whatever runs": {func(in *Input) { in.Container.ByHand.Systemd = spec.SystemdAlways },
			func(s *specs.Spec) (any, any) { return mountAt(s, "/var/log/journal").Type, "tmpfs" }},
		"have as many processes as podman's": {nil, func(s *specs.Spec) (any, any) { return *s.Linux.Resources.Pids.Limit, int64(2048) }},
		"have any number of processes": {func(in *Input) { in.Container.ByHand.Tuning.AnyPids = true },
			func(s *specs.Spec) (any, any) { return s.Linux.Resources.Pids == nil, true }},
		"have as much swap again": {func(in *Input) { in.Container.Resources.MemoryLimit = 10 },
			func(s *specs.Spec) (any, any) { return *s.Linux.Resources.Memory.Swap, int64(20) }},
		"have the swap they want": {func(in *Input) {
			any := int64(-1)
			in.Container.Resources.MemoryLimit, in.Container.ByHand.Tuning.MemorySwap = 10, &any
		}, func(s *specs.Spec) (any, any) { return *s.Linux.Resources.Memory.Swap, int64(-1) }},
		"share the CPU by weight, and by time": {func(in *Input) {
			in.Container.ByHand.Tuning = spec.Tuning{CPUShares: 512, CPUPeriod: 1000, CPUQuota: 500, CPUSetMems: "0"}
		}, func(s *specs.Spec) (any, any) {
			c := s.Linux.Resources.CPU
			return []any{*c.Shares, *c.Period, *c.Quota, c.Mems}, []any{uint64(512), uint64(1000), int64(500), "0"}
		}},
		"write to their cgroup's files": {func(in *Input) { in.Container.ByHand.Tuning.Unified = map[string]string{"memory.high": "1"} },
			func(s *specs.Spec) (any, any) {
				return s.Linux.Resources.Unified, map[string]string{"memory.high": "1"}
			}},
		"have the caller's ulimits": {func(in *Input) { in.Container.ByHand.Tuning.HostUlimits = true },
			func(s *specs.Spec) (any, any) { return len(s.Process.Rlimits), 0 }},
		"have a file system in memory": {func(in *Input) {
			in.Mounts = []Mount{{Type: "tmpfs", Path: "/scratch", Options: []string{"size=1m", "notmpcopyup"}}}
		}, func(s *specs.Spec) (any, any) {
			return *mountAt(s, "/scratch"), specs.Mount{Destination: "/scratch", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1m", "rw", "rprivate"}}
		}},
		"have tmpfs in place of the image's volumes": {func(in *Input) {
			in.Image.Volumes, in.Container.ByHand.ImageVolumes = map[string]struct{}{"/data": {}}, spec.ImageVolumesTmpfs
		}, func(s *specs.Spec) (any, any) { return mountAt(s, "/data").Type, "tmpfs" }},
		"have no shared memory": {func(in *Input) { in.NoShm = true }, func(s *specs.Spec) (any, any) { return mountAt(s, "/dev/shm") == nil, true }},
		"have as much shared memory as they want": {func(in *Input) { in.ShmSize = 1 << 20 },
			func(s *specs.Spec) (any, any) {
				return slices.Contains(mountAt(s, "/dev/shm").Options, "size=1048576"), true
			}},
		"a link as it is, users mapped": {func(in *Input) {
			in.Mounts = []Mount{{Source: "/x", Path: "/x", Options: []string{CopySymlink, "idmap=uids=0-1-10;gids=0-1-10"}}}
		},
			func(s *specs.Spec) (any, any) {
				return mountAt(s, "/x").Options, []string{"rbind", "rw", "rprivate", CopySymlink, "idmap=uids=0-1-10;gids=0-1-10"}
			}},
		"hide more of a privileged one": {func(in *Input) {
			in.Container.Security.Privileged, in.Container.ByHand.Mask, in.Host.Devices = true, []string{"/proc/stat"}, []Device{}
		},
			func(s *specs.Spec) (any, any) { return s.Linux.MaskedPaths, []string{"/proc/stat"} }},
		"what the host mounts later": {func(in *Input) { in.Mounts = []Mount{{Source: "/x", Path: "/x", Propagation: "rslave"}} },
			func(s *specs.Spec) (any, any) { return s.Linux.RootfsPropagation, "rslave" }},
		"what the container mounts": {func(in *Input) {
			in.Mounts = []Mount{{Source: "/x", Path: "/x", Propagation: "slave"}, {Source: "/y", Path: "/y", Propagation: "shared"}}
		},
			func(s *specs.Spec) (any, any) { return s.Linux.RootfsPropagation, "shared" }},
		"the host's network, in a pod with parameters": {func(in *Input) {
			in.Pod.Sysctls = map[string]string{"net.core.somaxconn": "1", "kernel.msgmax": "2"}
			in.Container.ByHand.Namespaces.Net.Host, in.Namespaces.Net = true, HostNamespace
		},
			func(s *specs.Spec) (any, any) { return s.Linux.Sysctl, map[string]string{"kernel.msgmax": "2"} }},
		"mounts of their own": {func(in *Input) { in.Mounts = []Mount{{Source: "/x", Path: "/x"}} },
			func(s *specs.Spec) (any, any) { return s.Linux.RootfsPropagation, "" }},
		"bind one mount alone": {func(in *Input) { in.Mounts = []Mount{{Source: "/x", Path: "/x", Options: []string{"bind"}}} },
			func(s *specs.Spec) (any, any) { return mountAt(s, "/x").Options, []string{"rw", "rprivate", "bind"} }},
		"are handed sockets": {func(in *Input) { in.ListenFDs, in.ListenNames = 2, "a:b" }, func(s *specs.Spec) (any, any) {
			return s.Process.Env[len(s.Process.Env)-3:], []string{"LISTEN_FDS=2", "LISTEN_PID=1", "LISTEN_FDNAMES=a:b"}
		}},
		"have annotations, but not ours": {func(in *Input) {
			in.Container.ByHand.Annotations = map[string]string{"a": "b", "io.kubernetes.pod.name": "other"}
		}, func(s *specs.Spec) (any, any) {
			return []string{s.Annotations["a"], s.Annotations["io.kubernetes.pod.name"]}, []string{"b", "web"}
		}},
		"are confined by a loaded profile": {func(in *Input) {
			in.Host.AppArmor = func(name string) bool { return name == "mine" }
			in.Container.ByHand.AppArmor = "mine"
		}, func(s *specs.Spec) (any, any) { return s.Process.ApparmorProfile, "mine" }},
	} {
		t.Run(name, func(t *testing.T) {
			in := handInput(t)
			if test.change != nil {
				test.change(&in)
			}
			s, err := BuildSpec(in)
			if err != nil {
				t.Fatal(err)
			}
			got, want := test.check(s)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatNoContainerMadeByHandCanBe(t *testing.T) {
	swap, swappiness := int64(5), int64(10)
	runc := func(in *Input) { in.Host.Runtime = "/usr/bin/runc" }
	for name, test := range map[string]struct {
		change func(*Input)
		want   string
	}{
		"a umask":               {func(in *Input) { in.Container.ByHand.Umask = "8" }, "umask"},
		"an init in other PIDs": {func(in *Input) { in.InitPath, in.Namespaces.PID = "/x", HostNamespace }, "--init"},
		"a relative mask":       {func(in *Input) { in.Container.ByHand.Mask = []string{"x"} }, "not absolute"},
		"groups with runc":      {func(in *Input) { runc(in); in.Container.ByHand.KeepGroups = true }, "only crun"},
		"a group":               {func(in *Input) { in.Container.ByHand.Groups = []string{"ghosts"} }, "ghosts"},
		"a personality":         {func(in *Input) { in.Container.ByHand.Personality = "BSD" }, "BSD"},
		"AppArmor that is off":  {func(in *Input) { in.Container.ByHand.AppArmor = "mine" }, "not loaded"},
		"SELinux that is off":   {func(in *Input) { in.Container.ByHand.Label = []string{"type:x_t"} }, "SELinux is off"},
		"no device":             {func(in *Input) { in.Container.ByHand.Devices = []spec.Device{{Host: "/no/such", Path: "/dev/x"}} }, "no device"},
		"a file as a device":    {func(in *Input) { in.Container.ByHand.Devices = []spec.Device{{Host: "/proc/version", Path: "/dev/x"}} }, "not a device"},
		"a rule":                {func(in *Input) { in.Container.ByHand.DeviceRules = []string{"c 1:x rwm"} }, "device rule"},
		"a rule of no mode":     {func(in *Input) { in.Container.ByHand.DeviceRules = []string{"c 1:3 rwx"} }, "device rule"},
		"swap without memory":   {func(in *Input) { in.Container.ByHand.Tuning.MemorySwap = &swap }, "set memory"},
		"less swap than memory": {func(in *Input) {
			in.Container.Resources.MemoryLimit, in.Container.ByHand.Tuning.MemorySwap = 10, &swap
		}, "less than"},
		"swappiness on v2": {func(in *Input) { in.Container.ByHand.Tuning.Swappiness = &swappiness }, "v1 only"},
		"OOM killer on v2": {func(in *Input) { in.Container.ByHand.Tuning.OOMKillDisable = true }, "v1 only"},
		"real time on v2":  {func(in *Input) { in.Container.ByHand.Tuning.RealtimeRuntime = 1 }, "v1 only"},
		"block I/O":        {func(in *Input) { in.Container.ByHand.Tuning.BlkioWeight = 100 }, `"io"`},
		"cgroup-conf on v1": {func(in *Input) {
			in.Host.Cgroups.Unified = false
			in.Container.ByHand.Tuning.Unified = map[string]string{"memory.high": "1"}
		}, "v1"},
		"a cgroup file elsewhere": {func(in *Input) { in.Container.ByHand.Tuning.Unified = map[string]string{"../x": "1"} }, "not the name"},
	} {
		t.Run(name, func(t *testing.T) {
			in := handInput(t)
			test.change(&in)
			_, err := BuildSpec(in)
			if !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err %v, want %q", err, test.want)
			}
		})
	}
}

func TestDevicesOfTheHost(t *testing.T) {
	in := handInput(t)
	in.Container.ByHand.Devices = []spec.Device{{Host: "/dev/null", Path: "/dev/nothing", Permissions: "r"}}
	in.Container.ByHand.DeviceRules = []string{"b *:7 rm", "a"}
	s, err := BuildSpec(in)
	if err != nil {
		t.Fatal(err)
	}
	if d := s.Linux.Devices; len(d) != 1 || d[0].Path != "/dev/nothing" || d[0].Type != "c" || d[0].Major != 1 || d[0].Minor != 3 {
		t.Errorf("devices %+v", d)
	}
	one, three, seven := int64(1), int64(3), int64(7)
	want := []specs.LinuxDeviceCgroup{
		{Access: "rwm"}, {Allow: true, Type: "c", Major: &one, Minor: &three, Access: "r"},
		{Allow: true, Type: "b", Minor: &seven, Access: "rm"}, {Allow: true, Type: "a", Access: "rwm"},
	}
	if diff := cmp.Diff(want, s.Linux.Resources.Devices); diff != "" {
		t.Error(diff)
	}
}

func TestStopSignalsOfContainersMadeByHand(t *testing.T) {
	in := handInput(t)
	if got := HandStopSignal(in); got != "" {
		t.Errorf("plain: %q", got)
	}
	in.Container.Command = []string{"/usr/lib/systemd/systemd"}
	sig, err := ParseSignal(HandStopSignal(in))
	if err != nil || sig != 37 {
		t.Errorf("systemd: %v, %v", sig, err)
	}
	in.Image.StopSignal = "INT"
	if got := HandStopSignal(in); got != "INT" {
		t.Errorf("the image's: %q", got)
	}
}

func TestUsersAreAddedToTheImages(t *testing.T) {
	read := func(in Input, name string) string {
		data, err := os.ReadFile(filepath.Join(in.Rootfs, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	user := func(in *Input, name string) { in.Container.User.Name = name }
	for name, test := range map[string]struct {
		change        func(*Input)
		passwd, group string
	}{
		"root is there":           {nil, "", ""},
		"a user of the image's":   {func(in *Input) { user(in, "app") }, "", ""},
		"a number":                {func(in *Input) { user(in, "1234:5678") }, "1234:*:1234:5678:container user:/:/bin/sh\n", "5678:x:5678:1234\n"},
		"a number in a folder":    {func(in *Input) { user(in, "1234"); in.Container.WorkingDir = "/srv" }, "1234:*:1234:0:container user:/srv:/bin/sh\n", ""},
		"an entry of one's own":   {func(in *Input) { user(in, "7"); in.Container.ByHand.Passwd.Entry = "me:*:$UID:$GID:$NAME:/me:/sh" }, "me:*:7:0:container user:/me:/sh\n", ""},
		"nothing where it is off": {func(in *Input) { user(in, "1234"); in.Container.ByHand.Passwd.Off = true }, "", ""},
		"a user of the host's":    {func(in *Input) { in.Container.ByHand.HostUsers = []string{"daemon"} }, "daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n", "daemon:x:1:daemon\n"},
	} {
		t.Run(name, func(t *testing.T) {
			in := handInput(t)
			passwd, group := read(in, "etc/passwd"), read(in, "etc/group")
			if test.change != nil {
				test.change(&in)
			}
			for range 2 {
				if err := PrepareUsers(in); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.TrimPrefix(read(in, "etc/passwd"), passwd); got != test.passwd {
				t.Errorf("passwd has %q, want %q", got, test.passwd)
			}
			if got := strings.TrimPrefix(read(in, "etc/group"), group); got != test.group {
				t.Errorf("group has %q, want %q", got, test.group)
			}
		})
	}
}

func TestUsersAreNotAddedOutsideTheImage(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "passwd")
	write(t, outside, "root:x:0:0:root:/root:/bin/sh\n", 0o644)
	in := handInput(t)
	in.Container.User.Name = "1234"
	for _, link := range []string{outside, "../../../../../../.." + outside} {
		passwd := filepath.Join(in.Rootfs, "etc/passwd")
		if err := os.Remove(passwd); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(link, passwd); err != nil {
			t.Fatal(err)
		}
		if err := PrepareUsers(in); err != nil {
			t.Errorf("%s: %v", link, err)
		}
		if data, err := os.ReadFile(outside); err != nil || strings.Contains(string(data), "1234") {
			t.Errorf("%s: the host's file holds %q, %v", link, data, err)
		}
	}
	in.Container.ByHand.Passwd.Entry = "a:b\nroot2:x:0:0:::"
	if err := PrepareUsers(in); !errors.Is(err, spec.ErrConfig) {
		t.Errorf("two lines: %v", err)
	}
}
