package spec

import (
	"cmp"
	"time"
)

// PodStatus is a pod as it was observed on this host.
type PodStatus struct {
	Pod Pod `json:"pod"` // as recorded; FilesVolume.Files are empty

	Sandbox SandboxState `json:"sandbox"`
	IPs     []string     `json:"ips,omitempty"`
	// Joined are the networks a pod that is up has joined: those of its spec, and
	// what it was connected to since. nil: not known, or it is down.
	Joined    []JoinedNetwork `json:"joined,omitempty"`
	Ports     []PortMapping   `json:"ports,omitempty"` // as published, with the chosen host ports
	StartedAt time.Time       `json:"startedAt"`
	Infra     ContainerStatus `json:"infra"`
	// Containers has one entry for each container of the spec, in its order,
	// init containers first; one that was never created has no ID.
	Containers []ContainerStatus `json:"containers"`

	// Stopped is a person's wish that the pod stay down; it holds until the
	// object changes or the pod is started again.
	Stopped bool `json:"stopped,omitempty"`
	// Verdict, once there is one, is the pod's end.
	Verdict *Verdict `json:"verdict,omitempty"`
	// Removal, while the pod is on its way out, says so.
	Removal *Removal `json:"removal,omitempty"`
	History History  `json:"history"`
}

// JoinedNetwork is a pod's place on one network.
type JoinedNetwork struct {
	Network   string   `json:"network"`
	Interface string   `json:"interface"`
	IPs       []string `json:"ips,omitempty"`
	MAC       string   `json:"mac,omitempty"`
	Aliases   []string `json:"aliases,omitempty"`
}

// Networks are the names of the networks the pod has joined, or, while it is down,
// will join.
func (s *PodStatus) Networks() []string {
	names := []string{}
	if s.Joined == nil {
		for _, n := range s.Pod.Networks {
			names = append(names, n.Network)
		}
		return names
	}
	for _, n := range s.Joined {
		names = append(names, n.Network)
	}
	return names
}

// Container returns the status of the container of that name.
func (s *PodStatus) Container(name string) (*ContainerStatus, bool) {
	for i := range s.Containers {
		if s.Containers[i].Name == name {
			return &s.Containers[i], true
		}
	}
	return nil, false
}

// SandboxState is the state of a pod's infra container and network namespace.
//
//	SandboxNone ──start──▶ SandboxReady ──infra dies, netns lost──▶ SandboxLost
//	     ▲                     │                                        │
//	     └────────stop─────────┴──────────────────stop──────────────────┘
type SandboxState string

// Sandbox states. None also after a reboot.
const (
	SandboxNone  SandboxState = "none"
	SandboxReady SandboxState = "ready"
	SandboxLost  SandboxState = "lost"
)

// ContainerState is the state of a container, in podman's words.
//
//	none ─▶ created ─▶ running ─▶ exited
//	           │          │ └───▶ unknown   (process gone, exit code lost)
//	           └──────────┴─────▶ none      (removed)
type ContainerState string

// Container states.
const (
	StateNone    ContainerState = "none"
	StateCreated ContainerState = "created"
	StateRunning ContainerState = "running"
	StatePaused  ContainerState = "paused"
	StateExited  ContainerState = "exited"
	StateUnknown ContainerState = "unknown"
)

// ContainerStatus is a container as it was observed.
type ContainerStatus struct {
	ID          ContainerID    `json:"id,omitempty"`
	Name        string         `json:"name"`
	Init        bool           `json:"init,omitempty"`
	State       ContainerState `json:"state"`
	Attempt     int            `json:"attempt"` // 0 for the first container made under this name
	Image       string         `json:"image"`
	ImageID     string         `json:"imageID,omitempty"`
	ImageDigest string         `json:"imageDigest,omitempty"`
	Command     []string       `json:"command,omitempty"` // what runs: entrypoint and arguments
	Pid         int            `json:"pid,omitempty"`
	ConmonPid   int            `json:"conmonPid,omitempty"`
	CreatedAt   time.Time      `json:"createdAt"`
	StartedAt   time.Time      `json:"startedAt"`
	FinishedAt  time.Time      `json:"finishedAt"`
	ExitCode    int            `json:"exitCode"`
	OOMKilled   bool           `json:"oomKilled,omitempty"`
	Reason      string         `json:"reason,omitempty"` // "OOMKilled", "ContainerStatusUnknown", "Error", "Completed"
	Message     string         `json:"message,omitempty"`
	Stopped     bool           `json:"stopped,omitempty"` // stopped by hand: not to be restarted
	LogPath     string         `json:"logPath,omitempty"`
	CgroupPath  string         `json:"cgroupPath,omitempty"` // below each hierarchy
	Sandbox     ContainerID    `json:"sandbox,omitempty"`    // the infra container it was made beside
	Life        *Life          `json:"life,omitempty"`       // nil where nobody has looked yet, or it is not Gated
	// Layer is its root file system in the storage; empty: it has its ID.
	Layer ContainerID `json:"layer,omitempty"`
	// Failed is why the last try to make it, or to start what was made by hand,
	// came to nothing; nil: there was none since, or it did not.
	Failed *Failure `json:"failed,omitempty"`
}

// Failure is a try to make a container that came to nothing, or to have its image
// again before.
type Failure struct {
	Reason  string    `json:"reason"` // in the kubelet's words
	Message string    `json:"message"`
	At      time.Time `json:"at"`
	Tries   int       `json:"tries"` // that failed in a row, this one included
}

// Started reports whether what waits for the container may go on: it runs, its
// hook is done and its startup probe has passed.
func (s *PodStatus) Started(c *ContainerStatus) bool {
	made, ok := s.Pod.Container(c.Name)
	if !ok || !c.Running() {
		return false
	}
	l := &made.Lifecycle
	switch {
	case l.PostStart == nil && l.Startup == nil:
		return true
	case c.Life == nil || c.Life.Container != c.ID:
		return false
	}
	return (l.PostStart == nil || c.Life.PostStart == HookDone) && (l.Startup == nil || c.Life.Started)
}

// Ready reports whether the container counts as ready: started, and passing its
// readiness probe, or healthy, if it has one or is checked.
func (s *PodStatus) Ready(c *ContainerStatus) bool {
	made, ok := s.Pod.Container(c.Name)
	if !ok || !s.Started(c) {
		return false
	}
	if made.Healthy() != nil {
		return c.Life != nil && c.Life.Container == c.ID && c.Life.Health != nil && c.Life.Health.State == HealthHealthy
	}
	return made.Lifecycle.Readiness == nil || c.Life != nil && c.Life.Container == c.ID && c.Life.Ready
}

// Rootfs is the container's root file system in the storage.
func (c ContainerStatus) Rootfs() ContainerID { return cmp.Or(c.Layer, c.ID) }

// Running reports whether the container has a live process.
func (c ContainerStatus) Running() bool {
	return c.State == StateRunning || c.State == StatePaused
}

// Finished reports whether the container ran and has ended.
func (c ContainerStatus) Finished() bool {
	return c.State == StateExited || c.State == StateUnknown
}

// How a container has ended that the runtime could not start, as under the
// kubelet: it never ran.
const (
	ExitStart   = 128
	ReasonStart = "StartError"
)

// ExitUnknown is the exit code reported for a container whose real one is lost.
const ExitUnknown = 137

// History is what is remembered of a pod's containers across restarts of ours
// and reboots, by container name.
type History map[string]ContainerHistory

// ContainerHistory counts a container's restarts and keeps its back-off.
type ContainerHistory struct {
	Restarts  int           `json:"restarts"`
	Backoff   time.Duration `json:"backoff,omitempty"`  // the present delay
	BackoffAt time.Time     `json:"backoffAt,omitzero"` // when the delay was last raised
	Last      *Termination  `json:"last,omitempty"`
	Before    *Termination  `json:"before,omitempty"` // the end before Last
	// Counted says that the restart after Last is among Restarts. That is recorded
	// before there is a container to follow.
	Counted bool `json:"counted,omitempty"`
}

// Then is the history after one more end.
func (h ContainerHistory) Then(end *Termination) ContainerHistory {
	if h.Last != nil && (h.Last.ContainerID != end.ContainerID || !h.Last.StartedAt.Equal(end.StartedAt)) {
		h.Before = h.Last
	}
	h.Last = end
	return h
}

// Ended reports whether Last is this container's end. A container made by hand
// has one ID and many ends.
func (h ContainerHistory) Ended(c *ContainerStatus) bool {
	return h.Last != nil && h.Last.ContainerID == c.ID &&
		(h.Last.StartedAt.Equal(c.StartedAt) || h.Last.StartedAt.IsZero() || c.StartedAt.IsZero())
}

// Due reports whether a restart of this container is counted and the one to follow
// was not made yet.
func (h ContainerHistory) Due(c *ContainerStatus) bool { return h.Counted && h.Ended(c) }

// Restarts is how often a container was started again.
func (s *PodStatus) Restarts(c *ContainerStatus) int {
	h := s.History[c.Name]
	if h.Due(c) {
		return h.Restarts - 1
	}
	return h.Restarts
}

// Termination is how a container ended.
type Termination struct {
	ContainerID ContainerID `json:"containerID"`
	ExitCode    int         `json:"exitCode"`
	Reason      string      `json:"reason"`
	Message     string      `json:"message,omitempty"`
	StartedAt   time.Time   `json:"startedAt"`
	FinishedAt  time.Time   `json:"finishedAt"`
}
