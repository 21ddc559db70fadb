package oci

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/tree"
)

// PrepareUsers adds to a root file system's /etc/passwd and /etc/group what a
// container made by hand is to have there: users of the host, and its own user
// and group where the image does not know them. It is done before BuildSpec, once
// or again: what is there stays.
func PrepareUsers(in Input) error {
	hand := in.Container.ByHand
	if hand == nil {
		return nil
	}
	for _, name := range hand.HostUsers {
		if err := addHostUser(in, name); err != nil {
			return err
		}
	}
	if hand.Passwd.Off {
		return nil
	}
	id, err := lookupUser(in.Container.User, in.Image.User, in.Rootfs)
	if err != nil {
		return err
	}
	home, err := workingDir(in.Container, in.Image, in.Facts)
	if err != nil {
		return err
	}
	uid, gid := strconv.Itoa(int(id.user.UID)), strconv.Itoa(int(id.user.GID))
	fill := strings.NewReplacer("$USERNAME", uid, "$UID", uid, "$GID", gid, "$NAME", "container user", "$HOME", home)
	if !id.root() || hand.Passwd.Entry != "" {
		entry := hand.Passwd.Entry
		if entry == "" {
			entry = "$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/sh"
		}
		if err := addEntry(in, "/etc/passwd", uid, fill.Replace(entry)); err != nil {
			return err
		}
	}
	if id.user.GID == 0 && hand.Passwd.GroupEntry == "" {
		return nil
	}
	entry := hand.Passwd.GroupEntry
	if entry == "" {
		entry = "$GID:x:$GID:$UID"
	}
	return addEntry(in, "/etc/group", gid, strings.NewReplacer("$GROUPNAME", gid, "$USERLIST", uid, "$UID", uid, "$GID", gid).Replace(entry))
}

// addHostUser adds a user of the host, and its group.
func addHostUser(in Input, name string) error {
	u, err := user.LookupUser(name)
	if n, e := strconv.Atoi(name); e == nil {
		u, err = user.LookupUid(n)
	}
	if err != nil {
		return fmt.Errorf("%w: user %q of the host: %w", spec.ErrConfig, name, err)
	}
	uid, gid := strconv.Itoa(u.Uid), strconv.Itoa(u.Gid)
	entry := strings.Join([]string{u.Name, "*", uid, gid, u.Gecos, u.Home, u.Shell}, ":")
	if err := addEntry(in, "/etc/passwd", uid, entry); err != nil {
		return err
	}
	g, err := user.LookupGid(u.Gid)
	if err != nil {
		return nil // a user without a group that has a name
	}
	return addEntry(in, "/etc/group", gid, g.Name+":x:"+gid+":"+u.Name)
}

// addEntry adds a line to a table of users, or groups, in which the ID, the third
// field, is not.
func addEntry(in Input, table, id, line string) error {
	if strings.ContainsAny(line, "\n\x00") || strings.Count(line, ":") < 3 {
		return fmt.Errorf("%w: %q is no entry of %s", spec.ErrConfig, line, table)
	}
	have, err := userTable(in.Rootfs, table)
	if err != nil {
		return err
	}
	for entry := range strings.Lines(string(have)) {
		if fields := strings.Split(entry, ":"); len(fields) > 2 && fields[2] == id {
			return nil
		}
	}
	uid, gid, _ := in.Pod.Users.Host(0, 0)
	uid, gid = max(uid, 0), max(gid, 0)
	if err := MkdirInRoot(in.Rootfs, path.Dir(table), 0o755, uid, gid); err != nil { // the runtime would, for /etc/hosts
		return fmt.Errorf("%w: %w", spec.ErrConfig, err)
	}
	if len(have) > 0 && !bytes.HasSuffix(have, []byte("\n")) {
		line = "\n" + line
	}
	return appendInRoot(in.Rootfs, table, line+"\n", uid, gid)
}

// appendInRoot adds text to a file of a root file system we do not trust, which
// is made where its folder is there.
func appendInRoot(rootfs, name, text string, uid, gid int) error {
	root, err := os.OpenFile(rootfs, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer root.Close()
	seen, err := tree.OpenIn(root, name, unix.O_PATH)
	if errors.Is(err, fs.ErrNotExist) {
		if seen, err = createAt(root, name, uid, gid); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	defer seen.Close()
	f, err := reopen(seen, unix.S_IFREG, os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// createAt makes an empty file that is not there, in a folder that is.
func createAt(root *os.File, name string, uid, gid int) (*os.File, error) {
	dir, err := tree.OpenIn(root, path.Dir(name), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat(int(dir.Fd()), path.Base(name), unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if errors.Is(err, unix.EEXIST) { // a link that leads nowhere
		err = unix.ENOENT
	}
	if err != nil {
		return nil, &os.PathError{Op: "make", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	if err := f.Chown(uid, gid); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
