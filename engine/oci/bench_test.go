package oci

import (
	"context"
	"path/filepath"
	"testing"

	"berth/engine/spec"
	"berth/internal/testhost"
)

// BenchmarkLifeCycle is the price of one container: create, start, kill, delete.
func BenchmarkLifeCycle(b *testing.B) {
	testhost.Need(b)
	dir := b.TempDir()
	r, err := New(Options{StateRoot: filepath.Join(dir, "oci"), ExitDir: filepath.Join(dir, "exits"), CgroupManager: ManagerCgroupfs, Runtime: runtimeForHost(b)})
	if err != nil {
		b.Fatal(err)
	}
	pod := &spec.Pod{ID: spec.NewPodID(), Name: "web", Hostname: "web"}
	rootfs, err := r.EnsureInfraRootfs(filepath.Join(dir, "infra"))
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	for b.Loop() {
		id := spec.NewContainerID()
		c := Container{ID: id, Bundle: filepath.Join(dir, string(id)), CgroupPath: r.CgroupPath(pod.ID, id, spec.CgroupPlace{})}
		s, err := BuildInfra(InfraInput{Pod: pod, Rootfs: rootfs, CgroupPath: c.CgroupPath, Host: r.Host()})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Create(ctx, Create{Container: c, Name: "b", Spec: s, Log: Logging{Driver: "none"}}); err != nil {
			b.Fatal(err)
		}
		if err := r.Start(ctx, c); err != nil {
			b.Fatal(err)
		}
		if err := r.Delete(ctx, c, true); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.RemovePodCgroup(ctx, pod.ID, spec.CgroupPlace{}); err != nil {
		b.Error(err)
	}
}

func BenchmarkBuildSpec(b *testing.B) {
	in := Input{Pod: &spec.Pod{}, Container: &spec.Container{Command: []string{"x"}}, Rootfs: b.TempDir(), Host: testHost()}
	for b.Loop() {
		if _, err := BuildSpec(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadHost(b *testing.B) {
	for b.Loop() {
		if _, err := ReadHost(); err != nil {
			b.Fatal(err)
		}
	}
}
