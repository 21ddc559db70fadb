package spec

import (
	"crypto/rand"
	"encoding/hex"
)

// PodID identifies one pod: 64 lower-case hex digits, of which people see twelve.
type PodID string

// ContainerID identifies one container: 64 lower-case hex digits.
type ContainerID string

// NewPodID returns a random pod ID.
func NewPodID() PodID { return PodID(randomID()) }

// NewContainerID returns a random container ID.
func NewContainerID() ContainerID { return ContainerID(randomID()) }

func randomID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}

// Short is the form people type: the first twelve digits.
func (id PodID) Short() string { return short(string(id)) }

// Short is the form people type: the first twelve digits.
func (id ContainerID) Short() string { return short(string(id)) }

func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// UID is the same identity in the form Kubernetes writes metadata.uid: the
// first 128 bits as a UUID. It names the pod's folders and cgroup.
func (id PodID) UID() string {
	if len(id) < 32 {
		return string(id)
	}
	return string(id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:32])
}

// PodKey is a pod's name within its namespace, the identity people and YAML
// use. At most one pod of a key exists at a time.
type PodKey struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String is "namespace/name".
func (k PodKey) String() string { return k.Namespace + "/" + k.Name }
