package cmd

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// command is one right below berth.
type command struct {
	name string
	make func() *cobra.Command
}

// commands are all of them.
func (a *app) commands() []command {
	return []command{
		{"kube", a.kube}, {"play", a.play}, {"generate", a.generate}, {"quadlet", a.quadlet}, {"serve", a.serve},
		{"auto-update", a.autoUpdate}, {"status", a.status},

		{"pod", a.pod}, {"container", a.container}, {"image", a.image}, {"volume", a.volume}, {"network", a.network},
		{"secret", a.secret}, {"system", a.system},

		{"run", a.run}, {"create", a.create}, {"pause", a.pause}, {"unpause", a.unpause}, {"rename", a.rename},
		{"diff", a.diff}, {"top", a.top}, {"stats", a.stats}, {"cp", a.cp}, {"export", a.export}, {"mount", a.mount},
		{"unmount", a.unmount}, {"port", a.port}, {"ps", a.ps}, {"logs", a.logs}, {"exec", a.exec}, {"inspect", a.inspect},
		{"start", a.start}, {"stop", a.stop}, {"restart", a.restart}, {"update", a.update}, {"kill", a.kill}, {"wait", a.wait},
		{"rm", a.rm}, {"attach", a.attach}, {"healthcheck", a.healthcheck},

		{"get", a.get}, {"describe", a.describe}, {"events", a.events},

		{"images", a.images}, {"pull", a.pull}, {"load", a.load}, {"save", a.save}, {"tag", a.tag}, {"untag", a.untag},
		{"rmi", a.rmi}, {"history", a.history}, {"search", a.search}, {"login", a.login}, {"logout", a.logout},
		{"push", func() *cobra.Command { return a.newPush("berth push") }},
		{"commit", func() *cobra.Command { return a.newCommit("berth commit") }},
		{"import", func() *cobra.Command { return a.newImport("berth import") }},
		{"build", func() *cobra.Command { return a.newBuild("berth build") }},
		{"artifact", a.artifact},

		{"info", a.info}, {"version", a.version}, {"completion", a.completion},
	}
}

// meant are the commands that a command line can mean: the one that it names
// behind global flags, or all.
func (a *app) meant(args []string) []command {
	all := a.commands()
	name := firstWord(args)
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return all
	}
	return all[i : i+1]
}

// firstWord is the first word behind the global flags, if there is one.
func firstWord(args []string) string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SetInterspersed(false)
	flags.Usage = func() {} // what is wrong, cobra says
	(&app{}).globalFlags(flags)
	if err := flags.Parse(args); err != nil {
		return ""
	}
	return flags.Arg(0)
}
