package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
	"berth/manifests"
	"berth/reconciler"
	"berth/translate"
)

func (a *app) kubeDown() *cobra.Command {
	var force, tlsVerify bool
	cmd := &cobra.Command{
		Use:   "down [flags] FILE|FOLDER|URL|- [...]",
		Short: "Remove what kube play made",
		Long: `Stops and removes the pods of the objects that files, folders, URLs or standard input (-) say. The volumes of
PersistentVolumeClaims and their data stay, unless --force is given. What is gone already is no error.`,
		Example: "  berth kube down web.yaml\n  berth kube down --force ./manifests/\n  cat web.yaml | berth kube down -",
		Args:    minArgs(1, "a file, a folder, a URL or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runDown(cmd.Context(), args, force, !tlsVerify)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove the volumes of PersistentVolumeClaims, with their data")
	cmd.Flags().BoolVar(&tlsVerify, "tls-verify", true, "require a valid certificate of an https server")
	return cmd
}

func (a *app) runDown(ctx context.Context, args []string, force, insecure bool) error {
	set := manifests.Load(ctx, args, manifests.LoadOptions{Stdin: a.in, Insecure: insecure})
	if err := set.Diagnostics.Err(); err != nil {
		return err
	}
	if len(set.Objects) == 0 {
		return errors.New("there is no Kubernetes object in what was given")
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	return a.takeDown(ctx, e, set, force)
}

// takeDown removes what set made and prints it in podman's order.
func (a *app) takeDown(ctx context.Context, e *engine.Engine, set kube.Set, force bool) error {
	secrets := storedSecrets(ctx, e, set)
	result, err := a.applier(e).Down(ctx, set, reconciler.DownOptions{Grace: ownGrace, Unit: a.ownerByHand()})
	if err != nil && len(result.Pods) == 0 {
		return err
	}
	a.wake(ctx, e)
	for _, title := range []string{"Pods stopped:", "Pods removed:"} {
		fmt.Fprintln(a.out, title)
		for _, p := range result.Pods {
			fmt.Fprintln(a.out, p.ID)
		}
	}
	fmt.Fprintln(a.out, "Secrets removed:")
	for _, name := range secrets {
		fmt.Fprintln(a.out, name)
	}
	fmt.Fprintln(a.out, "Volumes removed:")
	errs := []error{err}
	if force && err == nil {
		errs = append(errs, a.removeClaims(ctx, e, &set))
	}
	return errors.Join(errs...)
}

// storedSecrets names the Secrets of set that were played.
func storedSecrets(ctx context.Context, e *engine.Engine, set kube.Set) []string {
	stored := newObjectStore(e).Read(ctx)
	var names []string
	for _, o := range set.Objects {
		if _, ok := stored.Find(o.Key()); ok && o.Secret != nil {
			names = append(names, o.Name)
		}
	}
	return names
}

func (a *app) removeClaims(ctx context.Context, e *engine.Engine, set *kube.Set) error {
	volumes, _ := translate.Volumes(set) // what is wrong with a claim does not keep its volume
	var errs []error
	for _, v := range volumes {
		switch err := e.RemoveVolume(ctx, v.Volume, false); {
		case err == nil:
			fmt.Fprintln(a.out, v.Volume)
		case !errors.Is(err, spec.ErrNotFound):
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// diagnosticAt is an error at the place of an object.
func diagnosticAt(o *kube.Object, message string) source.Diagnostic {
	return source.Diagnostic{Pos: o.Pos, Message: message}
}
