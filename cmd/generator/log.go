package generator

import (
	"fmt"
	"io"
	"net"
	"os"
)

// Priorities of syslog(3).
const (
	priorityError   = 3
	priorityWarning = 4
	priorityInfo    = 6
)

// log writes messages to standard error and, when systemd runs the generator,
// to the journal, or to the kernel's log where no journal is up yet: the journal
// takes those in later. A user's generator may write to the journal only.
type log struct {
	err     io.Writer
	systemd bool
	paths   logPaths
	journal net.Conn
	kmsg    *os.File
}

type logPaths struct{ journal, kmsg string }

func newLog(err io.Writer, systemd bool) *log {
	return &log{err: err, systemd: systemd, paths: logPaths{"/run/systemd/journal/socket", "/dev/kmsg"}}
}

func (l *log) close() {
	if l.journal != nil {
		_ = l.journal.Close() // each message was sent as a whole
	}
	if l.kmsg != nil {
		_ = l.kmsg.Close()
	}
}

func (l *log) error(text string)   { l.say(priorityError, text) }
func (l *log) warning(text string) { l.say(priorityWarning, text) }
func (l *log) info(text string)    { l.say(priorityInfo, text) }

func (l *log) say(priority int, text string) {
	fmt.Fprintln(l.err, text)
	if l.systemd && !l.toJournal(priority, text) {
		l.toKernel(priority, text)
	}
}

// toJournal sends a message by the journal's native protocol.
func (l *log) toJournal(priority int, text string) bool {
	if l.journal == nil {
		var err error
		if l.journal, err = net.Dial("unixgram", l.paths.journal); err != nil {
			l.journal = nil
			return false
		}
	}
	_, err := fmt.Fprintf(l.journal, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n", priority, identifier, text)
	return err == nil
}

const identifier = "berth-quadlet"

func (l *log) toKernel(priority int, text string) {
	if l.kmsg == nil {
		var err error
		if l.kmsg, err = os.OpenFile(l.paths.kmsg, os.O_WRONLY, 0); err != nil {
			l.systemd = false // standard error has it
			return
		}
	}
	const most = 900 // the kernel cuts a record that is longer
	if len(text) > most {
		text = text[:most] + "…"
	}
	fmt.Fprintf(l.kmsg, "<%d>%s[%d]: %s\n", priority, identifier, os.Getpid(), text)
}
