package option

import (
	"math"
	"testing"

	"berth/engine/spec"
)

func namespaceGood() []good {
	pod := func(change func(p *spec.Pod)) edit {
		return func(m *Made, _ *spec.Container, _ *spec.ByHand) { change(m.Pod) }
	}
	db := &spec.ContainerRef{Pod: "id-of-db", Name: "db"}
	return []good{
		{"--ipc host --pid host --uts host --cgroupns host img", pod(func(p *spec.Pod) {
			p.HostIPC, p.HostPID, p.Join.UTS.Host, p.Join.Cgroup.Host = true, true, true, true
		})},
		{"--ipc private --pid private --uts private --cgroupns private img", pod(func(p *spec.Pod) { p.Join.Cgroup.Private = true })},
		{"--ipc container:db --pid container:db --uts container:db --cgroupns container:db img", pod(func(p *spec.Pod) {
			p.Join = spec.Joins{IPC: spec.Join{Container: db}, PID: spec.Join{Container: db}, UTS: spec.Join{Container: db}, Cgroup: spec.Join{Container: db}}
		})},
		{"--ipc ns:/proc/1/ns/ipc img", pod(func(p *spec.Pod) { p.Join.IPC.Path = "/proc/1/ns/ipc" })},
		{"--ipc shareable img", pod(func(*spec.Pod) {})},
		{"--ipc none img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.NoShm = true }},
		{"--pod web --ipc private --shm-size 1g --pid host --uts pod img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			added(m)
			m.Into = "web"
			h.Namespaces.IPC.Private, h.Namespaces.PID.Host, h.ShmSize = true, true, 1<<30
		}},
		{"--cgroups split img", pod(func(p *spec.Pod) { p.Cgroup = spec.CgroupPlace{Mode: spec.CgroupsSplit} })},
		{"--cgroups no-conmon --cgroup-parent a.slice img", pod(func(p *spec.Pod) { p.Cgroup = spec.CgroupPlace{Mode: spec.CgroupsNoConmon, Parent: "a.slice"} })},
		{"--cgroups disabled img", pod(func(p *spec.Pod) { p.Cgroup.Mode = spec.CgroupsDisabled })},
		{"--pod web --cgroups split img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			added(m)
			m.Into, h.Cgroup = "web", spec.CgroupPlace{Mode: spec.CgroupsSplit}
		}},
		{"--shm-size 128m --shm-size-systemd 32k img", func(m *Made, _ *spec.Container, h *spec.ByHand) { m.Pod.ShmSize, h.SystemdSize = 128<<20, 32<<10 }},
		{"--shm-size 0 img", pod(func(p *spec.Pod) { p.ShmSize = -1 })},
		{"--sysctl net.core.somaxconn=1024 --sysctl kernel/msgmax=2 img", pod(func(p *spec.Pod) {
			p.Sysctls = map[string]string{"net.core.somaxconn": "1024", "kernel.msgmax": "2"}
		})},
	}
}

func namespaceBad() bad {
	return bad{
		"--ipc hots img":                         `--ipc "hots": unknown, did you mean "host"?`,
		"--pid container:gone img":               `--pid "container:gone": there is no such container`,
		"--pid pod img":                          "there is no pod",
		"--uts x img":                            `--uts "x": unknown`,
		"--uts host --hostname x img":            "--hostname cannot be honoured with --uts",
		"--cgroupns ns:x img":                    "give the absolute path of a namespace",
		"--cgroups on img":                       `--cgroups "on": unknown`,
		"--cgroups split --cgroup-parent /x img": "--cgroup-parent cannot be honoured with --cgroups split",
		"--cgroups disabled --cpuset-cpus 0 --blkio-weight 10 img": "--cpuset-cpus cannot be honoured with --cgroups disabled",
		"--cgroups disabled --memory 1g img":                       "--memory cannot be honoured with --cgroups disabled",
		"--cgroup-parent /a/../b img":                              "not the path of a cgroup",
		"--shm-size big img":                                       `--shm-size "big": not a size`,
		"--shm-size 1g --ipc none img":                             "--shm-size says nothing with --ipc none",
		"--shm-size 1g --ipc host img":                             "--shm-size cannot be honoured with --ipc",
		"--pod web --shm-size 1g img":                              "--shm-size is for the pod",
		"--shm-size-systemd x img":                                 `--shm-size-systemd "x": not a size`,
		"--sysctl net.core.somaxconn img":                          "write name=value",
		"--sysctl vm.swappiness=1 img":                             "vm.swappiness belongs to no namespace of the container",
		"--sysctl kernel.msgmx=1 img":                              `did you mean "kernel.msgmax"?`,
		"--sysctl net.core.somaxconn=1 --network host img":         "the network is the host's",
		"--sysctl kernel.msgmax=1 --ipc host img":                  "the IPC namespace is the host's",
		"--pod web --sysctl net.core.somaxconn=1 img":              "give it to pod create",
	}
}

func usersGood() []good {
	users := func(u *spec.UserNamespace) edit {
		return func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.Users = u }
	}
	thousand := []spec.IDMap{{Container: 0, Host: 10000, Size: 1000}}
	return []good{
		{"--userns host img", users(nil)},
		{"--userns keep-id img", func(m *Made, c *spec.Container, _ *spec.ByHand) { m.Pod.Users, c.User.Name = everyUser(), "0:0" }},
		{"--userns keep-id:uid=5,gid=6 img", func(m *Made, c *spec.Container, _ *spec.ByHand) { m.Pod.Users, c.User.Name = everyUser(), "5:6" }},
		{"--userns keep-id:uid=5 --user 7 img", func(m *Made, c *spec.Container, _ *spec.ByHand) { m.Pod.Users, c.User.Name = everyUser(), "7" }},
		{"--userns auto img", users(&spec.UserNamespace{Auto: &spec.AutoUsers{}})},
		{"--userns auto:size=4096,uidmapping=0:1:1,gidmapping=5:6:7 img", users(&spec.UserNamespace{Auto: &spec.AutoUsers{
			Size: 4096, UIDs: []spec.IDMap{{Host: 1, Size: 1}}, GIDs: []spec.IDMap{{Container: 5, Host: 6, Size: 7}},
		}})},
		{"--userns container:db img", users(&spec.UserNamespace{Join: spec.Join{Container: &spec.ContainerRef{Pod: "id-of-db", Name: "db"}}})},
		{"--userns ns:/run/user img", users(&spec.UserNamespace{Join: spec.Join{Path: "/run/user"}})},
		{"--uidmap 0:10000:1000 img", users(&spec.UserNamespace{UIDs: thousand, GIDs: thousand})},
		{"--gidmap 0:@10000:1000 img", users(&spec.UserNamespace{UIDs: thousand, GIDs: thousand})},
		{"--uidmap 0:10000:1000 --uidmap u1000:5 --gidmap g0:20000:9 img", users(&spec.UserNamespace{
			UIDs: append(thousand[:1:1], spec.IDMap{Container: 1000, Host: 5, Size: 1}), GIDs: []spec.IDMap{{Host: 20000, Size: 9}},
		})},
		{"--subuidname me --subgidname us img", users(&spec.UserNamespace{UIDs: []spec.IDMap{{Host: 65536, Size: 65536}}, GIDs: []spec.IDMap{{Host: 65536, Size: 65536}}})},
		{"--userns private --uidmap ug0:10000:1000 img", users(&spec.UserNamespace{UIDs: thousand, GIDs: thousand})},
	}
}

// everyUser maps each user of the host to itself.
func everyUser() *spec.UserNamespace {
	all := []spec.IDMap{{Size: math.MaxUint32}}
	return &spec.UserNamespace{UIDs: all, GIDs: all}
}

func usersBad() bad {
	return bad{
		"--userns autoo img":                    `--userns "autoo": unknown, did you mean "auto"?`,
		"--userns auto:sice=1 img":              `unknown option "sice=1", did you mean "size"?`,
		"--userns auto:size=x img":              `"x" is not a number of users`,
		"--userns auto:uidmapping=1 img":        "uidmapping: write three numbers",
		"--userns private img":                  "say how users are mapped",
		"--userns keep-id:uid=x img":            `uid="x": not a number of a user or group`,
		"--userns keep-id:size=5 img":           "size= is for others than root",
		"--userns keep-id:sice=5 img":           `unknown option "sice=5", did you mean "size"?`,
		"--userns nomap img":                    "it is for others than root",
		"--userns auto --uidmap 0:1:1 img":      "cannot be combined with --uidmap",
		"--uidmap 0 img":                        `--uidmap "0": write three numbers`,
		"--uidmap 0:x:1 img":                    `"x" is not a number of a user or group`,
		"--uidmap 0:1:0 img":                    "a range of none",
		"--uidmap +0:1:1 img":                   "+ adds to the users that are mapped anyway",
		"--uidmap g0:1:1 img":                   "the flag says users where groups are mapped",
		"--gidmap 0:1:10 --gidmap 5:100:10 img": "--gidmap: 0:1:10 and 5:100:10 overlap",
		"--subuidname gone img":                 `--subuidname "gone": no such user`,
		"--subgidname none img":                 "/etc/subgid has no range for it: add a line such as none:100000:65536",
		"--subuidname me --uidmap 0:1:1 img":    "--subuidname and --uidmap both map",
		"--pod web --userns auto img":           "are for the pod, whose users its containers share",
	}
}

func TestUsersOfOthersThanRoot(t *testing.T) {
	for args, want := range map[string]*spec.UserNamespace{
		"--userns keep-id": {
			UIDs: []spec.IDMap{{Host: 1, Size: 1000}, {Container: 1000, Size: 1}, {Container: 1001, Host: 1001, Size: 64536}},
			GIDs: []spec.IDMap{{Host: 1, Size: 100}, {Container: 100, Size: 1}, {Container: 101, Host: 101, Size: 65436}},
		},
		"--userns keep-id:uid=0,gid=5": {
			UIDs: []spec.IDMap{{Size: 1}, {Container: 1, Host: 1, Size: 65536}},
			GIDs: []spec.IDMap{{Host: 1, Size: 5}, {Container: 5, Size: 1}, {Container: 6, Host: 6, Size: 65531}},
		},
		"--userns keep-id:size=2000": {
			UIDs: []spec.IDMap{{Host: 1, Size: 1000}, {Container: 1000, Size: 1}, {Container: 1001, Host: 1001, Size: 999}},
			GIDs: []spec.IDMap{{Host: 1, Size: 100}, {Container: 100, Size: 1}, {Container: 101, Host: 101, Size: 1899}},
		},
		"--userns nomap": {UIDs: []spec.IDMap{{Host: 1, Size: 65536}}, GIDs: []spec.IDMap{{Host: 1, Size: 65536}}},
	} {
		made, err := ParseRun(words(args+" img"), userHost{})
		if err != nil {
			t.Errorf("%s: %v", args, err)
		} else if diff := cmpDiff(want, made.Pod.Users); diff != "" {
			t.Errorf("%s:\n%s", args, diff)
		}
	}
	if made, err := ParseRun(words("--userns keep-id:uid=7 img"), userHost{}); err != nil || made.Container().User.Name != "7:100" {
		t.Errorf("the user of keep-id: %v, %v", made, err)
	}
	if made, err := ParseRun(words("--user root --userns keep-id img"), userHost{}); err != nil || made.Container().User.Name != "root" {
		t.Errorf("the user of keep-id and --user: %v, %v", made, err)
	}
	if _, err := ParseRun(words("--userns keep-id:size=x img"), userHost{}); err == nil {
		t.Error("keep-id:size=x is taken")
	}
}

func TestUsersOfTheEnvironment(t *testing.T) {
	made, err := ParseRun(words("img"), usernsHost{})
	if err != nil || made.Pod.Users == nil || made.Pod.Users.Auto == nil {
		t.Errorf("PODMAN_USERNS=auto: %v, %v", made, err)
	}
	for _, args := range []string{"--userns= img", "--userns host img", "--pod web img"} {
		if made, err := ParseRun(words(args), usernsHost{}); err != nil || made.Pod.Users != nil {
			t.Errorf("PODMAN_USERNS=auto %s: %v, %v", args, made, err)
		}
	}
}

type userHost struct{ fakeHost }

func (userHost) User() (uid, gid uint32) { return 1000, 100 }

type usernsHost struct{ fakeHost }

func (usernsHost) Environ() []string { return []string{"PODMAN_USERNS=auto"} }

func FuzzUserns(f *testing.F) {
	for _, s := range []string{"auto:size=1", "auto:uidmapping=0:1:2", "keep-id:uid=4294967295", "ns:/x", "container:db", "nomap", "keep-id:gid=65536"} {
		f.Add(s, "0:1:2")
	}
	f.Fuzz(func(t *testing.T, mode, ids string) {
		for _, host := range []Host{fakeHost{}, userHost{}} {
			made, err := ParseRun([]string{"--userns=" + mode, "img"}, host)
			if err != nil || made.Pod.Users == nil {
				continue
			}
			for _, list := range [][]spec.IDMap{made.Pod.Users.UIDs, made.Pod.Users.GIDs} {
				if a, b, ok := overlap(list); ok {
					t.Errorf("--userns %q: %v and %v overlap", mode, a, b)
				}
			}
		}
		if m, _, err := parseMap(ids, false); err == nil && (m.Size == 0 || m.Container+m.Size < m.Container || m.Host+m.Size < m.Host) {
			t.Errorf("--uidmap %q: %v", ids, m)
		}
	})
}
