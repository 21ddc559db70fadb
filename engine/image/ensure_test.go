package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/engine/spec"
)

func TestEnsureFromFiles(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	dir := t.TempDir()
	layout(t, filepath.Join(dir, "layout"), simple("quay.io/team/app:1"))

	for _, test := range []struct {
		name, ref string
		names     []string
	}{
		{"an archive's annotation names the image, under localhost/", "oci-archive:" + archive(t, simple("web")), []string{"localhost/web:latest"}},
		{"a full name stays", "oci:" + filepath.Join(dir, "layout"), []string{"quay.io/team/app:1"}},
		{"a layout's image can be chosen", "oci:" + filepath.Join(dir, "layout") + ":quay.io/team/app:1", []string{"quay.io/team/app:1"}},
		{"without a name there is only the ID", "oci-archive:" + archive(t, recipe{layers: []map[string]string{{"a": "b"}}}), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			img, err := s.Ensure(ctx, spec.ImageRequest{Ref: test.ref})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(img.Names, test.names) || len(img.ID) != 64 || img.Size == 0 || img.Digest == "" {
				t.Errorf("image %+v, want names %v", img, test.names)
			}
			if again, err := s.Lookup(ctx, img.ID); err != nil || again.ID != img.ID {
				t.Errorf("Lookup by ID: %v, %v", again.ID, err)
			}
		})
	}
	noScratch(t)
}

func TestEnsureFromDockerArchiveAndDir(t *testing.T) {
	ctx := context.Background()
	from, to := testStore(t), testStore(t)
	load(t, from, simple("one"), simple("two"))
	if err := from.Tag(ctx, "one", "one:also"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	single, both := filepath.Join(dir, "a:colon.tar"), filepath.Join(dir, "both.tar")
	save := func(path string, format Format, names ...string) {
		t.Helper()
		if err := from.Save(ctx, Target{Format: format, Path: path}, names...); err != nil {
			t.Fatal(err)
		}
	}
	save(single, FormatDockerArchive, "one", "one:also")
	save(both, FormatDockerArchive, "one", "two")
	save(filepath.Join(dir, "folder"), FormatDockerDir, "two")
	if err := os.Rename(single, filepath.Join(dir, "single.tar")); err != nil {
		t.Fatal(err)
	}

	img, err := to.Ensure(ctx, spec.ImageRequest{Ref: "docker-archive:" + filepath.Join(dir, "single.tar")})
	if err != nil || !slices.Equal(img.Names, []string{"localhost/one:latest", "localhost/one:also"}) && !slices.Equal(img.Names, []string{"localhost/one:also", "localhost/one:latest"}) {
		t.Errorf("names %v, %v", img.Names, err)
	}
	if _, err := to.Ensure(ctx, spec.ImageRequest{Ref: "docker-archive:" + both}); !errors.Is(err, spec.ErrPull) {
		t.Errorf("two images and none chosen: %v", err)
	}
	img, err = to.Ensure(ctx, spec.ImageRequest{Ref: "docker-archive:" + both + ":localhost/two:latest"})
	if err != nil || !slices.Equal(img.Names, []string{"localhost/two:latest"}) {
		t.Errorf("names %v, %v", img.Names, err)
	}
	img, err = to.Ensure(ctx, spec.ImageRequest{Ref: "dir:" + filepath.Join(dir, "folder")})
	if err != nil || img.Labels["made-by"] != "test" {
		t.Errorf("dir: %+v, %v", img, err)
	}
}

func TestEnsureForAPlatform(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	dir := filepath.Join(t.TempDir(), "layout")
	foreign := simple("foreign")
	foreign.arch = "s390x"
	platforms(t, dir, "multi", simple("native"), foreign)
	native, err := s.Ensure(ctx, spec.ImageRequest{Ref: "oci:" + dir})
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Ensure(ctx, spec.ImageRequest{Ref: "oci:" + dir, Pull: spec.PullOptions{Arch: "s390x"}})
	if err != nil {
		t.Fatal(err)
	}
	if config, err := s.Config(ctx, other.ID); err != nil || config.Architecture != "s390x" || other.ID == native.ID {
		t.Errorf("config %+v, %v", config, err)
	}
	if _, err := s.Ensure(ctx, spec.ImageRequest{Ref: "oci:" + dir, Pull: spec.PullOptions{Arch: "mips"}}); !errors.Is(err, spec.ErrPull) {
		t.Errorf("a platform it has not: %v", err)
	}
}

func TestEnsureFromAnotherStorage(t *testing.T) {
	ctx := context.Background()
	from, to := testStore(t), testStore(t)
	load(t, from, simple("x"))
	driver, err := from.Driver()
	if err != nil {
		t.Fatal(err)
	}
	ref := "containers-storage:[" + driver + "@" + from.opts.Root + "+" + from.opts.RunRoot + "]localhost/x:latest"
	img, err := to.Ensure(ctx, spec.ImageRequest{Ref: ref})
	if err != nil || !slices.Equal(img.Names, []string{"localhost/x:latest"}) {
		t.Errorf("%+v, %v", img, err)
	}
}

func TestEnsurePoliciesWithoutARegistry(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("here:1"))
	here, err := s.Lookup(ctx, "here:1")
	if err != nil {
		t.Fatal(err)
	}
	// Port 1 answers nobody: whoever asks it gets an error.
	load(t, s, simple("127.0.0.1:1/x:1"))
	for _, test := range []struct {
		name   string
		ref    string
		policy spec.PullPolicy
		want   error
	}{
		{"Never, here", "here:1", spec.PullNever, nil},
		{"Never, not here", "elsewhere:1", spec.PullNever, spec.ErrImageMissing},
		{"Never reads no file", "oci-archive:/no/such.tar", spec.PullNever, spec.ErrImageMissing},
		{"IfNotPresent, here", "localhost/here:1", spec.PullMissing, nil},
		{"no policy, here", "localhost/here:1", "", nil},
		{"a full ID, always", here.ID, spec.PullAlways, nil},
		{"a full ID that is not here", strings.Repeat("0", 64), spec.PullAlways, spec.ErrImageMissing},
		{"twelve digits of an ID", here.ID[:12], spec.PullMissing, nil},
		{"sha256:", "sha256:" + here.ID, spec.PullMissing, nil},
		{"containers-storage:", "containers-storage:localhost/here:1", spec.PullAlways, nil},
		{"IfNotPresent asks no registry", "127.0.0.1:1/x:1", spec.PullMissing, nil},
		{"Always does not fall back", "127.0.0.1:1/x:1", spec.PullAlways, spec.ErrPull},
		{"Newer asks nobody for localhost/", "localhost/here:1", spec.PullNewer, nil},
		{"Newer falls back", "127.0.0.1:1/x:1", spec.PullNewer, nil},
		{"another platform is not it", "127.0.0.1:1/x:1", spec.PullMissing, spec.ErrPull},
		{"no name at all", "A B", spec.PullMissing, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := spec.ImageRequest{Ref: test.ref, Policy: test.policy}
			if test.name == "another platform is not it" {
				req.Pull.Arch = "s390x"
			}
			img, err := s.Ensure(ctx, req)
			if test.ref == "A B" {
				if err == nil {
					t.Error("accepted")
				}
				return
			}
			if !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if err == nil && img.ID == "" {
				t.Error("no image")
			}
		})
	}
}

func TestAShortHexNameIsNotAnIDWhenEnsured(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("x"))
	img, err := s.Lookup(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(ctx, img.ID[:4]); err != nil {
		t.Errorf("typed by a person: %v", err)
	}
	if _, err := s.Ensure(ctx, spec.ImageRequest{Ref: img.ID[:4], Policy: spec.PullNever}); !errors.Is(err, spec.ErrImageMissing) {
		t.Errorf("written in a manifest: %v", err)
	}
}

func TestDamagedArchivesAreNamed(t *testing.T) {
	ctx := context.Background()
	good, err := os.ReadFile(archive(t, recipe{name: "x", layers: []map[string]string{{"f": strings.Repeat("data", 50000)}}}))
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 0xff
	for name, data := range map[string][]byte{
		"empty": nil, "garbage": []byte(strings.Repeat("no tar\n", 1000)), "cut": good[:len(good)/2],
		"flipped": flipped, "header only": good[:512],
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			file := filepath.Join(t.TempDir(), "broken.tar")
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := s.Load(ctx, Source{Path: file})
			if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), scratchPrefix) {
				t.Errorf("load: %v", err)
			}
			for _, transport := range []string{"oci-archive:", "docker-archive:"} {
				_, err := s.Ensure(ctx, spec.ImageRequest{Ref: transport + file})
				if !errors.Is(err, spec.ErrPull) || strings.Contains(err.Error(), scratchPrefix) {
					t.Errorf("%s %v", transport, err)
				}
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := s.Load(ctx, Source{From: f}); err == nil || !strings.Contains(err.Error(), "standard input") || strings.Contains(err.Error(), scratchPrefix) {
				t.Errorf("stdin: %v", err)
			}
			nothingLeft(t, s)
		})
	}
}

func TestSignaturePolicyIsObeyed(t *testing.T) {
	ctx := context.Background()
	dir := testFolder(t)
	policy := filepath.Join(dir, "policy.json")
	file := archive(t, simple("x"))
	writeJSON(t, policy, map[string]any{
		"default":    []any{map[string]string{"type": "insecureAcceptAnything"}},
		"transports": map[string]any{"oci-archive": map[string]any{file: []any{map[string]string{"type": "reject"}}}},
	})
	s := testStoreIn(t, dir, Options{SignaturePolicy: policy})
	for name, get := range map[string]func() error{
		"Ensure": func() error { _, err := s.Ensure(ctx, spec.ImageRequest{Ref: "oci-archive:" + file}); return err },
		"Load":   func() error { _, err := s.Load(ctx, Source{Path: file}); return err },
	} {
		if err := get(); err == nil || !strings.Contains(err.Error(), "reject") {
			t.Errorf("%s of a rejected archive: %v", name, err)
		}
	}
	if _, err := s.Ensure(ctx, spec.ImageRequest{Ref: "oci-archive:" + archive(t, simple("x"))}); err != nil {
		t.Errorf("another archive: %v", err)
	}
	if err := os.WriteFile(policy, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, Source{Path: file}); err == nil {
		t.Error("a broken policy accepts everything")
	}
}

func TestConfig(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, recipe{name: "x", layers: []map[string]string{{"a": "b"}}, config: ociv1.ImageConfig{User: "7", Entrypoint: []string{"/e"}, Env: []string{"A=b"}}})
	img, err := s.Lookup(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	config, err := s.Config(ctx, img.ID)
	if err != nil || config.Config.User != "7" || config.Config.Entrypoint[0] != "/e" || config.Config.Env[0] != "A=b" {
		t.Errorf("config %+v, %v", config, err)
	}
	if _, err := s.Config(ctx, strings.Repeat("1", 64)); !errors.Is(err, spec.ErrImageMissing) {
		t.Errorf("unknown: %v", err)
	}
}
