package unit

import (
	"slices"
	"strings"
)

// Condition is a Condition… or Assert… line about a path: systemd.unit(5).
type Condition struct {
	Test    string // "PathExists"
	Path    string
	Not     bool // it must not hold
	Trigger bool // one of these is enough
	Assert  bool // where it does not hold the unit fails, else it is left out
}

// tests are the conditions that are known: those on paths.
func tests() []string {
	return []string{
		"PathExists", "PathExistsGlob", "PathIsDirectory", "PathIsSymbolicLink", "PathIsMountPoint", "PathIsReadWrite",
		"DirectoryNotEmpty", "FileNotEmpty", "FileIsExecutable",
	}
}

// parseCondition reads a line; ok is false where it is none that is known.
func parseCondition(key, value string) (c Condition, ok bool) {
	test, is := strings.CutPrefix(key, "Condition")
	if !is {
		if test, is = strings.CutPrefix(key, "Assert"); !is {
			return c, false
		}
		c.Assert = true
	}
	if !slices.Contains(tests(), test) {
		return c, false
	}
	c.Test = test
	value, c.Trigger = strings.CutPrefix(value, "|")
	value, c.Not = strings.CutPrefix(strings.TrimSpace(value), "!")
	c.Path = strings.TrimSpace(value)
	return c, strings.HasPrefix(c.Path, "/")
}

// String is the line it came from.
func (c Condition) String() string {
	kind, not := "Condition", ""
	if c.Assert {
		kind = "Assert"
	}
	if c.Not {
		not = "!"
	}
	return kind + c.Test + "=" + not + c.Path
}

// unmet is the first of the conditions, or of the assertions, that keeps a unit
// from being started; nil if none does.
func unmet(list []Condition, assert bool, holds func(Condition) bool) *Condition {
	var lastTrigger *Condition
	triggered := false
	for i := range list {
		c := &list[i]
		if c.Assert != assert {
			continue
		}
		met := holds(*c) != c.Not
		switch {
		case c.Trigger:
			lastTrigger, triggered = c, triggered || met
		case !met:
			return c
		}
	}
	if triggered {
		return nil
	}
	return lastTrigger
}
