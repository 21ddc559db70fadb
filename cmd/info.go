package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"berth/cmd/output"
	"berth/engine"
)

func (a *app) info() *cobra.Command { return a.newInfo("berth info") }

func (a *app) newInfo(command string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "info [flags]",
		Short: "Show this host and the programs berth uses",
		Long: `Prints what berth found on this host: cgroups, OCI runtime, conmon, netavark, where images, state and
volumes lie.`,
		Example: fmt.Sprintf("  %[1]s\n  %[1]s --format json\n  %[1]s --format \"{{.Host.OCIRuntime.Path}}\"", command),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				info, err := e.Info(ctx)
				if info.Version.GoVersion == "" { // nothing was found at all
					return err
				}
				if err != nil { // a helper does not answer; the rest is worth showing
					printError(a.err, err)
				}
				if f := output.ParseFormat(format); f.Given() {
					return output.Object(a.out, f, info)
				}
				text, err := yaml.Marshal(info)
				if err != nil {
					return err
				}
				_, err = a.out.Write(text)
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "print as json, or by a Go `template`")
	return cmd
}
