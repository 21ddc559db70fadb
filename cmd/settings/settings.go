package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"berth/internal/source"
)

// Path is where the settings lie unless said otherwise.
const Path = "/etc/berth/berth.yaml"

// Settings are those of `berth serve`.
type Settings struct {
	Folders   []string      // watched beside those on the command line
	StopPods  bool          // stop pods when the supervisor is stopped
	Rescan    time.Duration // how often folders are read again without being told
	LogLevel  string        // debug, info, warn, error
	LogFormat string        // text or json
}

// Levels and Formats are the values LogLevel and LogFormat take.
func Levels() []string  { return []string{"debug", "info", "warn", "error"} }
func Formats() []string { return []string{"text", "json"} }

// Default is what holds where nothing is said.
func Default() Settings {
	return Settings{Rescan: 5 * time.Minute, LogLevel: "info", LogFormat: "text"}
}

// Read reads the settings at path; a missing file gives the defaults.
func Read(path string) (Settings, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Default(), nil
	}
	if err != nil {
		return Default(), fmt.Errorf("read settings: %w", err)
	}
	return Parse(path, data)
}

// Parse reads settings from data; path is only named in errors.
func Parse(path string, data []byte) (Settings, error) {
	p := parser{path: path, settings: Default()}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return p.settings, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
		p.document(doc.Content[0])
	}
	return p.settings, p.found.Err()
}

type parser struct {
	path     string
	settings Settings
	found    source.Diagnostics
}

func (p *parser) fail(n *yaml.Node, field, format string, args ...any) {
	p.found = append(p.found, source.Diagnostic{
		Pos: source.Pos{File: p.path, Line: n.Line, Col: n.Column}, Field: field, Message: fmt.Sprintf(format, args...),
	})
}

func (p *parser) document(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "", "want a mapping of settings")
		return
	}
	fields := p.fields()
	known := make([]string, 0, len(fields))
	for name := range fields {
		known = append(known, name)
	}
	slices.Sort(known)
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := fields[key.Value]
		switch {
		case !ok:
			p.fail(key, key.Value, "unknown setting%s (settings are %s)", source.DidYouMean(key.Value, known), strings.Join(known, ", "))
		case seen[key.Value]:
			p.fail(key, key.Value, "is set twice")
		default:
			read(key.Value, value)
		}
		seen[key.Value] = true
	}
}

func (p *parser) fields() map[string]func(string, *yaml.Node) {
	s := &p.settings
	return map[string]func(string, *yaml.Node){
		"folders":   func(f string, n *yaml.Node) { s.Folders = p.paths(f, n) },
		"stopPods":  func(f string, n *yaml.Node) { s.StopPods = p.boolean(f, n) },
		"rescan":    func(f string, n *yaml.Node) { s.Rescan = p.interval(f, n) },
		"logLevel":  func(f string, n *yaml.Node) { s.LogLevel = p.oneOf(f, n, Levels()) },
		"logFormat": func(f string, n *yaml.Node) { s.LogFormat = p.oneOf(f, n, Formats()) },
	}
}

func (p *parser) paths(field string, n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode {
		p.fail(n, field, "want a list of folders")
		return nil
	}
	var list []string
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode || !filepath.IsAbs(item.Value) {
			p.fail(item, field+"["+strconv.Itoa(i)+"]", "want an absolute path")
			continue
		}
		list = append(list, filepath.Clean(item.Value))
	}
	return list
}

func (p *parser) boolean(field string, n *yaml.Node) bool {
	if n.Tag != "!!bool" {
		p.fail(n, field, "want true or false")
	}
	return n.Value == "true"
}

func (p *parser) interval(field string, n *yaml.Node) time.Duration {
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < time.Second {
		p.fail(n, field, "%q: want a duration of a second or more, such as 5m", n.Value)
	}
	return d
}

func (p *parser) oneOf(field string, n *yaml.Node, values []string) string {
	if n.Kind != yaml.ScalarNode || !slices.Contains(values, n.Value) {
		p.fail(n, field, "%q: want one of %s", n.Value, strings.Join(values, ", "))
	}
	return n.Value
}

// Check checks what flags may have set.
func (s Settings) Check() error {
	switch {
	case s.Rescan < time.Second:
		return fmt.Errorf("rescan %s: want a second or more", s.Rescan)
	case !slices.Contains(Formats(), s.LogFormat):
		return fmt.Errorf("log format %q: want one of %s", s.LogFormat, strings.Join(Formats(), ", "))
	}
	return nil
}
