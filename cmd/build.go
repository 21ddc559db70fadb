package cmd

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// newBuild makes a command that says who builds images. Whatever flags it is
// given are nobody's mistake.
func (a *app) newBuild(command string) *cobra.Command {
	return refused(&cobra.Command{
		Use:   "build [flags] [CONTEXT]",
		Short: "Say what builds images",
		Long: `berth builds no images. podman build and buildah build put theirs into the store that berth runs them from, so
that they are here at once, under the same name.`,
		Example: fmt.Sprintf("  %s -t localhost/web .", command),
	}, errors.New("berth builds no images: build it with 'podman build' or 'buildah build', and it is here under the same name, for the image store is shared"))
}

// artifact has podman's words for OCI artifacts, which have no store here.
func (a *app) artifact() *cobra.Command {
	var commands []*cobra.Command
	for _, c := range [][2]string{
		{"pull", "ARTIFACT"}, {"push", "ARTIFACT"}, {"add", "ARTIFACT FILE"}, {"inspect", "ARTIFACT"}, {"ls", ""}, {"rm", "ARTIFACT"}, {"extract", "ARTIFACT FOLDER"},
	} {
		use, example := c[0], "  berth artifact "+c[0]
		if c[1] != "" {
			use, example = use+" "+c[1], example+" quay.io/team/model:1"
		}
		commands = append(commands, refused(&cobra.Command{
			Use:   use,
			Short: "Say what keeps OCI artifacts",
			Long: fmt.Sprintf(`berth keeps no OCI artifacts. 'podman artifact %s' and oras do. What a container is to find in one comes to it
in an image, or on a volume.`, c[0]),
			Example: example,
		}, fmt.Errorf("berth keeps no OCI artifacts: use 'podman artifact %s' or oras, and give containers the files on a volume or in an image", c[0])))
	}
	group := newGroup("artifact", "Say what keeps OCI artifacts", "berth keeps no OCI artifacts. Its commands say what does.", commands...)
	group.Hidden, group.Example = true, "  berth artifact pull quay.io/team/model:1"
	return group
}

// refused completes a command that takes any flags and only says why.
func refused(cmd *cobra.Command, why error) *cobra.Command {
	cmd.DisableFlagParsing = true
	cmd.Hidden = true
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
			return cmd.Help()
		}
		return why
	}
	return cmd
}
