package cmd

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"berth/cmd/generator"
	"berth/quadlet"
)

// TestServicesCallCommandsThereAre holds that each argument list of a unit file
// is a command line of ours: the command exists and knows every flag.
func TestServicesCallCommandsThereAre(t *testing.T) {
	for _, name := range []string{"container_keys", "kinds_keys", "references"} {
		for _, r := range quadlet.Convert(unitFiles(t, "../quadlet/testdata/"+name+".txtar"), quadlet.Options{Program: "/berth", Host: generator.Host{}}) {
			if r.Unit == nil {
				t.Errorf("%s: %v", r.Name, r.Problems)
				continue
			}
			u := r.Unit
			for _, c := range slices.Concat(u.Pre, u.Start, u.Reload, u.Stop, u.StopPost) {
				checkCall(t, r.Name, c.Args)
			}
		}
	}
}

func unitFiles(t *testing.T, archive string) []quadlet.Input {
	t.Helper()
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	var all []quadlet.Input
	for _, f := range txtar.Parse(data).Files {
		if f.Name != "want" {
			// PodmanArgs= of the cases is anything, not flags there are.
			text := strings.NewReplacer("PodmanArgs=--a\n", "", `PodmanArgs=--last "one two"`, "", `"--a b"`, "").Replace(string(f.Data))
			all = append(all, quadlet.Input{Name: f.Name, Path: "/q/" + f.Name, Data: []byte(text)})
		}
	}
	return all
}

// gaps are commands and flags units call for that berth lacks: such a unit is
// generated, and fails when it is started.
func gaps() map[string][]string {
	return map[string][]string{
		"run": nil, "pod create": nil, "build": nil, "artifact pull": nil,
		"image pull": {"all-tags", "decryption-key", "retry", "retry-delay"},
		"kube play":  {"service-container", "service-exit-code-propagation", "userns"},
	}
}

func checkCall(t *testing.T, unit string, args []string) {
	t.Helper()
	root := tree()
	found, rest, err := root.Find(args)
	if err != nil || found == root || found.HasSubCommands() {
		line := " " + strings.Join(args, " ") + " "
		for gap := range gaps() {
			if strings.Contains(line, " "+gap+" ") {
				return
			}
		}
		t.Errorf("%s: there is no command %q", unit, args)
		return
	}
	for _, flag := range gaps()[strings.TrimPrefix(found.CommandPath(), "berth ")] {
		if found.Flags().Lookup(flag) == nil {
			found.Flags().String(flag, "", "")
			found.Flags().Lookup(flag).NoOptDefVal = map[string]string{"all-tags": "true"}[flag]
		}
	}
	if err := found.ParseFlags(rest); err != nil {
		t.Errorf("%s: %s: %v\n%q", unit, found.CommandPath(), err, args)
	}
}
