package oci

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"berth/engine/spec"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// notifyFolder is where a container finds the socket of Input.NotifyDir: not that
// of podman's alone, images count on the variable.
const notifyFolder = "/run/notify"

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// errNoCommand is a container whose spec and image both say nothing to run.
var errNoCommand = errors.New("no command specified")

func process(in Input, id identity) (*specs.Process, error) {
	c := in.Container
	args := Command(c, in.Image, in.Facts)
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: %w", spec.ErrConfig, errNoCommand)
	}
	cwd, err := workingDir(c, in.Image, in.Facts)
	if err != nil {
		return nil, err
	}
	caps, err := capabilities(c.Security, baseCapabilities(c), id.root(), in.Host)
	if err != nil {
		return nil, err
	}
	limits, err := rlimitsFor(c.Resources.Ulimits, in.Host)
	if err != nil {
		return nil, err
	}
	score, err := oomScoreAdj(c, in.Host)
	if err != nil {
		return nil, err
	}
	if c.ByHand != nil && c.ByHand.Tuning.HostUlimits {
		limits = nil // conmon and the runtime hand ours on
	}
	return &specs.Process{
		Terminal:        c.TTY,
		User:            id.user,
		Args:            args,
		Env:             environment(in, id.home),
		Cwd:             cwd,
		Capabilities:    caps,
		Rlimits:         limits,
		NoNewPrivileges: c.Security.NoNewPrivileges,
		OOMScoreAdj:     score,
	}, nil
}

// Command is what a container runs. Its command replaces the image's
// entrypoint and drops the image's cmd; its args replace the cmd.
func Command(c *spec.Container, image ociv1.ImageConfig, facts spec.Facts) []string {
	command, args := c.Command, c.Args
	if c.ByHand != nil && c.ByHand.NoEntrypoint && len(command) == 0 {
		image.Entrypoint = nil
	}
	if len(command) == 0 {
		command = image.Entrypoint
		if len(args) == 0 {
			args = image.Cmd
		}
	}
	all := make([]string, 0, len(command)+len(args))
	for _, list := range [][]string{command, args} {
		for _, s := range list {
			all = append(all, facts.Fill(s))
		}
	}
	return all
}

// environment is the image's, then the container's, each name once, in the
// order names first appear; then what every process may rely on.
func environment(in Input, home string) []string {
	e := newEnv()
	for _, kv := range in.Image.Env {
		name, value, _ := strings.Cut(kv, "=")
		e.set(name, value)
	}
	if in.Container.ByHand != nil {
		return handEnvironment(in, e, home)
	}
	for _, v := range in.Container.Env {
		e.set(v.Name, in.Facts.Fill(v.Value))
	}
	e.setDefault("PATH", defaultPath)
	if in.Container.TTY {
		e.setDefault("TERM", "xterm")
	}
	if !in.Pod.HostNet && in.Pod.Hostname != "" {
		e.setDefault("HOSTNAME", in.Pod.Hostname)
	}
	e.setDefault("HOME", home)
	return e.list()
}

func workingDir(c *spec.Container, image ociv1.ImageConfig, facts spec.Facts) (string, error) {
	dir := facts.Fill(c.WorkingDir)
	if dir == "" {
		dir = image.WorkingDir
	}
	if dir == "" {
		return "/", nil
	}
	if !path.IsAbs(dir) {
		return "", fmt.Errorf("%w: working directory %q is not an absolute path", spec.ErrConfig, dir)
	}
	return path.Clean(dir), nil
}

// oomScoreAdj keeps nil, which means our own. Only CAP_SYS_RESOURCE lowers it: what
// Kubernetes makes of a pod's class is then as low as can be, what a person asked for
// is refused.
func oomScoreAdj(c *spec.Container, host Host) (*int, error) {
	asked := c.Resources.OOMScoreAdj
	if asked == nil {
		return nil, nil
	}
	score := max(-1000, min(1000, *asked))
	if host.may("CAP_SYS_RESOURCE") || score >= host.OOMScoreAdj {
		return &score, nil
	}
	if c.ByHand != nil {
		return nil, fmt.Errorf("%w: oom-score-adj %d cannot be honoured: without CAP_SYS_RESOURCE it cannot be lower than berth's own, %d", spec.ErrConfig, score, host.OOMScoreAdj)
	}
	return &host.OOMScoreAdj, nil
}

// env is an environment that keeps order and holds each name once.
type env struct {
	names  []string
	values map[string]string
}

func newEnv() *env { return &env{values: map[string]string{}} }

func (e *env) set(name, value string) {
	if name == "" {
		return
	}
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *env) setDefault(name, value string) {
	if _, ok := e.values[name]; !ok {
		e.set(name, value)
	}
}

func (e *env) list() []string {
	list := make([]string, 0, len(e.names))
	for _, name := range e.names {
		list = append(list, name+"="+e.values[name])
	}
	return list
}
