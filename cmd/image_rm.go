package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/image"
	"berth/engine/spec"
)

func (a *app) newRmi(use, command string) *cobra.Command {
	var all, force, ignore, alone bool
	cmd := &cobra.Command{
		Use:   use,
		Short: "Remove images",
		Long: `Removes images: only the name given where an image has others, else the image, and what it was built on where that
has no name and no other use.

Exits with 1 if an image is not there, with 2 if one is in use.`,
		Example: fmt.Sprintf(`  %[1]s nginx
  %[1]s -f 0e5574283393
  %[1]s --all`, command),
		Args: func(cmd *cobra.Command, args []string) error { return namesOrWide(cmd, args, "an image", "all") },
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine()
			if err != nil {
				return err
			}
			if all {
				if args, err = imageIDs(cmd.Context(), e); err != nil {
					return err
				}
				force = true // by ID, an image of several names goes only so; one in use stays all the same
			}
			remove := e.Images().Remove
			if alone {
				remove = e.Images().RemoveAlone
			}
			return a.removeImages(args, ignore || force, func(name string) (image.Removed, error) { return remove(cmd.Context(), name, force) })
		},
		ValidArgsFunction: a.completeImages,
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "remove all images that no container uses")
	f.BoolVarP(&force, "force", "f", false, "remove all names of an image, though containers may use it; say nothing of images that are not there")
	f.BoolVar(&alone, "no-prune", false, "leave the images without a name that they were built on")
	f.BoolVarP(&ignore, "ignore", "i", false, "say nothing of images that are not there")
	return cmd
}

// imageIDs lists the images no container stands on.
func imageIDs(ctx context.Context, e *engine.Engine) ([]string, error) {
	all, err := e.Images().List(ctx, false)
	var ids []string
	for _, i := range all {
		if len(i.Containers) == 0 {
			ids = append(ids, i.ID)
		}
	}
	return ids, err
}

// removeImages removes one after another: what one image frees, the next may need.
func (a *app) removeImages(names []string, ignore bool, remove func(name string) (image.Removed, error)) error {
	var errs []error
	for _, name := range names {
		removed, err := remove(name)
		a.printRemoved(removed)
		if err != nil && !(ignore && errors.Is(err, spec.ErrImageMissing)) {
			errs = append(errs, err)
		}
	}
	return removalError(errors.Join(errs...))
}

func (a *app) printRemoved(r image.Removed) {
	for _, name := range r.Untagged {
		fmt.Fprintln(a.out, "Untagged:", name)
	}
	for _, id := range r.Deleted {
		fmt.Fprintln(a.out, "Deleted:", id)
	}
}
