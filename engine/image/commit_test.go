package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/engine/spec"
)

func TestImport(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(layerTar(t, map[string]string{"bin/app": "program", "etc/hosts": ""})); err != nil {
		t.Fatal(err)
	}
	_ = z.Close()
	id, err := s.Import(ctx, &packed, ImportOptions{
		Name: "tree:1", Changes: []string{`CMD ["/bin/app"]`, "LABEL a=b"}, Message: "by hand", Arch: "riscv64", Source: "tree.tar",
	})
	if err != nil {
		t.Fatal(err)
	}
	img, err := s.Inspect(ctx, "localhost/tree:1")
	if err != nil || img.ID != id || img.Architecture != "riscv64" || len(img.RootFS.Layers) != 1 || img.Labels["a"] != "b" {
		t.Errorf("%+v, %v", img, err)
	}
	steps, err := s.History(ctx, id)
	if err != nil || len(steps) != 1 || steps[0].Comment != "by hand" || steps[0].CreatedBy != "import tree.tar" {
		t.Errorf("%+v, %v", steps, err)
	}
	for name, in := range map[string]string{"nothing": "", "no archive": strings.Repeat("x", 2000)} {
		if _, err := s.Import(ctx, strings.NewReader(in), ImportOptions{Source: name}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s was imported: %v", name, err)
		}
	}
	noScratch(t)
}

// filesOf lists the files an image gives containers.
func filesOf(t *testing.T, s *Store, imageID string) map[string]string {
	t.Helper()
	ctx, id := context.Background(), spec.NewContainerID()
	if err := s.CreateRootfs(ctx, id, Rootfs{Image: imageID, Volatile: true}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.RemoveRootfs(ctx, id) }()
	root, err := s.MountRootfs(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCommit(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("x"))
	img, err := s.Lookup(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	id := spec.NewContainerID()
	if err := s.CreateRootfs(ctx, id, Rootfs{Image: img.ID, Volatile: true}); err != nil {
		t.Fatal(err)
	}
	root, err := s.MountRootfs(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string]string{"new/file": "new", "etc/hosts": "", "etc/kept": ""} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755), os.WriteFile(filepath.Join(root, path), []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(root, "hello")); err != nil {
		t.Fatal(err)
	}
	c := spec.Container{
		Command: []string{"/run"}, Args: []string{"x"}, WorkingDir: "/new", User: spec.User{UID: new(int64)},
		Env: []spec.EnvVar{{Name: "PLAIN", Value: "1"}, {Name: "LATE", Value: "a\x00b\x00"}},
	}
	for name, o := range map[string]CommitOptions{
		"on top":   {Name: "localhost/made:1"},
		"squashed": {Squash: true},
		"Docker's": {Docker: true, Name: "localhost/made:docker"},
	} {
		o.Container, o.Author, o.Message, o.CreatedBy = c, "me", "why", "commit web"
		o.Volumes, o.Changes = []string{"/data"}, []string{"ENV MODE=test"}
		made, err := s.Commit(ctx, id, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		files := filesOf(t, s, made)
		if _, there := files["hello"]; there || files["new/file"] != "new" || len(files) != 2 {
			t.Errorf("%s: it has %v", name, files)
		}
		config, err := s.Config(ctx, made)
		if err != nil {
			t.Fatal(err)
		}
		got := config.Config
		if !slices.Equal(got.Entrypoint, c.Command) || !slices.Equal(got.Cmd, c.Args) || got.WorkingDir != "/new" || got.User != "0" ||
			!slices.Contains(got.Env, "PLAIN=1") || !slices.Contains(got.Env, "MODE=test") || strings.Contains(strings.Join(got.Env, " "), "LATE") {
			t.Errorf("%s: %+v", name, got)
		}
		if _, there := got.Volumes["/data"]; !there || config.Author != "me" {
			t.Errorf("%s: volumes %v, author %q", name, got.Volumes, config.Author)
		}
		layers := map[bool]int{true: 1, false: 2}[o.Squash]
		if len(config.RootFS.DiffIDs) != layers || config.History[len(config.History)-1].Comment != "why" {
			t.Errorf("%s: %d layers, history %+v", name, len(config.RootFS.DiffIDs), config.History)
		}
		report, err := s.Inspect(ctx, made)
		if err != nil || (len(report.RepoTags) == 0) != (o.Name == "") || strings.Contains(report.ManifestType, "docker") != o.Docker {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
	if _, err := s.Commit(ctx, spec.NewContainerID(), CommitOptions{}); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
	if base, err := s.Config(ctx, img.ID); err != nil || slices.Contains(base.Config.Env, "PLAIN=1") || len(base.RootFS.DiffIDs) != 1 {
		t.Errorf("the image below was changed: %+v, %v", base, err)
	}
	noScratch(t)
}

func TestStubsAreLeftOut(t *testing.T) {
	var in, out bytes.Buffer
	w := tar.NewWriter(&in)
	for _, h := range []tar.Header{
		{Name: "etc/hosts"}, {Name: "./etc/resolv.conf"}, {Name: "etc/hostname", Size: 1}, {Name: "etc/hosts.allow"}, {Name: "run/.containerenv"},
	} {
		h.Typeflag, h.Mode = tar.TypeReg, 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, strings.NewReader("x"), h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), withoutStubs(&out, &in)); err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		names = append(names, h.Name)
	}
	if !slices.Equal(names, []string{"etc/hostname", "etc/hosts.allow"}) {
		t.Errorf("left: %v", names)
	}
}
