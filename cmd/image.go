package cmd

import "github.com/spf13/cobra"

func (a *app) image() *cobra.Command {
	list := a.newImages("ls [flags] [IMAGE]", "berth image ls")
	list.Aliases = []string{"list"}
	remove := a.newRmi("rm [flags] IMAGE [IMAGE...]", "berth image rm")
	return newGroup("image", "Manage images",
		`Lists, fetches, saves and removes images. They lie in the host's ordinary containers-storage: podman,
buildah and skopeo see the same ones.`,
		list, a.newPull("berth image pull"), a.newLoad("berth image load"), a.newSave("berth image save"),
		a.newTag("berth image tag"), a.newUntag("berth image untag"), remove,
		a.imageInspect(), a.imageExists(), a.imagePrune(), a.imageHistory(), a.imageDiff(), a.imageMount(), a.imageUnmount(), a.imageTree(), a.newPush("berth image push"), a.imageSearch(), a.newImport("berth image import"), a.newBuild("berth image build"))
}

func (a *app) images() *cobra.Command       { return a.newImages("images [flags] [IMAGE]", "berth images") }
func (a *app) pull() *cobra.Command         { return a.newPull("berth pull") }
func (a *app) load() *cobra.Command         { return a.newLoad("berth load") }
func (a *app) save() *cobra.Command         { return a.newSave("berth save") }
func (a *app) tag() *cobra.Command          { return a.newTag("berth tag") }
func (a *app) untag() *cobra.Command        { return a.newUntag("berth untag") }
func (a *app) history() *cobra.Command      { return a.newHistory("berth history") }
func (a *app) imageHistory() *cobra.Command { return a.newHistory("berth image history") }
func (a *app) rmi() *cobra.Command          { return a.newRmi("rmi [flags] IMAGE [IMAGE...]", "berth rmi") }

func (a *app) imageInspect() *cobra.Command {
	return a.newInspect("image", "IMAGE", `  berth image inspect docker.io/library/nginx
  berth image inspect --format "{{.Digest}} {{.Config.Entrypoint}}" nginx`, a.completeImages)
}
