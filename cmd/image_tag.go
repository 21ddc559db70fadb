package cmd

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) newTag(command string) *cobra.Command {
	return &cobra.Command{
		Use:     "tag IMAGE NAME [NAME...]",
		Short:   "Give an image further names",
		Long:    "Gives an image further names. A name another image has moves over. A name without a registry becomes localhost/name.",
		Example: fmt.Sprintf("  %s docker.io/library/nginx localhost/web:v1", command),
		Args:    minArgs(2, "an image and a name for it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine()
			if err != nil {
				return err
			}
			return e.Images().Tag(cmd.Context(), args[0], args[1:]...)
		},
		ValidArgsFunction: a.completeImages,
	}
}

func (a *app) newUntag(command string) *cobra.Command {
	return &cobra.Command{
		Use:     "untag IMAGE [NAME...]",
		Short:   "Take names from an image",
		Long:    "Takes names from an image, all of them when none is given. The image itself stays.",
		Example: fmt.Sprintf("  %[1]s nginx localhost/web:v1\n  %[1]s 0e5574283393", command),
		Args:    minArgs(1, "the name or ID of an image"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine()
			if err != nil {
				return err
			}
			return e.Images().Untag(cmd.Context(), args[0], args[1:]...)
		},
		ValidArgsFunction: a.completeImages,
	}
}
