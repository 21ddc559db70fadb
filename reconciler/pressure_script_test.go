package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/reconciler"
)

// tightHost is what a script says the host has left. Everything is out of 1000Mi.
type tightHost struct {
	engine *enginetest.Fake
	log    *lines

	mu     sync.Mutex
	room   spec.Room
	used   map[string]int64 // by pod key
	images []heldImage
	dead   int64 // bytes that ended containers left
}

type heldImage struct {
	spec.StoredImage
	size int64
}

func newTightHost(engine *enginetest.Fake, log *lines) *tightHost {
	all := spec.Amount{Capacity: 1000 << 20, Available: 1000 << 20}
	fs := spec.FileSystem{Device: 1, Space: all, Inodes: all}
	return &tightHost{engine: engine, log: log, room: spec.Room{Memory: all, Node: fs, Images: fs}, used: map[string]int64{}}
}

// command is one of a script's:
//
//	left memory SIZE, left disk SIZE, left images SIZE   so much is left
//	split                      images are on a file system of their own
//	uses POD SIZE              so much memory and disk
//	stock NAME SIZE            an image came into the store that takes so much
//	dead SIZE                  so much was left by ended containers
func (h *tightHost) command(verb string, args []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var size int64
	if len(args) > 0 {
		q, err := resource.ParseQuantity(args[len(args)-1])
		if err != nil {
			return err
		}
		size = q.Value()
	}
	switch verb {
	case "left":
		switch args[0] {
		case "memory":
			h.room.Memory.Available = size
		case "disk":
			h.room.Node.Space.Available = size
			if h.room.Images.Device == h.room.Node.Device {
				h.room.Images.Space.Available = size
			}
		case "images":
			h.room.Images.Space.Available = size
		}
	case "split":
		h.room.Images.Device = 2
	case "uses":
		h.used[args[0]] = size
	case "stock":
		img := spec.StoredImage{ID: args[0], Names: []string{args[0]}, Arrived: time.Now()}
		if have, err := h.engine.EnsureImage(context.Background(), spec.ImageRequest{Ref: args[0], Policy: spec.PullNever}); err == nil {
			img.ID = have.ID
		}
		h.images = append(h.images, heldImage{img, size})
	case "dead":
		h.dead = size
	}
	return nil
}

func (h *tightHost) freed(size int64) {
	h.room.Images.Space.Available += size
	if h.room.Images.Device == h.room.Node.Device {
		h.room.Node.Space.Available += size
	}
}

// Room implements reconciler.PressureEngine, as do the others.
func (h *tightHost) Room(context.Context) (spec.Room, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.room, nil
}

func (h *tightHost) PodUsage(ctx context.Context, id spec.PodID, disk bool) (spec.PodUsage, error) {
	st, err := h.engine.ObservePod(ctx, id)
	if err != nil {
		return spec.PodUsage{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	one := spec.Usage{Memory: h.used[st.Pod.Key().String()]}
	if disk {
		one = spec.Usage{Disk: one.Memory}
	}
	return spec.PodUsage{Usage: one, Containers: map[string]spec.Usage{st.Pod.Containers[0].Name: one}}, nil
}

func (h *tightHost) ClearDead(context.Context) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := h.dead > 0
	h.freed(h.dead)
	h.dead = 0
	fmt.Fprintln(h.log, "cleared the dead")
	return found, nil
}

func (h *tightHost) StoredImages(_ context.Context, refs []string) ([]spec.StoredImage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []spec.StoredImage
	for _, img := range h.images {
		img.Wanted = slices.Contains(refs, img.Names[0])
		list = append(list, img.StoredImage)
	}
	return list, nil
}

func (h *tightHost) RemoveImage(_ context.Context, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.images = slices.DeleteFunc(h.images, func(img heldImage) bool {
		if img.ID == id {
			h.freed(img.size)
			fmt.Fprintln(h.log, "removed", img.Names[0])
		}
		return img.ID == id
	})
	return nil
}

func (h *tightHost) options() *reconciler.PressureOptions {
	return &reconciler.PressureOptions{
		Engine: h, Node: "here", Thresholds: reconciler.DefaultThresholds(), ImageHigh: 85, ImageLow: 80, ImageAge: 2 * time.Minute,
	}
}

// has is the check "images NAME…": these are left.
func (h *tightHost) has(names []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var have []string
	for _, img := range h.images {
		have = append(have, img.Names[0])
	}
	if !slices.Equal(have, names) {
		return errors.New("there are " + strconv.Quote(strings.Join(have, " ")))
	}
	return nil
}
