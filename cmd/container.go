package cmd

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) container() *cobra.Command {
	list := a.ps()
	list.Use, list.Aliases = "ls [flags]", []string{"list", "ps"}
	commands := []*cobra.Command{
		list, a.newInspect("container", "CONTAINER", `  berth container inspect web-nginx
  berth container inspect --format "{{.State.Pid}}" web-nginx`, a.completeContainers),
		a.run(), a.create(), a.pause(), a.unpause(), a.rename(), a.containerDiff(), a.top(), a.stats(), a.cp(), a.export(), a.mount(), a.unmount(), a.port(), a.logs(), a.exec(), a.attach(), a.start(), a.stop(), a.restart(), a.update(), a.kill(), a.wait(), a.rm(),
		a.containerExists(), a.containerPrune(), a.newCommit("berth commit"),
	}
	for _, c := range commands {
		c.Example = strings.NewReplacer("berth container ", "berth container ", "berth ps", "berth container ls", "berth ", "berth container ").Replace(c.Example)
	}
	return newGroup("container", "Manage containers",
		`Makes, lists, looks into, starts, stops and removes single containers. One that was made by itself is named as
its maker says, one of a pod from YAML <pod>-<container>, with namespace/ before it where needed; or by its ID
or a unique beginning of it.`,
		commands...)
}
