package option

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// Container is the flags of `create`: everything that shapes one container and,
// where it stands alone, its pod.
type Container struct {
	flags *pflag.FlagSet
	run   bool // the flags are those of run

	identity identity
	image    image
	env      env
	process  process
	volumes  volumes
	network  network
	security security
	resource resource

	namespaces namespaces
	userns     userns
	device     device
	health     health
	secret     secret
	logging    logging
	streams    streams
}

// group is a part of the flags. Groups are applied in their order.
type group interface {
	register(f *pflag.FlagSet)
	apply(m *maker)
}

func (c *Container) groups() []group {
	return []group{
		&c.identity, &c.image, &c.env, &c.process, &c.logging, &c.network, &c.namespaces, &c.userns, &c.volumes, &c.secret, &c.security, &c.device,
		&c.resource, &c.health, &c.streams,
	}
}

// Register adds the flags to a set. Flags end where the image begins.
func (c *Container) Register(flags *pflag.FlagSet) {
	c.flags = pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, g := range c.groups() {
		g.register(c.flags)
	}
	if !c.run {
		for _, flag := range onlyRun() {
			_ = c.flags.MarkHidden(flag)
		}
	}
	addAll(flags, c.flags)
	flags.SetInterspersed(false)
	alias(flags)
}

func addAll(to, from *pflag.FlagSet) {
	from.VisitAll(func(f *pflag.Flag) {
		if to.Lookup(f.Name) == nil {
			to.AddFlag(f)
		}
	})
}

// alias lets a set know the other names that podman has for some flags.
func alias(flags *pflag.FlagSet) {
	names := map[string]string{
		"net": "network", "dns-opt": "dns-option", "timezone": "tz",
		"healthcheck-command": "health-cmd", "healthcheck-interval": "health-interval", "healthcheck-retries": "health-retries",
		"healthcheck-start-period": "health-start-period", "healthcheck-timeout": "health-timeout",
		"override-arch": "arch", "override-os": "os", "override-variant": "variant",
	}
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if known, ok := names[name]; ok {
			name = known
		}
		return pflag.NormalizedName(name)
	})
}

// Check is everything that is wrong with a command line whatever host it is
// for. Args begin with the image.
func (c *Container) Check(args []string) error {
	_, err := c.Make(args, nowhere{})
	return err
}

// Make is what the flags say of a container that runs an image, which args
// begin with, and what is to be done with it; or everything that is wrong.
func (c *Container) Make(args []string, host Host) (*Made, error) {
	if len(args) == 0 || args[0] == "" {
		return nil, errors.New("the image is missing")
	}
	m := newMaker(host, c.flags)
	m.c.Image, m.c.Args = args[0], append([]string(nil), args[1:]...)
	m.fill(false)
	for _, g := range c.groups() {
		g.apply(m)
	}
	m.usualParameters()
	if !c.run {
		c.onlyCreated(m)
	}
	return m.finish()
}

// onlyRun are the flags that say something of the command that starts a container,
// which create is not.
func onlyRun() []string { return []string{"preserve-fd", "preserve-fds", "rmi"} }

func (c *Container) onlyCreated(m *maker) {
	for _, flag := range onlyRun() {
		if m.given(flag) {
			m.note(fmt.Errorf("--%s is for run: create starts nothing", flag))
		}
	}
}

// Run is the flags of `run`: those of `create`, and what becomes of the
// terminal.
type Run struct {
	Container
	attach attach
}

// Register adds the flags to a set. Flags end where the image begins.
func (r *Run) Register(flags *pflag.FlagSet) {
	r.run = true
	r.Container.Register(flags)
	r.attach.register(r.flags)
	addAll(flags, r.flags)
	_ = flags.MarkHidden("init-ctr") // it is for create
}

// Check is everything that is wrong with a command line whatever host it is for.
func (r *Run) Check(args []string) error {
	_, err := r.Make(args, nowhere{})
	return err
}

// Make is what the flags say; see Container.Make.
func (r *Run) Make(args []string, host Host) (*Made, error) {
	made, err := r.Container.Make(args, host)
	if made == nil {
		made = &Made{Pod: &spec.Pod{}}
	}
	m := newMaker(host, r.flags)
	m.made = made
	r.attach.apply(m)
	if m.given("init-ctr") {
		m.note(errors.New("--init-ctr is for create: an init container runs when its pod starts"))
	}
	return made, errors.Join(err, errors.Join(m.errs...))
}

// ParseRun reads an argument list of `run`, flags, image and its arguments,
// without a command line.
func ParseRun(argv []string, host Host) (*Made, error) {
	var r Run
	flags := quietSet("run")
	r.Register(flags)
	if err := parseFlags(flags, argv); err != nil {
		return nil, err
	}
	return r.Make(flags.Args(), host)
}

// CheckRun is everything that is wrong with an argument list of `run`, whatever
// host it is for.
func CheckRun(argv []string) error {
	_, err := ParseRun(argv, nowhere{})
	return err
}

func quietSet(name string) *pflag.FlagSet {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// parseFlags parses, and says of an unknown flag which was probably meant.
func parseFlags(flags *pflag.FlagSet, argv []string) error {
	err := flags.Parse(argv)
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	return fmt.Errorf("%w%s", err, Suggest(flags, unknown.GetSpecifiedName()))
}

// Suggest is which flag of a set was probably meant by a name, as
// `, did you mean "--name"?`, or empty.
func Suggest(flags *pflag.FlagSet, name string) string {
	var known []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, "--"+f.Name)
		}
	})
	if len(name) < 2 || strings.HasPrefix(name, "=") {
		return ""
	}
	return didYouMean("--"+name, known)
}
