package tree_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/testhost"
	"berth/internal/tree"
)

func same(o tree.Owner) (tree.Owner, error) { return o, nil }

// archive is a tar archive; a content of "> x" is a link, of "= x" a hard link.
func archive(t *testing.T, files ...[2]string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f[0], Mode: 0o4755, Uid: 7, Gid: 8, ModTime: time.Unix(1e9, 0), Typeflag: tar.TypeReg}
		content := f[1]
		switch {
		case strings.HasSuffix(f[0], "/"):
			h.Typeflag, content = tar.TypeDir, ""
		case strings.HasPrefix(content, "> "):
			h.Typeflag, h.Linkname, content = tar.TypeSymlink, content[2:], ""
		case strings.HasPrefix(content, "= "):
			h.Typeflag, h.Linkname, content = tar.TypeLink, content[2:], ""
		case content == "device":
			h.Typeflag, h.Devmajor, h.Devminor, content = tar.TypeBlock, 8, 0, ""
		}
		h.Size = int64(len(content))
		if err := errors.Join(w.WriteHeader(h), writeAll(w, content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func writeAll(w io.Writer, s string) error {
	_, err := io.WriteString(w, s)
	return err
}

func open(t *testing.T, dir string) *os.File {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestNothingUnpackedLeadsOut(t *testing.T) {
	testhost.Need(t)
	for sentence, c := range map[string]struct {
		there [][2]string // links that lie there already
		files [][2]string
		fails bool
	}{
		"a name that goes up":                {files: [][2]string{{"a/../../out/f", "x"}}, fails: true},
		"a name from the root":               {files: [][2]string{{"/out/f", "x"}}},
		"a link, then through it":            {files: [][2]string{{"l", "> ../out"}, {"l/f", "x"}}, fails: true},
		"an absolute link, then through it":  {files: [][2]string{{"l", "> OUT"}, {"l/f", "x"}}, fails: true},
		"a hard link to what lies outside":   {files: [][2]string{{"l", "= ../out/secret"}}, fails: true},
		"a hard link through a link":         {files: [][2]string{{"l", "> ../out"}, {"m", "= l/secret"}}, fails: true},
		"a link that lies there":             {there: [][2]string{{"l", "../out"}}, files: [][2]string{{"l/f", "x"}}, fails: true},
		"a folder where a link lies":         {there: [][2]string{{"l", "../out"}}, files: [][2]string{{"l/", ""}, {"l/f", "x"}}, fails: true},
		"a file where a link lies":           {there: [][2]string{{"f", "../out/secret"}}, files: [][2]string{{"f", "x"}}},
		"a file after a link of its name":    {files: [][2]string{{"f", "> ../out/secret"}, {"f", "x"}}},
		"a folder that became a link":        {files: [][2]string{{"d/", ""}, {"d", "> ../out"}}, fails: true},
		"a hard link to a link, written to":  {files: [][2]string{{"f", "> ../out/secret"}, {"g", "= f"}, {"g", "x"}}},
		"dots that stay inside are no crime": {files: [][2]string{{"./a/./b/../f", "x"}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
			secret := filepath.Join(out, "secret")
			if err := errors.Join(os.Mkdir(in, 0o755), os.Mkdir(out, 0o755), os.WriteFile(secret, []byte("secret"), 0o600)); err != nil {
				t.Fatal(err)
			}
			for _, l := range c.there {
				if err := os.Symlink(l[1], filepath.Join(in, l[0])); err != nil {
					t.Fatal(err)
				}
			}
			for i := range c.files {
				c.files[i][1] = strings.Replace(c.files[i][1], "OUT", out, 1)
			}
			_, err := tree.Unpack(t.Context(), open(t, in), archive(t, c.files...), tree.UnpackOptions{Owner: same})
			if (err != nil) != c.fails {
				t.Errorf("error %v", err)
			}
			left, _ := os.ReadDir(out)
			data, _ := os.ReadFile(secret)
			info, _ := os.Stat(secret)
			if len(left) != 1 || string(data) != "secret" || info.Mode().Perm() != 0o600 {
				t.Errorf("outside there is %v, %q, %v", left, data, info.Mode())
			}
		})
	}
}

func TestUnpackingGivesFilesToWhomItSays(t *testing.T) {
	testhost.Need(t)
	dir := t.TempDir()
	mine := func(tree.Owner) (tree.Owner, error) { return tree.Owner{UID: 5, GID: 6}, nil }
	files := archive(t, [2]string{"new/d/f", "x"}, [2]string{"dev", "device"}, [2]string{"d/", ""}, [2]string{"d/g", "> f"})
	left, err := tree.Unpack(t.Context(), open(t, dir), files, tree.UnpackOptions{Owner: mine, Foreign: true})
	if err != nil || len(left) != 1 || left[0] != "dev" {
		t.Fatal(left, err)
	}
	for name, mode := range map[string]uint32{"new": 0o755, "new/d": 0o755, "new/d/f": 0o755, "d": 0o755, "d/g": 0o777} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, name), &st); err != nil || st.Uid != 5 || st.Gid != 6 || st.Mode&0o7777 != mode {
			t.Errorf("%s: %d:%d %o %v", name, st.Uid, st.Gid, st.Mode, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "dev")); err == nil {
		t.Error("a device was made")
	}
	for _, c := range [][2]string{{"d", "x"}, {"new/d/f/", ""}} {
		_, err := tree.Unpack(t.Context(), open(t, dir), archive(t, c), tree.UnpackOptions{Owner: mine})
		if !errors.Is(err, tree.ErrKind) {
			t.Errorf("%q: %v", c, err)
		}
		if _, err := tree.Unpack(t.Context(), open(t, dir), archive(t, c), tree.UnpackOptions{Owner: mine, Overwrite: true}); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
	short := io.LimitReader(archive(t, [2]string{"cut", strings.Repeat("x", 100000)}), 60000)
	if _, err := tree.Unpack(t.Context(), open(t, dir), short, tree.UnpackOptions{Owner: mine}); err == nil {
		t.Error("an archive that was cut short is whole")
	}
	if _, err := os.Lstat(filepath.Join(dir, "cut")); err == nil {
		t.Error("half a file stays")
	}
}

func TestCopiesKeepHolesAndLeaveOutWhatIsNoData(t *testing.T) {
	testhost.Need(t)
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	big := filepath.Join(from, "big")
	err := errors.Join(os.Mkdir(from, 0o700), os.Mkdir(to, 0o700), os.WriteFile(big, []byte("begin"), 0o640), os.Truncate(big, 1<<30),
		os.Link(big, filepath.Join(from, "same")), unix.Mkfifo(filepath.Join(from, "pipe"), 0o600), unix.Mknod(filepath.Join(from, "null"), unix.S_IFCHR|0o600, 1<<8|3),
		os.Mkdir(filepath.Join(from, "proc"), 0o700), unix.Mount("proc", filepath.Join(from, "proc"), "proc", 0, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(filepath.Join(from, "proc"), unix.MNT_DETACH) }()
	flaws, left, err := tree.Copy(t.Context(), open(t, from), open(t, to), tree.ArchiveOptions{Name: "as"}, tree.UnpackOptions{Owner: same, Plain: true})
	if err != nil || len(left) != 1 || left[0] != "as/null" || len(flaws) != 1 || !strings.Contains(flaws[0].Error(), "as/proc") {
		t.Fatal(flaws, left, err)
	}
	var st, other unix.Stat_t
	if err := errors.Join(unix.Stat(filepath.Join(to, "as/big"), &st), unix.Stat(filepath.Join(to, "as/same"), &other)); err != nil {
		t.Fatal(err)
	}
	if st.Size != 1<<30 || st.Blocks*512 > 1<<20 || st.Ino != other.Ino || st.Mode&0o777 != 0o640 {
		t.Errorf("%+v, %+v", st, other)
	}
	if _, err := os.Lstat(filepath.Join(to, "as/pipe")); err == nil {
		t.Error("a FIFO was made")
	}
}

// What a container puts in a file's place after it was looked at.
func TestWhatIsNoFileIsNotRead(t *testing.T) {
	dir := t.TempDir()
	secret, link := filepath.Join(dir, "secret"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(secret, []byte("secret"), 0o600), os.Symlink(secret, link)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(link, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	flaws, err := tree.Archive(t.Context(), f, &b, tree.ArchiveOptions{Name: "link"})
	if _, end := tar.NewReader(&b).Next(); err != nil || len(flaws) > 0 || !errors.Is(end, io.EOF) {
		t.Errorf("%v, %v, %q", flaws, err, b.String())
	}
}

// hole is an archive, as tar --sparse writes it, of one file that is a hole.
func hole(t *testing.T, size uint64) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "hole", Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatGNU}), w.Close()); err != nil {
		t.Fatal(err)
	}
	head := b.Bytes()[:512] // its fields: tar(5), "GNU tar archives"
	head[156] = tar.TypeGNUSparse
	head[483] = 0x80 // the real size follows as a number
	binary.BigEndian.PutUint64(head[487:495], size)
	copy(head[148:156], "        ")
	sum := 0
	for _, c := range head {
		sum += int(c)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return &b
}

func TestHolesOfArchivesAreHoles(t *testing.T) {
	testhost.Need(t)
	dir := t.TempDir()
	left, err := tree.Unpack(t.Context(), open(t, dir), hole(t, 1<<20), tree.UnpackOptions{Owner: same})
	info, _ := os.Stat(filepath.Join(dir, "hole"))
	if err != nil || len(left) > 0 || info == nil || info.Size() != 1<<20 {
		t.Errorf("%v, left out %v, %v", info, left, err)
	}
	// One that would take years ends when it is told to.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done, at := make(chan error, 1), open(t, t.TempDir())
	go func() {
		_, err := tree.Unpack(ctx, at, hole(t, 1<<61), tree.UnpackOptions{Owner: same})
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it goes on")
	}
}

func TestArchivesOfEndlessDepthAreRefused(t *testing.T) {
	testhost.Need(t)
	dir := t.TempDir()
	_, err := tree.Unpack(t.Context(), open(t, dir), archive(t, [2]string{strings.Repeat("a/", 2500) + "f", "x"}), tree.UnpackOptions{Owner: same})
	if left, _ := os.ReadDir(dir); err == nil || len(err.Error()) > 200 || len(left) > 0 {
		t.Errorf("error %.200v, made %v", err, left)
	}
}

func TestFoldersThatLieTooDeepAreLeftOut(t *testing.T) {
	testhost.Need(t)
	from, to := t.TempDir(), t.TempDir()
	deep := from + strings.Repeat("/d", 600)
	if err := errors.Join(os.MkdirAll(deep, 0o755), os.WriteFile(filepath.Join(from, "f"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	flaws, _, err := tree.Copy(t.Context(), open(t, from), open(t, to), tree.ArchiveOptions{Name: "as"}, tree.UnpackOptions{Owner: same})
	if err != nil || len(flaws) != 1 || !strings.Contains(flaws[0].Error(), "lies too deep") {
		t.Errorf("%v, %v", flaws, err)
	}
	for path, there := range map[string]bool{"as/f": true, "as" + strings.Repeat("/d", 500): true, "as" + strings.Repeat("/d", 600): false} {
		if _, err := os.Stat(filepath.Join(to, path)); (err == nil) != there {
			t.Errorf("%.20s: %v", path, err)
		}
	}
}

// A container's root is seen on the host, too: below all that lies above it.
func TestACopyDoesNotGoIntoItself(t *testing.T) {
	testhost.Need(t)
	from := t.TempDir()
	to := filepath.Join(from, "a/to")
	if err := errors.Join(os.MkdirAll(to, 0o755), os.WriteFile(filepath.Join(from, "a/f"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	flaws, _, err := tree.Copy(t.Context(), open(t, from), open(t, to), tree.ArchiveOptions{Name: "as"}, tree.UnpackOptions{Owner: same})
	if err != nil || len(flaws) != 1 || !strings.Contains(flaws[0].Error(), "as/a/to: is where the copy goes") {
		t.Errorf("%v, %v", flaws, err)
	}
	for path, there := range map[string]bool{"as/a/f": true, "as/a/to": false} {
		if _, err := os.Stat(filepath.Join(to, path)); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
}
