package reconciler

import "berth/engine/spec"

// SpentContainer reports whether a container may be pruned: it was made by hand,
// does not run, and nothing will start it but a person. Containers of manifests
// are parts of their pods: one that has done its work is a mark that it need not
// be done again.
func SpentContainer(st *spec.PodStatus, name string) bool {
	c, ok := st.Container(name)
	if !ok || c.ID == "" || c.Running() || c.State == spec.StatePaused {
		return false
	}
	return (st.Pod.Bare || st.Pod.ByHand) && !WillRun(st, name)
}

// SpentPod reports whether a pod may be pruned: its containers have ended, and
// nothing will start them, or make the pod again, but a person. A container that
// stands alone is no pod to people.
func SpentPod(st *spec.PodStatus) bool {
	if _, folder := st.Pod.Owner.Folder(); folder || st.Pod.Bare {
		return false
	}
	if st.Pod.Owner == spec.OwnerPlay && st.Pod.Origin.Kind != "Pod" {
		return false // a controller makes it again
	}
	ended := false
	for _, c := range st.Containers {
		if c.Running() || c.State == spec.StatePaused || WillRun(st, c.Name) {
			return false
		}
		ended = ended || c.Finished()
	}
	return ended
}
