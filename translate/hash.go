package translate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"berth/engine/spec"
)

// Hash identifies what a pod runs; another hash means it has to be made anew.
// It leaves out who owns it, where it was read and how it was written, what is
// resolved when it is made (image IDs), what can change while it runs (labels and
// annotations, the content of mounted files, CPU and memory, as long as the class
// of service stays), what follows from these or from the host, and what only
// matters to a volume that is not there yet.
func Hash(p *spec.Pod) string {
	n := *p
	n.ID, n.CreatedAt, n.Owner, n.Origin, n.Hash = "", time.Time{}, "", spec.Origin{}, ""
	n.Previous = nil
	n.Describe(&spec.Pod{})
	n.InitContainers = hashedContainers(p.InitContainers)
	n.Containers = hashedContainers(p.Containers)
	n.Volumes = slices.Clone(p.Volumes)
	for i := range n.Volumes {
		v := &n.Volumes[i]
		v.Lacks = "" // a pod of which a volume lacks something is not made
		if v.Files != nil {
			v.Files = &spec.FilesVolume{}
		}
		if v.Empty != nil {
			v.Empty = &spec.EmptyVolume{Memory: v.Empty.Memory, SizeLimit: v.Empty.SizeLimit}
		}
		if v.Named != nil {
			v.Named = &spec.NamedVolume{Volume: v.Named.Volume, ReadOnly: v.Named.ReadOnly}
		}
	}
	class := p.QOS()
	if class == spec.QOSBestEffort { // that of most
		class = ""
	}
	data, err := json.Marshal(struct { // a map is encoded in the order of its keys
		spec.Pod
		Secrets map[string]string `json:"secrets,omitempty"`
		QOS     spec.QOSClass     `json:"qos,omitempty"`
	}{n, p.Secrets, class})
	if err != nil {
		panic("a pod cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func hashedContainers(list []spec.Container) []spec.Container {
	list = slices.Clone(list)
	for i := range list {
		list[i].ImageID, list[i].ImageDigest = "", ""
		list[i] = list[i].AsDeclared()
		list[i].RestartOnResize = nil
		list[i].Resources.Resize(spec.Resources{})
		if list[i].Lacks != "" { // while it does, it cannot be made, however much or little it lacks
			list[i].Lacks, list[i].Env, list[i].Command, list[i].Args = "something", nil, nil, nil
		}
	}
	return list
}
