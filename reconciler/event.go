package reconciler

import (
	"slices"
	"sync"
	"time"

	"berth/engine/spec"
)

// EventType says whether an event is good to know or bad.
type EventType string

// Event types, Kubernetes' words.
const (
	EventNormal  EventType = "Normal"
	EventWarning EventType = "Warning"
)

// eventsKept is how many different events are remembered.
const eventsKept = 256

// Event is something that happened to a pod. Repetitions are counted.
type Event struct {
	Pod     spec.PodKey `json:"pod"`
	Type    EventType   `json:"type"`
	Reason  string      `json:"reason"` // one word
	Message string      `json:"message"`
	Count   int         `json:"count"`
	First   time.Time   `json:"first"`
	Last    time.Time   `json:"last"`
}

// eventLog remembers the latest events, in memory only. A nil log forgets.
type eventLog struct {
	mu     sync.Mutex
	events []Event // the latest last
}

func (l *eventLog) add(pod spec.PodKey, kind EventType, reason, message string) {
	if l == nil {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	e := Event{Pod: pod, Type: kind, Reason: reason, Message: message, First: now}
	same := func(o Event) bool {
		return o.Pod == pod && o.Type == kind && o.Reason == reason && o.Message == message
	}
	if i := slices.IndexFunc(l.events, same); i >= 0 {
		e = l.events[i]
		l.events = slices.Delete(l.events, i, i+1)
	}
	e.Count++
	e.Last = now
	l.events = append(l.events, e)
	if len(l.events) > eventsKept {
		l.events = slices.Delete(l.events, 0, len(l.events)-eventsKept)
	}
}

// list is the events, the oldest first.
func (l *eventLog) list() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}
