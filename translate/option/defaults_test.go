package option

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

// confHost is a host with a containers.conf.
type confHost struct {
	fakeHost
	conf Defaults
}

func (h confHost) Defaults() Defaults { return h.conf }

func one(key string, words ...string) Defaults { return Defaults{key: words} }

func TestDefaultsOfContainers(t *testing.T) {
	pids := func(n int64, any bool) edit {
		return func(_ *Made, c *spec.Container, h *spec.ByHand) { c.Resources.PidsLimit, h.Tuning.AnyPids = n, any }
	}
	tests := []struct {
		name string
		conf Defaults
		args string
		want edit
	}{
		{"variables are below those of the image", one("env", "A=1", "HOSTED"), "-e B=2 img", func(_ *Made, c *spec.Container, h *spec.ByHand) {
			h.BaseEnv = []spec.EnvVar{{Name: "A", Value: "1"}, {Name: "HOSTED", Value: "here"}}
			c.Env = []spec.EnvVar{{Name: "B", Value: "2"}}
		}},
		{"a flag wins", one("tz", "Asia/Tokyo"), "--tz=local img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.Timezone = "local" }},
		{"umask and time zone", Defaults{"umask": {"0027"}, "tz": {"Asia/Tokyo"}}, "img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Umask, h.Timezone = "0027", "Asia/Tokyo"
		}},
		{"annotations, that of a flag over it", one("annotations", "a=1", "b=2"), "--annotation a=3 img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Annotations = map[string]string{"a": "3", "b": "2"}
		}},
		{"capabilities stay apart from those asked for", one("default_capabilities", "CHOWN", "cap_net_raw"), "--cap-add KILL img", func(_ *Made, c *spec.Container, h *spec.ByHand) {
			h.BaseCaps, c.Security.CapAdd = []string{"CAP_CHOWN", "CAP_NET_RAW"}, []string{"CAP_KILL"}
		}},
		{"the usual capabilities", one("default_capabilities", "SYS_CHROOT", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID"), "img", func(*Made, *spec.Container, *spec.ByHand) {}},
		{"no capabilities at all", one("default_capabilities"), "img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.BaseCaps = []string{} }},
		{"limits, that of a flag over it", one("default_ulimits", "nofile=10:20", "core=0"), "--ulimit nofile=5:6 img", func(_ *Made, c *spec.Container, _ *spec.ByHand) {
			c.Resources.Ulimits = []spec.Ulimit{{Name: "core"}, {Name: "nofile", Soft: 5, Hard: 6}}
		}},
		{"no limits but the caller's", one("default_ulimits", "nofile=10"), "--ulimit host img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.Tuning.HostUlimits = true }},
		{"parameters of a network that is the host's", one("default_sysctls", "net.core.somaxconn=1"), "--network host img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.HostNet, m.Pod.Networks = true, nil
		}},
		{"parameters, that of a flag over it", one("default_sysctls", "net.a=1", "net.b=2"), "--sysctl net.b=3 img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Sysctls = map[string]string{"net.a": "1", "net.b": "3"}
		}},
		{"parameters of the network with users of its own", one("default_sysctls", "net.a=1", "kernel.msgmax=2", "net.ipv4.ping_group_range=0 0"), "--userns auto img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Users, m.Pod.Sysctls = &spec.UserNamespace{Auto: &spec.AutoUsers{}}, map[string]string{"kernel.msgmax": "2", "net.a": "1"}
		}},
		{"processes", one("pids_limit", "7"), "img", pids(7, false)},
		{"any number of processes", one("pids_limit", "0"), "img", pids(0, true)},
		{"processes without a cgroup", one("pids_limit", "7"), "--cgroups disabled img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Cgroup.Mode = spec.CgroupsDisabled
		}},
		{"an init, but not before systemd", Defaults{"init": {"true"}, "init_path": {"/bin/tini"}}, "--systemd always img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Systemd = spec.SystemdAlways
		}},
		{"an init of its own", Defaults{"init": {"true"}, "init_path": {"/bin/tini"}}, "img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Init, h.InitPath = true, "/bin/tini"
		}},
		{"an init that none asks for", one("init_path", "/bin/tini"), "img", func(*Made, *spec.Container, *spec.ByHand) {}},
		{"read-only", one("read_only", "true"), "img", func(_ *Made, c *spec.Container, _ *spec.ByHand) { c.Security.ReadOnlyRoot = true }},
		{"writable after all", one("read_only", "true"), "--read-only=false img", func(*Made, *spec.Container, *spec.ByHand) {}},
		{"namespaces of the host", Defaults{"pidns": {"host"}, "ipcns": {"host"}, "utsns": {"host"}, "cgroupns": {"host"}, "shm_size": {"1m"}}, "img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.HostPID, m.Pod.HostIPC = true, true
			m.Pod.Join.UTS.Host, m.Pod.Join.Cgroup.Host = true, true
		}},
		{"a hostname asks for its own namespace", one("utsns", "host"), "--hostname h img", func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.Hostname = "h" }},
		{"the host's network", one("netns", "host"), "img", func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.HostNet, m.Pod.Networks = true, nil }},
		{"a network of a flag", one("netns", "host"), "--network berth img", func(*Made, *spec.Container, *spec.ByHand) {}},
		{"shared memory", one("shm_size", "65536k"), "img", func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.ShmSize = 64 << 20 }},
		{"users of its own", one("userns", "auto:size=10"), "img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Users = &spec.UserNamespace{Auto: &spec.AutoUsers{Size: 10}}
		}},
		{"names, servers of a flag", Defaults{"dns_servers": {"1.1.1.1"}, "dns_searches": {"a.example"}, "dns_options": {"ndots:1"}}, "--dns 2.2.2.2 --dns-option ndots:2 img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.DNS.Servers, m.Pod.DNS.Searches, m.Pod.DNS.Options = []string{"2.2.2.2"}, []string{"a.example"}, []string{"ndots:2", "ndots:1"}
		}},
		{"names without a network", one("dns_servers", "1.1.1.1"), "--network none img", func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.Networks = nil }},
		{"no hosts, unless one is added", one("no_hosts", "true"), "--add-host a:1.2.3.4 img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Hosts = []spec.HostAlias{{IP: "1.2.3.4", Names: []string{"a"}}}
		}},
		{"hosts file", one("base_hosts_file", "none"), "img", func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.HostsFile = "none" }},
		{"a mount where a flag mounts something else", one("volumes", "/a:/data:ro", "/b:/b"), "-v /c:/data img", func(m *Made, c *spec.Container, _ *spec.ByHand) {
			c.Mounts = []spec.Mount{{Volume: "v0", Path: "/data"}, {Volume: "v1", Path: "/b"}}
			m.Pod.Volumes = []spec.Volume{
				{Name: "v0", Host: &spec.HostVolume{Path: "/c", Type: spec.HostExists}}, {Name: "v1", Host: &spec.HostVolume{Path: "/b", Type: spec.HostExists}},
			}
		}},
		{"devices before those of flags", one("devices", "/dev/fuse"), "--device /dev/null:r img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Devices = []spec.Device{{Host: "/dev/fuse", Path: "/dev/fuse"}, {Host: "/dev/null", Path: "/dev/null", Permissions: "r"}}
		}},
		{"journal with a tag", Defaults{"log_driver": {"journald"}, "log_tag": {"t-{{.Name}}"}}, "img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Log = spec.Log{Driver: "journald", Tag: "t-{{.Name}}"}
		}},
		{"a file's option over the journal", one("log_driver", "journald"), "--log-opt max-size=1mb img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Log.MaxSize = 1000000
		}},
		{"AppArmor", one("apparmor_profile", "mine"), "img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.AppArmor, h.AppArmorUsual = "mine", true }},
		{"AppArmor of a flag", one("apparmor_profile", "mine"), "--security-opt apparmor=other img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.AppArmor = "other" }},
		{"in a pod, what its containers share is the pod's", Defaults{"netns": {"host"}, "pidns": {"host"}, "dns_servers": {"1.1.1.1"}, "default_sysctls": {"net.a=1"}, "userns": {"auto"}, "umask": {"0077"}}, "--pod p img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			m.Into, m.Pod.Bare, m.Pod.Networks, m.Pod.RestartPolicy = "p", false, nil, ""
			h.Umask = "0077"
		}},
		{"what changes nothing is told", Defaults{"keyring": {"false"}, "label_users": {"false"}, "colour": {"red"}, "log_size_max": {"-1"}}, "img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Warnings = []string{"containers.conf: colour cannot be honoured, and changes nothing here", "containers.conf: keyring cannot be honoured, and changes nothing here"}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseRun(append([]string{"--http-proxy=false"}, words(test.args)...), confHost{conf: test.conf})
			if err != nil {
				t.Fatal(err)
			}
			want := plain()
			test.want(want, want.Container(), want.Container().ByHand)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestDefaultsOfPods(t *testing.T) {
	conf := Defaults{
		"netns": {"host"}, "pidns": {"host"}, "dns_searches": {"a.example"}, "default_sysctls": {"kernel.msgmax=1"}, "shm_size": {"1m"},
		"volumes": {"/a:/a"}, "devices": {"/dev/fuse"}, "umask": {"0077"}, "default_capabilities": {"CHOWN"}, "env": {"A=1"}, "apparmor_profile": {"mine"},
	}
	made, err := ParsePodCreate([]string{"p"}, confHost{conf: conf})
	if err != nil {
		t.Fatal(err)
	}
	p := made.Pod
	if !p.HostNet || !p.HostPID || p.ShmSize != 1<<20 || len(p.DNS.Searches) != 1 || p.Sysctls["kernel.msgmax"] != "1" {
		t.Errorf("the pod has not what its containers share: %+v", p)
	}
	if p.Inherit != nil || len(made.Warnings) > 0 {
		t.Errorf("the pod has what each container gets by itself: %+v, %q", p.Inherit, made.Warnings)
	}
	p.Inherit = &spec.Inherited{ByHand: spec.ByHand{AppArmor: "pods"}}
	in, err := ParseRun([]string{"--pod", "p", "img"}, confHost{conf: conf})
	if err != nil {
		t.Fatal(err)
	}
	if in.AddTo(p); in.Container().ByHand.AppArmor != "pods" || in.Container().ByHand.AppArmorUsual {
		t.Errorf("containers.conf wins over the pod: %+v", in.Container().ByHand)
	}
}

func TestDefaultsThatAreWrong(t *testing.T) {
	tests := []struct {
		conf Defaults
		want string
	}{
		{one("umask", "888"), `containers.conf: umask "888": not an octal umask`},
		{one("init", "perhaps"), `containers.conf: init "perhaps": not what --init takes`},
		{one("tz", "a", "b"), `containers.conf: tz "a, b": write one value, not a list`},
		{one("default_ulimits", "nofile"), `containers.conf: default_ulimits "nofile"`},
		{one("default_capabilities", "CHWON"), `containers.conf: default_capabilities "CHWON": unknown capability, did you mean "CAP_CHOWN"?`},
		{one("default_sysctls", "vm.swappiness=1"), `containers.conf: default_sysctls "vm.swappiness=1"`},
		{one("volumes", "rel:ative"), `containers.conf: volumes "rel:ative"`},
		{one("dns_servers", "here"), `containers.conf: dns_servers "here": not an IP address`},
		{one("env", "=1"), `containers.conf: env "=1"`},
		{one("pids_limit", "-5"), `containers.conf: pids_limit "-5"`},
		{one("shm_size", "much"), `containers.conf: shm_size "much"`},
		{one("pidns", "hots"), `containers.conf: pidns "hots": unknown, did you mean "host"?`},
	}
	for _, test := range tests {
		_, err := ParseRun([]string{"img"}, confHost{conf: test.conf})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.conf, err, test.want)
		}
	}
}
