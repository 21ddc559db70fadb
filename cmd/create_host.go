package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"berth/engine"
	"berth/engine/spec"
	"berth/translate/option"
)

// mostOptionFile bounds a file that a flag names, in bytes: more is no list of
// variables or labels.
const mostOptionFile = 16 << 20

// optionHost answers what the flags of create and run ask.
type optionHost struct {
	in   io.Reader
	find func(name string) (spec.PodStatus, spec.ContainerStatus, error)
	conf option.Defaults
	// regular: of files only regular ones are read, since nobody is there who would
	// end the wait for who writes to a pipe.
	regular bool
}

func (a *app) optionHost(ctx context.Context, e *engine.Engine) optionHost {
	find := func(name string) (spec.PodStatus, spec.ContainerStatus, error) { return e.FindContainer(ctx, "", name) }
	return optionHost{in: a.in, find: find, conf: e.ContainerDefaults()}
}

// Defaults is what containers.conf says.
func (h optionHost) Defaults() option.Defaults { return h.conf }

// Abs makes a path absolute.
func (optionHost) Abs(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path // the working folder is gone: whoever opens it says so
	}
	return abs
}

// ReadFile reads a file, or standard input.
func (h optionHost) ReadFile(path string) ([]byte, error) {
	in := h.in
	if path != "-" {
		f, err := h.open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, mostOptionFile+1))
	if err == nil && len(data) > mostOptionFile {
		return nil, fmt.Errorf("it is larger than %d bytes", mostOptionFile) // a part of it says nothing
	}
	return data, err
}

func (h optionHost) open(path string) (*os.File, error) {
	if !h.regular {
		return os.Open(path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Glob is the paths that match a pattern.
func (optionHost) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// Environ is our environment.
func (optionHost) Environ() []string { return os.Environ() }

// User is who calls.
func (optionHost) User() (uid, gid uint32) { return uint32(os.Getuid()), uint32(os.Getgid()) }

// SubIDs reads /etc/subuid or /etc/subgid.
func (optionHost) SubIDs(name string, group bool) ([]option.IDRange, error) {
	table := "/etc/subuid"
	if group {
		table = "/etc/subgid"
	}
	found, err := engine.SubordinateIDs(table, name)
	var ranges []option.IDRange
	for _, r := range found {
		ranges = append(ranges, option.IDRange{First: r.Host, Count: r.Size})
	}
	return ranges, err
}

// Container finds a container as people name one.
func (h optionHost) Container(name string) (spec.ContainerRef, error) {
	p, c, err := h.find(name)
	if err != nil {
		return spec.ContainerRef{}, err
	}
	return spec.ContainerRef{Pod: p.Pod.ID, Name: c.Name}, nil
}

// VolumesOf is what a container has mounted of volumes.
func (h optionHost) VolumesOf(name string) ([]spec.Mount, []spec.Volume, error) {
	p, c, err := h.find(name)
	if err != nil {
		return nil, nil, err
	}
	made, ok := p.Pod.Container(c.Name)
	if !ok {
		return nil, nil, nil
	}
	var volumes []spec.Volume
	for _, m := range made.Mounts {
		if v, ok := p.Pod.Volume(m.Volume); ok {
			volumes = append(volumes, *v)
		}
	}
	return made.Mounts, volumes, nil
}
