package generator

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// Host answers what conversion asks about this host.
type Host struct{}

// Exists says whether there is something at a path.
func (Host) Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// UserID is a user's number, by name or number.
func (Host) UserID(name string) (uint32, error) {
	return number(name, func() (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
}

// GroupID is a group's number, by name or number.
func (Host) GroupID(name string) (uint32, error) {
	return number(name, func() (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
}

func number(name string, lookup func() (string, error)) (uint32, error) {
	n, err := strconv.ParseUint(name, 10, 32)
	if err == nil {
		return uint32(n), nil
	}
	id, err := lookup()
	if err != nil {
		return 0, err
	}
	if n, err = strconv.ParseUint(id, 10, 32); err != nil {
		return 0, fmt.Errorf("its number %s is none", id)
	}
	return uint32(n), nil
}
