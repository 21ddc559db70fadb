package quadlet

import (
	"strings"

	"berth/internal/source"
)

// line is the last line that sets a key, or nil.
func (c *conversion) line(section, key string) *Line {
	lines := c.src.Lines(section, key)
	if len(lines) == 0 {
		return nil
	}
	return &lines[len(lines)-1]
}

// text is the value of a key of the unit's own section, without the quotes
// around it.
func (c *conversion) text(key string) string {
	if l := c.line(c.section, key); l != nil {
		return unquote(l.Value)
	}
	return ""
}

// yes is the value of a yes-or-no key, and whether it has one.
func (c *conversion) yes(section, key string) (value, set bool) {
	l := c.line(section, key)
	if l == nil || l.Value == "" {
		return false, false
	}
	value, ok := parseBool(l.Value)
	if !ok {
		c.failAt(l.Pos, "%s=%s is neither yes nor no", key, l.Value)
	}
	return value, ok
}

// yesOr is the value of a yes-or-no key of the own section, or a default.
func (c *conversion) yesOr(key string, preset bool) bool {
	if value, set := c.yes(c.section, key); set {
		return value
	}
	return preset
}

// parseBool knows systemd's words for yes and no.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(unquote(s)) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

// value is one value of a key, and where it stands.
type value struct {
	text string
	at   source.Pos
}

// words are those of a line of one of systemd's sections.
func (c *conversion) words(l Line) []string {
	words, err := SplitWords(l.Value)
	if err != nil {
		c.failAt(l.Pos, "%s: %w", l.Key, err)
	}
	return words
}

// values are the values of a key that may have several. One that is nothing but
// quotes is none, as an option without a value would be.
func (c *conversion) values(k Key) []value {
	var all []value
	for _, l := range c.src.current(c.section, k.Name) {
		if k.Value == List {
			if text := unquote(l.Value); text != "" {
				all = append(all, value{text, l.Pos})
			}
			continue
		}
		split := SplitArgs
		if k.Value == Words {
			split = SplitWords
		}
		words, err := split(l.Value)
		if err != nil {
			c.failAt(l.Pos, "%s: %w", k.Name, err)
		}
		for _, w := range words {
			if w != "" || k.Value == Args && k.Option == "" && len(words) > 1 { // passed on as they are
				all = append(all, value{w, l.Pos})
			}
		}
	}
	if k.Value == Pairs {
		return lastOfName(all)
	}
	return all
}

// lastOfName keeps of several NAME=VALUE of one name the last.
func lastOfName(all []value) []value {
	last := map[string]int{}
	for i, v := range all {
		name, _, _ := strings.Cut(v.text, "=")
		last[name] = i
	}
	kept := all[:0]
	for i, v := range all {
		if name, _, _ := strings.Cut(v.text, "="); last[name] == i {
			kept = append(kept, v)
		}
	}
	return kept
}

// list are the values of a key of the own section, by its name.
func (c *conversion) list(key string) []value { return c.values(c.set.keys[c.section][key]) }

// texts are the values without their places.
func (c *conversion) texts(key string) []string {
	var all []string
	for _, v := range c.list(key) {
		all = append(all, v.text)
	}
	return all
}

// command is the last line of a key, split as a command line.
func (c *conversion) command(key string) []string {
	l := c.line(c.section, key)
	if l == nil {
		return nil
	}
	args, err := SplitArgs(l.Value)
	if err != nil {
		c.failAt(l.Pos, "%s: %w", key, err)
	}
	if len(args) == 1 && args[0] == "" {
		return nil // Exec="" is what people write for none
	}
	return args
}

// add appends arguments.
func (c *conversion) add(args ...string) { c.args = append(c.args, args...) }

// option appends an option with its value, in the form the table says.
func (c *conversion) option(option, value string) {
	words := strings.Split(option, " ")
	if last := &words[len(words)-1]; strings.HasSuffix(*last, "=") || strings.HasSuffix(*last, ":") {
		*last += value
	} else {
		words = append(words, value)
	}
	c.add(words...)
}

// regular appends what a key stands for that is one option.
func (c *conversion) regular(k Key) {
	switch k.Value {
	case String:
		if v := c.text(k.Name); v != "" {
			c.option(k.Option, v)
		}
	case Bool:
		switch value, set := c.yes(c.section, k.Name); {
		case value:
			c.add(strings.Split(k.Option, " ")...)
		case set && !strings.ContainsAny(k.Option, " ="):
			c.add(k.Option + "=false")
		}
	default:
		for _, v := range c.values(k) {
			c.option(k.Option, v.text)
		}
	}
}

// options appends what all keys of the own section stand for, in the table's
// order.
func (c *conversion) options() {
	for _, k := range c.set.ordered[c.section] {
		switch {
		case k.put != nil:
			k.put(c, k)
		case len(c.src.Lines(c.section, k.Name)) > 0:
			c.regular(k)
		}
	}
}
