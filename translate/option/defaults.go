package option

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// Defaults is the table [containers] of containers.conf(5): the words of each key
// that is set there, one of a simple value, any number of a list.
type Defaults map[string][]string

// usual is a key that says what a flag would, where no flag does.
type usual struct {
	key, flag string
	list      bool     // its items stand before those of the flag
	ofPod     bool     // a container that goes into a pod has it from there
	unless    []string // flags that it would contradict
}

// usuals are the keys that are nothing but the usual value of a flag.
func usuals() []usual {
	return []usual{
		{key: "annotations", flag: "annotation", list: true},
		{key: "base_hosts_file", flag: "hosts-file", ofPod: true, unless: []string{"no-hosts"}},
		{key: "cgroup_conf", flag: "cgroup-conf", list: true},
		{key: "cgroupns", flag: "cgroupns"},
		{key: "cgroups", flag: "cgroups", unless: []string{"cgroup-parent"}},
		{key: "default_ulimits", flag: "ulimit", list: true},
		{key: "devices", flag: "device", list: true},
		{key: "env_host", flag: "env-host"},
		{key: "http_proxy", flag: "http-proxy"},
		{key: "init", flag: "init", unless: []string{"systemd"}},
		{key: "ipcns", flag: "ipc", ofPod: true, unless: []string{"shm-size"}},
		{key: "netns", flag: "network", ofPod: true},
		{key: "no_hostname", flag: "no-hostname", ofPod: true},
		{key: "no_hosts", flag: "no-hosts", ofPod: true, unless: []string{"add-host", "hosts-file"}},
		{key: "oom_score_adj", flag: "oom-score-adj"},
		{key: "pidns", flag: "pid", ofPod: true},
		{key: "pids_limit", flag: "pids-limit"},
		{key: "privileged", flag: "privileged"},
		{key: "read_only", flag: "read-only"},
		{key: "tz", flag: "tz"},
		{key: "umask", flag: "umask"},
		{key: "userns", flag: "userns", ofPod: true, unless: []string{"uidmap", "gidmap", "subuidname", "subgidname"}},
		{key: "utsns", flag: "uts", ofPod: true, unless: []string{"hostname"}},
	}
}

// fill gives flags their usual values, without making them given. A pod has what
// its containers share; the rest is each container's.
func (m *maker) fill(ofPod bool) {
	added := !ofPod && m.goesIntoPod()
	for _, u := range usuals() {
		words, f := m.conf[u.key], m.flags.Lookup(u.flag)
		switch {
		case len(words) == 0 || f == nil || slices.ContainsFunc(u.unless, m.given):
		case ofPod && !u.ofPod, added && u.ofPod:
		case u.key == "default_ulimits" && m.givenWord("ulimit", "host"):
		case strings.HasSuffix(u.key, "ns") && u.key != "userns" && words[0] == "private": // so they are
		case !u.list && m.given(u.flag):
		default:
			m.filled[u.flag] = u.key
			m.noteKey(u.key, strings.Join(words, ", "), setUsual(f, words, u.list))
		}
	}
	m.tellUnknown()
}

func setUsual(f *pflag.Flag, words []string, list bool) error {
	lists, isList := f.Value.(pflag.SliceValue)
	switch {
	case list && isList:
		return lists.Replace(slices.Concat(words, lists.GetSlice()))
	case len(words) != 1:
		return errors.New("write one value, not a list")
	case isList:
		return lists.Replace(words)
	}
	if f.Value.Set(words[0]) != nil {
		return fmt.Errorf("not what --%s takes", f.Name)
	}
	return nil
}

// goesIntoPod reports whether the command line names a pod that is there.
func (m *maker) goesIntoPod() bool {
	f := m.flags.Lookup("pod")
	return f != nil && (m.given("pod") && !strings.HasPrefix(f.Value.String(), "new:") || m.given("pod-id-file"))
}

func (m *maker) givenWord(flag, word string) bool {
	f := m.flags.Lookup(flag)
	if f == nil || !m.given(flag) {
		return false
	}
	list, ok := f.Value.(pflag.SliceValue)
	return ok && slices.Contains(list.GetSlice(), word)
}

// said reports whether the command line, or containers.conf for it, has a flag.
func (m *maker) said(flag string) bool { return m.given(flag) || m.filled[flag] != "" }

// word is the value of a key that has one, "" if it is not set.
func (m *maker) word(key string) string {
	words := m.conf[key]
	if len(words) > 1 {
		m.noteKey(key, strings.Join(words, ", "), errors.New("write one value, not a list"))
	}
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// noteKey notes what is wrong with a value of containers.conf, if anything is.
func (m *maker) noteKey(key, value string, err error) {
	if err != nil {
		m.errs = append(m.errs, fmt.Errorf("containers.conf: %s %q: %w", key, value, err))
	}
}

// source is where a value of a flag comes from, as a person would look for it.
func (m *maker) source(flag, value string) string {
	key := m.filled[flag]
	if key != "" && (!m.given(flag) || slices.Contains(m.conf[key], value)) {
		return "containers.conf: " + key
	}
	return "--" + flag
}

// tellUnknown warns of what is set and changes nothing.
func (m *maker) tellUnknown() {
	known := []string{
		// read here, by the groups of flags they belong to
		"apparmor_profile", "default_capabilities", "default_sysctls", "dns_options", "dns_searches", "dns_servers", "env", "init_path", "label",
		"log_driver", "log_tag", "mounts", "shm_size", "volumes",
		// read by the engine
		"host_containers_internal_ip", "log_size_max", "seccomp_profile",
	}
	for _, u := range usuals() {
		known = append(known, u.key)
	}
	// what berth does anyway
	harmless := map[string]string{
		"container_name_as_hostname": "false", "enable_keyring": "true", "interface_name": "", "keyring": "true", "label_users": "false",
		"prepare_volume_on_create": "false", "userns_size": "65536",
	}
	for _, key := range slices.Sorted(maps.Keys(m.conf)) {
		words := strings.Join(m.conf[key], ", ")
		usual, ok := harmless[key]
		if slices.Contains(known, key) || ok && words == usual {
			continue
		}
		m.made.Warnings = append(m.made.Warnings, "containers.conf: "+key+" cannot be honoured, and changes nothing here")
	}
}

// usualEnv is the environment below that of the image.
func (m *maker) usualEnv(host map[string]string) []spec.EnvVar {
	var list vars
	for _, s := range m.conf["env"] {
		m.noteKey("env", s, list.add(s, host))
	}
	return list
}
