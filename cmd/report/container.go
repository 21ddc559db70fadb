package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"berth/cmd/output"
	"berth/engine/spec"
)

// Container is one container as `ps --format json` prints it.
type Container struct {
	AutoRemove   bool                `json:"AutoRemove"`
	Command      []string            `json:"Command"`
	CreatedAt    string              `json:"CreatedAt"` // in words: "3 minutes ago"
	CIDFile      string              `json:"CIDFile"`
	Exited       bool                `json:"Exited"`
	ExitedAt     int64               `json:"ExitedAt"` // seconds since 1970
	ExitCode     int                 `json:"ExitCode"`
	ExposedPorts map[uint16][]string `json:"ExposedPorts"`
	ID           string              `json:"Id"`
	Image        string              `json:"Image"`
	ImageID      string              `json:"ImageID"`
	IsInfra      bool                `json:"IsInfra"`
	Labels       map[string]string   `json:"Labels"`
	Mounts       []string            `json:"Mounts"` // paths in the container
	Names        []string            `json:"Names"`
	Namespaces   Namespaces          `json:"Namespaces"`
	Namespace    string              `json:"Namespace"` // the pod's Kubernetes namespace; podman has none
	Networks     []string            `json:"Networks"`
	Pid          int                 `json:"Pid"`
	Pod          string              `json:"Pod"`
	PodName      string              `json:"PodName"`
	Ports        []Port              `json:"Ports"`
	Restarts     int                 `json:"Restarts"`
	Size         *ContainerSize      `json:"Size"`      // nil: it was not measured
	StartedAt    int64               `json:"StartedAt"` // seconds since 1970
	State        string              `json:"State"`
	Status       string              `json:"Status"`  // "Up 3 minutes"
	Created      int64               `json:"Created"` // seconds since 1970

	pod    *spec.PodStatus
	status spec.ContainerStatus
}

// Namespaces are the inode numbers of a container's kernel namespaces.
type Namespaces struct {
	MNT    string `json:"Mnt,omitempty"`
	Cgroup string `json:"Cgroup,omitempty"`
	IPC    string `json:"Ipc,omitempty"`
	NET    string `json:"Net,omitempty"`
	PIDNS  string `json:"Pidns,omitempty"`
	UTS    string `json:"Uts,omitempty"`
	User   string `json:"User,omitempty"`
}

// ContainerSize is what a container has on disk, in bytes.
type ContainerSize struct {
	RootFs int64 `json:"rootFsSize"` // its image and what it wrote
	Rw     int64 `json:"rwSize"`     // what it wrote
}

// Port is a published port in podman's words.
type Port struct {
	HostIP        string `json:"host_ip"`
	ContainerPort uint16 `json:"container_port"`
	HostPort      uint16 `json:"host_port"`
	Range         uint16 `json:"range"`
	Protocol      string `json:"protocol"`
}

// Containers lists the containers of pods that exist, each pod's infra
// container before its own, newest pod last.
func Containers(now time.Time, pods []spec.PodStatus) []Container {
	var list []Container
	for i := range pods {
		p := &pods[i]
		if p.Infra.ID != "" {
			list = append(list, container(now, p, p.Infra, true))
		}
		for _, c := range p.Containers {
			if c.ID != "" {
				list = append(list, container(now, p, c, false))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Container) int {
		return a.pod.Pod.CreatedAt.Compare(b.pod.Pod.CreatedAt)
	})
	return list
}

func container(now time.Time, p *spec.PodStatus, c spec.ContainerStatus, infra bool) Container {
	r := Container{
		Command:   c.Command,
		Exited:    c.Finished(),
		ExitedAt:  unix(c.FinishedAt),
		ExitCode:  c.ExitCode,
		ID:        string(c.ID),
		Image:     c.Image,
		ImageID:   c.ImageID,
		IsInfra:   infra,
		Labels:    p.Pod.Labels,
		Mounts:    []string{},
		Namespace: p.Pod.Namespace,
		Networks:  networks(p),
		Pid:       c.Pid,
		Pod:       string(p.Pod.ID),
		PodName:   p.Pod.Name,
		Ports:     ports(p),
		Restarts:  p.Restarts(&c),
		StartedAt: unix(c.StartedAt),
		State:     StateWord(p, c),
		Created:   c.CreatedAt.Unix(),
		CreatedAt: output.Ago(now, c.CreatedAt),
		Status:    statusText(now, p, c),
		pod:       p,
		status:    c,
	}
	r.Names = []string{p.Pod.InfraName()}
	if p.Pod.Bare {
		r.Pod, r.PodName = "", "" // nobody asked for it
	}
	if infra {
		return r
	}
	r.Names = []string{p.Pod.ContainerName(c.Name)}
	if s, ok := p.Pod.Container(c.Name); ok {
		for _, m := range s.Mounts {
			r.Mounts = append(r.Mounts, m.Path)
		}
		r.Labels = labelsOf(&p.Pod, s)
		if s.ByHand != nil && !p.Pod.Bare && s.ByHand.Namespaces.Net != (spec.Join{}) {
			r.Networks, r.Ports = []string{}, nil // the pod's are not its own
		}
		if s.ByHand != nil {
			r.AutoRemove, r.CIDFile = s.ByHand.Remove, s.ByHand.IDFile
		}
	}
	return r
}

// labelsOf are a container's labels: its own where it was made by hand, else its
// pod's.
func labelsOf(p *spec.Pod, c *spec.Container) map[string]string {
	if c.ByHand != nil {
		return c.ByHand.Labels
	}
	return p.Labels
}

// stateStopping is podman's word for a container that runs and is being ended.
const stateStopping = "stopping"

// StateWord is the state of a pod's container in podman's words.
func StateWord(p *spec.PodStatus, c spec.ContainerStatus) string {
	if c.State == spec.StateRunning && c.Name != p.Infra.Name && (c.Stopped || p.Stopped || p.Removal != nil) {
		return stateStopping
	}
	return string(c.State)
}

// statusText is a container's state in the words of ps.
func statusText(now time.Time, p *spec.PodStatus, c spec.ContainerStatus) string {
	switch word := StateWord(p, c); word {
	case string(spec.StateRunning):
		up := "Up " + output.Duration(now.Sub(c.StartedAt))
		if h := Health(p, c); h != nil {
			up += fmt.Sprintf(" (%s)", h.State)
		}
		return up
	case string(spec.StateExited):
		return fmt.Sprintf("Exited (%d) %s", c.ExitCode, output.Ago(now, c.FinishedAt))
	case "":
		return ""
	default:
		return strings.ToUpper(word[:1]) + word[1:]
	}
}

// Health is what a container's health check says of it; nil where it has none.
func Health(p *spec.PodStatus, c spec.ContainerStatus) *spec.HealthStatus {
	made, ok := p.Pod.Container(c.Name)
	switch {
	case !ok || made.Healthy() == nil:
		return nil
	case c.Life == nil || c.Life.Container != c.ID || c.Life.Health == nil:
		return &spec.HealthStatus{State: spec.HealthStarting}
	}
	return c.Life.Health
}

// HealthWord is how the container does: "healthy", "unhealthy", "starting", or
// "none" where nobody checks.
func (c Container) HealthWord() string {
	if h := Health(c.pod, c.status); h != nil {
		return string(h.State)
	}
	return "none"
}

// PodStatus is the pod the container belongs to.
func (c Container) PodStatus() *spec.PodStatus { return c.pod }

// Running reports whether the container has a live process.
func (c Container) Running() bool { return c.status.Running() }

// ContainerRow is a Container as templates of `ps` see it.
type ContainerRow struct {
	Container

	now  time.Time
	full bool
}

// ContainerRows makes rows; full keeps IDs and commands whole.
func ContainerRows(now time.Time, list []Container, full bool) []ContainerRow {
	rows := make([]ContainerRow, len(list))
	for i, c := range list {
		rows[i] = ContainerRow{Container: c, now: now, full: full}
	}
	return rows
}

// ContainerHeadings are the column headings of `ps`.
func ContainerHeadings() map[string]string {
	return map[string]string{
		"ID": "CONTAINER ID", "CreatedHuman": "CREATED", "Pod": "POD ID", "PodName": "PODNAME",
		"ImageID": "IMAGE ID",
	}
}

// ID is the container's ID.
func (r ContainerRow) ID() string { return output.ShortID(r.Container.ID, r.full) }

// ImageID is the ID of the container's image.
func (r ContainerRow) ImageID() string { return output.ShortID(r.Container.ImageID, r.full) }

// Pod is the ID of the container's pod.
func (r ContainerRow) Pod() string { return output.ShortID(r.Container.Pod, r.full) }

// Command is what runs in the container.
func (r ContainerRow) Command() string {
	command := strings.Join(r.Container.Command, " ")
	if r.full {
		return command
	}
	return output.Elide(command, 17)
}

// Names is the container's name.
func (r ContainerRow) Names() string { return r.Container.Names[0] }

// Networks are the names of the container's networks.
func (r ContainerRow) Networks() string { return strings.Join(r.Container.Networks, ",") }

// Ports are the published ports: "0.0.0.0:8080->80/tcp".
func (r ContainerRow) Ports() string { return PortsText(r.Container.Ports) }

// Label is the value of one label.
func (r ContainerRow) Label(name string) string { return r.Container.Labels[name] }

// Size is what was measured: "1.2MB (virtual 50MB)".
func (r ContainerRow) Size() string {
	if r.Container.Size == nil {
		return ""
	}
	text := func(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }
	return fmt.Sprintf("%s (virtual %s)", text(r.Container.Size.Rw), text(r.Container.Size.RootFs))
}

// Restarts is how often the container was started again.
func (r ContainerRow) Restarts() string { return strconv.Itoa(r.Container.Restarts) }

// Created is when the container was made.
func (r ContainerRow) Created() time.Time { return r.status.CreatedAt }

// CreatedAt is when the container was made, as text.
func (r ContainerRow) CreatedAt() string { return r.status.CreatedAt.String() }

// CreatedHuman is how long ago the container was made.
func (r ContainerRow) CreatedHuman() string { return output.Ago(r.now, r.status.CreatedAt) }

// RunningFor is the same as CreatedHuman, as in podman.
func (r ContainerRow) RunningFor() string { return r.CreatedHuman() }

// CGROUPNS is the inode of the cgroup namespace.
func (r ContainerRow) CGROUPNS() string { return r.Namespaces.Cgroup }

// IPC is the inode of the IPC namespace.
func (r ContainerRow) IPC() string { return r.Namespaces.IPC }

// MNT is the inode of the mount namespace.
func (r ContainerRow) MNT() string { return r.Namespaces.MNT }

// NET is the inode of the network namespace.
func (r ContainerRow) NET() string { return r.Namespaces.NET }

// PIDNS is the inode of the PID namespace.
func (r ContainerRow) PIDNS() string { return r.Namespaces.PIDNS }

// USERNS is the inode of the user namespace.
func (r ContainerRow) USERNS() string { return r.Namespaces.User }

// UTS is the inode of the UTS namespace.
func (r ContainerRow) UTS() string { return r.Namespaces.UTS }

// SortKeys are what `ps --sort` takes.
func SortKeys() []string {
	return []string{"command", "created", "id", "image", "names", "pod", "runningfor", "size", "status"}
}

// SortContainers orders list by one of SortKeys; "" leaves it as it is.
func SortContainers(list []Container, key string) {
	by := map[string]func(a, b Container) int{
		"command":    func(a, b Container) int { return slices.Compare(a.Command, b.Command) },
		"created":    func(a, b Container) int { return a.status.CreatedAt.Compare(b.status.CreatedAt) },
		"id":         func(a, b Container) int { return cmp.Compare(a.ID, b.ID) },
		"image":      func(a, b Container) int { return cmp.Compare(a.Image, b.Image) },
		"names":      func(a, b Container) int { return cmp.Compare(a.Names[0], b.Names[0]) },
		"pod":        func(a, b Container) int { return cmp.Compare(a.Pod, b.Pod) },
		"runningfor": func(a, b Container) int { return cmp.Compare(a.StartedAt, b.StartedAt) },
		"size":       func(a, b Container) int { return cmp.Compare(rootFs(a), rootFs(b)) },
		"status":     func(a, b Container) int { return cmp.Compare(a.State, b.State) },
	}[key]
	if by != nil {
		slices.SortStableFunc(list, by)
	}
}

func rootFs(c Container) int64 {
	if c.Size == nil {
		return 0
	}
	return c.Size.RootFs
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return -62135596800 // what podman prints for "never"
	}
	return t.Unix()
}

// CreatedAt is when a container was made.
func CreatedAt(c Container) time.Time { return c.status.CreatedAt }

// RestartPolicyOf is a container's restart policy in podman's words.
func RestartPolicyOf(c Container) string {
	s, ok := c.pod.Pod.Container(c.status.Name)
	if !ok {
		s = &spec.Container{}
	}
	return restartOf(&c.pod.Pod, s).Name
}

// ContainerStatus is what the row was made from.
func (c Container) ContainerStatus() spec.ContainerStatus { return c.status }
