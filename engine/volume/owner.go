package volume

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Own gives a file, or a folder and all in it, to a user and a group. Symbolic
// links are given, not followed, and nothing leads out of the folder.
func Own(path string, uid, gid int) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return os.Chown(path, uid, gid)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, uid, gid)
	})
}
