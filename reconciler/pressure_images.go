package reconciler

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"berth/engine/spec"
)

// imageUse is what is known of who uses which image, by image ID.
type imageUse struct {
	pods map[string]bool      // images of pods, and of those these replaced
	last map[string]time.Time // when a pod was last seen to have it
}

// imagesOf are the images a pod uses, running or not: what it is made from, what
// its containers were made from, and what it replaced.
func imagesOf(st *spec.PodStatus) []string {
	ids := slices.Clone(st.Pod.Previous)
	for _, c := range st.Pod.All() {
		ids = append(ids, c.ImageID)
	}
	for i := range st.Containers {
		ids = append(ids, st.Containers[i].ImageID)
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
}

// previousImages are the images that a pod's successor is to remember, so that
// there is a way back: those of the pod it replaces, unless both have the same.
func previousImages(old *spec.PodStatus, made *spec.Pod) []string {
	if old == nil {
		return nil
	}
	have := map[string]bool{}
	for _, c := range made.All() {
		have[c.ImageID] = true
	}
	var before []string
	for _, c := range old.Pod.All() {
		if c.ImageID != "" && !have[c.ImageID] && !slices.Contains(before, c.ImageID) {
			before = append(before, c.ImageID)
		}
	}
	if len(before) == 0 {
		return old.Pod.Previous
	}
	return before
}

// SpareImages are the images that may go, the one that was used longest ago
// first. It keeps
//
//   - those that containers or other images stand on, that pods use, replaced or
//     want, and that have come less than age ago;
//   - of each repository that pods use, the one that came last beside theirs: the
//     way back from a new version;
//   - those with no name but localhost/…: no registry has them.
func SpareImages(images []spec.StoredImage, use imageUse, now time.Time, age time.Duration) []spec.StoredImage {
	inUse := func(img *spec.StoredImage) bool { return img.Held || img.Wanted || use.pods[img.ID] }
	used := map[string]bool{}
	for i := range images {
		if inUse(&images[i]) {
			for _, repo := range repositories(&images[i]) {
				used[repo] = true
			}
		}
	}
	previous := map[string]*spec.StoredImage{}
	for i := range images {
		img := &images[i]
		for _, repo := range repositories(img) {
			if before := previous[repo]; !inUse(img) && used[repo] && (before == nil || img.Arrived.After(before.Arrived)) {
				previous[repo] = img
			}
		}
	}
	var spare []spec.StoredImage
	for i := range images {
		img := &images[i]
		kept := slices.ContainsFunc(repositories(img), func(repo string) bool { return previous[repo] == img })
		if !inUse(img) && !kept && !onlyHere(img) && now.Sub(img.Arrived) >= age {
			spare = append(spare, *img)
		}
	}
	slices.SortStableFunc(spare, func(a, b spec.StoredImage) int {
		return cmp.Or(use.last[a.ID].Compare(use.last[b.ID]), a.Arrived.Compare(b.Arrived), cmp.Compare(a.ID, b.ID))
	})
	return spare
}

// repositories are the names an image has or had, without tag and digest.
func repositories(img *spec.StoredImage) []string {
	var repos []string
	for _, name := range slices.Concat(img.Names, img.Past) {
		name, _, _ = strings.Cut(name, "@")
		if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
			name = name[:colon]
		}
		if !slices.Contains(repos, name) {
			repos = append(repos, name)
		}
	}
	return repos
}

// onlyHere reports whether an image was made here and can be had nowhere else.
func onlyHere(img *spec.StoredImage) bool {
	return len(img.Names) > 0 && !slices.ContainsFunc(img.Names, func(name string) bool { return !strings.HasPrefix(name, "localhost/") })
}
