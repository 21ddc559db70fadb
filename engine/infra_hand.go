package engine

import (
	"context"
	"fmt"
	"slices"

	"berth/engine/image"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// infraRoot is the root file system of a pod's infra container and what runs in
// it: ours, or those that a person chose.
func (e *Engine) infraRoot(ctx context.Context, pod *spec.Pod, sb state.Sandbox) (oci.InfraRootfs, ociv1.ImageConfig, error) {
	asked := pod.Infra
	if asked == nil || asked.Image == "" {
		rootfs, err := e.infraRootfs()
		if asked != nil && len(asked.Command) > 0 && !slices.Equal(asked.Command, []string{"/pause"}) { // podman's word for ours
			rootfs.Args = asked.Command
		}
		return rootfs, ociv1.ImageConfig{}, err
	}
	fail := func(err error) (oci.InfraRootfs, ociv1.ImageConfig, error) {
		return oci.InfraRootfs{}, ociv1.ImageConfig{}, fmt.Errorf("image of the infra container: %w", err)
	}
	img, err := e.images.Lookup(ctx, asked.Image)
	if err != nil {
		return fail(err)
	}
	rootfs := image.Rootfs{Name: pod.InfraName(), Image: img.ID, Volatile: true}
	if pod.Users != nil {
		rootfs.UIDs, rootfs.GIDs = pod.Users.UIDs, pod.Users.GIDs
	}
	if err := e.images.CreateRootfs(ctx, sb.Infra, rootfs); err != nil {
		return fail(err)
	}
	path, err := e.images.MountRootfs(ctx, sb.Infra)
	if err != nil {
		return fail(err)
	}
	if pod.Users != nil {
		if path, err = e.openRoot(pod, sb.Infra, path); err != nil {
			return fail(err)
		}
	}
	config, err := e.images.Config(ctx, img.ID)
	if err != nil {
		return fail(err)
	}
	args := asked.Command
	if len(args) == 0 {
		args = append(slices.Clone(config.Config.Entrypoint), config.Config.Cmd...)
	}
	return oci.InfraRootfs{Path: path, Args: args}, config.Config, nil
}

// releaseInfraRoot undoes infraRoot.
func (e *Engine) releaseInfraRoot(ctx context.Context, pod *spec.Pod, sb state.Sandbox) error {
	if pod.Infra == nil || pod.Infra.Image == "" {
		return nil
	}
	if err := e.closeRoot(sb.Infra); err != nil {
		return err
	}
	return e.images.RemoveRootfs(ctx, sb.Infra)
}
