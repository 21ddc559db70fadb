package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler/autoupdate"
)

// updateFlags are those of auto-update.
type updateFlags struct {
	authfile, format string
	dryRun, rollback bool
	tlsVerify        bool
	noHeading        bool
}

func (a *app) autoUpdate() *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "auto-update [flags]",
		Short: "Run containers with newer images, where they ask for it",
		Long: `Takes newer images for the running containers that ask for it, and says what became of each. They ask by the label
io.containers.autoupdate (AutoUpdate= in a Quadlet file), or in YAML by the annotation of that name on the pod, or
with /CONTAINER at its end for one container:

  registry  the registry has another image under the name, which has to be a full one; it is fetched
  local     another image has the name on this host

io.containers.autoupdate.authfile names a file of credentials. What runs in a systemd unit is updated by restarting
the unit, once for all its containers; a unit has to make its containers anew for that, as those of Quadlet do. What
kube play, a folder of berth serve or a person made is replaced, replicas one after another, and keeps its name,
its volumes and its owner.

What does not start, or ends with an error or becomes unhealthy within its first seconds, is rolled back: the former
image gets its name again and is run. --format takes a Go template or json; the fields are Unit, Container,
ContainerID, ContainerName, Image, Policy and Updated, which is true, false, pending, failed or "rolled back".

berth-auto-update.timer does this every night, once it is enabled.`,
		Example: `  berth auto-update --dry-run
  berth auto-update --rollback=false
  berth auto-update --format "{{.Unit}} {{.Updated}}"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.runAutoUpdate(ctx, cmd, e, &f) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.authfile, "authfile", "", "take credentials from this `file` (default: $REGISTRY_AUTH_FILE, then containers-auth.json(5))")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say what would be updated: pending")
	flags.StringVar(&f.format, "format", "", "print as json, or by a Go `template`; \"table …\" adds headings")
	flags.BoolVar(&f.noHeading, "noheading", false, "leave the headings out")
	flags.BoolVar(&f.rollback, "rollback", true, "go back to the former image if the new one does not work")
	flags.BoolVar(&f.tlsVerify, "tls-verify", true, "require HTTPS and a valid certificate")
	return cmd
}

// updateRow is a row of auto-update, by podman's names.
type updateRow struct {
	Unit          string
	Container     string // its ID, and its name in brackets
	ContainerName string
	ContainerID   string
	Image         string
	Policy        string
	Updated       string
}

func newUpdateRow(r autoupdate.Result) updateRow {
	return updateRow{
		Unit: r.Unit, Container: fmt.Sprintf("%s (%s)", r.ID.Short(), r.Name), ContainerName: r.Name, ContainerID: string(r.ID),
		Image: r.Image, Policy: string(r.Policy), Updated: string(r.Updated),
	}
}

func (a *app) runAutoUpdate(ctx context.Context, cmd *cobra.Command, e *engine.Engine, f *updateFlags) error {
	observed, err := e.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return err
	}
	groups, errs := autoupdate.Find(observed)
	runner := &updateRunner{app: a, cmd: cmd, e: e}
	defer runner.close()
	retries := uint(3)
	u := autoupdate.Updater{
		Images: updateImages{e}, Runner: runner, DryRun: f.dryRun, Rollback: f.rollback,
		Pull: spec.PullOptions{Authfile: f.authfile, Retries: &retries},
		Warn: func(what string, err error) { a.warn("%s runs with its former image again: %v", what, err) },
	}
	if cmd.Flags().Changed("tls-verify") {
		u.Pull.TLSVerify = &f.tlsVerify
	}
	results, failed := u.Run(ctx, groups)
	rows := []updateRow{}
	for _, r := range results {
		rows = append(rows, newUpdateRow(r))
	}
	l := output.List{
		Table:  "{{.Unit}}\t{{.Container}}\t{{.Image}}\t{{.Policy}}\t{{.Updated}}",
		Format: output.ParseFormat(f.format), NoHeading: f.noHeading,
	}
	return errors.Join(append([]error{output.Print(a.out, l, rows, rows), failed}, errs...)...)
}

// updateImages is the engine's store of images, as auto-update needs it.
type updateImages struct{ e *engine.Engine }

func (i updateImages) Newer(ctx context.Context, name string, pull spec.PullOptions) (bool, error) {
	return i.e.Images().Newer(ctx, name, pull)
}

func (i updateImages) Local(ctx context.Context, name string) (string, error) {
	image, err := i.e.Images().Lookup(ctx, name)
	return image.ID, err
}

func (i updateImages) Pull(ctx context.Context, name string, pull spec.PullOptions) (string, error) {
	image, err := i.e.EnsureImage(ctx, spec.ImageRequest{Ref: name, Policy: spec.PullAlways, Pull: pull})
	return image.ID, err
}

func (i updateImages) Tag(ctx context.Context, id, name string) error {
	return i.e.Images().Tag(ctx, id, name)
}
