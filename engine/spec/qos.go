package spec

// QOSClass says who gives way first where memory is short.
type QOSClass string

// The classes of service of Kubernetes.
const (
	QOSGuaranteed QOSClass = "Guaranteed" // every container has limits of cpu and memory equal to its requests
	QOSBurstable  QOSClass = "Burstable"
	QOSBestEffort QOSClass = "BestEffort" // no container asks for any
)

// QOS is the pod's class of service.
func (p *Pod) QOS() QOSClass {
	guaranteed, none := true, true
	for _, c := range p.All() {
		r := &c.Resources
		none = none && r.CPURequest == 0 && r.CPULimit == 0 && r.MemoryRequest == 0 && r.MemoryLimit == 0
		guaranteed = guaranteed && r.CPULimit > 0 && r.CPULimit == r.CPURequest && r.MemoryLimit > 0 && r.MemoryLimit == r.MemoryRequest
	}
	switch {
	case none:
		return QOSBestEffort
	case guaranteed:
		return QOSGuaranteed
	}
	return QOSBurstable
}
