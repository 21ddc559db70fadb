package enginetest

import (
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
}

// parse reads a command line. It knows what the suite and scripts use, with
// the meaning busybox sh gives it:
//
//	sleep 5            true   false
//	sh -c 'sleep 5; exit 3'
//	sh -c 'trap "exit 7" TERM; sleep 60 & wait'
func parse(argv []string) program {
	p := program{onTerm: -1}
	switch {
	case len(argv) == 0:
		return program{bad: true}
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
	case "true", "wait", "echo", "cat", ":", "touch", "until", "do", "done":
		return true
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
