package quadlet

import (
	"bytes"
	"fmt"
	"strings"

	"berth/internal/source"
)

// BundleExt is the extension of a file with several unit files in it.
const BundleExt = ".quadlets"

// Bundled is one unit file of a bundle.
type Bundled struct {
	Name string
	Data []byte
}

// SplitBundle takes a .quadlets file apart: unit files parted by lines "---",
// each with a comment "# FileName=NAME"; the extension is that of its section.
func SplitBundle(path string, data []byte) ([]Bundled, source.Diagnostics) {
	var all []Bundled
	var problems source.Diagnostics
	if len(data) > MaxSize {
		return nil, source.Diagnostics{{Pos: source.Pos{File: path}, Message: fmt.Sprintf("has more than %d KiB", MaxSize>>10)}}
	}
	first := map[string]int{}
	line := 1
	for _, part := range bundleParts(data) {
		at := source.Pos{File: path, Line: line}
		line += bytes.Count(part, []byte{'\n'}) + 1
		if len(bytes.TrimSpace(part)) == 0 {
			continue
		}
		name, problem := bundledName(part)
		if problem == "" && first[name] > 0 {
			problem = fmt.Sprintf("%s is already the name of the part at line %d", name, first[name])
		}
		if problem != "" {
			problems = append(problems, source.Diagnostic{Pos: at, Message: problem})
			continue
		}
		first[name] = at.Line
		all = append(all, Bundled{Name: name, Data: append(bytes.TrimSpace(part), '\n')})
	}
	if len(all) == 0 && problems == nil {
		problems = source.Diagnostics{{Pos: source.Pos{File: path}, Message: "has no unit files in it"}}
	}
	return all, problems
}

// bundleParts are what stands between lines of "---", each without the newline
// before the line.
func bundleParts(data []byte) [][]byte {
	var parts [][]byte
	var part []byte
	for l := range bytes.Lines(data) {
		if string(bytes.TrimSpace(l)) == "---" {
			parts = append(parts, part)
			part = nil
			continue
		}
		part = append(part, l...)
	}
	return append(parts, part)
}

// bundledName is a part's file name, from its comment and its section.
func bundledName(part []byte) (name, problem string) {
	var kind Kind
	for l := range bytes.Lines(part) {
		text := strings.TrimSpace(string(l))
		if comment, ok := strings.CutPrefix(text, "#"); ok && name == "" {
			if n, ok := strings.CutPrefix(strings.TrimSpace(comment), "FileName="); ok {
				name = strings.TrimSpace(n)
			}
		}
		for _, k := range Kinds() {
			if text == "["+k.Section()+"]" && kind == "" {
				kind = k
			}
		}
	}
	switch {
	case name == "":
		return "", "has no comment \"# FileName=NAME\", which names the file"
	case kind == "":
		return "", fmt.Sprintf("%s has no section such as [Container], which says what it is", name)
	}
	name = strings.TrimSuffix(name, "."+string(kind)) + "." + string(kind)
	if n, ok := ParseName(name); !ok || !validUnitName(n.service()) {
		return "", fmt.Sprintf("FileName=%s is no unit's name", shown(name))
	}
	return name, ""
}
