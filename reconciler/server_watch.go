package reconciler

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"berth/engine/spec"
)

// PodChange is a line of a watch of pods, in Kubernetes' form.
type PodChange struct {
	Type   string  `json:"type"` // "ADDED", "MODIFIED", "DELETED"
	Object PodView `json:"object"`
}

// Kinds of changes.
const (
	ChangeAdded    = "ADDED"
	ChangeModified = "MODIFIED"
	ChangeDeleted  = "DELETED"
)

// eventsTaken is how much of what others saw is read.
const eventsTaken = 1 << 20

func (s *Supervisor) handlePods(ctx context.Context, mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/pods", func(w http.ResponseWriter, r *http.Request) {
		if !watches(r) {
			s.answer(ctx, w, s.Loop.Pods())
			return
		}
		sent := sentPods{}
		s.stream(ctx, w, r, func(send func(any) error) error {
			for _, change := range sent.changes(s.Loop.Pods()) {
				if err := send(change); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (s *Supervisor) handleEvents(ctx context.Context, mux *http.ServeMux) {
	events := s.Loop.events
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		if !watches(r) {
			s.answer(ctx, w, events.list())
			return
		}
		seen := 0
		s.stream(ctx, w, r, func(send func(any) error) error {
			var news []Event
			news, seen = events.since(seen)
			for _, e := range news {
				if err := send(e); err != nil {
					return err
				}
			}
			return nil
		})
	})
	mux.HandleFunc("POST /v1/events", func(w http.ResponseWriter, r *http.Request) {
		var seen []Event
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, eventsTaken)).Decode(&seen); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, e := range seen {
			events.merge(e)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func watches(r *http.Request) bool {
	watch := r.URL.Query().Get("watch")
	return watch == "1" || watch == "true"
}

// stream sends lines of JSON, now and whenever there is news, until ctx ends or
// whoever asked is gone.
func (s *Supervisor) stream(ctx context.Context, w http.ResponseWriter, r *http.Request, next func(send func(any) error) error) {
	news, stop := s.Loop.events.watch()
	defer stop()
	w.Header().Set("Content-Type", "application/json")
	lines, flush := json.NewEncoder(w), http.NewResponseController(w)
	for {
		if err := next(lines.Encode); err != nil {
			return // nobody reads any more
		}
		if err := flush.Flush(); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-r.Context().Done():
			return
		case <-news:
		}
	}
}

// sentPods is what a watch has sent last of each pod.
type sentPods map[sentKey]sentPod

type sentKey struct {
	namespace, name string
	owner           spec.Owner
}

type sentPod struct {
	view PodView
	text []byte
}

// changes are the differences to what was sent before.
func (sent sentPods) changes(now []PodView) []PodChange {
	var out []PodChange
	there := map[sentKey]bool{}
	for _, v := range now {
		key := sentKey{v.Namespace, v.Name, v.Owner}
		there[key] = true
		text, err := json.Marshal(v)
		if err != nil {
			continue // cannot be: it is plain data
		}
		old, known := sent[key]
		if known && bytes.Equal(old.text, text) {
			continue
		}
		kind := ChangeAdded
		if known {
			kind = ChangeModified
		}
		sent[key] = sentPod{v, text}
		out = append(out, PodChange{kind, v})
	}
	for key, old := range sent {
		if !there[key] {
			delete(sent, key)
			out = append(out, PodChange{ChangeDeleted, old.view})
		}
	}
	return out
}
