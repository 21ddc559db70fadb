package cmd

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) kube() *cobra.Command {
	return newGroup("kube", "Play Kubernetes YAML, take it down, write it and send it",
		`Plays Pods, Deployments, ConfigMaps, Secrets and PersistentVolumeClaims from YAML or JSON on this host, takes
them down again, writes the YAML of what is here, and sends it to a cluster.`,
		a.kubePlay(), a.kubeDown(), a.kubeGenerate(), a.kubeApply())
}

// play is podman's older name of kube play.
func (a *app) play() *cobra.Command {
	kubeCmd := a.kubePlay()
	kubeCmd.Use = strings.Replace(kubeCmd.Use, "play", "kube", 1)
	kubeCmd.Example = strings.ReplaceAll(kubeCmd.Example, "kube play", "play kube")
	cmd := newGroup("play", "Play Kubernetes YAML", "The older name of kube play.", kubeCmd)
	cmd.Hidden = true
	return cmd
}
