package enginetest

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// program is what the fake runs in place of a process: it sleeps, then exits.
type program struct {
	sleep  time.Duration
	code   int
	onTerm int // exit code on SIGTERM; -1: the signal is ignored, as process 1 does without a handler
	bad    bool
	// missing: it is not in the image, unless Host.AddProgram has put it there.
	missing bool
	// denied: no container can be made for it, unless it is there after all.
	denied bool

	output  string            // what it says
	written map[string]string // what it says into files, by path
	port    string            // on which it listens while it runs
}

// parse reads a command line. It knows what the suite and scripts use, with
// the meaning busybox sh gives it:
//
//	sleep 5            true   false
//	sh -c 'sleep 5; exit 3'
//	sh -c 'trap "exit 7" TERM; sleep 60 & wait'
//	sh -c 'echo so; echo or so >&2; echo why > /file; exit 1'
//	httpd -f -p 80     (listens, and runs for ever)
//	/absent/program    (runs for ever, once it is there: Host.AddProgram)
//	/denied/program    (likewise; until then there is not even a container)
func parse(argv []string) program {
	p := program{onTerm: -1}
	switch {
	case len(argv) == 0:
		return program{bad: true}
	case strings.HasPrefix(argv[0], Absent):
		p.missing, p.sleep = true, forEver
	case strings.HasPrefix(argv[0], "/denied/"):
		p.denied, p.sleep = true, forEver
	case argv[0] == "sh" && len(argv) == 3 && argv[1] == "-c":
		for _, statement := range strings.Split(argv[2], ";") {
			if !p.statement(strings.Fields(statement)) {
				return program{bad: true}
			}
		}
	case !p.statement(argv):
		return program{bad: true}
	}
	return p
}

// statement reads one statement and reports whether it is known.
func (p *program) statement(words []string) bool {
	if len(words) == 0 {
		return true
	}
	switch words[0] {
	case "true", "wait", "cat", ":", "touch", "until", "do", "done":
		return true
	case "echo":
		p.echo(words[1:])
		return true
	case "httpd":
		if at := slices.Index(words, "-p"); at > 0 && at+1 < len(words) {
			p.port, p.sleep = words[at+1], forEver
			return true
		}
		return false
	case "false":
		p.code = 1
		return true
	case "sleep", "exit":
		if len(words) < 2 {
			return false
		}
		n, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			return false
		}
		if words[0] == "exit" {
			p.code = int(n)
		} else {
			p.sleep += time.Duration(n * float64(time.Second))
		}
		return true
	case "trap": // trap "exit 7" TERM
		if len(words) == 4 {
			if n, err := strconv.Atoi(strings.Trim(words[2], `'"`)); err == nil {
				p.onTerm = n
				return true
			}
		}
	}
	return false
}

// Absent begins the paths of programs that no image has. NoUser is a user whom none
// has either.
const (
	Absent = "/absent/"
	NoUser = "nobody-here"
)

// forEver is longer than any test waits.
const forEver = 1000 * time.Hour

// echo says words, or writes them where the last but one is ">".
func (p *program) echo(words []string) {
	n := len(words)
	switch {
	case n > 1 && words[n-2] == ">":
		if p.written == nil {
			p.written = map[string]string{}
		}
		p.written[words[n-1]] = strings.Join(words[:n-2], " ") + "\n"
	case n > 0 && words[n-1] == ">&2":
		p.output += strings.Join(words[:n-1], " ") + "\n"
	default:
		p.output += strings.Join(words, " ") + "\n"
	}
}
