package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine"
	"berth/engine/image"
)

func (a *app) imageTree() *cobra.Command {
	var whole bool
	cmd := &cobra.Command{
		Use:   "tree [flags] IMAGE",
		Short: "Show the layers of an image",
		Long: `Prints the layers of an image, the lowest first, their sizes, and which images end with each. With --whatrequires,
what stands on the image: other images' layers.`,
		Example: "  berth image tree nginx\n  berth image tree --whatrequires docker.io/library/debian",
		Args:    exactArgs(1, "the name or ID of one image"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				found, err := e.Images().Inspect(ctx, args[0])
				if err != nil {
					return err
				}
				tree, err := e.Images().Tree(ctx, args[0], whole)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "Image ID: %s\nTags:     %s\nSize:     %s\n", output.ShortID(found.ID, false), found.RepoTags, output.TightSize(found.Size))
				if tree.ID == "" {
					fmt.Fprintln(a.out, "No Image Layers")
					return nil
				}
				fmt.Fprintln(a.out, "Image Layers")
				if whole {
					printBranches(a.out, tree, "", true)
					return nil
				}
				for at := &tree; at != nil; {
					branch, next := "├── ", (*image.TreeLayer)(nil)
					if len(at.Above) > 0 {
						next = &at.Above[0]
					} else {
						branch = "└── "
					}
					fmt.Fprintln(a.out, branch+layerLine(*at))
					at = next
				}
				return nil
			})
		},
		ValidArgsFunction: a.completeImages,
	}
	cmd.Flags().BoolVar(&whole, "whatrequires", false, "show what stands on the image")
	return cmd
}

func layerLine(l image.TreeLayer) string {
	line := fmt.Sprintf("ID: %s Size: %7s", output.ShortID(l.ID, false), output.TightSize(l.Size))
	if len(l.Names) > 0 {
		line += " Top Layer of: [" + strings.Join(l.Names, " ") + "]"
	}
	return line
}

func printBranches(w io.Writer, l image.TreeLayer, indent string, last bool) {
	branch, deeper := "├── ", "│   "
	if last {
		branch, deeper = "└── ", "    "
	}
	fmt.Fprintln(w, indent+branch+layerLine(l))
	for i, above := range l.Above {
		printBranches(w, above, indent+deeper, i == len(l.Above)-1)
	}
}
