package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine"
)

// mounted is something whose files are mounted, as `mount --format json` lists it.
type mounted struct {
	ID         string   `json:"id"`
	Names      []string `json:"Names"`
	Mountpoint string   `json:"mountpoint"`
}

func (a *app) printMounted(list []mounted, format string, full bool) error {
	f := output.ParseFormat(format)
	if f.IsJSON() {
		return output.JSON(a.out, list)
	}
	if f.Given() {
		return errors.New("--format: only json is known")
	}
	w := tabwriter.NewWriter(a.out, 12, 2, 2, ' ', 0)
	for _, m := range list {
		fmt.Fprintf(w, "%s\t%s\n", output.ShortID(m.ID, full), m.Mountpoint)
	}
	return w.Flush()
}

func (a *app) mount() *cobra.Command {
	t := targets{}
	var format string
	var full bool
	cmd := &cobra.Command{
		Use:   "mount [flags] [CONTAINER...]",
		Short: "Mount the files of containers on the host",
		Long: `Mounts the root file system of containers, without their volumes, and prints where. Without names it lists those that
are mounted; that of a container that runs always is. It stays mounted until "berth unmount", or the container ends.

What is there is the container's: it may have laid out symlinks that lead anywhere. "berth cp" follows none of them.`,
		Example: "  berth mount web\n  berth mount",
		Args: func(cmd *cobra.Command, args []string) error {
			if (t.all || t.latest) && (len(args) > 0 || t.all && t.latest) {
				return usageError(cmd, "--all, --latest and names cannot be used together")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if len(args) == 0 && !t.all && !t.latest {
					list, err := a.mountedContainers(ctx, e, &t)
					if err != nil {
						return err
					}
					return a.printMounted(list, format, full)
				}
				list, err := t.containers(ctx, e, a, args)
				errs := []error{err}
				for _, c := range list {
					err := c.refuseInfra("mount the containers of")
					var path string
					if err == nil {
						path, err = e.MountContainer(ctx, c.pod.Pod.ID, c.status.Name)
					}
					if errs = append(errs, err); err != nil {
						continue
					}
					if len(args) == 1 || t.latest {
						fmt.Fprintln(a.out, path)
					} else {
						fmt.Fprintln(a.out, output.ShortID(string(c.status.ID), full), path)
					}
				}
				return errors.Join(errs...)
			})
		},
		ValidArgsFunction: a.completeContainers,
	}
	f := cmd.Flags()
	f.BoolVarP(&t.all, "all", "a", false, "mount those of all containers")
	f.BoolVarP(&t.latest, "latest", "l", false, "mount that of the newest container")
	f.StringVar(&format, "format", "", "list as `json`")
	f.BoolVar(&full, "no-trunc", false, "do not shorten IDs")
	f.BoolVar(&full, "notruncate", false, "do not shorten IDs")
	_ = f.MarkHidden("notruncate")
	complete(cmd, "format", "json")
	a.namespaceFlag(cmd, &t.namespace)
	return cmd
}

func (a *app) mountedContainers(ctx context.Context, e *engine.Engine, t *targets) ([]mounted, error) {
	all, err := (&targets{namespace: t.namespace}).containers(ctx, e, a, nil)
	if err != nil {
		return nil, err
	}
	list := []mounted{}
	for _, c := range all {
		path, err := e.Images().RootfsMounted(ctx, c.status.Rootfs())
		if err != nil {
			return nil, err
		}
		if path != "" {
			list = append(list, mounted{string(c.status.ID), []string{c.pod.Pod.ContainerName(c.status.Name)}, path})
		}
	}
	return list, nil
}

func (a *app) unmount() *cobra.Command {
	t := targets{}
	var force bool
	cmd := &cobra.Command{
		Use:     "unmount [flags] CONTAINER [CONTAINER...]",
		Aliases: []string{"umount"},
		Short:   "Unmount the files of containers",
		Long: `Takes back one "berth mount" of each container, or with --force all of them, and prints their IDs. Of one that runs
they stay mounted, and that is an error.`,
		Example: "  berth unmount web\n  berth unmount --all",
		Args: func(cmd *cobra.Command, args []string) error {
			return namesOrWide(cmd, args, "a container", "all", "latest")
		},
		ValidArgsFunction: a.completeContainers,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
			list, err := t.containers(ctx, e, a, args)
			if t.all {
				list = slices.DeleteFunc(list, func(c target) bool {
					at, err := e.Images().RootfsMounted(ctx, c.status.Rootfs())
					return c.status.Running() || at == "" && err == nil
				})
			}
			return errors.Join(err, forEachInPod(ctx, a.out, list, func(ctx context.Context, c target) (string, error) {
				if err := c.refuseInfra("unmount the containers of"); err != nil {
					return "", err
				}
				return string(c.status.ID), e.UnmountContainer(ctx, c.pod.Pod.ID, c.status.Name, force)
			}))
		})
	}
	f := cmd.Flags()
	f.BoolVarP(&t.all, "all", "a", false, "unmount those that are mounted of all containers that do not run")
	f.BoolVarP(&t.latest, "latest", "l", false, "unmount that of the newest container")
	f.BoolVarP(&force, "force", "f", false, "however often it was mounted")
	a.namespaceFlag(cmd, &t.namespace)
	return cmd
}

func (a *app) imageMount() *cobra.Command {
	var format string
	var all bool
	cmd := &cobra.Command{
		Use:   "mount [flags] [IMAGE...]",
		Short: "Mount the files of images on the host",
		Long: `Mounts the files of images, which cannot be written to, and prints where. Without names it lists those that are
mounted. They stay so until "berth image unmount" or a reboot.`,
		Example: "  berth image mount docker.io/library/nginx\n  berth image mount",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if all {
					if len(args) > 0 {
						return usageError(cmd, "no names can be given together with --all")
					}
					images, err := e.Images().List(ctx, false)
					if err != nil {
						return err
					}
					for _, i := range images {
						args = append(args, i.ID)
					}
				} else if len(args) == 0 {
					return a.listMountedImages(ctx, e, format)
				}
				return forEach(ctx, a.out, args, func(ctx context.Context, name string) (string, error) {
					path, id, err := e.Images().Mount(ctx, name)
					if len(args) > 1 || all {
						path = output.ShortID(id, false) + " " + path
					}
					return path, err
				})
			})
		},
		ValidArgsFunction: a.completeImages,
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "mount those of all images")
	f.StringVar(&format, "format", "", "list as `json`")
	complete(cmd, "format", "json")
	return cmd
}

func (a *app) listMountedImages(ctx context.Context, e *engine.Engine, format string) error {
	at, err := e.Images().Mounted(ctx)
	if err != nil {
		return err
	}
	images, err := e.Images().List(ctx, false)
	if err != nil {
		return err
	}
	list := []mounted{}
	for _, i := range images {
		if path, ok := at[i.ID]; ok {
			list = append(list, mounted{i.ID, i.Names, path})
		}
	}
	return a.printMounted(list, format, false)
}

func (a *app) imageUnmount() *cobra.Command {
	var all, force bool
	cmd := &cobra.Command{
		Use:     "unmount [flags] IMAGE [IMAGE...]",
		Aliases: []string{"umount"},
		Short:   "Unmount the files of images",
		Long:    `Takes back one "berth image mount" of each image, or with --force all of them, and prints their IDs.`,
		Example: "  berth image unmount docker.io/library/nginx\n  berth image unmount --all --force",
		Args:    func(cmd *cobra.Command, args []string) error { return namesOrWide(cmd, args, "an image", "all") },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if all {
					at, err := e.Images().Mounted(ctx)
					if err != nil {
						return err
					}
					args = slices.Sorted(maps.Keys(at))
				}
				return forEach(ctx, a.out, args, func(ctx context.Context, name string) (string, error) { return e.Images().Unmount(ctx, name, force) })
			})
		},
		ValidArgsFunction: a.completeImages,
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "unmount those of all images")
	f.BoolVarP(&force, "force", "f", false, "however often it was mounted")
	return cmd
}
