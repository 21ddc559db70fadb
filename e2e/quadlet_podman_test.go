package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/e2e/testimage"
	"berth/internal/testhost"
)

// TestUnitsMeanToBerthWhatTheyMeanToPodman has podman's generator and berth's make
// services of a unit file for each key that docs/quadlet.md lists, with each of many
// values, and compares what they say to systemd. What is meant to differ has no value
// here; the document names it.
func TestUnitsMeanToBerthWhatTheyMeanToPodman(t *testing.T) {
	packages := testimage.Podman()
	if packages == "" {
		t.Skip("no podman of a later Debian was unpacked: make deps")
	}
	t.Parallel()
	dir := t.TempDir()
	units := unitsOfKeys(t)
	for name, text := range units {
		write(t, filepath.Join(dir, "units", name), text)
	}
	h, err := testhost.Start(t.Context(), testhost.Options{Share: []string{dir}, Packages: []string{packages}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	const generate = `cd "$0" && export QUADLET_UNIT_DIRS="$0/units" PODMAN=/usr/bin/podman BERTH=/usr/bin/podman
		/usr/libexec/podman/quadlet -no-kmsg-log "$0/podman"; "$1" quadlet generator --no-kmsg-log "$0/berth"; true`
	said, err := h.Run(t.Context(), "sh", "-c", generate, dir, os.Getenv(binaryEnv))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(units)) {
		base, kind, _ := strings.Cut(name, ".")
		if !strings.Contains(base, "-") {
			continue // there for others to name
		}
		service := base + ".service"
		if kind != "container" && kind != "kube" {
			service = base + "-" + kind + ".service"
		}
		want, got := saysToSystemd(t, filepath.Join(dir, "podman", service)), saysToSystemd(t, filepath.Join(dir, "berth", service))
		if slices.Equal(want, got) && len(want) > 0 {
			compared++
			continue
		}
		t.Errorf("%s:\n%s", name, units[name])
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Errorf("only podman: %s", line)
			}
		}
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("only berth:  %s", line)
			}
		}
		for line := range strings.Lines(said) {
			if strings.Contains(line, name) {
				t.Log(line)
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d units were compared", compared)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unitsOfKeys are the unit files, by name, with those that they name.
func unitsOfKeys(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../docs/quadlet.md")
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]string{
		"v.volume": "[Volume]\n", "named.volume": "[Volume]\nVolumeName=other\nServiceName=store\n", "n.network": "[Network]\n",
		"i.image": "[Image]\nImage=quay.io/i\n", "b.build": "[Build]\nImageTag=localhost/b\nSetWorkingDirectory=unit\n", "p.pod": "[Pod]\n",
		"o.container": "[Container]\nImage=localhost/o\nContainerName=oh\n",
	}
	rest := map[string]string{
		"Container": "Image=localhost/x\n", "Kube": "Yaml=x.yaml\n", "Image": "Image=quay.io/x\n", "Build": "ImageTag=localhost/x\nSetWorkingDirectory=/c\n",
		"Artifact": "Artifact=quay.io/x\n",
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		if name, is := strings.CutPrefix(line, "## ["); is {
			section = strings.TrimSuffix(strings.TrimSpace(name), "]")
		}
		cells := strings.Split(line, "|")
		if section == "" || section == "Quadlet" || len(cells) < 4 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		key, kind := strings.Trim(cells[1], " `"), strings.TrimSpace(cells[2])
		list, special := valuesOfKey()[section+"."+key]
		if !special {
			list, special = valuesOfKey()[key]
		}
		if !special {
			list = valuesOfKind()[kind]
		}
		for i, value := range list {
			text := rest[section]
			if key == "Rootfs" {
				text = ""
			}
			units[fmt.Sprintf("%s-%s%d.%[1]s", strings.ToLower(section), strings.ToLower(key), i)] = fmt.Sprintf("[%s]\n%s%s=%s\n", section, text+before()[section+"."+key], key, strings.ReplaceAll(value, "KEY", key))
		}
	}
	return units
}

func valuesOfKind() map[string][]string {
	list := []string{`plain`, `'in single quotes'`, `two  words`, `it's`, `a"b`, `%n-%i`, `$X`, `./beside`, `a,b:c=d`, "goes \\\n  on", "goe\\\n# no\n  s", "goes \\ \n on", `back\slash`, `#hash`, `größe`}
	args := []string{`a "b c" 'd e'`, `\x41\u00e9\t\\.`, `a"b"c`, "a \\\n 'b  c'", `$X ${Y} %i`, `\"quoted\"`}
	return map[string][]string{
		"list": list, "text": append(list, `"in quotes"`), "arguments": args, "command": args,
		"words":          {`a b`, `a "b c" 'd e'`, `a\x41b`, `a\ b`, "a \\\n b", `%i`},
		"NAME=VALUE":     {`A=1 "B=2 3" A=4`, `'C=x "y"'`, `A`, `A=`, `A=b=c`, "A=1\nKEY=B=2\nKEY=\nKEY=C=3"},
		"yes or no":      {"yes", "No", "TRUE", "0", "on", "off"},
		"name or number": {"5", "root"},
	}
}

// valuesOfKey are those of keys that take no others, by section and key or key;
// none for keys that podman 5.8 has not, and where it is meant to differ.
func valuesOfKey() map[string][]string {
	volumes := []string{"v.volume:/x", "named.volume:/x:Z", "./d:/x", "/h/a b:/x", "%h/d:/x:ro", "any:/x", "/x", ":/x"}
	networks := []string{"host", "n.network", "n.network:ip=10.0.0.2", "other:alias=x"}
	return map[string][]string{
		"ImageVolume": nil, "Umask": nil, "UID": nil, "GID": nil, "ServiceName": nil,
		"Container.Volume": volumes, "Pod.Volume": volumes, "Build.Volume": volumes, "Network": append(networks, "o.container"), "Build.Network": networks,
		"Mount":           {"type=bind,src=/a,dst=/b", "type=volume,source=v.volume,dst=/x", "type=tmpfs,dst=/t", `"type=bind,src=./a b,dst=/c"`, "type=image,source=i.image,dst=/i,rw=true"},
		"Container.Image": {"i.image\nImage=i.image", "b.build", "quay.io/a/b"}, "Volume.Image": {"i.image", "b.build", "quay.io/a/b"},
		"Pod": {"p.pod"}, "AddDevice": {"/dev/null", "-/dev/null:/dev/n", "-/dev/absent", "/dev/absent:r"}, "Notify": {"yes", "no", "healthy"}, "ExposeHostPort": {"80", "80-90/tcp"}, "Rootfs": {"/r", "/r:O", "%h/r"},
		"ExitCodePropagation": {"all", "any", "none"}, "KubeDownForce": {"yes"}, "Kube.SetWorkingDirectory": {"yaml", "unit"}, "RemapUidSize": {"5"}, "RemapUsers": {"auto", "keep-id"}, "Container.RemapUsers": {"manual", "auto\nUserNS=\nUIDMap=0:1:1\nUIDMap="},
		"Build.SetWorkingDirectory": {"unit", "/d", "d", "https://x/y.git", "d\n[Service]\nWorkingDirectory=/w", "/d\n[Service]\nWorkingDirectory=/w"}, "File": {"/c/F", "F", "https://x/F", "%h/F"},
		"Kube.AutoUpdate": {"registry", "name/local"}, "LogDriver": {"journald"},
	}
}

// before are lines without which a key means nothing.
func before() map[string]string {
	lines := map[string]string{
		"Container.Group": "User=u\n", "Volume.Type": "Device=/d\n", "Volume.Options": "Device=/d\n", "Volume.Image": "Driver=image\n",
	}
	for _, key := range []string{"Gateway", "IPRange"} {
		lines["Network."+key] = "Subnet=10.0.0.0/24\n"
	}
	for _, section := range []string{"Container", "Pod", "Kube"} {
		for _, key := range []string{"RemapUid", "RemapGid", "RemapUidSize"} {
			lines[section+"."+key] = "RemapUsers=auto\n"
		}
	}
	return lines
}

// saysToSystemd are the assignments of a service, each once, and with the words of
// its commands in order of the alphabet; none where there is no service.
func saysToSystemd(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	var lines []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		key, value, assigns := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(line, "["):
			section = line
		case !assigns || strings.HasPrefix(section, "[X-") || strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(key, "Exec"):
			value = fmt.Sprintf("%q", commandWords(t, value))
			fallthrough
		default:
			lines = append(lines, section+" "+key+"="+value)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// commandWords splits a command line as systemd does, and --option=value in two.
func commandWords(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	for len(line) > 0 {
		word, rest := line, ""
		if line[0] == '"' {
			end := 1
			for end < len(line) && line[end] != '"' {
				if line[end] == '\\' {
					end++
				}
				end++
			}
			var err error
			if word, err = strconv.Unquote(line[:end+1]); err != nil {
				t.Fatalf("%s: %v", line[:end+1], err)
			}
			rest = strings.TrimPrefix(line[end+1:], " ")
		} else {
			word, rest, _ = strings.Cut(line, " ")
		}
		if name, value, both := strings.Cut(word, "="); both && strings.HasPrefix(word, "--") {
			words = append(words, name)
			word = value
		}
		words, line = append(words, word), rest
	}
	slices.Sort(words)
	return words
}
