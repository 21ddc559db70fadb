package image

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.podman.io/image/v5/types"
)

func TestSplitTransport(t *testing.T) {
	for ref, want := range map[string][2]string{
		"nginx":                          {"", "nginx"},
		"docker:25":                      {"", "docker:25"},
		"localhost:5000/x:1":             {"", "localhost:5000/x:1"},
		"docker://quay.io/a/b":           {transportDocker, "quay.io/a/b"},
		"oci:/tmp/x:name":                {transportOCI, "/tmp/x:name"},
		"oci-archive:x.tar":              {transportOCIArchive, "x.tar"},
		"docker-archive:x.tar:a:1":       {transportDockerArchive, "x.tar:a:1"},
		"dir:/x":                         {transportDir, "/x"},
		"containers-storage:localhost/x": {transportStorage, "localhost/x"},
	} {
		transport, rest, err := splitTransport(ref)
		if err != nil || transport != want[0] || rest != want[1] {
			t.Errorf("%s: %q %q %v, want %q", ref, transport, rest, err, want)
		}
	}
	if _, _, err := splitTransport("docker-daemon:x:latest"); err == nil || !strings.Contains(err.Error(), "archive") {
		t.Errorf("docker-daemon: %v", err)
	}
}

func TestLocalName(t *testing.T) {
	for name, want := range map[string]string{
		"x":                     "localhost/x:latest",
		"x:1":                   "localhost/x:1",
		"team/x":                "localhost/team/x:latest",
		"docker.io/nginx":       "docker.io/library/nginx:latest",
		"quay.io/a/b:2":         "quay.io/a/b:2",
		"localhost:5000/a":      "localhost:5000/a:latest",
		"localhost/already:yes": "localhost/already:yes",
	} {
		named, err := localName(name)
		if err != nil || named.String() != want {
			t.Errorf("%s: %v %v, want %s", name, named, err, want)
		}
	}
	for _, name := range []string{"", "UPPER", "a b", "x@sha256:" + strings.Repeat("0", 64)} {
		if named, err := localName(name); err == nil {
			t.Errorf("%q became %v", name, named)
		}
	}
}

func TestShortNamesFollowRegistriesConf(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for _, test := range []struct{ name, conf, short, want, err string }{
		{name: "no registries.conf: docker.io", short: "nginx", want: "docker.io/library/nginx:latest"},
		{name: "one search registry", conf: `unqualified-search-registries = ["r.example"]`, short: "a/b:2", want: "r.example/a/b:2"},
		{name: "several, permissive: all in order", conf: `unqualified-search-registries = ["r.example", "s.example"]`, short: "x", want: "r.example/x:latest s.example/x:latest"},
		{name: "several, enforcing: refused", conf: "unqualified-search-registries = [\"r.example\", \"s.example\"]\nshort-name-mode = \"enforcing\"", short: "x", err: "enforces"},
		{name: "none: refused, and what to do", conf: "# empty", short: "x", err: "write the registry's name"},
		{name: "an alias", conf: "[aliases]\n\"x\" = \"quay.io/real/x\"", short: "x:3", want: "quay.io/real/x:3"},
		{name: "a full name is itself", short: "quay.io/a", want: "quay.io/a:latest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			if test.conf != "" {
				conf := filepath.Join(root, "etc", "containers", "registries.conf")
				if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(conf, []byte(test.conf), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			names, _, err := remoteNames(&types.SystemContext{RootForImplicitAbsolutePaths: root}, test.short)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("names %v, error %v", names, err)
				}
				return
			}
			var got []string
			for _, n := range names {
				got = append(got, n.String())
			}
			if err != nil || !slices.Equal(got, strings.Fields(test.want)) {
				t.Errorf("names %v, error %v; want %s", got, err, test.want)
			}
		})
	}
}
