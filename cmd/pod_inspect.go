package cmd

import "github.com/spf13/cobra"

func (a *app) podInspect() *cobra.Command {
	return a.newInspect("pod", "POD", `  berth pod inspect web
  berth pod inspect --format "{{.State}} {{.IPs}}" default/web`, a.completePods)
}
