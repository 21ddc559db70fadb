package option

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// identity is what a container is called, and who is told.
type identity struct {
	name, cidFile, pidFile, conmonPidFile, pod, podIDFile, initCtr string
	labels, labelFiles, annotations, requires                      []string
	replace, remove                                                bool
}

func (i *identity) register(f *pflag.FlagSet) {
	f.StringVar(&i.name, "name", "", "`name` of the container (default: one that is made up)")
	f.BoolVar(&i.replace, "replace", false, "remove the container that has the name first")
	f.BoolVar(&i.remove, "rm", false, "remove the container, and its unnamed volumes, once it has ended")
	f.StringArrayVarP(&i.labels, "label", "l", nil, "give the container a label (`key=value`)")
	f.StringArrayVar(&i.labelFiles, "label-file", nil, "read labels from a `file`, one a line")
	f.StringArrayVar(&i.annotations, "annotation", nil, "give the container an annotation (`key=value`)")
	f.StringVar(&i.cidFile, "cidfile", "", "write the container's ID to a `file`, which goes with the container")
	f.StringVar(&i.pidFile, "pidfile", "", "write the PID of the container's process to a `file`")
	f.StringVar(&i.conmonPidFile, "conmon-pidfile", "", "write the PID of the container's monitor to a `file`")
	f.StringVar(&i.pod, "pod", "", "add the container to a `pod`; new:NAME makes one")
	f.StringVar(&i.podIDFile, "pod-id-file", "", "add the container to the pod whose ID stands in a `file`")
	f.StringVar(&i.initCtr, "init-ctr", "", "make it an init container of its pod, which ends before the others start: at each start of the pod, or until it has ended well and is removed (`always|once`)")
	f.StringSliceVar(&i.requires, "requires", nil, "start these `containers` first")
}

// validName is what podman takes for a name.
var validName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
})

// CheckName refuses what cannot be the name of a container, a pod or a volume.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is missing")
	case len(name) > 253:
		return errors.New("a name has 253 characters at most")
	case !validName().MatchString(name):
		return errors.New("a name has letters, digits, _, . and -, and begins with a letter or a digit")
	}
	return nil
}

func (i *identity) apply(m *maker) {
	i.place(m)
	if m.given("name") {
		m.noteFlag("name", i.name, CheckName(i.name))
		m.c.Name = i.name
	}
	m.made.Replace, m.made.IDFile = i.replace, m.file(i.cidFile)
	m.hand.IDFile = m.made.IDFile
	m.hand.Remove = i.remove
	m.hand.PidFile, m.hand.ConmonPidFile = m.file(i.pidFile), m.file(i.conmonPidFile)
	if i.replace && i.name == "" {
		m.note(errors.New("--replace says nothing without --name"))
	}
	m.hand.Labels = m.labels(i.labelFiles, i.labels)
	var err error
	m.hand.Annotations, err = ParseAnnotations(i.annotations)
	m.note(err)
	for _, name := range i.requires {
		if ref, ok := m.ref("requires", name, name); ok {
			m.hand.Requires = append(m.hand.Requires, ref)
		}
	}
}

// place finds the pod that the container goes into.
func (i *identity) place(m *maker) {
	into := i.pod
	if m.given("pod-id-file") {
		if m.given("pod") {
			m.note(errors.New("--pod and --pod-id-file both name a pod: give one of them"))
		}
		data, err := m.host.ReadFile(i.podIDFile)
		m.noteFlag("pod-id-file", i.podIDFile, err)
		into = strings.TrimSpace(string(data))
		if into == "" && err == nil && !m.nowhere {
			m.failf("pod-id-file", i.podIDFile, "there is no ID in it")
		}
	}
	name, fresh := strings.CutPrefix(into, "new:")
	switch {
	case fresh:
		m.noteFlag("pod", into, CheckName(name))
		m.pod.Name, m.pod.Bare, m.pod.ByHand, m.pod.PlainNames = name, false, true, true
	case m.given("pod"), m.given("pod-id-file"):
		m.made.Into, m.pod.Bare = into, false
		if m.given("pod") && i.pod == "" {
			m.failf("pod", into, "the name is missing")
		}
	}
	if m.given("init-ctr") {
		i.initKind(m)
	}
}

// initKind makes the container one that its pod's start waits for.
func (i *identity) initKind(m *maker) {
	switch kind := spec.InitKind(i.initCtr); kind {
	case spec.InitAlways, spec.InitOnce:
		m.hand.InitKind = kind
	default:
		m.failf("init-ctr", i.initCtr, "unknown%s", oneOf(i.initCtr, []string{string(spec.InitAlways), string(spec.InitOnce)}))
	}
	if m.pod.Bare {
		m.note(errors.New("--init-ctr says nothing without --pod"))
	}
	if i.remove {
		m.note(errors.New("--rm would remove the init container whether it ends well or not: --init-ctr once removes it when it has"))
	}
}

// labels are those of files, and over them those given.
func (m *maker) labels(files, list []string) map[string]string {
	out := map[string]string{}
	add := func(s string) bool {
		key, value, _ := strings.Cut(s, "=")
		if key != "" {
			out[key] = value
		}
		return key != ""
	}
	for _, name := range files {
		m.labelFile(name, add)
	}
	for _, s := range list {
		if !add(s) {
			m.failf("label", s, "write key=value")
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// labelFile reads a label a line, as podman does: blanks before it, empty lines and
// those that begin with # do not count, and no key has blanks.
func (m *maker) labelFile(name string, add func(string) bool) {
	data, err := m.host.ReadFile(name)
	m.noteFlag("label-file", name, err)
	if slices.Contains(data, 0) {
		m.failf("label-file", name, "it is no text: there is a NUL byte in it")
		return
	}
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		n++
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		key, _, _ := strings.Cut(line, "=")
		switch {
		case strings.ContainsAny(key, " \t"):
			m.failf("label-file", name, "line %d: there are blanks in the key %q: write key=value", n, key)
		case !add(line):
			m.failf("label-file", name, "line %d: the key is missing: write key=value", n)
		}
	}
}

// file is the absolute path of a file that is written; empty stays.
func (m *maker) file(path string) string {
	if path == "" {
		return ""
	}
	return m.host.Abs(path)
}
