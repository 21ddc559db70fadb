package terminal

import "os"

// palette are colours that can be told apart on dark and light.
func palette() []string {
	return []string{"\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[31m", "\x1b[96m", "\x1b[93m"}
}

// Colored is text in the i-th colour, for ever repeating.
func Colored(i int, text string) string {
	colors := palette()
	return colors[i%len(colors)] + text + "\x1b[0m"
}

// WantsColor reports whether a person's settings allow colours (no-color.org).
func WantsColor() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }
