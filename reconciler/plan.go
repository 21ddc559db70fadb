package reconciler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"berth/engine/spec"
	"berth/kube"
)

// Action is what is to be done with one pod.
type Action string

// The actions of a plan. Keep may still carry what a running pod takes without
// a restart: new files, another owner.
const (
	ActionKeep    Action = "keep"
	ActionCreate  Action = "create"
	ActionReplace Action = "replace"
	ActionRemove  Action = "remove"
	ActionRestart Action = "restart" // it is as it should be, but down
	ActionUpdate  Action = "update"  // it takes over what needs no other pod: files, labels
	ActionResize  Action = "resize"  // containers get other CPU and memory
	ActionAdopt   Action = "adopt"   // the same pod now comes from elsewhere
	ActionRefuse  Action = "refuse"  // it cannot be had: the name belongs to another owner
)

// PodPlan is the decision about one pod.
type PodPlan struct {
	Key      spec.PodKey
	Action   Action
	Reason   string          // in plain words
	Desired  *spec.Pod       // nil: nobody wants the pod
	Observed *spec.PodStatus // nil: it is not there
	Files    []string        // volumes whose files are to be swapped
	Adopt    bool            // owner or origin is to be recorded anew
	Describe bool            // labels, annotations or the manifest are
	Afresh   bool            // all containers are restarted, for their files
	Resize   []string        // containers that get other CPU or memory
	Renew    []string        // those of them that are restarted for it
}

// touches reports whether a pod that is kept takes something over.
func (p *PodPlan) touches() bool {
	return len(p.Files) > 0 || p.Adopt || p.Describe || len(p.Resize) > 0
}

// restarts reports whether containers of a pod that is kept are restarted.
func (p *PodPlan) restarts() bool { return p.Afresh || len(p.Renew) > 0 }

// Plan is what is to be done, one entry for each pod, ordered by key.
type Plan []PodPlan

// Changes reports whether the plan does anything.
func (p Plan) Changes() bool {
	return slices.ContainsFunc(p, func(pp PodPlan) bool { return pp.Action != ActionKeep && pp.Action != ActionRefuse })
}

// Prune says which pods nobody wants are removed.
type Prune int

// PruneNone removes nothing. PruneOwned removes what the scope's owners own.
// PruneObjects removes only what an object of the scope no longer yields, such
// as the last pods of a Deployment with fewer replicas.
const (
	PruneNone Prune = iota
	PruneOwned
	PruneObjects
)

// Scope bounds what a plan may change.
type Scope struct {
	Owners   []spec.Owner // whose pods may be changed
	Unknown  []spec.Owner // part of what they want could not be read: nothing of theirs is removed
	TakeOver []spec.Owner // further owners whose pods give way to a desired one
	Prune    Prune
	Objects  map[kube.Key]bool // the objects that were read
	Held     map[kube.Key]bool // those of them that could not be translated: their pods stay
	Replace  bool              // replace pods that are as they should be, too
	Start    bool              // a person asks for the pods: stopped and ended ones are started
}

// MakePlan compares what should be with what is. It is pure. A desired pod is
// matched with the observed one of the same object and ordinal, whatever its
// name (a Deployment's pods are renamed when its template changes), else with
// the one that has its name. Pods of owners outside the scope get no entry
// unless a desired pod needs their name.
func MakePlan(desired []*spec.Pod, observed []spec.PodStatus, scope Scope) Plan {
	var plan Plan
	found := index(observed)
	matched := map[*spec.PodStatus]bool{}
	wanted := map[spec.PodKey]*spec.Pod{}
	for _, want := range desired {
		if first, ok := wanted[want.Key()]; ok {
			plan = append(plan, PodPlan{
				Key: want.Key(), Action: ActionRefuse, Desired: want,
				Reason: fmt.Sprintf("pod %s is made by %s already", want.Key(), place(first.Origin)),
			})
			continue
		}
		wanted[want.Key()] = want
		have, why := found.match(want, scope)
		if have != nil {
			matched[have] = true
		}
		if why != "" {
			plan = append(plan, PodPlan{Key: want.Key(), Action: ActionRefuse, Reason: why, Desired: want, Observed: have})
			continue
		}
		plan = append(plan, planPod(want, have, scope))
	}
	for i := range observed {
		if have := &observed[i]; !matched[have] {
			plan = append(plan, planPrune(have, scope)...)
		}
	}
	slices.SortStableFunc(plan, func(a, b PodPlan) int {
		return cmp.Or(cmp.Compare(a.Key.Namespace, b.Key.Namespace), cmp.Compare(a.Key.Name, b.Key.Name))
	})
	return plan
}

// observedIndex finds observed pods by name and by what they were made from.
type observedIndex struct {
	byKey    map[spec.PodKey]*spec.PodStatus
	byOrigin map[spec.Origin][]*spec.PodStatus
}

func index(observed []spec.PodStatus) observedIndex {
	x := observedIndex{map[spec.PodKey]*spec.PodStatus{}, map[spec.Origin][]*spec.PodStatus{}}
	for i := range observed {
		o := &observed[i]
		x.byKey[o.Pod.Key()] = o
		x.byOrigin[slot(o.Pod.Origin)] = append(x.byOrigin[slot(o.Pod.Origin)], o)
	}
	return x
}

// match finds the observed pod that the desired one continues, or says why it
// cannot be had.
func (x observedIndex) match(want *spec.Pod, scope Scope) (have *spec.PodStatus, why string) {
	if have = x.byKey[want.Key()]; have != nil {
		if why := belongsElsewhere(&have.Pod, want, scope); why != "" {
			return have, why
		}
		if have.Pod.Origin.Same(want.Origin) {
			return have, ""
		}
	}
	for _, other := range x.byOrigin[slot(want.Origin)] {
		if belongsElsewhere(&other.Pod, want, scope) == "" {
			return other, ""
		}
	}
	return have, ""
}

// slot is a pod's place: the object it is made from and its ordinal.
func slot(o spec.Origin) spec.Origin {
	o.File = ""
	return o
}

// planPod decides about a pod that is wanted.
func planPod(want *spec.Pod, have *spec.PodStatus, scope Scope) PodPlan {
	p := PodPlan{Key: want.Key(), Action: ActionKeep, Desired: want, Observed: have}
	if have == nil {
		p.Action, p.Reason = ActionCreate, "it is not there"
		return p
	}
	p.Files = changedFiles(&have.Pod, want)
	p.Adopt = have.Pod.Owner != want.Owner || have.Pod.Origin != want.Origin
	described := changedDescription(&have.Pod, want)
	p.Describe = len(described) > 0
	p.Resize, p.Renew = changedSizes(&have.Pod, want)
	p.Afresh = want.RestartOnChange && len(p.Files) > 0
	switch why := needsStart(have, scope); {
	case have.Removal != nil:
		p.Action, p.Reason = ActionReplace, "the one there is being removed"
	case have.Pod.Hash != want.Hash, have.Pod.Key() != want.Key():
		p.Action, p.Reason = ActionReplace, DescribeChange(&have.Pod, want)
	case scope.Replace:
		p.Action, p.Reason = ActionReplace, "replacing was asked for"
	case why != "":
		p.Action, p.Reason = ActionRestart, why
	case len(p.Resize) > 0:
		p.Action, p.Reason = ActionResize, "CPU or memory changed of container "+join(p.Resize)
		if len(p.Renew) > 0 {
			p.Reason += "; restarted for it: " + join(p.Renew)
		}
	case p.Afresh:
		p.Action, p.Reason = ActionUpdate, "new files in volume "+join(p.Files)+": its containers are restarted, as it asks for"
	case len(p.Files) > 0:
		p.Action, p.Reason = ActionUpdate, "new files in volume "+join(p.Files)
	case have.Pod.Owner != want.Owner:
		p.Action, p.Reason = ActionAdopt, fmt.Sprintf("it belonged to %s", have.Pod.Owner)
	case p.Describe:
		p.Action, p.Reason = ActionUpdate, join(described)+" changed"
	case p.Adopt:
		p.Action, p.Reason = ActionAdopt, fmt.Sprintf("it now comes from %s", place(want.Origin))
	}
	return p
}

// planPrune decides about a pod that nobody wants.
func planPrune(have *spec.PodStatus, scope Scope) []PodPlan {
	p := PodPlan{Key: have.Pod.Key(), Action: ActionRemove, Observed: have}
	object := objectKey(have.Pod.Origin)
	switch {
	case !slices.Contains(scope.Owners, have.Pod.Owner) || scope.Prune == PruneNone:
		return nil
	case scope.Held[object]:
		p.Action, p.Reason = ActionKeep, fmt.Sprintf("%s has errors", object)
	case scope.Objects[object]:
		p.Reason = fmt.Sprintf("%s no longer asks for it", object)
	case scope.Prune == PruneObjects:
		return nil
	case slices.Contains(scope.Unknown, have.Pod.Owner):
		p.Action, p.Reason = ActionKeep, fmt.Sprintf("not all that %s wants could be read", have.Pod.Owner)
	default:
		p.Reason = fmt.Sprintf("%s is gone", object)
	}
	return []PodPlan{p}
}

// belongsElsewhere says why the observed pod must not give way to the desired
// one, or "".
func belongsElsewhere(have, want *spec.Pod, scope Scope) string {
	switch {
	case have.Owner == want.Owner, slices.Contains(scope.TakeOver, have.Owner):
		return ""
	case slices.Contains(scope.Unknown, have.Owner):
		return fmt.Sprintf("pod %s belongs to %s, which cannot be read now", have.Key(), have.Owner)
	case slices.Contains(scope.Owners, have.Owner):
		return ""
	}
	return fmt.Sprintf("pod %s exists and belongs to %s", have.Key(), describeOwner(have.Owner))
}

// describeOwner names an owner and what a person can do about its pods.
func describeOwner(o spec.Owner) string {
	if dir, ok := o.Folder(); ok {
		return fmt.Sprintf("the folder %s: change it there", dir)
	}
	switch o {
	case spec.OwnerPlay:
		return "what kube play was given: take it down with kube down, or play the new object"
	case spec.OwnerRun:
		return "a pod made on the command line: remove it, or use --replace"
	}
	return fmt.Sprintf("%s: change it there", o)
}

// needsStart says why a pod that is as it should be must be started, or "".
func needsStart(have *spec.PodStatus, scope Scope) string {
	switch {
	case have.Verdict != nil:
		return "" // only another pod can follow
	case have.Stopped && scope.Start:
		return "it was stopped"
	case have.Stopped:
		return ""
	case have.Sandbox == spec.SandboxLost:
		return "its sandbox is gone"
	case have.Sandbox == spec.SandboxNone && !complete(have):
		return "it is not running"
	}
	if !scope.Start {
		return ""
	}
	for i := range have.Containers {
		c := &have.Containers[i]
		switch {
		case c.Init:
		case c.Stopped:
			return fmt.Sprintf("container %s was stopped", c.Name)
		case c.Finished() && restarts(have, c.Name, c.ExitCode):
			return fmt.Sprintf("container %s has ended with exit code %d", c.Name, c.ExitCode)
		case (c.State == spec.StateNone || c.State == spec.StateCreated) && !complete(have):
			return fmt.Sprintf("container %s has not started yet", c.Name)
		}
	}
	return ""
}

// changedFiles lists the volumes whose files differ.
func changedFiles(have, want *spec.Pod) []string {
	var out []string
	for _, v := range want.Volumes {
		if v.Files == nil || v.Lacks != "" {
			continue
		}
		if old, ok := have.Volume(v.Name); ok && old.Files != nil && old.Files.Content != v.Files.Content {
			out = append(out, v.Name)
		}
	}
	return out
}

// changedSizes lists the containers whose object wants other CPU or memory than
// it did, and those of them that have to be restarted for it. What a person has
// set since is as good as what the object said: it holds until that changes.
func changedSizes(have, want *spec.Pod) (resize, renew []string) {
	for _, w := range want.All() {
		h, ok := have.Container(w.Name)
		if !ok {
			continue
		}
		old := h.AsDeclared().Resources
		now := old
		now.Resize(w.Resources)
		if same(old, now) {
			continue
		}
		resize = append(resize, w.Name)
		if restartsFor(&h.Resources, &w.Resources, w.RestartOnResize) {
			renew = append(renew, w.Name)
		}
	}
	return resize, renew
}

// restartsFor reports whether a container is to be restarted for other CPU or
// memory; on are the resources whose change takes that.
func restartsFor(old, now *spec.Resources, on []string) bool {
	cpu := old.CPURequest != now.CPURequest || old.CPULimit != now.CPULimit
	memory := old.MemoryRequest != now.MemoryRequest || old.MemoryLimit != now.MemoryLimit
	return cpu && slices.Contains(on, "cpu") || memory && slices.Contains(on, "memory")
}

// changedDescription lists what is said otherwise of a pod.
func changedDescription(have, want *spec.Pod) []string {
	var out []string
	if !maps.Equal(have.Labels, want.Labels) {
		out = append(out, "labels")
	}
	if !maps.Equal(have.Annotations, want.Annotations) {
		out = append(out, "annotations")
	}
	if have.LacksOtherwise(want) {
		out = append(out, "what it lacks")
	}
	if len(out) == 0 && !have.SameManifest(want) {
		out = append(out, "manifest")
	}
	return out
}

func place(o spec.Origin) string {
	if o.File == "" {
		return o.String()
	}
	return fmt.Sprintf("%s in %s", o, o.File)
}
