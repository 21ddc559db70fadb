package reconciler

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"berth/engine/spec"
)

// Signal is something that a host can run short of, in the kubelet's words.
type Signal string

// The signals, in the order in which the kubelet deals with them.
const (
	SignalMemory      Signal = "memory.available"
	SignalNodeSpace   Signal = "nodefs.available"
	SignalNodeInodes  Signal = "nodefs.inodesFree"
	SignalImageSpace  Signal = "imagefs.available"
	SignalImageInodes Signal = "imagefs.inodesFree"
)

// Signals lists them.
func Signals() []Signal {
	return []Signal{SignalMemory, SignalNodeSpace, SignalNodeInodes, SignalImageSpace, SignalImageInodes}
}

// Threshold is how much of something must be left: so much, or a share of all
// there is. The zero value asks for nothing.
type Threshold struct {
	Quantity int64   // bytes, or inodes
	Share    float64 // of one; goes before Quantity
}

// ParseThreshold reads a quantity, such as 100Mi, or a percentage. As with the
// kubelet, 0% and 100% turn a threshold off.
func ParseThreshold(text string) (Threshold, error) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent >= 0 && percent <= 100) {
			return Threshold{}, fmt.Errorf("%q: want a percentage between 0%% and 100%%", text)
		}
		if percent == 100 {
			percent = 0
		}
		return Threshold{Share: percent / 100}, nil
	}
	q, err := resource.ParseQuantity(text)
	if err != nil || q.Sign() < 0 {
		return Threshold{}, fmt.Errorf("%q: want a quantity, such as 100Mi, or a percentage, such as 10%%", text)
	}
	return Threshold{Quantity: q.Value()}, nil
}

// of is how much must be left of so much.
func (t Threshold) of(capacity int64) int64 {
	if t.Share > 0 {
		return int64(float64(capacity) * t.Share)
	}
	return t.Quantity
}

// Thresholds are when there is too little; a signal that is missing is never
// too low.
type Thresholds map[Signal]Threshold

// DefaultThresholds are the kubelet's.
func DefaultThresholds() Thresholds {
	return Thresholds{
		SignalMemory:      {Quantity: 100 << 20},
		SignalNodeSpace:   {Share: 0.10},
		SignalNodeInodes:  {Share: 0.05},
		SignalImageSpace:  {Share: 0.15},
		SignalImageInodes: {Share: 0.05},
	}
}

// Shortage is a signal below its threshold.
type Shortage struct {
	Signal    Signal
	Least     int64 // the threshold, in bytes or inodes
	Available int64
}

// Shortages are those of a host, the one to deal with first before the others.
func Shortages(room spec.Room, least Thresholds) []Shortage {
	var found []Shortage
	for _, s := range Signals() {
		have := s.amount(room)
		if need := least[s].of(have.Capacity); have.Capacity > 0 && have.Available < need {
			found = append(found, Shortage{Signal: s, Least: need, Available: have.Available})
		}
	}
	return found
}

func (s Signal) amount(room spec.Room) spec.Amount {
	switch s {
	case SignalMemory:
		return room.Memory
	case SignalNodeSpace:
		return room.Node.Space
	case SignalNodeInodes:
		return room.Node.Inodes
	case SignalImageSpace:
		return room.Images.Space
	}
	return room.Images.Inodes
}

// disk reports whether what is short lies on disk.
func (s Signal) disk() bool { return s != SignalMemory }

// byImages reports whether the file system of images is what is short.
func (s Signal) byImages() bool { return s == SignalImageSpace || s == SignalImageInodes }

// resource is what has to be given back, in the kubelet's word.
func (s Signal) resource() string {
	switch s {
	case SignalMemory:
		return "memory"
	case SignalNodeInodes, SignalImageInodes:
		return "inodes"
	}
	return "ephemeral-storage"
}

// Candidate is a pod that may be evicted, and what it takes.
type Candidate struct {
	Pod   *spec.PodStatus
	Usage spec.PodUsage
}

// criticalPriority is from where a pod belongs to the system
// (system-cluster-critical): it goes when nothing else is left.
const criticalPriority = 2000000000

// Rank puts pods in the order in which the kubelet evicts them for what is
// short: those that use more than they asked for, then those of lower priority,
// then those that go furthest beyond what they asked for.
func Rank(short Signal, pods []Candidate) {
	slices.SortStableFunc(pods, func(a, b Candidate) int {
		beyondA, beyondB := beyond(short, a), beyond(short, b)
		return cmp.Or(
			falseFirst(a.Pod.Pod.Priority >= criticalPriority, b.Pod.Pod.Priority >= criticalPriority),
			falseFirst(beyondA <= 0, beyondB <= 0),
			cmp.Compare(a.Pod.Pod.Priority, b.Pod.Pod.Priority),
			cmp.Compare(beyondB, beyondA),
		)
	})
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// beyond is how much more a pod uses of what is short than it asked for.
func beyond(short Signal, c Candidate) int64 {
	if short == SignalMemory {
		return c.Usage.Memory - memoryRequest(&c.Pod.Pod)
	}
	return short.used(c.Usage.Usage) // nobody can ask for disk
}

func (s Signal) used(u spec.Usage) int64 {
	switch s.resource() {
	case "memory":
		return u.Memory
	case "inodes":
		return u.Inodes
	}
	return u.Disk
}

// memoryRequest is what a pod asks for: its containers and sidecars together,
// or an init container beside the sidecars before it, whichever is more.
func memoryRequest(p *spec.Pod) int64 {
	var sidecars, most int64
	for i := range p.InitContainers {
		c := &p.InitContainers[i]
		most = max(most, sidecars+c.Resources.MemoryRequest)
		if sidecar(c) {
			sidecars += c.Resources.MemoryRequest
		}
	}
	all := sidecars
	for i := range p.Containers {
		all += p.Containers[i].Resources.MemoryRequest
	}
	return max(most, all)
}

// EvictionMessage says, in the kubelet's words, why a pod is evicted.
func EvictionMessage(short Shortage, c Candidate) string {
	what := short.Signal.resource()
	number := func(n int64) string {
		format := resource.BinarySI
		if what == "inodes" {
			format = resource.DecimalSI
		}
		return resource.NewQuantity(n, format).String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The node was low on resource: %s. Threshold quantity: %s, available: %s.", what, number(short.Least), number(short.Available))
	for i := range c.Pod.Pod.Containers {
		made := &c.Pod.Pod.Containers[i]
		request := int64(0)
		if short.Signal == SignalMemory {
			request = made.Resources.MemoryRequest
		}
		used := short.Signal.used(c.Usage.Containers[made.Name])
		if what != "inodes" && used > request {
			fmt.Fprintf(&b, " Container %s was using %s, request is %s, has larger consumption of %s.", made.Name, number(used), number(request), what)
		}
	}
	return b.String()
}

// evictable reports whether a pod can be evicted: it runs, and is ours.
func evictable(st *spec.PodStatus) bool {
	return supervised(&st.Pod) && st.Verdict == nil && !st.Stopped && slices.ContainsFunc(st.Containers, spec.ContainerStatus.Running)
}

// evictionPatience is how long an evicted pod is waited for before another goes.
const evictionPatience = 30 * time.Second

// evictionUnderWay reports whether what an evicted pod took may not have been
// given back yet.
func evictionUnderWay(pods []spec.PodStatus, now time.Time) bool {
	return slices.ContainsFunc(pods, func(st spec.PodStatus) bool {
		return st.Verdict != nil && st.Verdict.Reason == reasonEvicted && now.Sub(st.Verdict.At).Abs() < evictionPatience &&
			(st.Sandbox != spec.SandboxNone || slices.ContainsFunc(st.Containers, spec.ContainerStatus.Running))
	})
}

// fullness is how many percent of a file system are taken, as the kubelet counts.
func fullness(fs spec.FileSystem) int {
	if fs.Space.Capacity == 0 {
		return 0
	}
	return 100 - int(math.Floor(float64(fs.Space.Available)*100/float64(fs.Space.Capacity)))
}
