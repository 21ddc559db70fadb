package cmd

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/image"
)

type commitFlags struct {
	image.CommitOptions
	format, iidfile       string
	config                string
	pause, volumes, quiet bool
	namespace             string
}

func (a *app) newCommit(command string) *cobra.Command {
	var f commitFlags
	cmd := &cobra.Command{
		Use:   "commit [flags] CONTAINER [IMAGE]",
		Short: "Make an image of a container",
		Long: `Makes an image of what a container changed on top of its image, and prints its ID. Command, environment, user and
working directory become the image's, and of "berth run" labels and ports; secrets do not, nor what lies on volumes.
--config FILE goes over that with a configuration in Docker's JSON ({"Cmd": ["sh"], "Env": ["A=b"]}), and --change over
all: it takes CMD, ENTRYPOINT, ENV,
EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR as a Containerfile has them.

The container runs on meanwhile. With --pause its processes are held, so that files fit together.`,
		Example: fmt.Sprintf(`  %[1]s web-nginx localhost/web:tuned
  %[1]s --pause --change ENV=MODE=test --change "CMD /start" web-nginx localhost/web:test`, command),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError(cmd, "'%s' needs a container, and may have the name of an image", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.commitContainer(ctx, e, &f, args) })
		},
		ValidArgsFunction: a.completeFirstContainer,
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.Author, "author", "a", "", "`who` made the image")
	flags.StringArrayVarP(&f.Changes, "change", "c", nil, "`instruction` to apply to the image's configuration")
	flags.StringVarP(&f.Message, "message", "m", "", "`text` for the image's history")
	formats := []string{"oci", "docker"}
	flags.VarP(newChoice(&f.format, "oci", formats), "format", "f", "format of the image: "+orList(formats))
	complete(cmd, "format", formats...)
	flags.StringVar(&f.config, "config", "", "`file` with configuration to merge into the image's, in Docker's JSON")
	flags.StringVar(&f.iidfile, "iidfile", "", "write the image's ID to this `file`")
	flags.BoolVar(&f.volumes, "include-volumes", false, "have the paths where the container mounts volumes be volumes of the image; their data is not in it")
	flags.BoolVarP(&f.pause, "pause", "p", false, "hold the container's processes meanwhile")
	flags.BoolVarP(&f.Squash, "squash", "s", false, "make one layer of all")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "nothing: no progress is printed")
	a.namespaceFlag(cmd, &f.namespace)
	return cmd
}

func (a *app) commitContainer(ctx context.Context, e *engine.Engine, f *commitFlags, args []string) error {
	p, c, err := e.FindContainer(ctx, f.namespace, args[0])
	if err != nil {
		return err
	}
	t := target{args[0], p, c}
	if err := t.refuseInfra("commit a container of"); err != nil {
		return err
	}
	o := f.CommitOptions
	o.Docker, o.CreatedBy = f.format == "docker", "commit "+p.Pod.ContainerName(c.Name)
	if len(args) > 1 {
		o.Name = args[1]
	}
	if f.config != "" {
		data, err := os.ReadFile(f.config)
		if err != nil {
			return fmt.Errorf("--config: %w", err)
		}
		if o.Config, err = image.ParseConfig(data); err != nil {
			return fmt.Errorf("--config %s: %w", f.config, err)
		}
	}
	if made, ok := p.Pod.Container(c.Name); ok && f.volumes {
		for _, m := range made.Mounts {
			if v, ok := p.Pod.Volume(m.Volume); ok && (v.Named != nil || v.Empty != nil) {
				o.Volumes = append(o.Volumes, m.Path)
			}
		}
	}
	id, err := e.CommitContainer(ctx, p.Pod.ID, c.Name, f.pause, o)
	if err != nil {
		return err
	}
	if f.iidfile != "" {
		if err := os.WriteFile(f.iidfile, []byte(id), 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.out, id)
	return nil
}
