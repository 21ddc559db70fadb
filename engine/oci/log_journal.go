package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// ReadJournal hands the lines that conmon wrote to the journal for a container
// to each, oldest first, and follows the journal when asked. What another user
// of the host wrote there under the container's ID is left out.
func ReadJournal(ctx context.Context, id spec.ContainerID, o LogOptions, each func(Line) error) error {
	program, err := hostexec.Find("journalctl", nil)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	j := &journal{program: program, id: id, since: o.Since, lines: newJoiner(o.filter(each))}
	if o.Tail > 0 {
		err = j.tail(ctx, o, each)
	} else {
		err = j.read(ctx)
	}
	if err == nil && o.Follow {
		err = j.follow(ctx, o.Done)
	}
	if err == nil {
		err = j.lines.flush()
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// journal reads a container's part of the journal, from where it left off.
type journal struct {
	program string
	id      spec.ContainerID
	since   time.Time
	lines   *joiner
	cursor  string // of the last entry read
	rest    []byte // of an entry that has not come whole
	err     error  // of handing on a line
}

// read reads what is there.
func (j *journal) read(ctx context.Context, more ...string) error {
	args := []string{"--quiet", "--no-pager", "--all", "--lines=all", "--output=json", "--output-fields=MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE"}
	switch {
	case j.cursor != "":
		args = append(args, "--after-cursor="+j.cursor)
	case !j.since.IsZero():
		args = append(args, fmt.Sprintf("--since=@%d", j.since.Unix())) // the filter knows the fraction
	}
	args = append(append(args, more...), "_UID=0", "CONTAINER_ID_FULL="+string(j.id))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	j.rest = nil
	_, err := hostexec.Run(ctx, hostexec.Cmd{Path: j.program, Args: args, Env: helperEnv(), Stdout: writerFunc(func(p []byte) (int, error) {
		if err := j.take(p); err != nil {
			j.err = err
			cancel() // journalctl would notice only when it writes again
			return 0, err
		}
		return len(p), nil
	}), Timeout: -1})
	if j.err != nil {
		return j.err
	}
	return err
}

// tail reads what is there and hands on the last lines of it.
func (j *journal) tail(ctx context.Context, o LogOptions, each func(Line) error) error {
	var last []Line
	after := j.lines
	j.lines = newJoiner(o.filter(func(l Line) error {
		l.Text = bytes.Clone(l.Text)
		if last = append(last, l); len(last)/2 >= o.Tail { // seldom, or it would take long
			last = slices.Delete(last, 0, len(last)-o.Tail)
		}
		return nil
	}))
	read := j.read(ctx)
	if read == nil {
		read = j.lines.flush()
	}
	if read != nil && !errors.Is(read, errEnough) {
		return read
	}
	for _, l := range last[max(0, len(last)-o.Tail):] {
		if err := each(l); err != nil {
			return err
		}
	}
	j.lines, j.err = after, nil
	return read
}

// follow goes on until done is closed, and then reads what is there.
func (j *journal) follow(ctx context.Context, done <-chan struct{}) error {
	following, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // ends with following
		select {
		case <-done:
			stop()
		case <-following.Done():
		}
	}()
	err := j.read(following, "--follow")
	if j.err != nil || ctx.Err() != nil || following.Err() == nil {
		return err
	}
	// What conmon sent last may not be written yet.
	if _, err := hostexec.Run(ctx, hostexec.Cmd{Path: j.program, Args: []string{"--sync"}, Env: helperEnv()}); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	return j.read(ctx)
}

// take hands on the entries that p completes.
func (j *journal) take(p []byte) error {
	j.rest = append(j.rest, p...)
	for {
		entry, rest, whole := bytes.Cut(j.rest, []byte("\n"))
		if !whole {
			return nil
		}
		j.rest = rest
		line, cursor, err := parseJournal(entry)
		if err != nil {
			continue // not conmon's: that writes one text
		}
		j.cursor = cursor
		if err := j.lines.add(line); err != nil {
			return err
		}
	}
}

// parseJournal reads an entry as journalctl prints it in JSON.
func parseJournal(entry []byte) (Line, string, error) {
	var e struct {
		Cursor   string `json:"__CURSOR"`
		Time     string `json:"__REALTIME_TIMESTAMP"` // microseconds
		Message  message
		Priority string
		Partial  string `json:"CONTAINER_PARTIAL_MESSAGE"`
	}
	if err := json.Unmarshal(entry, &e); err != nil {
		return Line{}, "", fmt.Errorf("read the journal: %w", err)
	}
	microseconds, err := strconv.ParseInt(e.Time, 10, 64)
	if err != nil {
		return Line{}, "", fmt.Errorf("read the journal: %w", err)
	}
	line := Line{Time: time.UnixMicro(microseconds), Stream: "stdout", Text: bytes.TrimSuffix(e.Message, []byte("\n")), Partial: e.Partial == "true"}
	if e.Priority == "3" { // conmon's for standard error
		line.Stream = "stderr"
	}
	return line, e.Cursor, nil
}

// message is text, or a list of bytes where it is not UTF-8.
type message []byte

// UnmarshalJSON takes both, and null for nothing.
func (m *message) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte("[")) {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		*m = message(text)
		return nil
	}
	return json.Unmarshal(data, (*[]byte)(m))
}
