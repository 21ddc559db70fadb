package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine"
)

type cpFlags struct {
	archive, overwrite bool
	namespace          string
}

func (a *app) cp() *cobra.Command {
	var f cpFlags
	cmd := &cobra.Command{
		Use:   "cp [flags] [CONTAINER:]PATH|- [CONTAINER:]PATH|-",
		Short: "Copy files between containers and the host",
		Long: `Copies a file, or a folder with all that is in it, from a container to the host, the other way round, or from one
container to another, whether they run or not. "-" as the first stands for a tar archive on standard input, as the
second for one on standard output.

What is copied goes into a folder that is there, and otherwise gets the name that is given; of a folder whose path
ends in "/." the content is copied. In a container files belong to its user unless --archive=false leaves them to
whom they belong at the other end. On the host they belong to whoever copies, without set-user-ID bits. Devices and
sockets are not copied. Where a container mounts a volume, that is what is copied; tmpfs, ConfigMaps and Secrets only
while it runs.

A path of the host that could be taken for one of a container is written with "./" or "/" before it.`,
		Example: `  berth cp web:/etc/nginx/nginx.conf .
  berth cp site/. web:/usr/share/nginx/html
  berth cp old:/data new:/data
  berth cp web:/var/log - | tar -t`,
		Args: exactArgs(2, "what is to be copied, and where to"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to, err := f.ends(args)
			if err != nil {
				return usageError(cmd, "%w", err)
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.copyFiles(ctx, e, &f, from, to) })
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 1 || strings.ContainsAny(prefix, ":/.") {
				return nil, cobra.ShellCompDirectiveDefault
			}
			names, _ := a.completeContainers(cmd, nil, prefix)
			for i := range names {
				names[i] += ":"
			}
			if len(names) == 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return names, cobra.ShellCompDirectiveNoSpace
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.archive, "archive", "a", true, "give what is copied to a container to its user")
	flags.BoolVar(&f.overwrite, "overwrite", false, "let a file take the place of a folder, and the other way round")
	a.namespaceFlag(cmd, &f.namespace)
	return cmd
}

// copyEnd is one end of a copy as it was written.
type copyEnd struct {
	container, path string // no container: of the host
	stream          bool
}

// parseCopyEnd reads CONTAINER:PATH, a path of the host, or "-".
func parseCopyEnd(s string) (copyEnd, error) {
	if s == "-" {
		return copyEnd{stream: true}, nil
	}
	container, path, named := strings.Cut(s, ":")
	switch {
	case s == "":
		return copyEnd{}, errors.New("a path is missing")
	case !named || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "."):
		return copyEnd{path: s}, nil
	case container == "" || path == "":
		return copyEnd{}, fmt.Errorf("%q: write CONTAINER:PATH", s)
	}
	return copyEnd{container: container, path: path}, nil
}

func (f *cpFlags) ends(args []string) (from, to copyEnd, err error) {
	from, err1 := parseCopyEnd(args[0])
	to, err2 := parseCopyEnd(args[1])
	err = errors.Join(err1, err2)
	if err == nil && from.container == "" && to.container == "" {
		err = errors.New("one of the two has to be in a container: write CONTAINER:PATH")
	}
	return from, to, err
}

func (a *app) copyFiles(ctx context.Context, e *engine.Engine, f *cpFlags, from, to copyEnd) error {
	switch {
	case from.stream && isTerminal(a.in):
		return errors.New("an archive is not read from a terminal: pipe it to standard input")
	case to.stream && isTerminal(a.out):
		return errors.New("an archive is not written to a terminal: redirect standard output")
	}
	source, closeSource, err := a.openEnd(ctx, e, f, from)
	if err != nil {
		return err
	}
	defer closeSource()
	target, closeTarget, err := a.openEnd(ctx, e, f, to)
	if err != nil {
		return err
	}
	defer closeTarget()
	o := engine.CopyOptions{KeepOwners: !f.archive, Overwrite: f.overwrite}
	var r engine.CopyResult
	switch {
	case from.stream:
		r, err = e.CopyIn(ctx, a.in, target, o)
	case to.stream:
		r, err = e.CopyOut(ctx, source, a.out)
	default:
		r, err = e.Copy(ctx, source, target, o)
	}
	for _, name := range r.LeftOut {
		a.warn("%s is a device or the like, and was not copied", output.Printable(name))
	}
	if err := errors.Join(append(r.Flaws, err)...); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if from.stream { // what follows the archive's end, so that who writes it is not cut off
		_, _ = io.Copy(io.Discard, io.LimitReader(a.in, 1<<20))
	}
	return nil
}

// openEnd opens one end of a copy.
func (a *app) openEnd(ctx context.Context, e *engine.Engine, f *cpFlags, end copyEnd) (engine.CopyEnd, func(), error) {
	if end.container == "" {
		path := end.path
		if !filepath.IsAbs(path) && !end.stream {
			dir, err := os.Getwd()
			if err != nil {
				return engine.CopyEnd{}, nil, err
			}
			path = dir + "/" + path // not cleaned: an end of "/." means something
		}
		return engine.CopyEnd{Path: path}, func() {}, nil
	}
	p, c, err := e.FindContainer(ctx, f.namespace, end.container)
	if err != nil {
		return engine.CopyEnd{}, nil, err
	}
	if err := (target{end.container, p, c}).refuseInfra("copy files of the others in"); err != nil {
		return engine.CopyEnd{}, nil, err
	}
	root, err := e.OpenContainer(ctx, p.Pod.ID, c.Name)
	if err != nil {
		return engine.CopyEnd{}, nil, err
	}
	return engine.CopyEnd{Root: root, Path: end.path}, func() {
		if err := root.Close(); err != nil {
			a.warn("%v", err)
		}
	}, nil
}
