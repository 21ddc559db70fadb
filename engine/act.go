package engine

import (
	"time"

	"berth/engine/spec"
	"berth/engine/state"
)

// note writes down that something was done. What was done is done, so that this
// never fails. In containers.conf events_logger = "none" turns it off.
func (e *Engine) note(a spec.Act) {
	if e.conf.Engine.EventsLogger == "none" {
		return
	}
	if a.Time.IsZero() {
		a.Time = time.Now()
	}
	if err := e.acts.Add(a); err != nil {
		e.log.Debug("an act is not in the journal", "type", a.Type, "status", a.Status, "error", err)
	}
}

// noteContainer writes down what was done to a container; more says what else is
// known of it.
func (e *Engine) noteContainer(pod *spec.Pod, c *state.Container, status string, more ...func(*spec.Act)) {
	a := containerAct(pod, c.Name, c.ID, status)
	for _, say := range more {
		say(&a)
	}
	e.note(a)
}

func containerAct(pod *spec.Pod, name string, id spec.ContainerID, status string) spec.Act {
	a := spec.Act{Type: spec.ActContainer, Status: status, ID: string(id), Name: pod.ContainerName(name), Attributes: pod.Labels}
	if !pod.Bare {
		a.Pod = pod.ID
	}
	if made, ok := pod.Container(name); ok {
		a.Image = made.Image
		if made.ByHand != nil {
			a.Attributes = made.ByHand.Labels
		}
	}
	return a
}

// noteByName is noteContainer for who knows only its name. An infra container is
// told of as its pod alone.
func (e *Engine) noteByName(id spec.PodID, name, status string, more ...func(*spec.Act)) {
	if name == infraName {
		return
	}
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return // it is gone already: who removed it has told
	}
	c, err := e.records.ReadContainer(id, name)
	if err != nil {
		return
	}
	e.noteContainer(&pod, &c, status, more...)
}

// NoteRestart writes down that a person has a container stopped and started again.
func (e *Engine) NoteRestart(id spec.PodID, name string) { e.noteByName(id, name, "restart") }

// notePod writes down what was done to a pod. A container that stands alone is
// none.
func (e *Engine) notePod(pod *spec.Pod, status string) {
	if pod.Bare {
		return
	}
	e.note(spec.Act{Type: spec.ActPod, Status: status, ID: string(pod.ID), Name: pod.Name, Attributes: pod.Labels})
}

// noteNetwork writes down that a pod, or a container that stands alone, joined or
// left a network.
func (e *Engine) noteNetwork(id spec.PodID, name, status string) {
	a := spec.Act{Type: spec.ActNetwork, Status: status, ID: string(id), Network: name}
	if pod, err := e.records.ReadPod(id); err == nil && pod.Bare && len(pod.Containers) == 1 && pod.Containers[0].ByHand != nil {
		a.ID = string(pod.Containers[0].ByHand.ID)
	}
	e.note(a)
}

// died says how and when a container ended.
func died(end *spec.Termination) func(*spec.Act) {
	return func(a *spec.Act) { a.Time, a.ExitCode = end.FinishedAt, &end.ExitCode }
}

// exitCode says how a command ended.
func exitCode(code int) func(*spec.Act) { return func(a *spec.Act) { a.ExitCode = &code } }
