package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"berth/internal/source"
	"berth/reconciler"
)

// Path is where the settings lie unless said otherwise.
const Path = "/etc/berth/berth.yaml"

// Settings are those of `berth serve`. Their names in the file are the kubelet's
// where it has them.
type Settings struct {
	Folders   []string      // watched beside those on the command line
	StopPods  bool          // stop pods when the supervisor is stopped
	Rescan    time.Duration // how often folders are read again without being told
	LogLevel  string        // debug, info, warn, error
	LogFormat string        // text or json

	// HostCommands has commands of the host run that Quadlet units name.
	HostCommands bool

	Eviction   bool                  // end pods where memory or disk run short
	Thresholds reconciler.Thresholds // when they do
	// Images that nobody needs are removed from ImageHigh percent of their file
	// system on, until ImageLow; none that came less than ImageAge ago.
	ImageHigh, ImageLow int
	ImageAge            time.Duration
}

// Levels and Formats are the values LogLevel and LogFormat take.
func Levels() []string  { return []string{"debug", "info", "warn", "error"} }
func Formats() []string { return []string{"text", "json"} }

// Default is what holds where nothing is said.
func Default() Settings {
	return Settings{
		Rescan: 5 * time.Minute, LogLevel: "info", LogFormat: "text",
		Eviction: true, Thresholds: reconciler.DefaultThresholds(), ImageHigh: 85, ImageLow: 80, ImageAge: 2 * time.Minute,
	}
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
		if s := &p.settings; s.ImageLow >= s.ImageHigh && p.found.Err() == nil {
			p.fail(doc.Content[0], "imageGCLowThresholdPercent", "%d: want less than imageGCHighThresholdPercent, which is %d", s.ImageLow, s.ImageHigh)
		}
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
	p.mapping(n, "", "setting", p.fields())
}

// mapping reads each value of a mapping by its key.
func (p *parser) mapping(n *yaml.Node, field, what string, fields map[string]func(string, *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, field, "want a mapping of %ss", what)
		return
	}
	known := slices.Sorted(maps.Keys(fields))
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		if field != "" {
			name = field + "[" + name + "]"
		}
		read, ok := fields[key.Value]
		switch {
		case !ok:
			p.fail(key, name, "unknown %s%s (%ss are %s)", what, source.DidYouMean(key.Value, known), what, strings.Join(known, ", "))
		case seen[key.Value]:
			p.fail(key, name, "is set twice")
		default:
			read(name, value)
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

		"allowHostCommands": func(f string, n *yaml.Node) { s.HostCommands = p.boolean(f, n) },

		"eviction":                    func(f string, n *yaml.Node) { s.Eviction = p.boolean(f, n) },
		"evictionHard":                func(f string, n *yaml.Node) { p.mapping(n, f, "signal", p.signals()) },
		"imageGCHighThresholdPercent": func(f string, n *yaml.Node) { s.ImageHigh = p.percent(f, n) },
		"imageGCLowThresholdPercent":  func(f string, n *yaml.Node) { s.ImageLow = p.percent(f, n) },
		"imageMinimumGCAge":           func(f string, n *yaml.Node) { s.ImageAge = p.interval(f, n) },
	}
}

// signals go over the defaults one by one.
func (p *parser) signals() map[string]func(string, *yaml.Node) {
	fields := map[string]func(string, *yaml.Node){}
	for _, signal := range reconciler.Signals() {
		fields[string(signal)] = func(f string, n *yaml.Node) {
			least, err := reconciler.ParseThreshold(n.Value)
			if n.Kind != yaml.ScalarNode || err != nil {
				p.fail(n, f, "%q: want a quantity, such as 100Mi, or a percentage, such as 10%%", n.Value)
			}
			p.settings.Thresholds[signal] = least
		}
	}
	return fields
}

func (p *parser) percent(field string, n *yaml.Node) int {
	percent, err := strconv.Atoi(n.Value)
	if err != nil || percent < 0 || percent > 100 {
		p.fail(n, field, "%q: want a number from 0 to 100", n.Value)
	}
	return percent
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
