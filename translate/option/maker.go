package option

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"berth/engine/spec"
	"berth/internal/source"
)

// maker gathers what groups of flags say, and what is wrong with them.
type maker struct {
	host  Host
	flags *pflag.FlagSet
	made  *Made
	pod   *spec.Pod
	c     *spec.Container
	hand  *spec.ByHand
	errs  []error
	// conf is containers.conf, filled the flags that it gave their values, with its key.
	conf   Defaults
	filled map[string]string
	// nowhere: only the command line counts, files are not looked into.
	nowhere bool
}

func newMaker(host Host, flags *pflag.FlagSet) *maker {
	m := &maker{host: host, flags: flags, conf: host.Defaults(), filled: map[string]string{}, pod: &spec.Pod{Bare: true, Namespace: spec.DefaultNamespace}}
	m.hand = &spec.ByHand{}
	m.c = &spec.Container{ByHand: m.hand}
	m.made = &Made{Pod: m.pod}
	_, m.nowhere = host.(nowhere)
	return m
}

func (m *maker) finish() (*Made, error) {
	m.pod.Containers = []spec.Container{*m.c}
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	if m.c.Name != "" {
		m.made.SetName(m.c.Name, m.c.Name)
	}
	return m.made, nil
}

// added reports whether the container goes into a pod that is there.
func (m *maker) added() bool { return m.made.Into != "" }

// given reports whether the command line has a flag.
func (m *maker) given(flag string) bool { return m.flags.Changed(flag) }

func (m *maker) note(err error) {
	if err != nil {
		m.errs = append(m.errs, err)
	}
}

// noteFlag notes what is wrong with a value of a flag, if anything is.
func (m *maker) noteFlag(flag, value string, err error) {
	if err != nil {
		m.errs = append(m.errs, fmt.Errorf("%s %q: %w", m.source(flag, value), value, err))
	}
}

func (m *maker) failf(flag, value, format string, args ...any) {
	m.noteFlag(flag, value, fmt.Errorf(format, args...))
}

// volume adds a volume, and names it.
func (m *maker) volume(v spec.Volume) (name string) {
	v.Name = "v" + strconv.Itoa(len(m.pod.Volumes))
	m.pod.Volumes = append(m.pod.Volumes, v)
	return v.Name
}

func didYouMean(word string, known []string) string { return source.DidYouMean(word, known) }
