package autoupdate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
)

// Updated says what became of a container, in podman's words.
type Updated string

// Outcomes.
const (
	Unchanged  Updated = "false"
	Done       Updated = "true"
	Pending    Updated = "pending" // a dry run found a newer image
	Failed     Updated = "failed"
	RolledBack Updated = "rolled back"
)

// Result is what became of one container.
type Result struct {
	Container
	Updated Updated
}

// Images is the store of images.
type Images interface {
	// Newer reports whether the registry has another image under a full name.
	Newer(ctx context.Context, name string, pull spec.PullOptions) (bool, error)
	// Local is the ID of the image that has the name here.
	Local(ctx context.Context, name string) (id string, err error)
	// Pull fetches what the registry has under the name.
	Pull(ctx context.Context, name string, pull spec.PullOptions) (id string, err error)
	// Tag gives an image a name, which another may have had.
	Tag(ctx context.Context, id, name string) error
}

// Runner restarts what runs, with the images that now have the names. With watch
// its methods also wait until what they started has shown that it stays up: an
// error says that it does not.
type Runner interface {
	RestartUnit(ctx context.Context, g *Group, watch bool) error
	RenewPod(ctx context.Context, st *spec.PodStatus, watch bool) error
	// RestorePod has a pod run again that was renewed, or was to be, as it was
	// seen.
	RestorePod(ctx context.Context, st *spec.PodStatus) error
}

// Updater updates containers.
type Updater struct {
	Images Images
	Runner Runner

	Pull     spec.PullOptions // the container's own authfile goes before that of these
	DryRun   bool
	Rollback bool
	// Warn is told of what was rolled back, which is no error.
	Warn func(what string, err error)
}

// checksAtOnce bounds how many registries are asked at a time.
const checksAtOnce = 4

// source is an image as some containers want to have it.
type source struct {
	image, authfile string
	policy          Policy
}

func (c *Container) source() source { return source{c.Image, c.Authfile, c.Policy} }

// fresh is what became of looking for one image.
type fresh struct {
	id    string // what is here under the name now
	newer bool   // a dry run: the registry has another
	err   error
}

// Run updates the containers of groups; results are in their order. What fails
// for one group is an error at the end, and the others are updated.
func (u *Updater) Run(ctx context.Context, groups []Group) ([]Result, error) {
	found := u.look(ctx, groups)
	var errs []error
	for _, s := range slices.SortedFunc(maps.Keys(found), compare) {
		if err := found[s].err; err != nil {
			errs = append(errs, err)
		}
	}
	var all []Result
	for i := range groups {
		results, err := u.group(ctx, &groups[i], found)
		all = append(all, results...)
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

// look looks for all images at once, and fetches those that are newer.
func (u *Updater) look(ctx context.Context, groups []Group) map[source]fresh {
	var list []source
	for _, g := range groups {
		for i := range g.Containers {
			if s := g.Containers[i].source(); !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	found := make([]fresh, len(list))
	var group errgroup.Group
	group.SetLimit(checksAtOnce)
	for i, s := range list {
		group.Go(func() error {
			found[i] = u.lookFor(ctx, s)
			return nil
		})
	}
	_ = group.Wait() // the errors are in found
	out := map[source]fresh{}
	for i, s := range list {
		out[s] = found[i]
	}
	return out
}

func (u *Updater) lookFor(ctx context.Context, s source) fresh {
	here, err := u.Images.Local(ctx, s.image)
	if s.policy == Local || err != nil && !errors.Is(err, spec.ErrImageMissing) {
		return fresh{id: here, err: err}
	}
	pull := u.Pull
	if s.authfile != "" {
		pull.Authfile = s.authfile
	}
	newer, err := u.Images.Newer(ctx, s.image, pull)
	if err != nil || !newer || u.DryRun {
		return fresh{id: here, newer: newer, err: err}
	}
	id, err := u.Images.Pull(ctx, s.image, pull)
	return fresh{id: id, err: err}
}

// group updates what is restarted together.
func (u *Updater) group(ctx context.Context, g *Group, found map[source]fresh) ([]Result, error) {
	results := make([]Result, len(g.Containers))
	changed := false
	incomplete := slices.ContainsFunc(g.Containers, func(c Container) bool { return found[c.source()].err != nil })
	for i, c := range g.Containers {
		f := found[c.source()]
		results[i] = Result{c, Unchanged}
		switch {
		case f.err != nil:
			results[i].Updated = Failed
		case u.DryRun && (f.newer || f.id != "" && f.id != c.ImageID):
			results[i].Updated = Pending
		case !u.DryRun && !incomplete && f.id != c.ImageID:
			results[i].Updated, changed = Done, true
		}
	}
	if !changed {
		return results, nil
	}
	outcome, err := u.restart(ctx, g, found)
	for i := range results {
		if results[i].Updated == Done {
			results[i].Updated = outcome
		}
	}
	return results, err
}

// restart restarts a group, and takes that back where it fails.
func (u *Updater) restart(ctx context.Context, g *Group, found map[source]fresh) (Updated, error) {
	// Another group may have gone back to the image that had the name before.
	if err := u.name(ctx, g, func(c *Container) string { return found[c.source()].id }); err != nil {
		return Failed, err
	}
	tried, err := u.start(ctx, g)
	if err == nil {
		return Done, nil
	}
	if !u.Rollback || ctx.Err() != nil {
		return Failed, fmt.Errorf("update %s: %w", g.name(), err)
	}
	if back := u.goBack(ctx, g, tried); back != nil {
		return Failed, errors.Join(fmt.Errorf("update %s: %w", g.name(), err), fmt.Errorf("go back to the image before: %w", back))
	}
	u.Warn(g.name(), err)
	return RolledBack, nil
}

// start restarts a group, its pods one after another, so that others of them
// serve meanwhile. It says how many were tried.
func (u *Updater) start(ctx context.Context, g *Group) (tried int, err error) {
	if g.Unit != "" {
		return 0, u.Runner.RestartUnit(ctx, g, u.Rollback)
	}
	for i := range g.Pods {
		if err := u.Runner.RenewPod(ctx, &g.Pods[i], u.Rollback); err != nil {
			return i + 1, err
		}
	}
	return len(g.Pods), nil
}

// goBack gives the images that the group ran with their names again, and restarts
// it with them. That these work is not taken for granted either.
func (u *Updater) goBack(ctx context.Context, g *Group, tried int) error {
	if err := u.name(ctx, g, func(c *Container) string { return c.ImageID }); err != nil {
		return err
	}
	if g.Unit != "" {
		return u.Runner.RestartUnit(ctx, g, true)
	}
	var errs []error
	for i := range g.Pods[:tried] {
		errs = append(errs, u.Runner.RestorePod(ctx, &g.Pods[i]))
	}
	return errors.Join(errs...)
}

// name has the names that a group's containers give stand for these images.
func (u *Updater) name(ctx context.Context, g *Group, image func(*Container) string) error {
	for i := range g.Containers {
		c := &g.Containers[i]
		now, err := u.Images.Local(ctx, c.Image)
		if err == nil && now == image(c) {
			continue
		}
		if err := u.Images.Tag(ctx, image(c), c.Image); err != nil {
			return fmt.Errorf("give image %s its name %s: %w", image(c), c.Image, err)
		}
	}
	return nil
}

func compare(a, b source) int {
	return slices.Compare([]string{a.image, a.authfile, string(a.policy)}, []string{b.image, b.authfile, string(b.policy)})
}
