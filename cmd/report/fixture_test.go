package report

import (
	"strings"
	"time"

	"berth/engine/spec"
)

func now() time.Time { return time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC) }

func podID(hex string) spec.PodID { return spec.PodID(strings.Repeat(hex, 64/len(hex))) }
func containerID(hex string) spec.ContainerID {
	return spec.ContainerID(strings.Repeat(hex, 64/len(hex)))
}

func ptr[T any](v T) *T { return &v }

// pods is one running pod with an init container, ports, volumes and limits,
// and one whose only container has failed.
func pods() []spec.PodStatus {
	return []spec.PodStatus{shop(), job()}
}

func shop() spec.PodStatus {
	start := now().Add(-3 * time.Minute)
	return spec.PodStatus{
		Pod: spec.Pod{
			ID: podID("0a1b"), Namespace: "default", Name: "shop", CreatedAt: start, Hash: "sha256:1234",
			Owner: spec.OwnerPlay, Origin: spec.Origin{Kind: "Pod", Namespace: "default", Name: "shop", File: "shop.yaml"},
			Labels: map[string]string{"app": "shop", "tier": "front"}, Hostname: "shop",
			Networks:         []spec.NetworkAttachment{{Network: "berth"}},
			Ports:            []spec.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp", Container: "web"}},
			Hosts:            []spec.HostAlias{{IP: "10.0.0.9", Names: []string{"db"}}},
			RestartPolicy:    spec.RestartAlways,
			TerminationGrace: 30 * time.Second,
			Volumes: []spec.Volume{
				{Name: "data", Named: &spec.NamedVolume{Volume: "shop-data"}},
				{Name: "tmp", Empty: &spec.EmptyVolume{Memory: true}},
				{Name: "etc", Host: &spec.HostVolume{Path: "/etc/shop"}},
			},
			InitContainers: []spec.Container{{Name: "setup", Image: "docker.io/library/busybox:latest"}},
			Containers: []spec.Container{{
				Name: "web", Image: "docker.io/library/nginx:1.27", Args: []string{"-g", "daemon off;"}, WorkingDir: "/srv",
				Env:  []spec.EnvVar{{Name: "MODE", Value: "live"}, {Name: "IP", Value: spec.LatePodIP}, {Name: "TOKEN", Value: spec.LateSecret("keys/token")}},
				User: spec.User{UID: ptr(int64(101)), GID: ptr(int64(102))},
				Mounts: []spec.Mount{
					{Volume: "data", Path: "/data", SubPath: "www"}, {Volume: "tmp", Path: "/tmp"},
					{Volume: "etc", Path: "/etc/shop", ReadOnly: true},
				},
				Resources: spec.Resources{CPURequest: 250, CPULimit: 1500, MemoryLimit: 64 << 20},
				Security:  spec.Security{CapAdd: []string{"CAP_NET_ADMIN"}, NoNewPrivileges: true},
			}},
		},
		Sandbox: spec.SandboxReady, IPs: []string{"10.89.0.2"}, StartedAt: start,
		Ports: []spec.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp", Container: "web"}},
		Infra: spec.ContainerStatus{
			ID: containerID("1f"), Name: "_infra", State: spec.StateRunning, CreatedAt: start, StartedAt: start, Pid: 100,
			CgroupPath: "/berth.slice/berth-pod1.slice/berth-1f.scope",
		},
		Containers: []spec.ContainerStatus{
			{
				ID: containerID("2e"), Name: "setup", Init: true, State: spec.StateExited, Image: "docker.io/library/busybox:latest",
				ImageID: strings.Repeat("b2", 32), Command: []string{"sh", "-c", "echo ready"},
				CreatedAt: start, StartedAt: start.Add(time.Second), FinishedAt: start.Add(2 * time.Second), Reason: "Completed",
			},
			{
				ID: containerID("3d"), Name: "web", State: spec.StateRunning, Image: "docker.io/library/nginx:1.27", Attempt: 2,
				ImageID: strings.Repeat("a1", 32), ImageDigest: "sha256:" + strings.Repeat("d", 64),
				Command:   []string{"/docker-entrypoint.sh", "nginx", "-g", "daemon off;"},
				CreatedAt: start, StartedAt: now().Add(-70 * time.Second), Pid: 123, ConmonPid: 120, LogPath: "/var/lib/berth/web.log",
				CgroupPath: "/berth.slice/berth-pod1.slice/berth-3d.scope",
			},
		},
		History: spec.History{"web": {Restarts: 2, Last: &spec.Termination{
			ContainerID: containerID("4c"), ExitCode: 137, Reason: "OOMKilled", StartedAt: start, FinishedAt: start.Add(time.Minute),
		}}},
	}
}

func job() spec.PodStatus {
	start := now().Add(-2 * time.Hour)
	return spec.PodStatus{
		Pod: spec.Pod{
			ID: podID("c0de"), Namespace: "batch", Name: "job", CreatedAt: start, HostNet: true, RestartPolicy: spec.RestartNever,
			Containers: []spec.Container{{Name: "run", Image: "localhost/job:v1"}},
		},
		Sandbox: spec.SandboxNone,
		Containers: []spec.ContainerStatus{{
			ID: containerID("5b"), Name: "run", State: spec.StateExited, ExitCode: 3, Image: "localhost/job:v1", Reason: "Error",
			ImageID: strings.Repeat("e5", 32), Command: []string{"/job"}, CreatedAt: start, StartedAt: start, FinishedAt: start.Add(time.Hour),
		}},
	}
}
