package spec

import "time"

// Room is what the host has left for pods.
type Room struct {
	Memory Amount     // bytes
	Node   FileSystem // where records, logs and volumes lie: the kubelet's nodefs
	Images FileSystem // where images and writable layers lie: the kubelet's imagefs
}

// Amount is how much there is of something, and how much of it is left. A zero
// Capacity says that nobody knows.
type Amount struct {
	Capacity  int64
	Available int64
}

// FileSystem is what a file system holds.
type FileSystem struct {
	Device uint64 // two folders of one device are on the same
	Space  Amount // bytes
	Inodes Amount
}

// Usage is what something takes of the host.
type Usage struct {
	Memory int64 // bytes that cannot be given back: the working set
	Disk   int64 // bytes
	Inodes int64
}

// PodUsage is what a pod takes: its containers, and volumes that live and die
// with it. What lies on named and host volumes is nobody's.
type PodUsage struct {
	Usage
	Containers map[string]Usage // by name; those of no process and no layer are missing
}

// StoredImage is an image of the store, as whoever tidies up sees it.
type StoredImage struct {
	ID      string
	Names   []string // fully qualified, with tags
	Past    []string // names it had
	Arrived time.Time
	Held    bool // a container stands on it, or another image, or it cannot be removed
	Wanted  bool // one of the references asked about means it
}
