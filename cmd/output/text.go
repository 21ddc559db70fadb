package output

import (
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/docker/go-units"
)

// Ago is how long before now t was: "3 minutes ago".
func Ago(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return Duration(now.Sub(t)) + " ago"
}

// Duration is d in words: "Less than a second", "3 minutes", "2 weeks".
func Duration(d time.Duration) string { return units.HumanDuration(max(d, 0)) }

// Size is a number of bytes with three digits and a blank: "5.83 MB".
func Size(bytes int64) string {
	s := units.HumanSizeWithPrecision(float64(bytes), 3)
	i := strings.LastIndexAny(s, "0123456789") + 1
	return s[:i] + " " + s[i:]
}

// TightSize is a number of bytes without a blank, as system df shows it: "1.2GB".
func TightSize(bytes int64) string { return units.HumanSize(float64(bytes)) }

// Percent is part in whole, rounded, and 0 of nothing.
func Percent(part, whole int64) int {
	if whole <= 0 {
		return 0
	}
	return int(math.Round(float64(part) / float64(whole) * 100))
}

// ShortID is the twelve digits of an ID that people see.
func ShortID(id string, full bool) string {
	if full || len(id) <= 12 {
		return id
	}
	return id[:12]
}

// Elide shortens s to at most so many bytes, whole characters, and "...".
func Elide(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// Printable is text that somebody made up, a container, an archive or a registry, on
// one line and without what a terminal would obey.
func Printable(s string) string { return printable(s, "") }

// PrintableLines is Printable of text that may have several lines, and tabs.
func PrintableLines(s string) string { return printable(s, "\n\t") }

func printable(s, kept string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || strings.ContainsRune(kept, r) {
			return r
		}
		return '?'
	}, s)
}
