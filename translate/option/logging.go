package option

import (
	"errors"

	"github.com/spf13/pflag"
)

// logging is where the container's output is kept.
type logging struct {
	driver  string
	options []string
}

func (l *logging) register(f *pflag.FlagSet) {
	f.StringVar(&l.driver, "log-driver", "", "keep the container's output with this `driver`: k8s-file, journald, none, passthrough, passthrough-tty")
	f.StringArrayVar(&l.options, "log-opt", nil, "option of the log driver (`key=value`): path, max-size, tag")
}

func (l *logging) apply(m *maker) {
	driver := l.driver
	if driver == "passthrough-tty" {
		driver = "passthrough"
	}
	log, err := ParseLog(driver, l.options)
	m.note(err)
	if l.driver == "passthrough" && m.c.TTY {
		m.note(errors.New("--log-driver passthrough hands a terminal to the container, which could type into it: take passthrough-tty if that is meant"))
	}
	switch {
	case m.pod.Bare:
		m.pod.Log = log
	case m.given("log-driver") || m.given("log-opt"):
		m.hand.Log = &log
	}
}
