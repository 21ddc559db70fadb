package quadlet

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `# what this is
; and more

[Unit]
Description=a  unit
[Container]
Image = localhost/app
Exec=one \
# left out
  ; this too
  two \\
Label=a
Label=
Label=b
`

func TestParseKeepsEveryByteAndKnowsEveryLine(t *testing.T) {
	f, problems := Parse("a.container", "dir/a.container", []byte(sample))
	if problems != nil {
		t.Fatal(problems)
	}
	if got := string(f.Bytes()); got != sample {
		t.Error(cmp.Diff(sample, got))
	}
	exec := f.Lines("Container", "Exec")
	if len(exec) != 1 || exec[0].Value != `one two \\` || exec[0].Pos.String() != "dir/a.container:8" {
		t.Errorf("Exec = %+v", exec)
	}
	if image, _ := f.Value("Container", "Image"); image != "localhost/app" {
		t.Errorf("Image = %q", image)
	}
	if got := f.Values("Container", "Label"); len(got) != 1 || got[0] != "b" {
		t.Errorf("Label = %q, want what follows the empty assignment", got)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"NUL", "[Unit]\nA=b\x00c\n", "x:2: holds a NUL byte: it is no text file"},
		{"too big", strings.Repeat("#", MaxSize+1), "x: has more than 1024 KiB: it is no unit file"},
		{"no section", "A=b\n", `x:1: "A"= stands before the first section`},
		{"no assignment", "[Unit]\n\nhello\n", `x:3: "hello" is no section, assignment or comment`},
		{"no key", "[Unit]\n=b\n", `x:2: "=b" is no section, assignment or comment`},
		{"open header", "[Unit\nA=b\n", `x:1: "[Unit" is a section header without its closing ]`},
		{"empty header", "[]\nA=b\n", `x:1: "[]" is no section's name`},
		{"continued for ever", "[Unit]\nA=b \\\n c \\\n", "x:2: the last line is continued by a backslash, but the file ends there"},
		{"continued for ever, with a comment", "[Unit]\nA=b \\\n# c\n", "x:2: the last line is continued by a backslash, but the file ends there"},
		{"a control character", "[Unit]\nA=a\x1bc\n", `x:2: "A" has a control character: in arguments write an escape such as \x07`},
		{"not UTF-8", "[Unit]\nA=\xff\n", `x:2: "A" has bytes that are not UTF-8 text`},
		{"both", "[Unit]\nhello\nworld\n", "x:2: \"hello\" is no section, assignment or comment\nx:3: \"world\" is no section, assignment or comment"},
		{"nothing", "\ufeff[Unit]\r\nA=b\r\n", ""},
	} {
		_, problems := Parse("x", "x", []byte(c.text))
		got := ""
		if err := problems.Err(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestContinuedLines has what podman makes of lines that go on in its sections,
// and systemd in its own.
func TestContinuedLines(t *testing.T) {
	for _, c := range []struct{ name, text, own, systemd string }{
		{"blanks before the backslash stay, those after the newline go", "A=a  \\\n   b\n", "a  b", "a   b"},
		{"a word goes on", "A=a\\\n\tb\n", "ab", "a b"},
		{"blanks behind the backslash", "A=a \\ \t\n b\n", "a b", "a  b"},
		{"CRLF", "A=a \\\r\n b\r\n", "a b", "a  b"},
		{"comments are left out", "A=a \\\n# one \\\n;two\nb\n", "a b", "a  b"},
		{"an empty line ends it", "A=a \\\n\n", "a", "a"},
		{"a backslash that is escaped", "A=a \\\\\n", `a \\`, `a \\`},
		{"nothing before", "A=\\\n a\n", "a", "a"},
	} {
		for section, want := range map[string]string{"Container": c.own, "Quadlet": c.own, "Service": c.systemd, "X-Mine": c.systemd} {
			f, problems := Parse("x", "x", []byte("["+section+"]\n"+c.text))
			if got, _ := f.Value(section, "A"); got != want || problems != nil {
				t.Errorf("%s: [%s] has %q, %v; want %q", c.name, section, got, problems, want)
			}
			if strings.Contains(string(f.Bytes()), "\\ ") {
				t.Errorf("%s: systemd would not read on after %q", c.name, f.Bytes())
			}
		}
	}
}

func TestMergeAppendsToTheSectionOfTheName(t *testing.T) {
	base, _ := Parse("a.container", "a.container", []byte("[Container]\nImage=a\n\n[Service]\nRestart=no"))
	extra, _ := Parse("b.conf", "a.container.d/b.conf", []byte("[Service]\nRestart=always\n[Install]\nWantedBy=x.target\n[Container]\nImage=b\n"))
	base.Merge(extra)
	const want = "[Container]\nImage=a\n\nImage=b\n[Service]\nRestart=no\nRestart=always\n\n[Install]\nWantedBy=x.target\n"
	if got := string(base.Bytes()); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if at := base.Lines("Service", "Restart")[1].Pos.String(); at != "a.container.d/b.conf:2" {
		t.Errorf("the merged line stands at %s", at)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ file, service, resource, dirs string }{
		{"web.container", "web", "systemd-web", "web.container.d container.d"},
		{"a-b-c.volume", "a-b-c-volume", "systemd-a-b-c", "a-b-c.volume.d a-b-.volume.d a-.volume.d volume.d"},
		{"web@.pod", "web-pod@", "systemd-web-%i", "web@.pod.d pod.d"},
		{"a-b@x.network", "a-b-network@x", "systemd-a-b-%i", "a-b@x.network.d a-b@.network.d a-@.network.d a-.network.d network.d"},
		{"x.kube", "x", "systemd-x", "x.kube.d kube.d"},
		{"a.b.image", "a.b-image", "systemd-a.b", "a.b.image.d image.d"},
		{"x.service", "", "", ""},
		{".container", "", "", ""},
		{"container", "", "", ""},
	} {
		n, ok := ParseName(c.file)
		if !ok {
			if c.service != "" {
				t.Errorf("%s is no name", c.file)
			}
			continue
		}
		if got := []string{n.service(), n.resource(), strings.Join(n.DropInDirs(), " ")}; !cmp.Equal(got, []string{c.service, c.resource, c.dirs}) {
			t.Errorf("%s: %q", c.file, got)
		}
	}
}

// FuzzParse holds that any file is read without a panic, is kept byte for byte
// but for blanks behind a backslash unless it is refused, and that line numbers
// are those of the file.
func FuzzParse(f *testing.F) {
	for _, s := range []string{sample, "", "[", "[A]\nb=\\", "[A]\r\nb=c\\\r\n#\r\nd", "\ufeff[A]\n", "[A]\n\\\n=\n", "x=\\\n\\\n\\\n", "[A]\nb=c \\ \n\td"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, problems := Parse("a.container", "a.container", data)
		if problems == nil {
			behind := regexp.MustCompile(`\\[ \t\r]+(\n|$)`)
			want := strings.TrimPrefix(string(data), "\ufeff")
			if got := string(file.Bytes()); behind.ReplaceAllString(got, `\$1`) != behind.ReplaceAllString(want, `\$1`) {
				t.Errorf("%q became %q", data, got)
			}
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines || strings.Contains(p.Message, "\n") {
				t.Errorf("%q: %v in a file of %d lines", data, p, lines)
			}
		}
		for _, s := range file.Sections {
			for _, l := range s.Lines {
				if l.Pos.Line < 1 || l.Pos.Line > lines || strings.ContainsAny(l.Value, "\n\x00") {
					t.Errorf("%q: line %+v", data, l)
				}
			}
		}
	})
}
