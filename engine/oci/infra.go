package oci

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/internal/hostexec"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// pauseProgram, embedded for each architecture, is the infra process where the
// host has no usable catatonit. pause/pause.c is its source.
//
//go:generate ./pause/build.sh

// infraUser runs the infra process: nobody in particular, as in Kubernetes'
// pause image. Among users that have no such number it is their root, who is
// nobody on the host.
func infraUser(users *spec.UserNamespace) spec.User {
	id := int64(65535)
	if _, _, ok := users.Host(uint32(id), uint32(id)); !ok {
		id = 0
	}
	return spec.User{UID: &id, GID: &id}
}

// InfraRootfs is the read-only root file system all infra containers share.
type InfraRootfs struct {
	Path string
	Args []string // what runs in it
}

// EnsureInfraRootfs makes the infra root file system in dir, with the host's
// catatonit or, where that is missing or not static, the embedded pause.
func (r *Runtime) EnsureInfraRootfs(dir string) (InfraRootfs, error) {
	program, args, err := r.infraProgram()
	if err != nil {
		return InfraRootfs{}, err
	}
	return ensureRootfs(dir, program, args)
}

// EnsurePauseRootfs is EnsureInfraRootfs with the embedded pause, which EndWith
// knows, whatever the host has.
func (r *Runtime) EnsurePauseRootfs(dir string) (InfraRootfs, error) {
	if len(pauseProgram) == 0 {
		return InfraRootfs{}, errors.New("no program that waits is built in for this architecture")
	}
	return ensureRootfs(dir, pauseProgram, []string{"/pause"})
}

// ensureRootfs makes a root file system that has one program.
func ensureRootfs(dir string, program []byte, args []string) (InfraRootfs, error) {
	for _, name := range []string{"dev", "etc", "proc", "run", "sys"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return InfraRootfs{}, err
		}
	}
	for _, name := range []string{"etc/hosts", "etc/hostname", "etc/resolv.conf"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE, 0o644)
		if err != nil {
			return InfraRootfs{}, err
		}
		_ = f.Close()
	}
	target := filepath.Join(dir, args[0])
	if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, program) {
		return InfraRootfs{Path: dir, Args: args}, nil
	}
	if err := atomicfile.WriteVolatile(target, program, 0o755); err != nil {
		return InfraRootfs{}, err
	}
	return InfraRootfs{Path: dir, Args: args}, nil
}

func (r *Runtime) infraProgram() (program []byte, args []string, err error) {
	path, missing := hostexec.Find("catatonit", r.helperDirs)
	if missing == nil {
		program, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		if static(program) {
			return program, []string{"/catatonit", "-P"}, nil
		}
		missing = fmt.Errorf("%s is not static", path)
	}
	if len(pauseProgram) > 0 {
		return pauseProgram, []string{"/pause"}, nil
	}
	return nil, nil, fmt.Errorf("no program for the infra container, and none is built in for this architecture: %w", missing)
}

// static reports whether a program runs without a loader and libraries.
func static(program []byte) bool {
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return false
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

// InfraInput says what BuildInfra builds.
type InfraInput struct {
	Pod        *spec.Pod
	Rootfs     InfraRootfs
	Image      ociv1.ImageConfig // of a root file system that a person chose
	Namespaces Namespaces        // InfraNamespaces
	CgroupPath string
	Place      spec.CgroupPlace
	Host       Host
}

// oomScoreInfra is that of a guaranteed pod's containers: all of a pod hangs on
// its infra container, which uses next to nothing.
const oomScoreInfra = -997

// BuildInfra is the configuration of a pod's infra container: a process that
// holds namespaces, may do nothing, and carries the pod's sysctls.
func BuildInfra(in InfraInput) (*specs.Spec, error) {
	if len(in.Rootfs.Args) == 0 {
		return nil, errors.New("infra container: no root file system")
	}
	score := oomScoreInfra
	filter, profile := infraSeccomp(), ""
	if filter != nil {
		profile = seccompUnconfined // until ours is put in
	}
	built, err := BuildSpec(Input{
		Pod: in.Pod,
		Container: &spec.Container{
			Name:      "_infra",
			Command:   in.Rootfs.Args,
			User:      infraUser(in.Pod.Users),
			Resources: spec.Resources{OOMScoreAdj: &score},
			Security:  spec.Security{ReadOnlyRoot: true, NoNewPrivileges: true, CapDrop: []string{allCapabilities}, Seccomp: profile},
		},
		Image:      ociv1.ImageConfig{Env: in.Image.Env},
		Rootfs:     in.Rootfs.Path,
		Namespaces: in.Namespaces,
		CgroupPath: in.CgroupPath,
		Place:      in.Place,
		Host:       in.Host,
	})
	if err != nil {
		return nil, err
	}
	if filter != nil {
		built.Linux.Seccomp = filter
	}
	// It looks at no file: /dev is there for the runtime's devices, /proc for sysctls.
	built.Mounts = slices.DeleteFunc(built.Mounts, func(m specs.Mount) bool { return m.Destination != "/proc" && m.Destination != "/dev" })
	return built, nil
}
