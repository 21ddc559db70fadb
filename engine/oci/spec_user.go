package oci

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"berth/engine/spec"

	"github.com/moby/sys/user"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// maxUserTable bounds what is read of an image's /etc/passwd or /etc/group.
const maxUserTable = 4 << 20

// identity is who a process runs as.
type identity struct {
	user specs.User
	home string
}

func (id identity) root() bool { return id.user.UID == 0 }

// lookupUser resolves a container's user in its image. A UID or GID stands
// over the name; supplementary groups come from the image's /etc/group, except
// where the name gives a group itself, and from u.Groups.
func lookupUser(u spec.User, imageUser string, rootfs string) (identity, error) {
	name := u.Name
	if name == "" {
		name = imageUser
	}
	if err := checkNonRootName(u, name); err != nil {
		return identity{}, err
	}
	if u.UID != nil {
		if *u.UID < 0 || *u.UID > 1<<31-1 {
			return identity{}, fmt.Errorf("%w: user ID %d is out of range", spec.ErrConfig, *u.UID)
		}
		name = strconv.FormatInt(*u.UID, 10)
	}
	if u.GID != nil {
		if *u.GID < 0 || *u.GID > 1<<31-1 {
			return identity{}, fmt.Errorf("%w: group ID %d is out of range", spec.ErrConfig, *u.GID)
		}
		name, _, _ = strings.Cut(name, ":")
	}
	passwd, err := userTable(rootfs, "/etc/passwd")
	if err != nil {
		return identity{}, err
	}
	group, err := userTable(rootfs, "/etc/group")
	if err != nil {
		return identity{}, err
	}
	found, err := user.GetExecUser(name, &user.ExecUser{Home: "/"}, bytes.NewReader(passwd), bytes.NewReader(group))
	if err != nil {
		return identity{}, fmt.Errorf("%w: user %q cannot be found in the image: %w", spec.ErrConfig, name, err)
	}
	if u.NonRoot && found.Uid == 0 {
		return identity{}, errRunsAsRoot(u)
	}
	id := identity{user: specs.User{UID: uint32(found.Uid), GID: uint32(found.Gid)}, home: found.Home}
	if u.GID != nil {
		id.user.GID = uint32(*u.GID)
	}
	id.user.AdditionalGids, err = supplementary(id.user.GID, found.Sgids, u.Groups)
	if id.home == "" {
		id.home = "/"
	}
	return id, err
}

// UserOf is who a container runs as, by number: its user as its image has it.
func UserOf(in Input) (uid, gid uint32, err error) {
	id, err := lookupUser(in.Container.User, in.Image.User, in.Rootfs)
	return id.user.UID, id.user.GID, err
}

// checkNonRootName refuses, as the kubelet does, to guess what a user's name stands for.
func checkNonRootName(u spec.User, name string) error {
	if !u.NonRoot || u.UID != nil {
		return nil
	}
	name, _, _ = strings.Cut(name, ":")
	if name == "" {
		return errRunsAsRoot(u)
	}
	if _, err := strconv.ParseUint(name, 10, 32); err != nil {
		return fmt.Errorf("%w: container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root", spec.ErrConfig, name)
	}
	return nil
}

func errRunsAsRoot(u spec.User) error {
	if u.UID != nil {
		return fmt.Errorf("%w: container's runAsUser breaks non-root policy", spec.ErrConfig)
	}
	return fmt.Errorf("%w: container has runAsNonRoot and image will run as root", spec.ErrConfig)
}

// supplementary lists the groups, the primary one among them: else a program that
// sets another group would get rid of it, and of what is forbidden to it
// (CVE-2022-2989).
func supplementary(primary uint32, ofImage []int, asked []int64) ([]uint32, error) {
	groups := []uint32{primary}
	for _, g := range ofImage {
		groups = append(groups, uint32(g))
	}
	for _, g := range asked {
		if g < 0 || g > 1<<31-1 {
			return nil, fmt.Errorf("%w: supplementary group %d is out of range", spec.ErrConfig, g)
		}
		groups = append(groups, uint32(g))
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

// groupsByName finds groups, by name or number, in the image's /etc/group.
func groupsByName(names []string, rootfs string) ([]uint32, error) {
	group, err := userTable(rootfs, "/etc/group")
	if err != nil {
		return nil, err
	}
	gids, err := user.GetAdditionalGroups(names, bytes.NewReader(group))
	if err != nil {
		return nil, fmt.Errorf("%w: groups %q cannot all be found in the image: %w", spec.ErrConfig, names, err)
	}
	list := make([]uint32, len(gids))
	for i, g := range gids {
		list[i] = uint32(g)
	}
	return list, nil
}

// userTable reads a table of the image; one that is missing is empty.
func userTable(rootfs, path string) ([]byte, error) {
	f, err := openInRoot(rootfs, path, unix.S_IFREG)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, errKind) {
		return nil, fmt.Errorf("%w: the image's %s is not a file", spec.ErrConfig, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read the image's %s: %w", spec.ErrConfig, path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxUserTable+1))
	if err != nil {
		return nil, fmt.Errorf("read the image's %s: %w", path, err)
	}
	if len(data) > maxUserTable {
		return nil, fmt.Errorf("%w: the image's %s is larger than %d bytes", spec.ErrConfig, path, maxUserTable)
	}
	return data, nil
}
