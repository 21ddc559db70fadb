package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Forever is a span without end.
const Forever = time.Duration(math.MaxInt64)

// units are those of systemd.time(7).
func units() map[string]time.Duration {
	const day = 24 * time.Hour
	out := map[string]time.Duration{}
	for length, names := range map[time.Duration]string{
		time.Microsecond: "us usec µs", time.Millisecond: "ms msec", time.Second: "s sec second seconds",
		time.Minute: "m min minute minutes", time.Hour: "h hr hour hours", day: "d day days", 7 * day: "w week weeks",
		30*day + 10*time.Hour + 30*time.Minute: "M month months", 365*day + 6*time.Hour: "y year years",
	} {
		for name := range strings.FieldsSeq(names) {
			out[name] = length
		}
	}
	return out
}

// parseSpan reads a time span such as "5min 20s", systemd.time(7); a number alone
// is seconds.
func parseSpan(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is no time span: write one such as 90, 5min 20s or infinity", text)
	rest := strings.TrimSpace(text)
	if rest == "infinity" {
		return Forever, nil
	}
	if rest == "" {
		return 0, wrong
	}
	known, total := units(), 0.0
	for rest != "" {
		digits := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if digits < 0 {
			digits = len(rest)
		}
		number, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return 0, wrong
		}
		rest = strings.TrimLeft(rest[digits:], " \t")
		end := strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' || r == ' ' || r == '\t' })
		if end < 0 {
			end = len(rest)
		}
		length := time.Second
		if name := rest[:end]; name != "" {
			var ok bool
			if length, ok = known[name]; !ok {
				return 0, wrong
			}
		}
		total += number * float64(length)
		rest = strings.TrimLeft(rest[end:], " \t")
	}
	if total >= float64(Forever) {
		return Forever, nil
	}
	return time.Duration(total), nil
}
