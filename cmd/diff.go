package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine"
	"berth/engine/image"
	"berth/engine/spec"
)

// fileChanges is what `diff --format json` prints.
type fileChanges struct {
	Changed []string `json:"changed,omitempty"`
	Added   []string `json:"added,omitempty"`
	Deleted []string `json:"deleted,omitempty"`
}

// diffed says what a diff compares: containers, images, or either.
type diffed struct {
	what              string
	containers, image bool
}

func (a *app) diff() *cobra.Command {
	return a.newDiff("berth diff", diffed{"container or image", true, true}, a.completeContainersAndImages)
}

func (a *app) containerDiff() *cobra.Command {
	return a.newDiff("berth container diff", diffed{"container", true, false}, a.completeContainers)
}

func (a *app) imageDiff() *cobra.Command {
	return a.newDiff("berth image diff", diffed{"image", false, true}, a.completeImages)
}

func (a *app) newDiff(command string, d diffed, complete cobra.CompletionFunc) *cobra.Command {
	var latest bool
	var namespace, format string
	cmd := &cobra.Command{
		Use:   "diff [flags] NAME [NAME]",
		Short: "Show which files a " + d.what + " has otherwise than what it stands on",
		Long: fmt.Sprintf(`Lists the files of a %s that are not as in what is below it, or as in the second one named:
A was added, C was changed, D was deleted. Below a container is its image, below an image its last layer
but one. What lies on volumes is not compared.`, d.what),
		Example: fmt.Sprintf("  %[1]s web\n  %[1]s --format json web", command),
		Args: func(cmd *cobra.Command, args []string) error {
			most := 2
			if latest {
				most = 1
			}
			if len(args) > most || len(args) == 0 && !latest {
				return usageError(cmd, "'%s' needs a %s, and may have another to compare it with", cmd.CommandPath(), d.what)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if latest {
					t := targets{latest: true, namespace: namespace}
					list, err := t.containers(ctx, e, a, nil)
					if err != nil {
						return err
					}
					if len(list) == 0 {
						return errors.New("there is no container")
					}
					args = append([]string{string(list[0].status.ID)}, args...)
				}
				return a.printDiff(ctx, e, d, namespace, args, output.ParseFormat(format))
			})
		},
		ValidArgsFunction: complete,
	}
	f := cmd.Flags()
	f.StringVar(&format, "format", "", "print as `json`")
	mustComplete(cmd, "format", cobra.FixedCompletions([]cobra.Completion{"json"}, cobra.ShellCompDirectiveNoFileComp))
	if d.containers {
		f.BoolVarP(&latest, "latest", "l", false, "of the newest container")
		a.namespaceFlag(cmd, &namespace)
	}
	return cmd
}

func (a *app) printDiff(ctx context.Context, e *engine.Engine, d diffed, namespace string, names []string, format output.Format) error {
	if format.Given() && !format.IsJSON() {
		return errors.New("--format: only json is known")
	}
	trees := make([]image.Tree, len(names))
	for i, name := range names {
		var err error
		if trees[i], err = d.tree(ctx, e, namespace, name); err != nil {
			return err
		}
	}
	var since *image.Tree
	if len(trees) > 1 {
		since = &trees[1]
	}
	changes, err := e.Images().Diff(ctx, trees[0], since)
	if err != nil {
		return fmt.Errorf("%s: %w", names[0], err)
	}
	if !format.IsJSON() {
		for _, c := range changes {
			fmt.Fprintln(a.out, c.Kind, output.Printable(c.Path)) // JSON has the names as they are
		}
		return nil
	}
	var r fileChanges
	list := map[image.ChangeKind]*[]string{image.Changed: &r.Changed, image.Added: &r.Added, image.Deleted: &r.Deleted}
	for _, c := range changes {
		*list[c.Kind] = append(*list[c.Kind], c.Path)
	}
	return output.JSON(a.out, r)
}

// tree finds what a name stands for; a container goes before an image.
func (d diffed) tree(ctx context.Context, e *engine.Engine, namespace, name string) (image.Tree, error) {
	if d.containers {
		p, c, err := e.FindContainer(ctx, namespace, name)
		switch {
		case errors.Is(err, spec.ErrNotFound) && d.image:
		case err != nil:
			return image.Tree{}, err
		default:
			if err := (target{name, p, c}).refuseInfra("look at the containers of"); err != nil {
				return image.Tree{}, err
			}
			if made, ok := p.Pod.Container(c.Name); ok && made.ByHand != nil && made.ByHand.Rootfs != nil {
				return image.Tree{}, fmt.Errorf("container %q has a folder of the host for its root: there is nothing to compare it with", name)
			}
			return image.Tree{Container: c.Rootfs()}, nil
		}
	}
	there, err := e.Images().Exists(ctx, name)
	if err == nil && !there {
		err = fmt.Errorf("there is no %s %q: %w", d.what, name, spec.ErrNotFound)
	}
	return image.Tree{Image: name}, err
}
