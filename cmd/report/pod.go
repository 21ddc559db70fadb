//lint:file-ignore ST1003 templates name what they show as in podman

package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/cmd/output"
	"berth/engine/spec"
)

// Pod is one pod as `pod ps --format json` prints it.
type Pod struct {
	Cgroup     string            `json:"Cgroup"`
	Containers []PodContainer    `json:"Containers"`
	Created    time.Time         `json:"Created"`
	ID         string            `json:"Id"`
	InfraID    string            `json:"InfraId"`
	Name       string            `json:"Name"`
	Namespace  string            `json:"Namespace"`
	Networks   []string          `json:"Networks"`
	Status     string            `json:"Status"`
	Labels     map[string]string `json:"Labels"`
	Owner      string            `json:"Owner"` // "folder:/etc/berth/manifests", "play"; podman has none

	status *spec.PodStatus
}

// PodContainer is one container of a Pod.
type PodContainer struct {
	ID           string `json:"Id"`
	Names        string `json:"Names"`
	Status       string `json:"Status"`
	RestartCount int    `json:"RestartCount"`
}

// Pod states, in podman's words.
const (
	PodCreated  = "Created"  // no container runs or has ended
	PodRunning  = "Running"  // all containers run
	PodDegraded = "Degraded" // some run, some do not
	PodPaused   = "Paused"
	PodStopped  = "Stopped" // some have ended, none runs
	PodExited   = "Exited"  // all have ended
)

// PodState sums up a pod in podman's words. Init containers count until they
// have done their work.
func PodState(p *spec.PodStatus) string {
	var all, running, paused, finished int
	for _, c := range p.Containers {
		if c.Init && (c.ID == "" || c.Finished() && c.ExitCode == 0) {
			continue
		}
		all++
		switch {
		case c.State == spec.StatePaused:
			paused++
		case c.Running():
			running++
		case c.Finished():
			finished++
		}
	}
	if p.Pod.ByHand && all == 0 && p.Infra.Running() {
		return PodRunning // it waits for containers
	}
	switch {
	case all > 0 && paused == all:
		return PodPaused
	case all > 0 && running == all && p.Sandbox == spec.SandboxReady:
		return PodRunning
	case running+paused > 0:
		return PodDegraded
	case all > 0 && finished == all:
		return PodExited
	case finished > 0:
		return PodStopped
	}
	return PodCreated
}

// Pods lists pods, newest first, as podman does. A container that stands alone is
// none.
func Pods(list []spec.PodStatus) []Pod {
	pods := make([]Pod, 0, len(list))
	for i := range list {
		if !list[i].Pod.Bare {
			pods = append(pods, pod(&list[i]))
		}
	}
	SortPods(pods, "created")
	return pods
}

func pod(p *spec.PodStatus) Pod {
	r := Pod{
		Cgroup:    podCgroup(p),
		Created:   p.Pod.CreatedAt,
		ID:        string(p.Pod.ID),
		InfraID:   string(p.Infra.ID),
		Name:      p.Pod.Name,
		Namespace: p.Pod.Namespace,
		Networks:  networks(p),
		Status:    PodState(p),
		Labels:    p.Pod.Labels,
		Owner:     string(p.Pod.Owner),
		status:    p,
	}
	r.Containers = []PodContainer{}
	if p.Infra.ID != "" {
		r.Containers = append(r.Containers, PodContainer{string(p.Infra.ID), p.Pod.InfraName(), string(p.Infra.State), 0})
	}
	for _, c := range p.Containers {
		if c.ID != "" {
			r.Containers = append(r.Containers, PodContainer{string(c.ID), p.Pod.ContainerName(c.Name), StateWord(p, c), p.Restarts(&c)})
		}
	}
	return r
}

// PodStatus is what the row was made from.
func (p Pod) PodStatus() *spec.PodStatus { return p.status }

// PodRow is a Pod as templates of `pod ps` see it.
type PodRow struct {
	Pod
	now  time.Time
	full bool
}

// PodRows makes rows; full keeps IDs whole.
func PodRows(now time.Time, list []Pod, full bool) []PodRow {
	rows := make([]PodRow, len(list))
	for i, p := range list {
		rows[i] = PodRow{p, now, full}
	}
	return rows
}

// PodHeadings are the column headings of `pod ps`.
func PodHeadings() map[string]string {
	return map[string]string{
		"ID": "POD ID", "Id": "POD ID", "InfraID": "INFRA ID", "InfraId": "INFRA ID", "NumberOfContainers": "# OF CONTAINERS",
		"ContainerIds": "IDS", "ContainerNames": "NAMES", "ContainerStatuses": "STATUS",
	}
}

// ID is the pod's ID.
func (r PodRow) ID() string { return output.ShortID(r.Pod.ID, r.full) }

// Id is the same as ID, as podman spells it.
func (r PodRow) Id() string { return r.ID() }

// InfraID is the ID of the infra container.
func (r PodRow) InfraID() string { return output.ShortID(r.Pod.InfraID, r.full) }

// InfraId is the same as InfraID, as podman spells it.
func (r PodRow) InfraId() string { return r.InfraID() }

// Created is how long ago the pod was made.
func (r PodRow) Created() string { return output.Ago(r.now, r.Pod.Created) }

// Label is the value of one label.
func (r PodRow) Label(name string) string { return r.Pod.Labels[name] }

// Networks are the names of the pod's networks.
func (r PodRow) Networks() string { return strings.Join(r.Pod.Networks, ",") }

// NumberOfContainers counts the pod's containers, infra included.
func (r PodRow) NumberOfContainers() int { return len(r.Containers) }

// ContainerIds are the IDs of the pod's containers.
func (r PodRow) ContainerIds() string {
	return r.join(func(c PodContainer) string { return output.ShortID(c.ID, r.full) })
}

// ContainerNames are the names of the pod's containers.
func (r PodRow) ContainerNames() string {
	return r.join(func(c PodContainer) string { return c.Names })
}

// ContainerStatuses are the states of the pod's containers.
func (r PodRow) ContainerStatuses() string {
	return r.join(func(c PodContainer) string { return c.Status })
}

// Restarts is how often containers of the pod were started again.
func (r PodRow) Restarts() string {
	n := 0
	for _, c := range r.Containers {
		n += c.RestartCount
	}
	return strconv.Itoa(n)
}

func (r PodRow) join(part func(PodContainer) string) string {
	parts := make([]string, len(r.Containers))
	for i, c := range r.Containers {
		parts[i] = part(c)
	}
	return strings.Join(parts, ",")
}

// PodSortKeys are what `pod ps --sort` takes.
func PodSortKeys() []string { return []string{"created", "id", "name", "number", "status"} }

// SortPods orders list by one of PodSortKeys.
func SortPods(list []Pod, key string) {
	by := map[string]func(a, b Pod) int{
		"created": func(a, b Pod) int { return b.Created.Compare(a.Created) },
		"id":      func(a, b Pod) int { return cmp.Compare(a.ID, b.ID) },
		"name": func(a, b Pod) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
		},
		"number": func(a, b Pod) int { return cmp.Compare(len(a.Containers), len(b.Containers)) },
		"status": func(a, b Pod) int { return cmp.Compare(a.Status, b.Status) },
	}[key]
	if by != nil {
		slices.SortStableFunc(list, by)
	}
}
