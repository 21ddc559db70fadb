package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"berth/engine/spec"
)

// PressureEngine says what the host has left, and gives back what nobody needs.
type PressureEngine interface {
	// Room is asked every few seconds and costs next to nothing.
	Room(ctx context.Context) (spec.Room, error)
	// PodUsage measures a pod; with disk it walks through its files.
	PodUsage(ctx context.Context, id spec.PodID, disk bool) (spec.PodUsage, error)
	// ClearDead removes what ended containers leave beside their logs and how
	// they ended, and says whether there was anything.
	ClearDead(ctx context.Context) (bool, error)
	// StoredImages lists all images; those that refs, names or IDs, mean are Wanted.
	StoredImages(ctx context.Context, refs []string) ([]spec.StoredImage, error)
	// RemoveImage removes an image whatever its names. One that is gone is
	// success, one that is in use spec.ErrInUse.
	RemoveImage(ctx context.Context, id string) error
}

// PressureOptions say what is done where memory or disk run short.
type PressureOptions struct {
	Engine PressureEngine
	Node   string // the host's name, for events
	// Thresholds are when pods are evicted; nil: never.
	Thresholds Thresholds
	// From ImageHigh percent of its file system on, images that nobody needs are
	// removed until it is no fuller than ImageLow. 100: never.
	ImageHigh, ImageLow int
	ImageAge            time.Duration // none that came later ago
	Period              time.Duration // how often; 0: 10 seconds
}

// How often the host is looked at, and what is done at most so often.
const (
	defaultPressure = 10 * time.Second
	imageRest       = 5 * time.Minute // after images were tidied up
	idleRest        = time.Minute     // after tidying up that found nothing
	conditionRest   = 5 * time.Minute // from a shortage's end to its being told
	evictLimit      = 2 * time.Minute // for measuring pods and evicting one
	evictGrace      = time.Second
)

const reasonEvicted = "Evicted"

// pressure keeps the host from running short. One goroutine works through it;
// saw may be called from others.
type pressure struct {
	PressureOptions
	loop *Loop

	imagesAt  time.Time // not before
	garbageAt time.Time
	short     map[nodeCondition]time.Time // when it was last so
	told      string                      // the error last told
	hopeless  bool                        // that no image can go was told

	mu   sync.Mutex
	last map[string]time.Time // when an image was last seen in use
}

// nodeCondition is one of Kubernetes' conditions of a node.
type nodeCondition struct{ begins, ends string }

func (s Signal) condition() nodeCondition {
	if s == SignalMemory {
		return nodeCondition{"NodeHasInsufficientMemory", "NodeHasSufficientMemory"}
	}
	return nodeCondition{"NodeHasDiskPressure", "NodeHasNoDiskPressure"}
}

func newPressure(l *Loop, o PressureOptions) *pressure {
	if o.Period == 0 {
		o.Period = defaultPressure
	}
	return &pressure{PressureOptions: o, loop: l, short: map[nodeCondition]time.Time{}, last: map[string]time.Time{}}
}

// saw takes note of the images that pods use. A nil pressure does not.
func (p *pressure) saw(pods []spec.PodStatus) {
	if p == nil {
		return
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range pods {
		for _, id := range imagesOf(&pods[i]) {
			p.last[id] = now
		}
	}
}

// run works until ctx ends.
func (p *pressure) run(ctx context.Context) {
	tick := time.NewTicker(p.Period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := p.round(ctx, time.Now()); ctx.Err() == nil {
			p.tellError(ctx, err)
		}
	}
}

func (p *pressure) tellError(ctx context.Context, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != p.told {
		p.loop.opts.Log.WarnContext(ctx, "pressure on the host cannot be dealt with", "error", err)
	}
	p.told = text
}

// round looks once, and evicts at most one pod.
//
//	too full, or short of disk ─▶ garbage ─▶ short still ─▶ evict
func (p *pressure) round(ctx context.Context, now time.Time) error {
	room, err := p.Engine.Room(ctx)
	if err != nil {
		return err
	}
	var errs []error
	p.tell(ctx, Shortages(room, p.Thresholds), now)
	if p.ImageHigh < 100 && fullness(room.Images) >= p.ImageHigh && !now.Before(p.imagesAt) {
		p.imagesAt = now.Add(imageRest)
		room, err = p.collect(ctx, room, func(room spec.Room) bool { return fullness(room.Images) > p.ImageLow })
		errs = append(errs, err)
	}
	if p.shortOfDisk(room) && !now.Before(p.garbageAt) {
		before := room
		room, err = p.collect(ctx, room, p.imagesWouldHelp)
		errs = append(errs, err)
		if room == before {
			p.garbageAt = now.Add(idleRest)
		}
	}
	if shortages := Shortages(room, p.Thresholds); len(shortages) > 0 {
		errs = append(errs, p.evict(ctx, shortages[0]))
	}
	return errors.Join(errs...)
}

func (p *pressure) shortOfDisk(room spec.Room) bool {
	return slices.ContainsFunc(Shortages(room, p.Thresholds), func(s Shortage) bool { return s.Signal.disk() })
}

// imagesWouldHelp reports whether what is short lies where images do.
func (p *pressure) imagesWouldHelp(room spec.Room) bool {
	return slices.ContainsFunc(Shortages(room, p.Thresholds), func(s Shortage) bool {
		return s.Signal.byImages() || s.Signal.disk() && room.Node.Device == room.Images.Device
	})
}

// collect gives back what nobody needs: what ended containers left, then images
// while it is too full.
func (p *pressure) collect(ctx context.Context, room spec.Room, full func(spec.Room) bool) (spec.Room, error) {
	found, err := p.Engine.ClearDead(ctx)
	errs := []error{err}
	if found {
		p.loop.opts.Log.InfoContext(ctx, "what ended containers left was removed")
		after, err := p.Engine.Room(ctx)
		if err != nil {
			return room, errors.Join(append(errs, err)...)
		}
		room = after
	}
	if p.ImageHigh < 100 && full(room) {
		room, err = p.tidyImages(ctx, room, full)
		errs = append(errs, err)
	}
	return room, errors.Join(errs...)
}

// tidyImages removes images nobody needs while it is too full.
func (p *pressure) tidyImages(ctx context.Context, room spec.Room, full func(spec.Room) bool) (spec.Room, error) {
	observed, err := p.loop.opts.Engine.Observe(ctx)
	if err != nil {
		return room, fmt.Errorf("what images are in use is not known: %w", err)
	}
	use := imageUse{pods: map[string]bool{}, last: p.lastUse()}
	for i := range observed {
		for _, id := range imagesOf(&observed[i]) {
			use.pods[id] = true
		}
	}
	refs, known := p.loop.wantedImages()
	if !known {
		return room, nil // who knows what is wanted
	}
	images, err := p.Engine.StoredImages(ctx, refs)
	if err != nil {
		return room, fmt.Errorf("list images: %w", err)
	}
	p.forget(images)
	for _, img := range SpareImages(images, use, time.Now(), p.ImageAge) {
		if !full(room) {
			break
		}
		err := p.Engine.RemoveImage(ctx, img.ID)
		if errors.Is(err, spec.ErrInUse) {
			continue // taken into use since
		}
		if err != nil {
			return room, err
		}
		p.loop.opts.Log.InfoContext(ctx, "image removed for its space", "image", img.ID, "names", img.Names)
		if room, err = p.Engine.Room(ctx); err != nil {
			return room, err
		}
	}
	if still := full(room); still != p.hopeless {
		p.hopeless = still
		if still {
			p.loop.opts.Log.WarnContext(ctx, "too full, and no image is left that nobody needs", "used", fmt.Sprintf("%d%%", fullness(room.Images)))
		}
	}
	return room, nil
}

func (p *pressure) lastUse() map[string]time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.last)
}

// forget drops what is remembered of images that are gone.
func (p *pressure) forget(images []spec.StoredImage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.last, func(id string, _ time.Time) bool {
		return !slices.ContainsFunc(images, func(img spec.StoredImage) bool { return img.ID == id })
	})
}

// wantedImages are the images that the objects of the sources ask for; known is
// false while they have not all been read.
func (l *Loop) wantedImages() (refs []string, known bool) {
	l.mu.Lock()
	set := l.set
	l.mu.Unlock()
	if set == nil || len(set.Unknown) > 0 {
		return nil, false
	}
	for _, pod := range l.opts.Translate(set).Pods {
		for _, c := range pod.All() {
			refs = append(refs, c.Image)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs), true
}

// tell tells of shortages that began or are over, as the kubelet does of its
// node's conditions: an end only when it has lasted.
func (p *pressure) tell(ctx context.Context, shortages []Shortage, now time.Time) {
	for _, s := range shortages {
		c := s.Signal.condition()
		if _, known := p.short[c]; !known {
			p.loop.opts.Log.WarnContext(ctx, "the host runs short", "of", string(s.Signal), "available", s.Available, "threshold", s.Least)
			p.event(c.begins)
		}
		p.short[c] = now
	}
	for c, last := range p.short {
		if now.Sub(last) >= conditionRest {
			delete(p.short, c)
			p.event(c.ends)
		}
	}
}

func (p *pressure) event(reason string) {
	p.loop.events.add(spec.PodKey{Name: p.Node}, EventNormal, reason, fmt.Sprintf("Node %s status is now: %s", p.Node, reason))
}

// evict ends the pod that the kubelet would end first.
func (p *pressure) evict(ctx context.Context, short Shortage) error {
	ctx, cancel := context.WithTimeout(ctx, evictLimit)
	defer cancel()
	observed, err := p.loop.opts.Engine.Observe(ctx)
	if evictionUnderWay(observed, time.Now()) {
		return err
	}
	var list []Candidate
	for i := range observed {
		if !evictable(&observed[i]) {
			continue
		}
		usage, err := p.Engine.PodUsage(ctx, observed[i].Pod.ID, short.Signal.disk())
		if err != nil && !gone(err) {
			p.loop.opts.Log.DebugContext(ctx, "pod not fully measured", "pod", observed[i].Pod.Key().String(), "error", err)
		}
		list = append(list, Candidate{&observed[i], usage})
	}
	if len(list) == 0 {
		return err
	}
	Rank(short.Signal, list)
	pod, message := &list[0].Pod.Pod, EvictionMessage(short, list[0])
	err = p.loop.actor.ending(ctx, pod, evictGrace, func() error {
		return p.loop.opts.Engine.SaveVerdict(ctx, pod.ID, &spec.Verdict{Reason: reasonEvicted, Message: message, At: time.Now()})
	})
	switch {
	case gone(err):
		return nil
	case err != nil:
		return fmt.Errorf("evict pod %s: %w", pod.Key(), err)
	}
	p.garbageAt = time.Time{} // what it leaves is garbage
	p.loop.opts.Log.WarnContext(ctx, "pod evicted", "pod", pod.Key().String(), "message", message)
	p.loop.events.of(pod, "", EventWarning, reasonEvicted, message)
	p.loop.look(ctx, pod.ID)
	return nil
}
