package reconciler

import (
	"fmt"
	"testing"

	"berth/engine/spec"
)

func TestEventsAreCountedAndBounded(t *testing.T) {
	var l Events
	key := spec.PodKey{Namespace: "default", Name: "p"}
	l.record(Event{Pod: key, ID: "1", Type: EventWarning, Reason: "BackOff"})
	for range 3 {
		l.add(key, EventWarning, "BackOff", "")
	}
	l.record(Event{Pod: key, ID: "2", Type: EventWarning, Reason: "BackOff"})
	events, seen := l.since(0)
	if len(events) != 2 || events[0].Count != 4 || events[0].ID != "1" || events[1].ID != "2" {
		t.Fatalf("events %+v", events)
	}
	if again, now := l.since(seen); len(again) != 0 || now != seen {
		t.Errorf("nothing happened, but %+v", again)
	}
	l.record(Event{Pod: key, ID: "1", Type: EventWarning, Reason: "BackOff"})
	if news, _ := l.since(seen); len(news) != 1 || news[0].Count != 5 {
		t.Errorf("news %+v", news)
	}
	for i := range 2 * eventsKept {
		l.add(key, EventNormal, "Many", fmt.Sprint(i))
	}
	events = l.list()
	if len(events) != eventsKept || events[len(events)-1].Message != fmt.Sprint(2*eventsKept-1) {
		t.Errorf("%d events are kept, the last %+v", len(events), events[len(events)-1])
	}
	if taken := l.Take(); len(taken) != eventsKept || len(l.list()) != 0 {
		t.Errorf("%d events were taken, %d are left", len(taken), len(l.list()))
	}
	(*Events)(nil).add(key, EventNormal, "Nobody", "listens")
}

func TestNewsOfEventsIsTold(t *testing.T) {
	var l Events
	news, stop := l.watch()
	l.add(spec.PodKey{Name: "p"}, EventNormal, "Created", "")
	l.stir()
	<-news
	stop()
	l.stir()
	select {
	case <-news:
		t.Error("news was told to one who no longer watches")
	default:
	}
}
