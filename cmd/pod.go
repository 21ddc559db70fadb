package cmd

import "github.com/spf13/cobra"

func (a *app) pod() *cobra.Command {
	return newGroup("pod", "Manage pods",
		`Lists, looks into, starts, stops and removes pods. A pod is named by its name, by namespace/name,
by <deployment>-pod (the first pod of a Deployment), or by its ID or a unique beginning of it.`,
		a.podCreate(), a.podPs(), a.podInspect(), a.podLogs(), a.podTop(), a.podStats(), a.podStart(), a.podStop(), a.podRestart(), a.podKill(), a.podPause(), a.podUnpause(), a.podRm(), a.podExists(), a.podPrune())
}

// namespaceFlag adds -n, which says where names are looked up.
func (a *app) namespaceFlag(cmd *cobra.Command, namespace *string) {
	cmd.Flags().StringVarP(namespace, "namespace", "n", "", "look only in this `namespace` (also written namespace/name)")
	mustComplete(cmd, "namespace", a.completeNamespaces)
}
