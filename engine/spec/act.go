package spec

import "time"

// Act is something that was done on this host, or happened to a container: what
// podman calls an event. Unlike Kubernetes' events, which explain, acts are never
// folded.
type Act struct {
	Time   time.Time `json:"time"`
	Type   ActType   `json:"type"`
	Status string    `json:"status"` // podman's words: "create", "start", "died", …

	ID    string `json:"id,omitempty"`    // of the container, pod, image or secret
	Name  string `json:"name,omitempty"`  // as people know it
	Image string `json:"image,omitempty"` // of a container, as it was named
	Pod   PodID  `json:"pod,omitempty"`   // of a container that does not stand alone

	ExitCode *int        `json:"exitCode,omitempty"` // died, exec_died
	Health   HealthState `json:"health,omitempty"`   // health_status
	Failing  int         `json:"failing,omitempty"`  // health_status: checks in a row that failed
	Check    string      `json:"check,omitempty"`    // health_status: the check's result as podman's JSON, where it is to go there
	Network  string      `json:"network,omitempty"`
	Error    string      `json:"error,omitempty"`
	// Attributes are a container's or pod's labels, a network's driver.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// ActType is what an act is about.
type ActType string

// Types of acts, podman's words.
const (
	ActContainer ActType = "container"
	ActImage     ActType = "image"
	ActNetwork   ActType = "network"
	ActPod       ActType = "pod"
	ActSecret    ActType = "secret"
	ActVolume    ActType = "volume"
)

// ActTypes are all of them.
func ActTypes() []ActType {
	return []ActType{ActContainer, ActImage, ActNetwork, ActPod, ActSecret, ActVolume}
}
