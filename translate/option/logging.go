package option

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// logging is where the container's output is kept.
type logging struct {
	driver  string
	options []string
}

func (l *logging) register(f *pflag.FlagSet) {
	f.StringVar(&l.driver, "log-driver", "", "keep the container's output with this `driver`: k8s-file, journald, none, passthrough, passthrough-tty")
	f.StringArrayVar(&l.options, "log-opt", nil, "option of the log driver (`key=value`): path, max-size, tag, label")
}

func (l *logging) apply(m *maker) {
	driver := l.driver
	switch driver {
	case "passthrough-tty":
		driver = "passthrough"
	case "":
		driver = l.usual(m)
	}
	log, err := ParseLog(driver, l.options)
	m.note(err)
	if log.Driver == "journald" && log.Tag == "" {
		log.Tag = m.word("log_tag")
	}
	if l.driver == "passthrough" && m.c.TTY {
		m.note(errors.New("--log-driver passthrough hands a terminal to the container, which could type into it: take passthrough-tty if that is meant"))
	}
	m.noteFlag("log-opt", "tag="+log.Tag, l.fill(m, &log.Tag))
	for i := range log.Labels {
		m.noteFlag("log-opt", "label="+log.Labels[i], l.fill(m, &log.Labels[i]))
	}
	switch {
	case m.pod.Bare:
		m.pod.Log = log
	case !reflect.ValueOf(log).IsZero():
		m.hand.Log = &log
	}
}

// unitVariable says which systemd unit the caller runs for.
const unitVariable = "PODMAN_SYSTEMD_UNIT"

// usual is the driver where none is given: that of the options, else of
// containers.conf, else the journal's for what systemd runs; else ours.
func (l *logging) usual(m *maker) string {
	has := func(key string) bool {
		return slices.ContainsFunc(l.options, func(s string) bool { return strings.HasPrefix(s, key+"=") })
	}
	switch {
	case has("path"), has("max-size"):
		return ""
	case has("tag"), has("label"):
		return "journald"
	case m.word("log_driver") != "":
		return m.word("log_driver")
	case environ(m.host)[unitVariable] != "":
		return "journald"
	}
	return ""
}

// placeholder is a part of a tag or label that stands for something of the container.
var placeholder = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\{\{[^}]*\}\}`)
})

// tagName stands in a tag for the name, which is filled in when it is given.
const tagName = "{{.Name}}"

// fill replaces what is known now.
func (l *logging) fill(m *maker, tag *string) error {
	for _, p := range placeholder().FindAllString(*tag, -1) {
		switch strings.ReplaceAll(p, " ", "") {
		case "{{.ImageName}}":
			*tag = strings.ReplaceAll(*tag, p, m.c.Image)
		case tagName:
			*tag = strings.ReplaceAll(*tag, p, tagName)
		default:
			return errors.New(p + " is not known when the container is made: only {{.Name}} and {{.ImageName}} are")
		}
	}
	return nil
}

// nameTag fills the name into the tag and the labels of a log.
func nameTag(l *spec.Log, name string) {
	l.Tag = strings.ReplaceAll(l.Tag, tagName, name)
	for i, s := range l.Labels {
		l.Labels[i] = strings.ReplaceAll(s, tagName, name)
	}
}
