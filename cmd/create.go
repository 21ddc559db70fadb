package cmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
	"berth/translate/option"
)

func (a *app) create() *cobra.Command {
	var f option.Container
	cmd := &cobra.Command{
		Use:   "create [flags] IMAGE [COMMAND [ARG...]]",
		Short: "Make a container and leave it to be started",
		Long: `Makes a container without starting it, and prints its ID. Flags stand before the image; what follows it is the
container's command and its arguments.

The flags are those of podman create. "berth start" starts the container. One made with --init-ctr runs when its pod
starts, to its end, before the others do; if it fails the pod does not start. It can be added while the pod is down.`,
		Example: `  berth create --name web -p 8080:80 docker.io/library/nginx
  berth create --name job --rm localhost/app:1 /bin/app --once
  berth create --pod web --init-ctr always localhost/app:1 /bin/app --migrate`,
		Args: minArgs(1, "an image"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.Check(args); err != nil {
				return usageError(cmd, "%w", err)
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				made, err := f.Make(args, a.optionHost(ctx, e))
				if err != nil {
					return err
				}
				c, err := a.makeContainer(ctx, e, made, reconciler.CreateOptions{NoStart: true})
				a.wake(ctx, e)
				if err == nil {
					fmt.Fprintln(a.out, c.id)
				}
				return err
			})
		},
		ValidArgsFunction: a.completeFirstImage,
	}
	registerCreate(cmd, f.Register)
	return cmd
}

// registerCreate adds the flags of create, run or pod create. -h is the hostname's, as in
// podman.
func registerCreate(cmd *cobra.Command, register func(*pflag.FlagSet)) {
	cmd.Flags().Bool("help", false, "show this help")
	register(cmd.Flags())
}

// created is a container that was made by hand.
type created struct {
	pod  spec.PodID
	key  spec.PodKey
	name string // in the pod
	id   spec.ContainerID
}

// makeContainer makes the container that flags describe, in a pod of its own or
// in one that is there.
func (a *app) makeContainer(ctx context.Context, e *engine.Engine, made *option.Made, o reconciler.CreateOptions) (created, error) {
	for _, w := range made.Warnings {
		a.warn("%s", w)
	}
	o.Pull, o.Replace = made.Pull, made.Replace
	c, into, err := a.identify(ctx, e, made)
	if err != nil {
		return c, err
	}
	drop, err := writeIDFile(made.IDFile, string(c.id))
	if err != nil {
		return c, err
	}
	if into != "" {
		err = a.applier(e).AddContainer(ctx, into, *made.Container(), made.Pod.Volumes, o)
	} else {
		_, err = a.applier(e).Create(ctx, made.Whole(), o)
	}
	if err != nil {
		if _, _, missing := e.FindContainer(context.WithoutCancel(ctx), "", string(c.id)); missing != nil {
			drop()
		}
	}
	return c, err
}

// identify gives what flags describe its identity, and says which pod it goes
// into, if not one of its own.
func (a *app) identify(ctx context.Context, e *engine.Engine, made *option.Made) (c created, into spec.PodID, err error) {
	own := made.Container()
	name := own.Name
	if name == "" {
		observed, err := e.Observe(ctx)
		if err != nil && len(observed) == 0 {
			return c, "", err
		}
		name = madeUpName(namesIn(observed))
	}
	if own.ByHand.ID == "" {
		own.ByHand.ID = spec.NewContainerID()
	}
	var pod spec.PodStatus
	kept := name
	if made.Into != "" {
		if pod, err = e.FindPod(ctx, "", made.Into); err != nil {
			return c, "", err
		}
		kept = option.KeptName(&pod.Pod, name, own.ByHand.ID)
	}
	made.SetName(name, kept)
	own.ByHand.CreateCommand = commandLine()
	if !made.Pod.Bare {
		made.Pod.CreateCommand = own.ByHand.CreateCommand
	}
	made.Pod.Owner = a.ownerByHand()
	if made.Pod.ID == "" {
		made.Pod.ID = spec.NewPodID()
	}
	option.NameHost(made.Pod, own.ByHand.ID)
	c = created{made.Pod.ID, made.Pod.Key(), own.Name, own.ByHand.ID}
	if made.Into == "" {
		return c, "", nil
	}
	made.AddTo(&pod.Pod)
	c.pod, c.key = pod.Pod.ID, pod.Pod.Key()
	return c, pod.Pod.ID, nil
}

// namesIn says which names pods and containers have.
func namesIn(observed []spec.PodStatus) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(observed, func(st spec.PodStatus) bool {
			return st.Pod.Name == name || slices.ContainsFunc(st.Pod.All(), func(c spec.Container) bool { return st.Pod.ContainerName(c.Name) == name })
		})
	}
}

// unitVariable is how systemd units that run containers say which they are.
const unitVariable = "PODMAN_SYSTEMD_UNIT"

// forUnit is the unit this command runs for, "" if it is none.
func (a *app) forUnit() string { return cmp.Or(a.unit, os.Getenv(unitVariable)) }

// ownerByHand is who owns what this command makes: the unit it runs for, or else a
// person.
func (a *app) ownerByHand() spec.Owner {
	if unit := a.forUnit(); unit != "" {
		return spec.UnitOwner(unit)
	}
	return spec.OwnerRun
}

// commandLine is our command line as records keep it.
func commandLine() []string { return option.WithoutPasswords(os.Args) }

// writeIDFile writes an ID to a file, nowhere if path is empty. drop undoes that:
// the ID that stood there before may be of what runs.
func writeIDFile(path, id string) (drop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	before, missing := readIDFile(path)
	drop = func() { _ = os.Remove(path) } // it says nothing any more
	if missing == nil {
		drop = func() { _ = os.WriteFile(path, []byte(before), 0o644) }
	}
	if err := os.WriteFile(path, []byte(id), 0o644); err != nil {
		return nil, fmt.Errorf("write the ID: %w", err)
	}
	return drop, nil
}
