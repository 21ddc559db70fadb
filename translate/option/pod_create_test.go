package option

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"berth/engine/spec"
)

type podGood struct {
	args   string
	change func(m *Made, p *spec.Pod)
}

func podCases() []podGood {
	pod := func(change func(p *spec.Pod)) func(*Made, *spec.Pod) {
		return func(_ *Made, p *spec.Pod) { change(p) }
	}
	inherits := func(change func(i *spec.Inherited)) func(*Made, *spec.Pod) {
		return func(_ *Made, p *spec.Pod) { p.Inherit = &spec.Inherited{}; change(p.Inherit) }
	}
	apart := spec.Own{Net: true, IPC: true, UTS: true}
	return []podGood{
		{"", pod(func(*spec.Pod) {})},
		{"--name web --replace --pod-id-file id --label a=b --label-file labels", func(m *Made, p *spec.Pod) {
			p.Name, m.Replace, m.IDFile, p.Labels = "web", true, "/home/me/id", map[string]string{"a": "b", "empty": ""}
		}},
		{"--name web web", pod(func(p *spec.Pod) { p.Name = "web" })},
		{"web", pod(func(p *spec.Pod) { p.Name = "web" })},
		{"--exit-policy stop --restart on-failure:3", func(_ *Made, p *spec.Pod) {
			p.StopWithLast, p.RestartPolicy = true, spec.RestartOnFailure
			p.Inherit = &spec.Inherited{ByHand: spec.ByHand{MostRestarts: 3}}
		}},
		{"--exit-policy continue --restart always", pod(func(p *spec.Pod) { p.RestartPolicy = spec.RestartAlways })},
		{"--infra-name x --infra-image pause --infra-command /pause~-v --infra-conmon-pidfile /run/p", pod(func(p *spec.Pod) {
			p.Infra = &spec.Infra{Name: "x", Image: "pause", Command: []string{"/pause", "-v"}, ConmonPidFile: "/run/p"}
		})},
		{"--infra=false", pod(func(p *spec.Pod) { p.Infra, p.Own, p.Networks = &spec.Infra{None: true}, apart, nil })},
		{"--share none", pod(func(p *spec.Pod) { p.Infra, p.Own, p.Networks = &spec.Infra{None: true}, apart, nil })},
		{"--share= --infra", pod(func(p *spec.Pod) { p.Own = apart })},
		{"--share net,pid", pod(func(p *spec.Pod) { p.Own, p.SharePID = spec.Own{IPC: true, UTS: true}, true })},
		{"--share +pid,cgroup", pod(func(p *spec.Pod) { p.SharePID, p.ShareCgroup = true, true })},
		{"--share-parent=false --cgroup-parent /x", pod(func(p *spec.Pod) { p.Cgroup = spec.CgroupPlace{Parent: "/x", Apart: true} })},
		{"--network lan --ip 10.0.0.9 --ip6 fd00::9 --mac-address 92:d0:c6:0a:29:33 --network-alias a -p 80:80", pod(func(p *spec.Pod) {
			p.Networks = []spec.NetworkAttachment{{Network: "lan", IPs: []string{"10.0.0.9", "fd00::9"}, MAC: "92:d0:c6:0a:29:33", Aliases: []string{"a"}}}
			p.Ports = []spec.PortMapping{{HostPort: 80, ContainerPort: 80, Protocol: "tcp"}}
		})},
		{"--publish 80:80 --network host", func(m *Made, p *spec.Pod) {
			p.Networks, p.HostNet = nil, true
			m.Warnings = []string{"the ports of --publish are those of the host already: --network host has no others"}
		}},
		{"--hostname h --domainname d --dns 1.1.1.1 --dns-search s --dns-option o --add-host a:10.0.0.1 --hosts-file none --no-hostname", pod(func(p *spec.Pod) {
			p.Hostname, p.Domainname, p.HostsFile, p.NoHostname = "h", "d", "none", true
			p.DNS = spec.DNS{Servers: []string{"1.1.1.1"}, Searches: []string{"s"}, Options: []string{"o"}}
			p.Hosts = []spec.HostAlias{{IP: "10.0.0.1", Names: []string{"a"}}}
		})},
		{"--no-hosts", pod(func(p *spec.Pod) { p.NoHosts = true })},
		{"--pid host", func(m *Made, _ *spec.Pod) {
			m.Warnings = []string{"--pid says nothing of containers that see their own processes alone: add --share +pid"}
		}},
		{"--share +pid --pid host --uts private --sysctl net.core.somaxconn=1 --shm-size 1m", pod(func(p *spec.Pod) {
			p.HostPID, p.SharePID, p.Sysctls, p.ShmSize = true, true, map[string]string{"net.core.somaxconn": "1"}, 1<<20
		})},
		{"--shm-size-systemd 1m", inherits(func(i *spec.Inherited) { i.ByHand.SystemdSize = 1 << 20 })},
		{"--userns auto", pod(func(p *spec.Pod) { p.Users = &spec.UserNamespace{Auto: &spec.AutoUsers{}} })},
		{"--uidmap 0:1:2 --gidmap 0:3:2", pod(func(p *spec.Pod) {
			p.Users = &spec.UserNamespace{UIDs: []spec.IDMap{{Host: 1, Size: 2}}, GIDs: []spec.IDMap{{Host: 3, Size: 2}}}
		})},
		{"--subuidname me --subgidname us", pod(func(p *spec.Pod) {
			p.Users = &spec.UserNamespace{UIDs: []spec.IDMap{{Host: 65536, Size: 65536}}, GIDs: []spec.IDMap{{Host: 65536, Size: 65536}}}
		})},
		{"--cpus 2 --cpu-shares 5 --cpuset-cpus 0 --cpuset-mems 0 --memory 1g --memory-swap 2g --blkio-weight 10 --blkio-weight-device /dev/a:10 --device-read-bps /dev/a:1 --device-write-bps /dev/a:2",
			pod(func(p *spec.Pod) {
				swap := int64(2 << 30)
				p.Limits = spec.Resources{CPULimit: 2000, CPUSet: "0", MemoryLimit: 1 << 30}
				p.Tuning = spec.Tuning{
					CPUShares: 5, CPUSetMems: "0", MemorySwap: &swap, BlkioWeight: 10, BlkioDevices: []spec.Weight{{Device: "/dev/a", Weight: 10}},
					ReadBps: []spec.Rate{{Device: "/dev/a", Rate: 1}}, WriteBps: []spec.Rate{{Device: "/dev/a", Rate: 2}},
				}
			})},
		{"--device /dev/fuse --gpus all --security-opt no-new-privileges --security-opt label=disable", inherits(func(i *spec.Inherited) {
			i.ByHand.Devices, i.ByHand.CDI = []spec.Device{{Host: "/dev/fuse", Path: "/dev/fuse"}}, []string{"nvidia.com/gpu=all"}
			i.Security.NoNewPrivileges, i.ByHand.Label = true, []string{"disable"}
		})},
		{"--volume data:/d:ro --volumes-from other", inherits(func(i *spec.Inherited) {
			i.Mounts = []spec.Mount{{Volume: "pod-v0", Path: "/d", ReadOnly: true}, {Volume: "pod-v1", Path: "/data"}, {Volume: "pod-v2", Path: "/etc/x", ReadOnly: true}}
			i.Volumes = []spec.Volume{
				{Name: "pod-v0", Named: &spec.NamedVolume{Volume: "data"}}, {Name: "pod-v1", Named: &spec.NamedVolume{Volume: "data"}},
				{Name: "pod-v2", Host: &spec.HostVolume{Path: "/x"}},
			}
		})},
	}
}

func podBad() bad {
	return bad{
		"a b":                                   "a pod has one name, not 2: a b",
		"--name a b":                            `--name "a": the pod is named "b" as well`,
		"--name a/b":                            "a name has letters",
		"-x":                                    "unknown shorthand flag",
		"--exit-polcy stop":                     `did you mean "--exit-policy"?`,
		"--replace":                             "--replace says nothing without --name",
		"--exit-policy die":                     `--exit-policy "die": unknown`,
		"--restart x":                           "unknown policy",
		"--infra-name a/b":                      `--infra-name "a/b": a name has`,
		"--share mnt":                           `unknown namespace "mnt": use one of cgroup, ipc, net, pid, uts, none`,
		"--share cgroup --share-parent":         "--share cgroup and --share-parent exclude each other",
		"--infra=false --share net":             "no container is there to hold what is shared",
		"--infra=false -p 80:80":                "--publish cannot be honoured without an infra container",
		"--share none --network lan":            "--network cannot be honoured without an infra container",
		"--memory x --cpus y --dns z":           "--memory",
		"--sysctl vm.x=1":                       "belongs to no namespace",
		"--volume a:b":                          "is not an absolute path",
		"--userns nomap":                        "it is for others than root",
		"--network container:gone":              "there is no such container",
		"--label =x":                            "write key=value",
		"--hostname " + strings.Repeat("x", 65): "it has 65 bytes, and a hostname at most 64",
		"--restart always --shm-size big":       "not a size",
	}
}

func TestPodCreate(t *testing.T) {
	for _, c := range podCases() {
		got, err := ParsePodCreate(words(c.args), fakeHost{})
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		want := &Made{Pod: &spec.Pod{
			Namespace: "default", ByHand: true, PlainNames: true, RestartPolicy: spec.RestartNever, TerminationGrace: 10 * time.Second,
			Networks: []spec.NetworkAttachment{{Network: "berth"}},
		}}
		c.change(want, want.Pod)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", c.args, diff)
		}
	}
}

func TestPodCreateRefuses(t *testing.T) {
	for args, want := range podBad() {
		if _, err := ParsePodCreate(words(args), fakeHost{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}

func TestEveryFlagOfPodCreateHasACase(t *testing.T) {
	var p PodCreate
	flags := quietSet("pod create")
	p.Register(flags)
	var all []string
	for _, c := range podCases() {
		for _, w := range strings.Fields(c.args) {
			name, _, _ := strings.Cut(w, "=")
			all = append(all, name)
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(all, "--"+f.Name) {
			t.Errorf("--%s is in no case", f.Name)
		}
	})
	if err := p.Check(nil); err != nil {
		t.Error(err)
	}
}

func TestContainersInherit(t *testing.T) {
	pod, err := ParsePodCreate(words("--restart on-failure:3 -v data:/d -v logs:/l --device /dev/fuse --gpus all --shm-size-systemd 1m --security-opt seccomp=/p --security-opt no-new-privileges"+
		" --security-opt apparmor=a --security-opt label=disable --security-opt mask=/m --security-opt unmask=/u --security-opt proc-opts=ro"), fakeHost{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := ParseRun(words("--pod web --name c -v own:/l --device /dev/kvm --security-opt apparmor=b img"), fakeHost{})
	if err != nil {
		t.Fatal(err)
	}
	made.AddTo(pod.Pod)
	c := made.Container()
	wantMounts := []spec.Mount{{Volume: "c-v0", Path: "/l"}, {Volume: "pod-v0", Path: "/d"}}
	wantVolumes := []spec.Volume{{Name: "c-v0", Named: &spec.NamedVolume{Volume: "own"}}, {Name: "pod-v0", Named: &spec.NamedVolume{Volume: "data"}}}
	if diff := cmp.Diff(wantMounts, c.Mounts) + cmp.Diff(wantVolumes, made.Pod.Volumes); diff != "" {
		t.Error(diff)
	}
	stop := 10 * time.Second
	want := &spec.ByHand{
		StopTimeout: &stop, Umask: "0022", Notify: spec.NotifyContainer, MostRestarts: 3, SystemdSize: 1 << 20,
		Devices: []spec.Device{{Host: "/dev/fuse", Path: "/dev/fuse"}, {Host: "/dev/kvm", Path: "/dev/kvm"}}, CDI: []string{"nvidia.com/gpu=all"},
		AppArmor: "b", Label: []string{"disable"}, Mask: []string{"/m"}, Unmask: []string{"/u"}, ProcOptions: []string{"ro"},
	}
	if diff := cmp.Diff(want, c.ByHand); diff != "" {
		t.Error(diff)
	}
	if c.Security.Seccomp != "/p" || !c.Security.NoNewPrivileges || c.RestartPolicy != "" {
		t.Errorf("%+v, restart %q", c.Security, c.RestartPolicy)
	}
}
