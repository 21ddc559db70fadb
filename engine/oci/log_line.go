package oci

import (
	"bytes"
	"errors"
	"time"
)

// Line is one line of a container's output.
type Line struct {
	Time   time.Time
	Stream string // "stdout" or "stderr"
	Text   []byte // without the newline; valid until the next line
	// Partial: the container has not ended the line; more of it, or the end
	// of the log, follows.
	Partial bool
}

// errLogLine is a line that is not of the k8s-file form: the file was cut, or
// something else wrote to it.
var errLogLine = errors.New("not a line of a k8s-file log")

// parseLogLine reads "2006-01-02T15:04:05.999999999+01:00 stdout F text"
// (KEP 4063, CRI logging): P is a part of a line, F its end or a whole one.
func parseLogLine(raw []byte) (Line, error) {
	stamp, rest, ok := bytes.Cut(raw, []byte{' '})
	if !ok {
		return Line{}, errLogLine
	}
	when, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return Line{}, errLogLine
	}
	stream, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok || string(stream) != "stdout" && string(stream) != "stderr" {
		return Line{}, errLogLine
	}
	tag, text, _ := bytes.Cut(rest, []byte{' '})
	tag, _, _ = bytes.Cut(tag, []byte{':'}) // further tags may follow
	if string(tag) != "P" && string(tag) != "F" {
		return Line{}, errLogLine
	}
	return Line{Time: when, Stream: string(stream), Text: text, Partial: string(tag) == "P"}, nil
}

// maxJoined bounds how much of one line is held in memory; a longer one is
// handed on in pieces, marked Partial.
const maxJoined = 1 << 20

// joiner makes whole lines of partial ones, each stream for itself.
type joiner struct {
	held map[string]*Line
	emit func(Line) error
}

func newJoiner(emit func(Line) error) *joiner {
	return &joiner{held: map[string]*Line{}, emit: emit}
}

func (j *joiner) add(l Line) error {
	held := j.held[l.Stream]
	if held == nil && !l.Partial {
		return j.emit(l)
	}
	if held == nil {
		held = &Line{Time: l.Time, Stream: l.Stream}
		j.held[l.Stream] = held
	}
	held.Text = append(held.Text, l.Text...)
	if l.Partial && len(held.Text) < maxJoined {
		return nil
	}
	held.Partial = l.Partial
	delete(j.held, l.Stream)
	return j.emit(*held)
}

// flush hands on what was begun and never ended.
func (j *joiner) flush() error {
	for _, stream := range []string{"stdout", "stderr"} {
		if held := j.held[stream]; held != nil {
			delete(j.held, stream)
			held.Partial = true
			if err := j.emit(*held); err != nil {
				return err
			}
		}
	}
	return nil
}
