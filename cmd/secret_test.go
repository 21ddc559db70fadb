package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("BERTH_TEST_SECRET", "from env")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, 512000), 0o600); err != nil {
		t.Fatal(err)
	}
	const id = "5e884898da28047151d0e56f8" // of the name "password"
	for _, s := range []struct {
		args, in, out, err string
		code               int
	}{
		{args: "secret create password -", in: "from stdin", out: id + "\n"},
		{args: "secret inspect --showsecret --format {{.SecretData}} password", out: "from stdin\n"},
		{args: "secret create password -", in: "other", err: "already exists", code: 125},
		{args: "secret create --ignore password -", in: "other", out: id + "\n"},
		{args: "secret create --ignore --replace password -", err: "cannot be used together", code: 125},
		{args: "secret create --replace -l app=web -l b --driver-opts x=1,y=2 password FILE", out: id + "\n"},
		{args: "secret inspect --showsecret --format {{.SecretData}}| password", out: "from file\n|\n"},
		{args: "secret inspect --format {{.Spec.Driver.Name}},{{.Spec.Driver.Options}},{{.Spec.Labels}},{{.SecretData}} " + id, out: "file,map[x:1 y:2],map[app:web b:],\n"},
		{args: "secret create --env ähnlich BERTH_TEST_SECRET", out: "e6a96e3fc0bdf5571078c28bb\n"},
		{args: "secret create --env x BERTH_TEST_UNSET", err: "BERTH_TEST_UNSET is not set", code: 125},
		{args: "secret create a/b -", in: "x", err: `secret name "a/b"`, code: 125},
		{args: "secret create x -", err: "has 0 bytes", code: 125},
		{args: "secret create x BIG", err: "512000 bytes", code: 125},
		{args: "secret create x /nowhere", err: "no such file", code: 125},
		{args: "secret create x", err: "needs a name and a file, or -", code: 125},
		{args: "secret create --driver pass x -", in: "x", err: "driver file only", code: 125},
		{args: "secret create --driver-opts path=/x x -", in: "x", err: "--root moves", code: 125},
		{args: "secret create --label =x x -", in: "x", err: "want key=value", code: 125},
		{args: "secret ls -q --filter name=^pass --filter name=zzz", out: id + "\n"},
		{args: "secret ls -q --filter id=5e88", out: id + "\n"},
		{args: "secret ls --filter driver=file", err: "no filter", code: 125},
		{args: "secret ls --format {{.Name}}:{{.Driver}}", out: "password:file\nähnlich:file\n"},
		{args: "secret exists password"},
		{args: "secret exists other", code: 1},
		{args: "secret inspect other", out: "[]\n", err: `secret "other": no such object`, code: 125},
		{args: "secret rm password other", out: id + "\n", err: `secret "other": no such object`, code: 125},
		{args: "secret rm --ignore other"},
		{args: "secret rm", err: "needs the name or ID of a secret", code: 125},
		{args: "secret rm --all x", err: "no names can be given", code: 125},
		{args: "secret rm --all", out: "e6a96e3fc0bdf5571078c28bb\n"},
		{args: "secret ls --noheading"},
		{args: "secret ls --format json", out: "[]\n"},
		{args: "secret ls", out: "ID          NAME        DRIVER      CREATED     UPDATED\n"},
	} {
		args := strings.NewReplacer("FILE", file, "BIG", big).Replace(s.args)
		r := run(t, dir, s.in, strings.Fields(args)...)
		if r.code != s.code || r.out != s.out || (s.err == "") != (r.err == "") || !strings.Contains(r.err, s.err) {
			t.Errorf("berth %s: code %d\n%q\n%s", s.args, r.code, r.out, r.err)
		}
	}
}

func TestSecretInspectPretty(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "hidden", "secret", "create", "-l", "app=web", "-l", "b", "password", "-")
	r := run(t, dir, "", "secret", "inspect", "--pretty", "--showsecret", "password")
	lines := strings.Split(r.out, "\n")
	for i, want := range []string{
		"ID:              5e884898da28047151d0e56f8", "Name:            password", "Labels:", " - app=web", " - b",
		"Driver:          file", "Created at:      20", "Updated at:      20", "Secret Data:     hidden",
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d of\n%swant %q", i, r.out, want)
		}
	}
	r = run(t, dir, "", "secret", "inspect", "--pretty", "password")
	if strings.Contains(r.out+r.err, "hidden") {
		t.Error("shown without being asked")
	}
	r = run(t, dir, "", "__completeNoDesc", "secret", "rm", "pa")
	if !strings.HasPrefix(r.out, "password\n") {
		t.Errorf("completion: %s", r.out)
	}
}
