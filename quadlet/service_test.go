package quadlet

import (
	"strings"
	"testing"
)

func TestOriginOfLines(t *testing.T) {
	r := Convert([]Input{{Name: "a.container", Path: "/q/a.container", Data: []byte("# first\n[Container]\nImage=a\n[Service]\nRestart=no\nEnvironment=A=1 \\\n  B=2\n"),
		DropIns: []DropIn{{Name: "x.conf", Path: "/q/x.conf", Data: []byte("\n[Service]\nNice=5\n")}}}}, Options{Program: "/berth", Host: testHost{}})[0]
	want := map[string]string{"# first": "/q/a.container:1", "Image=a": "/q/a.container:3", "Restart=no": "/q/a.container:5", "  B=2": "/q/a.container:7",
		"Nice=5": "/q/x.conf:3", "Type=notify": "/q/a.container", "[Service]": "/q/a.container"}
	for i, line := range strings.Split(string(r.Unit.Text()), "\n") {
		if at, ok := want[line]; ok {
			if got := r.Unit.Origin(i + 1).String(); got != at {
				t.Errorf("%s stands at %s, want %s", line, got, at)
			}
			delete(want, line)
		}
	}
	if len(want) > 0 {
		t.Errorf("not in the service: %v", want)
	}
}

func TestRelativePathsStartInTheFoldersOwnPlace(t *testing.T) {
	u := Convert([]Input{{Name: "a.kube", Path: "/etc/units/app/a.kube", Folder: "/srv/100%/units", Data: []byte("[Kube]\nYaml=../a.yaml\nSetWorkingDirectory=unit\n")}},
		Options{Program: "/berth", Host: testHost{}})[0].Unit
	for _, line := range []string{"/srv/100%%/a.yaml\n", "WorkingDirectory=/srv/100%%/units\n", "SourcePath=/etc/units/app/a.kube\n"} {
		if !strings.Contains(string(u.Text()), line) {
			t.Errorf("no %q in\n%s", line, u.Text())
		}
	}
}

func TestPlaceOfWhatIsWrongWithOptions(t *testing.T) {
	u := Convert([]Input{{Name: "a.container", Path: "/q/a.container", Data: []byte(`[Container]
Image=a
Volume=./a:/x:ro
Volume=./b:/x:rz
AddCapability=NET_ADMIN NOPE
PodmanArgs=--cpus=many --frob
PublishPort=80
`)}}, Options{Program: "/berth", Host: testHost{}})[0].Unit
	for message, want := range map[string]string{
		`--volume "/q/b:/x:rz": unknown option`:                ":4",
		`--cap-add "NOPE": unknown capability`:                 ":5",
		`unknown flag: --frob`:                                 ":6",
		`invalid argument "many" for "--cpus" flag: no number`: ":6",
		`--frobs and --publish exclude each other`:             ":7",
		`the image is missing`:                                 "",
	} {
		if got := u.Place(message).String(); got != "/q/a.container"+want {
			t.Errorf("%s is placed at %s, want line %s", message, got, want)
		}
	}
}

func TestBoundsOfAUnit(t *testing.T) {
	for name, c := range map[string]struct {
		lines, want string
		problems    int
	}{
		"many unknown keys":    {strings.Repeat("Nowhere=1\n", 20_000), "/q/a.container:53: 19950 more problems from here on: mend those above first", 51},
		"an argument too long": {"Label=a=" + strings.Repeat("b", 128<<10) + "\n", "/q/a.container:1: an argument of 128 KiB comes of it, \"a=bbb", 1},
		"a line too long":      {"Sysctl=" + strings.Repeat("a ", 100<<10) + "\n", "/q/a.container:1: a command line of 1100 KiB comes of it: systemd takes less than 1024 KiB", 1},
		"a return in a line":   {"# a comment\rExec=evil\n", "/q/a.container:3: has a carriage return within the line: end lines with a newline", 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := Convert([]Input{{Name: "a.container", Path: "/q/a.container", Data: []byte("[Container]\nImage=a\n" + c.lines)}}, Options{Program: "/berth", Host: testHost{}})[0]
			if len(r.Problems) != c.problems {
				t.Fatalf("%d problems, want %d", len(r.Problems), c.problems)
			}
			if got := r.Problems[c.problems-1].Error(); !strings.HasPrefix(got, c.want) {
				t.Errorf("%.300s\nwant %s", got, c.want)
			}
		})
	}
}
