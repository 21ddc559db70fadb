package quadlet

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"berth/internal/source"
)

// MaxSize is the most bytes a unit file may have: systemd's own limit of a line.
const MaxSize = 1 << 20

// File is a unit file, byte for byte: writing its sections one after another
// gives what was read, without the blanks between a backslash that continues a
// line and the line's end.
type File struct {
	Name     string // "web.container"
	Path     string // where it was read
	Sections []*Section
}

// Section is a header and the lines below it. What stands before the first
// header is a section without a name.
type Section struct {
	Name   string
	Header string // the header's line, with its newline
	Pos    source.Pos
	Lines  []Line
}

// Line is an assignment, with the lines that continue it, or a comment or
// empty line, which has no key.
type Line struct {
	Key, Value string // the value without line breaks and outer blanks
	Raw        string // as it stands, with its newline
	Pos        source.Pos
}

// Parse reads a unit file. A line that is no assignment, header or comment is
// an error; the rest is read all the same.
func Parse(name, path string, data []byte) (*File, source.Diagnostics) {
	p := parser{file: &File{Name: name, Path: path}}
	if len(data) > MaxSize {
		p.fail(0, "has more than %d KiB: it is no unit file", MaxSize>>10)
		return p.file, p.problems
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		p.fail(1+bytes.Count(data[:at], []byte{'\n'}), "holds a NUL byte: it is no text file")
		return p.file, p.problems
	}
	p.rest = strings.TrimPrefix(string(data), "\ufeff")
	p.section = &Section{Pos: source.Pos{File: path}}
	p.file.Sections = []*Section{p.section}
	for p.rest != "" {
		p.statement()
	}
	if len(p.section.Lines) == 0 && p.section.Name == "" {
		p.file.Sections = p.file.Sections[1:]
	}
	return p.file, p.problems
}

type parser struct {
	file     *File
	section  *Section
	rest     string
	line     int // of what was read last, from 1
	problems source.Diagnostics
}

func (p *parser) fail(line int, format string, args ...any) {
	p.problems = append(p.problems, source.Diagnostic{Pos: source.Pos{File: p.file.Path, Line: line}, Message: fmt.Sprintf(format, args...)})
}

// next takes a line, with its newline.
func (p *parser) next() string {
	p.line++
	if end := strings.IndexByte(p.rest, '\n'); end >= 0 {
		line := p.rest[:end+1]
		p.rest = p.rest[end+1:]
		return line
	}
	line := p.rest
	p.rest = ""
	return line
}

// statement takes one line, or several that are continued.
func (p *parser) statement() {
	raw := p.next()
	at := source.Pos{File: p.file.Path, Line: p.line}
	text := strings.TrimSpace(raw)
	switch {
	case strings.Contains(text, "\r"): // which ends a line for systemd
		p.fail(at.Line, "has a carriage return within the line: end lines with a newline")
	case text == "", isComment(text):
		p.add(Line{Raw: raw, Pos: at})
	case text[0] == '[':
		p.header(text, raw, at)
	default:
		p.assignment(raw, at)
	}
}

func isComment(text string) bool { return text != "" && (text[0] == '#' || text[0] == ';') }

func (p *parser) add(l Line) { p.section.Lines = append(p.section.Lines, l) }

func (p *parser) header(text, raw string, at source.Pos) {
	name, closed := strings.CutSuffix(text[1:], "]")
	switch {
	case !closed:
		p.fail(at.Line, "%s is a section header without its closing ]", shown(text))
	case name == "" || strings.ContainsAny(name, "[]") || !printable(name):
		p.fail(at.Line, "%s is no section's name", shown(text))
	default:
		p.section = &Section{Name: name, Header: raw, Pos: at}
		p.file.Sections = append(p.file.Sections, p.section)
		return
	}
	p.section = &Section{Name: "X-Broken", Header: raw, Pos: at} // its keys belong nowhere
}

// assignment takes KEY=VALUE and the lines that continue it, without the blanks
// they begin with; comments in between are left out. A backslash that ends a
// line goes with it, as podman reads its sections; in the others it stands for a
// blank, as systemd will read it.
func (p *parser) assignment(row string, at source.Pos) {
	var value, raw strings.Builder
	line, joint := bare(row), " "
	if own(p.section.Name) {
		joint = ""
	}
	text := line
	for continued(line) {
		value.WriteString(text[:len(text)-1] + joint)
		line, text = "", ""
		raw.WriteString(tight(row))
		if p.rest == "" {
			row = ""
			p.endless(at)
			break
		}
		row = p.next()
		for isComment(strings.TrimSpace(row)) && p.rest != "" {
			raw.WriteString(row)
			row = p.next()
		}
		if isComment(strings.TrimSpace(row)) {
			p.endless(at)
			break
		}
		line = bare(row)
		text = strings.TrimLeft(line, " \t")
	}
	raw.WriteString(row)
	value.WriteString(text)
	key, text, ok := strings.Cut(value.String(), "=")
	key = strings.TrimSpace(key)
	switch {
	case !ok || key == "":
		p.fail(at.Line, "%s is no section, assignment or comment", shown(strings.TrimSpace(value.String())))
	case !utf8.ValidString(value.String()):
		p.fail(at.Line, "%s has bytes that are not UTF-8 text", shown(key))
	case !printable(value.String()):
		p.fail(at.Line, "%s has a control character: in arguments write an escape such as \\x07", shown(key))
	case p.section.Name == "":
		p.fail(at.Line, "%s= stands before the first section", shown(key))
	default:
		p.add(Line{Key: key, Value: strings.TrimSpace(text), Raw: raw.String(), Pos: at})
	}
}

// endless refuses an assignment that the file's end cuts: what is added below it
// would be read as a part of it.
func (p *parser) endless(at source.Pos) {
	p.fail(at.Line, "the last line is continued by a backslash, but the file ends there")
}

// own says whether a section is Quadlet's, not systemd's.
func own(section string) bool {
	return section == "Quadlet" || slices.ContainsFunc(Kinds(), func(k Kind) bool { return k.Section() == section })
}

// bare is a line without its newline and the blanks before that.
func bare(line string) string { return strings.TrimRight(line, " \t\r\n") }

// tight is a line that ends in a backslash, without the blanks that may follow
// it, which systemd would not read over.
func tight(line string) string { return bare(line) + line[len(strings.TrimRight(line, "\r\n")):] }

// continued says whether a line ends in a backslash that no other one escapes.
func continued(line string) bool {
	slashes := len(line) - len(strings.TrimRight(line, `\`))
	return slashes%2 == 1
}

// printable says whether s is text without control characters but tabs.
func printable(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\t' || r == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// shown quotes what a person wrote, short.
func shown(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

// Bytes is the file as it stands.
func (f *File) Bytes() []byte {
	var b bytes.Buffer
	for _, s := range f.Sections {
		b.WriteString(s.Header)
		for _, l := range s.Lines {
			b.WriteString(l.Raw)
		}
	}
	return b.Bytes()
}

// Clone is a copy that may be changed.
func (f *File) Clone() *File {
	c := &File{Name: f.Name, Path: f.Path, Sections: make([]*Section, len(f.Sections))}
	for i, s := range f.Sections {
		copied := *s
		copied.Lines = slices.Clone(s.Lines)
		c.Sections[i] = &copied
	}
	return c
}

// Lines are the assignments to a key in the sections of a name, in order.
func (f *File) Lines(section, key string) []Line {
	var found []Line
	for _, s := range f.Sections {
		if s.Name != section {
			continue
		}
		for _, l := range s.Lines {
			if l.Key == key {
				found = append(found, l)
			}
		}
	}
	return found
}

// Values are the values of a key that is a list: an empty one begins it anew.
func (f *File) Values(section, key string) []string {
	var values []string
	for _, l := range f.current(section, key) {
		values = append(values, l.Value)
	}
	return values
}

// current are the lines of a list that count.
func (f *File) current(section, key string) []Line {
	lines := f.Lines(section, key)
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i].Value == "" {
			return lines[i+1:]
		}
	}
	return lines
}

// Value is the last value of a key, and whether there is one.
func (f *File) Value(section, key string) (string, bool) {
	lines := f.Lines(section, key)
	if len(lines) == 0 {
		return "", false
	}
	return lines[len(lines)-1].Value, true
}

// Section is the last section of a name, or nil.
func (f *File) Section(name string) *Section {
	for i := len(f.Sections) - 1; i >= 0; i-- {
		if f.Sections[i].Name == name {
			return f.Sections[i]
		}
	}
	return nil
}

// Merge appends the sections of a drop-in to those of the same name.
func (f *File) Merge(dropIn *File) {
	for _, s := range dropIn.Sections {
		if into := f.Section(s.Name); into != nil {
			into.terminate()
			into.Lines = append(into.Lines, s.Lines...)
			continue
		}
		f.part()
		copied := *s
		copied.Lines = slices.Clone(s.Lines)
		f.Sections = append(f.Sections, &copied)
	}
}

// terminate gives a section's last line the newline a file may lack at its end.
func (s *Section) terminate() {
	last := &s.Header
	if len(s.Lines) > 0 {
		last = &s.Lines[len(s.Lines)-1].Raw
	}
	if *last != "" && !strings.HasSuffix(*last, "\n") {
		*last += "\n"
	}
}

// Set replaces the assignments to a key by one.
func (f *File) Set(section, key, value string) {
	for _, s := range f.Sections {
		if s.Name == section {
			s.Lines = slices.DeleteFunc(s.Lines, func(l Line) bool { return l.Key == key })
		}
	}
	f.Add(section, key, value)
}

// SetDefault assigns a value to a key that has none.
func (f *File) SetDefault(section, key, value string) {
	if _, set := f.Value(section, key); !set {
		f.Add(section, key, value)
	}
}

// Add appends an assignment, before the empty lines a section may end with.
func (f *File) Add(section, key, value string) {
	s := f.Section(section)
	if s == nil {
		s = &Section{Name: section, Header: "[" + section + "]\n"}
		f.part()
		f.Sections = append(f.Sections, s)
	}
	end := len(s.Lines)
	for end > 0 && strings.TrimSpace(s.Lines[end-1].Raw) == "" {
		end--
	}
	s.terminate()
	s.Lines = slices.Insert(s.Lines, end, made(key, value))
}

// part ends the last section with an empty line.
func (f *File) part() {
	if len(f.Sections) == 0 {
		return
	}
	last := f.Sections[len(f.Sections)-1]
	last.terminate()
	if n := len(last.Lines); n == 0 || strings.TrimSpace(last.Lines[n-1].Raw) != "" {
		last.Lines = append(last.Lines, Line{Raw: "\n"})
	}
}

// Prepend puts assignments before all others of a section.
func (f *File) Prepend(section string, lines ...Line) {
	for _, s := range f.Sections {
		if s.Name == section {
			s.terminate()
			s.Lines = append(slices.Clone(lines), s.Lines...)
			return
		}
	}
	first := &Section{Name: section, Header: "[" + section + "]\n", Lines: append(slices.Clone(lines), Line{Raw: "\n"})}
	f.Sections = append([]*Section{first}, f.Sections...)
}

func made(key, value string) Line {
	return Line{Key: key, Value: value, Raw: key + "=" + value + "\n"}
}
