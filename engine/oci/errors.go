package oci

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"berth/engine/spec"
)

// The exit codes podman and a shell give a command that cannot run.
const (
	CodeNotExecutable = 126
	CodeNotFound      = 127
)

// ErrDetached is an attach or exec that ended because the person at the
// terminal pressed the detach keys.
var ErrDetached = errors.New("detached")

// ErrNotRunning is a call that needs a container to run.
var ErrNotRunning = spec.ErrNotRunning

// CommandError is a command that cannot run in its container: not there
// (CodeNotFound) or not executable (CodeNotExecutable). It wraps spec.ErrCommand
// and spec.ErrConfig.
type CommandError struct {
	Code    int
	Message string
}

// Error says which command and why.
func (e *CommandError) Error() string { return e.Message }

// Unwrap gives spec.ErrCommand and spec.ErrConfig.
func (e *CommandError) Unwrap() []error { return []error{spec.ErrCommand, spec.ErrConfig} }

// runtimeError makes a clear error of what crun or runc wrote. Their texts are
// the only place where they say that a command cannot run.
func runtimeError(runtime, action, message string) error {
	text := cleanRuntimeMessage(message)
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return fmt.Errorf("%s %s failed and did not say why", runtime, action)
	case strings.Contains(lower, "chdir") && strings.Contains(lower, "no such file or directory"):
		return &CommandError{Code: CodeNotFound, Message: "the working directory is not in the container: " + text}
	case strings.Contains(lower, "not found in $path"), strings.Contains(lower, "cannot find `` in $path"), strings.Contains(lower, "executable file not found"),
		isExec(lower) && strings.Contains(lower, "no such file or directory"):
		if name := quoted(text); name != "" {
			return &CommandError{Code: CodeNotFound, Message: fmt.Sprintf("executable %q not found in the image's $PATH", name)}
		}
		return &CommandError{Code: CodeNotFound, Message: "the command was not found in the image: " + text}
	case isExec(lower) && (strings.Contains(lower, "permission denied") || strings.Contains(lower, "exec format error") ||
		strings.Contains(lower, "is a directory") || strings.Contains(lower, "is not a regular file") || strings.Contains(lower, "not executable")):
		return &CommandError{Code: CodeNotExecutable, Message: "the command cannot be executed: " + text}
	}
	return fmt.Errorf("%s %s: %s", runtime, action, text)
}

// isExec reports whether a lower-case message is about running the command.
func isExec(text string) bool {
	return strings.Contains(text, "exec:") || strings.Contains(text, "open executable") ||
		strings.Contains(text, "executable file") || strings.Contains(text, "exists but it is not executable") || strings.Contains(text, "is not a regular file") || strings.Contains(text, "executable path") || strings.Contains(text, "exec failed") ||
		strings.Contains(text, "exec the container process") || strings.Contains(text, "execvp") || strings.HasPrefix(text, "exec ")
}

// cleanRuntimeMessage drops time stamps, levels and, if there are errors,
// warnings of the runtimes' log forms.
func cleanRuntimeMessage(message string) string {
	var all, errs []string
	for line := range strings.Lines(message) {
		text, level := cleanLogLine(strings.TrimSpace(line))
		if text == "" {
			continue
		}
		all = append(all, text)
		if level == "error" || level == "fatal" {
			errs = append(errs, text)
		}
	}
	if len(errs) > 0 {
		all = errs
	}
	return strings.Join(all, "; ")
}

// cleanLogLine reads a line of runc, `time="…" level=error msg="…"`, or of crun,
// "2023-01-02T03:04:05.000000Z: message".
func cleanLogLine(line string) (text, level string) {
	if _, rest, ok := strings.Cut(line, " level="); ok {
		level, rest, _ = strings.Cut(rest, " ")
		rest, isMessage := strings.CutPrefix(rest, "msg=")
		if prefix, err := strconv.QuotedPrefix(rest); isMessage && err == nil {
			text, _ = strconv.Unquote(prefix)
			return text, level
		}
		return rest, level
	}
	if i := strings.Index(line, ": "); i > 0 && strings.HasSuffix(line[:i], "Z") && strings.Contains(line[:i], "T") {
		return line[i+2:], ""
	}
	return line, ""
}

// quoted is the first name in quotes.
func quoted(text string) string {
	for _, q := range []string{"`", `"`, "'"} {
		if _, rest, ok := strings.Cut(text, q); ok {
			if name, _, ok := strings.Cut(rest, q); ok {
				return name
			}
		}
	}
	return ""
}
