package spec

import "time"

// Wait is what is remembered, across restarts of ours and reboots, of a pod that
// is wanted and could not be made yet: mostly for want of an image.
type Wait struct {
	Key   PodKey        `json:"key"`
	Hash  string        `json:"hash"`  // of the pod that is wanted; of another it says nothing
	Since time.Time     `json:"since"` // since when it is
	Tries int           `json:"tries"`
	Delay time.Duration `json:"delay"` // the present back-off
	At    time.Time     `json:"at"`    // when the last try failed
	// Why it failed, in the kubelet's word and in plain ones. Of an image also
	// whose and which.
	Reason    string `json:"reason"`
	Message   string `json:"message"`
	Container string `json:"container,omitempty"`
	Image     string `json:"image,omitempty"`
}
