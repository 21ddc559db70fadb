package autoupdate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/engine/spec"
	"berth/reconciler/autoupdate"
)

// host is a store, a registry and what runs, in memory.
type host struct {
	mu       sync.Mutex
	local    map[string]string // name → image ID
	registry map[string]string
	bad      map[string]bool // image IDs that do not stay up
	did      []string
}

func (h *host) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.did = append(h.did, fmt.Sprintf(format, args...))
}

func (h *host) Newer(_ context.Context, name string, pull spec.PullOptions) (bool, error) {
	h.note("ask %s %s", name, pull.Authfile)
	id, ok := h.registry[name]
	if !ok {
		return false, fmt.Errorf("%s: %w", name, spec.ErrPull)
	}
	return id != h.local[name], nil
}

func (h *host) Local(_ context.Context, name string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, ok := h.local[name]
	if !ok {
		return "", fmt.Errorf("%s: %w", name, spec.ErrImageMissing)
	}
	return id, nil
}

func (h *host) Pull(_ context.Context, name string, _ spec.PullOptions) (string, error) {
	h.note("pull %s", name)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.local[name] = h.registry[name]
	return h.registry[name], nil
}

func (h *host) Tag(_ context.Context, id, name string) error {
	h.note("tag %s %s", id, name)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.local[name] = id
	return nil
}

func (h *host) up(name string) error {
	if h.bad[h.local[name]] {
		return errors.New("it does not stay up")
	}
	return nil
}

func (h *host) RestartUnit(_ context.Context, g *autoupdate.Group, watch bool) error {
	h.note("restart %s %v", g.Unit, watch)
	image := strings.TrimSuffix(g.Unit, ".service")
	return h.up("reg/" + image)
}

func (h *host) RenewPod(_ context.Context, st *spec.PodStatus, watch bool) error {
	h.note("renew %s %v", st.Pod.Name, watch)
	return h.up(st.Pod.Containers[0].Image)
}

func (h *host) RestorePod(_ context.Context, st *spec.PodStatus) error {
	h.note("restore %s", st.Pod.Name)
	return nil
}

// pod is one with a container app of an image, that runs and is labelled.
func pod(name, image, imageID string, owner spec.Owner, labels map[string]string) spec.PodStatus {
	p := spec.Pod{
		ID: spec.PodID(name), Namespace: "default", Name: name, Owner: owner, Bare: true,
		Containers: []spec.Container{{Name: name, Image: image, ByHand: &spec.ByHand{Labels: labels}}},
	}
	return spec.PodStatus{Pod: p, Containers: []spec.ContainerStatus{{
		Name: name, ID: spec.ContainerID("c" + name), State: spec.StateRunning, Image: image, ImageID: imageID,
	}}}
}

// played is a replica of a Deployment in YAML with those annotations.
func played(name, image, imageID string, annotations map[string]string) spec.PodStatus {
	st := pod(name, image, imageID, spec.OwnerPlay, nil)
	st.Pod.Bare, st.Pod.PlainNames, st.Pod.Containers[0].ByHand = false, true, nil
	st.Pod.Origin = spec.Origin{Kind: "Deployment", Namespace: "default", Name: "web"}
	st.Pod.Annotations = annotations
	return st
}

func asks(policy string) map[string]string { return map[string]string{autoupdate.PolicyLabel: policy} }

func TestRun(t *testing.T) {
	unit := spec.UnitOwner
	for _, c := range []struct {
		what     string
		observed []spec.PodStatus
		bad      string
		dry      bool
		noBack   bool
		want     []string // NAME UPDATED
		did      []string
		fails    string
	}{
		{
			what:     "an image that is the registry's is left alone",
			observed: []spec.PodStatus{pod("same", "reg/same", "s1", unit("same.service"), asks("registry"))},
			want:     []string{"same false"}, did: []string{"ask reg/same "},
		},
		{
			what: "a newer image is fetched and its unit restarted; the container's authfile counts",
			observed: []spec.PodStatus{pod("web", "reg/web", "w1", unit("web.service"),
				map[string]string{autoupdate.PolicyLabel: "image", autoupdate.AuthfileLabel: "/auth"})},
			want: []string{"web true"}, did: []string{"ask reg/web /auth", "pull reg/web", "restart web.service true"},
		},
		{
			what:     "a dry run changes nothing",
			observed: []spec.PodStatus{pod("web", "reg/web", "w1", unit("web.service"), asks("registry"))}, dry: true,
			want: []string{"web pending"}, did: []string{"ask reg/web "},
		},
		{
			what:     "what does not stay up is rolled back",
			observed: []spec.PodStatus{pod("web", "reg/web", "w1", unit("web.service"), asks("registry"))}, bad: "w2",
			want: []string{"web rolled back"},
			did:  []string{"ask reg/web ", "pull reg/web", "restart web.service true", "tag w1 reg/web", "restart web.service true"},
		},
		{
			what:     "or not",
			observed: []spec.PodStatus{pod("web", "reg/web", "w1", unit("web.service"), asks("registry"))}, bad: "w2", noBack: true,
			want: []string{"web failed"}, fails: "update web.service: it does not stay up",
			did: []string{"ask reg/web ", "pull reg/web", "restart web.service false"},
		},
		{
			what: "two containers of a unit: asked for and restarted once",
			observed: []spec.PodStatus{
				pod("a", "reg/web", "w1", unit("web.service"), asks("registry")), pod("b", "reg/web", "w1", unit("web.service"), asks("registry")),
			},
			want: []string{"a true", "b true"}, did: []string{"ask reg/web ", "pull reg/web", "restart web.service true"},
		},
		{
			what: "one that went back does not keep the next from trying",
			observed: []spec.PodStatus{
				pod("a", "reg/web", "w1", spec.OwnerRun, asks("registry")), pod("web", "reg/web", "w1", unit("web.service"), asks("registry")),
			},
			bad: "w2", want: []string{"a rolled back", "web rolled back"},
			did: []string{
				"ask reg/web ", "pull reg/web", "renew a true", "tag w1 reg/web", "restore a",
				"tag w2 reg/web", "restart web.service true", "tag w1 reg/web", "restart web.service true",
			},
		},
		{
			what:     "local: the image that has the name here",
			observed: []spec.PodStatus{pod("app", "localhost/app", "l1", spec.OwnerRun, asks("local"))},
			want:     []string{"app true"}, did: []string{"renew app true"},
		},
		{
			what: "an image that cannot be had keeps its unit from being restarted, and no other",
			observed: []spec.PodStatus{
				pod("gone", "reg/gone", "g1", unit("web.service"), asks("registry")), pod("b", "reg/web", "w1", unit("web.service"), asks("registry")),
				pod("app", "localhost/app", "l1", spec.OwnerRun, asks("local")),
			},
			want: []string{"app true", "gone failed", "b false"}, fails: "reg/gone",
			did: []string{"ask reg/gone ", "ask reg/web ", "pull reg/web", "renew app true"},
		},
		{
			what: "replicas come one after another, and go back together",
			observed: []spec.PodStatus{
				played("web-1", "reg/web", "w1", map[string]string{autoupdate.PolicyLabel + "/web-1": "registry"}),
				played("web-2", "reg/web", "w1", asks("registry")),
				played("web-3", "reg/web", "w1", map[string]string{autoupdate.PolicyLabel: "registry", autoupdate.PolicyLabel + "/web-3": "disabled"}),
			},
			bad: "w2", want: []string{"web-1 rolled back", "web-2 rolled back"},
			did: []string{"ask reg/web ", "pull reg/web", "renew web-1 true", "tag w1 reg/web", "restore web-1"},
		},
		{
			what:     "what cannot be read is an error, what does not ask is left alone",
			observed: []spec.PodStatus{pod("odd", "reg/web", "w1", spec.OwnerRun, asks("sometimes")), pod("plain", "reg/web", "w1", spec.OwnerRun, nil)},
			fails:    `container odd: io.containers.autoupdate: "sometimes" is no policy`,
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			h := &host{
				local:    map[string]string{"reg/same": "s1", "reg/web": "w1", "localhost/app": "l2", "reg/gone": "g1"},
				registry: map[string]string{"reg/same": "s1", "reg/web": "w2"},
				bad:      map[string]bool{c.bad: true},
			}
			u := autoupdate.Updater{Images: h, Runner: h, DryRun: c.dry, Rollback: !c.noBack, Warn: func(string, error) {}}
			groups, errs := autoupdate.Find(c.observed)
			results, err := u.Run(t.Context(), groups)
			if err = errors.Join(append(errs, err)...); (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			var got []string
			for _, r := range results {
				got = append(got, r.Name+" "+string(r.Updated))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("results %q, want %q", got, c.want)
			}
			var did, asked []string // registries are asked in any order
			for _, what := range h.did {
				if strings.HasPrefix(what, "ask ") {
					asked = append(asked, what)
				} else {
					did = append(did, what)
				}
			}
			slices.Sort(asked)
			did = append(asked, did...)
			if !slices.Equal(did, c.did) {
				t.Errorf("did %q, want %q", did, c.did)
			}
		})
	}
}
