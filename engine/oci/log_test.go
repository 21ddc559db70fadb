package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var errEOF = io.EOF

func stamp(n int) string {
	return time.Date(2026, 1, 2, 3, 0, n, 5, time.UTC).Format(time.RFC3339Nano)
}

// logLines makes lines n…m of a log, "line n" at second n.
func logLines(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		stream := "stdout"
		if n%2 == 0 {
			stream = "stderr"
		}
		fmt.Fprintf(&b, "%s %s F line %d\n", stamp(n), stream, n)
	}
	return b.String()
}

func readAll(t *testing.T, path string, o LogOptions) string {
	t.Helper()
	return strings.Join(readList(t, path, o), "|")
}

func readList(t *testing.T, path string, o LogOptions) []string {
	t.Helper()
	var got []string
	if err := ReadLog(context.Background(), path, o, func(l Line) error {
		text := string(l.Text)
		if l.Partial {
			text += "…"
		}
		got = append(got, text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestReadLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path+".2", logLines(1, 3), 0o600)
	write(t, path+".1", logLines(4, 6), 0o600)
	write(t, path+".gz", "not ours", 0o600)
	write(t, path+".01", "not ours", 0o600)
	write(t, path, logLines(7, 8)+"rubbish\n"+
		stamp(9)+" stdout P be\n"+stamp(9)+" stderr F between\n"+stamp(9)+" stdout P gi\n"+stamp(9)+" stdout F nning\n"+
		stamp(10)+" stdout P unended\n"+stamp(11)+" stdout F", 0o600)
	at := func(n int) time.Time { return time.Date(2026, 1, 2, 3, 0, n, 5, time.UTC) }
	for name, test := range map[string]struct {
		o    LogOptions
		want string
	}{
		"all":                        {LogOptions{}, "line 1|line 2|line 3|line 4|line 5|line 6|line 7|line 8|between|beginning|unended…"},
		"tail":                       {LogOptions{Tail: 3}, "line 8|between|beginning|unended…"},
		"tail into rotated":          {LogOptions{Tail: 6}, "line 5|line 6|line 7|line 8|between|beginning|unended…"},
		"tail of more than there is": {LogOptions{Tail: 1000}, "line 1|line 2|line 3|line 4|line 5|line 6|line 7|line 8|between|beginning|unended…"},
		"since":                      {LogOptions{Since: at(7)}, "line 7|line 8|between|beginning|unended…"},
		"until":                      {LogOptions{Until: at(3)}, "line 1|line 2|line 3"},
		"tail of what is wanted":     {LogOptions{Until: at(5), Tail: 2}, "line 4|line 5"},
		"one stream":                 {LogOptions{Stream: "stderr"}, "line 2|line 4|line 6|line 8|between"},
		"tail of one stream":         {LogOptions{Stream: "stdout", Tail: 2}, "line 7|beginning|unended…"},
	} {
		if got := readAll(t, path, test.o); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
	if got := readAll(t, path+"-missing", LogOptions{Tail: 5}); got != "" {
		t.Errorf("missing: %q", got)
	}
	stop := errors.New("stop")
	if err := ReadLog(context.Background(), path, LogOptions{}, func(Line) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("err %v", err)
	}
}

func TestTailReadsOnlyTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	// A hole that reading through would take for one line without end.
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const hole = 1 << 36
	if _, err := f.WriteAt([]byte("\n"+logLines(1, 5000)), hole); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := ReadLog(context.Background(), path, LogOptions{Tail: 4000}, func(Line) error { n++; return nil }); err != nil || n != 4000 {
		t.Errorf("%d lines, %v", n, err)
	}
}

func TestLongLinesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	part := strings.Repeat("x", 100<<10)
	write(t, path, strings.Repeat(stamp(1)+" stdout P "+part+"\n", 25)+stamp(2)+" stdout F end\n", 0o600)
	total, pieces := 0, 0
	if err := ReadLog(context.Background(), path, LogOptions{}, func(l Line) error {
		if len(l.Text) > maxJoined+len(part) {
			t.Errorf("a piece of %d bytes", len(l.Text))
		}
		total += len(l.Text)
		pieces++
		return nil
	}); err != nil || total != 25*len(part)+3 || pieces < 3 {
		t.Errorf("%d bytes in %d pieces, %v", total, pieces, err)
	}
}

func TestATailThatIsNoLineIsNotHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, logLines(1, 3), 0o600)
	if err := os.Truncate(path, 128<<20); err != nil { // a hole
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if got := readAll(t, path, LogOptions{Tail: 2}); got != "line 2|line 3" {
		t.Errorf("%q", got)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 512<<20 {
		t.Errorf("%d MiB were needed", used>>20)
	}
}

func TestReadingALogLeavesNoFileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path+".1", logLines(1, 3), 0o600) // a rotation was cut short: there is no current one
	write(t, path+".2", logLines(1, 3), 0o600)
	if got := readList(t, path, LogOptions{}); len(got) != 6 {
		t.Errorf("%q", got)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, path) {
			t.Errorf("%s is still open", to)
		}
	}
	if need, err := LogNeedsRotation(path, 1); err != nil || !need {
		t.Errorf("a rotation that was cut short is not finished: %v, %v", need, err)
	}
}

func TestFollowLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	seen := make(chan string, 100)
	done := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- ReadLog(ctx, path, LogOptions{Follow: true, Done: done}, func(l Line) error {
			seen <- string(l.Text)
			return nil
		})
	}()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		case err := <-ended:
			t.Fatalf("ended before %q: %v", want, err)
		}
	}
	add := func(name, text string) {
		t.Helper()
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	add(path, logLines(1, 1))
	expect("line 1")
	half := logLines(2, 2)
	add(path, half[:20])
	add(path, half[20:])
	expect("line 2")
	// Renamed, and written to until the new one is open.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	add(path+".1", logLines(3, 3))
	add(path, logLines(4, 4))
	expect("line 3")
	expect("line 4")
	// Replaced, as conmon does at its own limit.
	add(path+".tmp", logLines(5, 5))
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
	expect("line 5")
	add(path, logLines(6, 6))
	close(done)
	expect("line 6")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFollowLogCutInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, logLines(1, 3), 0o600)
	var got []string
	f := &logFollower{ctx: context.Background(), path: path}
	f.lines = newJoiner(func(l Line) error { got = append(got, string(l.Text)); return nil })
	if err := f.open(); err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := f.catchUp(); err != nil {
		t.Fatal(err)
	}
	write(t, path, logLines(4, 4), 0o600)
	if err := f.catchUp(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"line 1", "line 2", "line 3", "line 4"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, logLines(1, 1), 0o600)
	err := ReadLog(ctx, path, LogOptions{Follow: true}, func(Line) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err %v", err)
	}
}

func TestRemoveLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	for _, name := range []string{path, path + ".1", path + ".4"} {
		write(t, name, "x", 0o600)
	}
	for range 2 {
		if err := RemoveLog(path); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	if need, err := LogNeedsRotation(path, 1); need || err != nil {
		t.Errorf("%v, %v", need, err)
	}
}

func FuzzParseLogLine(f *testing.F) {
	for _, seed := range []string{
		"2026-01-02T03:04:05.000000006+01:00 stdout F text", "2026-01-02T03:04:05Z stderr P ", "2026-01-02T03:04:05Z stdout F",
		"2026-01-02T03:04:05Z stdout F:x more", "", " ", "x y z", "2026-01-02T03:04:05Z stdin F x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		line, err := parseLogLine(raw)
		if err != nil {
			return
		}
		if line.Stream != "stdout" && line.Stream != "stderr" || !bytes.HasSuffix(raw, line.Text) {
			t.Errorf("%q: %+v", raw, line)
		}
	})
}

// Whatever a log holds, its tail is the end of what reading all of it gives.
func FuzzTail(f *testing.F) {
	f.Add([]byte(logLines(1, 9)), uint8(3))
	f.Add([]byte("rubbish\n"+stamp(1)+" stdout P a\n"+stamp(1)+" stdout F b\n\n\n"+logLines(1, 2)), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		path := filepath.Join(t.TempDir(), "0.log")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		tail := 1 + int(n)%20
		o := LogOptions{Stream: "stdout"}
		all := readList(t, path, o)
		o.Tail = tail
		got := readList(t, path, o)
		if len(got) > len(all) || !slices.Equal(all[len(all)-len(got):], got) {
			t.Fatalf("tail of %d is %q, all is %q", tail, got, all)
		}
		// A line that was never ended comes on top.
		if want := min(tail, len(all)); len(got) < want || len(got) > tail+1 {
			t.Fatalf("tail of %d gives %d of %d lines", tail, len(got), len(all))
		}
	})
}

// conmon's own limit counts through rotations, and then replaces the current file.
func TestTendLogKeepsWhatConmonGivesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write := func(path string, from, to int) {
		t.Helper()
		if err := os.WriteFile(path, []byte(logLines(from, to)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tend := func() {
		t.Helper()
		if err := (&Runtime{}).TendLog(Container{}, path, 1<<20, 3); err != nil {
			t.Fatal(err)
		}
	}
	giveUp := func(from, to int) {
		t.Helper()
		write(path+".tmp", from, to)
		if err := os.Rename(path+".tmp", path); err != nil {
			t.Fatal(err)
		}
	}
	want := func(from, to int) {
		t.Helper()
		var lines []string
		for n := from; n <= to; n++ {
			lines = append(lines, fmt.Sprintf("line %d", n))
		}
		if got := readAll(t, path, LogOptions{}); got != strings.Join(lines, "|") {
			t.Errorf("got %s, want lines %d to %d", got, from, to)
		}
	}
	write(path, 0, 1)
	tend()
	if exists(path + ".0") {
		t.Error("a log that was never rotated has a second name")
	}
	write(path+".1", 0, 1)
	write(path, 2, 3)
	tend()
	giveUp(4, 5)
	want(0, 5)
	tend()
	want(0, 5)
	giveUp(6, 7)
	tend()
	tend()
	want(2, 7) // at most three files
	if err := RemoveLog(path); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
