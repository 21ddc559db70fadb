package option

import (
	"path"

	"berth/engine/spec"
)

// Host answers what flags ask of the machine and of whoever calls. Errors say
// what is wrong and need not name the flag.
type Host interface {
	// Abs makes a path absolute, from the caller's working folder on.
	Abs(path string) string
	// ReadFile is a file that a flag names; - is standard input.
	ReadFile(path string) ([]byte, error)
	// Glob is the paths that match a pattern.
	Glob(pattern string) ([]string, error)
	// Environ is the caller's environment, as os.Environ.
	Environ() []string
	// User is who calls.
	User() (uid, gid uint32)
	// SubIDs are the ranges that /etc/subuid and /etc/subgid give a user or group,
	// the caller if the name is empty.
	SubIDs(name string, group bool) ([]IDRange, error)
	// Container is the container that people know by a name or an ID.
	Container(name string) (spec.ContainerRef, error)
	// VolumesOf is what a container has mounted from volumes, and those volumes.
	VolumesOf(name string) ([]spec.Mount, []spec.Volume, error)
	// Defaults is what containers.conf says of containers.
	Defaults() Defaults
}

// IDRange is so many users or groups from one on.
type IDRange struct{ First, Count uint32 }

// nowhere is the host that has everything and says nothing: what is wrong there
// is wrong anywhere.
type nowhere struct{}

func (nowhere) Abs(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join("/", p)
}
func (nowhere) ReadFile(string) ([]byte, error)        { return nil, nil }
func (nowhere) Glob(pattern string) ([]string, error)  { return []string{pattern}, nil }
func (nowhere) Environ() []string                      { return nil }
func (nowhere) User() (uid, gid uint32)                { return 0, 0 }
func (nowhere) SubIDs(string, bool) ([]IDRange, error) { return []IDRange{{1 << 16, 1 << 16}}, nil }
func (nowhere) Container(name string) (spec.ContainerRef, error) {
	return spec.ContainerRef{Name: name}, nil
}
func (nowhere) VolumesOf(string) ([]spec.Mount, []spec.Volume, error) { return nil, nil, nil }
func (nowhere) Defaults() Defaults                                    { return nil }
