package reconciler

import (
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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
	Pod       spec.PodKey `json:"pod"`                 // of no namespace: the host
	ID        spec.PodID  `json:"id,omitempty"`        // of the pod, where whoever saw it knew
	Container string      `json:"container,omitempty"` // "" is the whole pod
	Init      bool        `json:"init,omitempty"`      // whether that is an init container
	Type      EventType   `json:"type"`
	Reason    string      `json:"reason"` // one word
	Message   string      `json:"message"`
	Count     int         `json:"count"`
	First     time.Time   `json:"first"`
	Last      time.Time   `json:"last"`
}

// same reports whether an event is another's repetition.
func (e *Event) same(o *Event) bool {
	return o.Pod == e.Pod && o.Container == e.Container && o.Type == e.Type && o.Reason == e.Reason && o.Message == e.Message &&
		(o.ID == e.ID || o.ID == "" || e.ID == "")
}

// Reference names the object the event is about, as the kubelet does.
func (e *Event) Reference() corev1.ObjectReference {
	ref := corev1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: e.Pod.Namespace, Name: e.Pod.Name,
	}
	if e.ID != "" {
		ref.UID = types.UID(e.ID.UID())
	}
	switch {
	case e.Pod.Namespace == "": // of the host
		ref.Kind = "Node"
	case e.Container == "":
	case e.Init:
		ref.FieldPath = "spec.initContainers{" + e.Container + "}"
	default:
		ref.FieldPath = "spec.containers{" + e.Container + "}"
	}
	return ref
}

// Namespace is where the event is kept: what is about the host, in the default one.
func (e *Event) Namespace() string {
	if e.Pod.Namespace == "" {
		return spec.DefaultNamespace
	}
	return e.Pod.Namespace
}

// Events remembers the latest events, in memory only, and tells who watches that
// there is news. The zero value is empty; a nil one forgets.
type Events struct {
	mu       sync.Mutex
	events   []Event // the latest last
	numbers  []int   // of each event, raised with each repetition
	number   int
	watchers map[chan struct{}]struct{}
}

func (l *Events) add(pod spec.PodKey, kind EventType, reason, message string) {
	l.record(Event{Pod: pod, Type: kind, Reason: reason, Message: message})
}

// of adds an event of a pod that is there, or of one of its containers.
func (l *Events) of(pod *spec.Pod, container string, kind EventType, reason, message string) {
	l.record(Event{
		Pod: pod.Key(), ID: pod.ID, Container: container, Init: pod.IsInit(container),
		Type: kind, Reason: reason, Message: message,
	})
}

// record adds an event that happens now.
func (l *Events) record(e Event) {
	now := time.Now()
	e.Count, e.First, e.Last = 1, now, now
	l.merge(e)
}

// merge adds an event that may have happened before, and several times.
func (l *Events) merge(e Event) {
	if l == nil {
		return
	}
	l.mu.Lock()
	if i := slices.IndexFunc(l.events, func(o Event) bool { return e.same(&o) }); i >= 0 {
		old := l.events[i]
		e.Count += old.Count
		if e.ID == "" {
			e.ID = old.ID
		}
		if old.First.Before(e.First) {
			e.First = old.First
		}
		e.Last = latest(e.Last, old.Last)
		l.events, l.numbers = slices.Delete(l.events, i, i+1), slices.Delete(l.numbers, i, i+1)
	}
	l.number++
	l.events, l.numbers = append(l.events, e), append(l.numbers, l.number)
	if over := len(l.events) - eventsKept; over > 0 {
		l.events, l.numbers = slices.Delete(l.events, 0, over), slices.Delete(l.numbers, 0, over)
	}
	l.mu.Unlock()
	l.stir()
}

// list is the events, the oldest first, whenever it was told of them.
func (l *Events) list() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(l.events)
	slices.SortStableFunc(list, func(a, b Event) int { return a.Last.Compare(b.Last) })
	return list
}

// since is the events after a number, the oldest first, and the number to ask
// with next.
func (l *Events) since(number int) ([]Event, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, _ := slices.BinarySearch(l.numbers, number+1)
	return slices.Clone(l.events[i:]), l.number
}

// Take is the events there are, which are then forgotten.
func (l *Events) Take() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.events
	l.events, l.numbers = nil, nil
	return taken
}

// watch gives a channel that holds something when there may be news, of events
// or of how a pod does, until stop is called.
func (l *Events) watch() (news <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watchers == nil {
		l.watchers = map[chan struct{}]struct{}{}
	}
	l.watchers[ch] = struct{}{}
	return ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, ch)
	}
}

// stir tells who watches that there may be news.
func (l *Events) stir() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for ch := range l.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Object is the event as a Kubernetes object.
func (e *Event) Object() corev1.Event {
	out := corev1.Event{
		TypeMeta:       metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		InvolvedObject: e.Reference(),
		Type:           string(e.Type), Reason: e.Reason, Message: e.Message, Count: int32(e.Count),
		FirstTimestamp: *stamp(e.First), LastTimestamp: *stamp(e.Last),
		Source: corev1.EventSource{Component: "berth"}, ReportingController: "berth",
	}
	out.Namespace = e.Namespace()
	// Kubernetes' names of events, which nobody uses, are of the time as well.
	out.Name = fmt.Sprintf("%s.%x", e.Pod.Name, e.First.UnixNano())
	return out
}
