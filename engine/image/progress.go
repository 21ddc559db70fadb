package image

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/types"
)

// board is where all pulls of a Store report: bars of one pool on a terminal,
// whole lines elsewhere.
type board struct {
	out io.Writer // nil: nothing is shown
	tty bool

	mu     sync.Mutex
	active int
	pool   *mpb.Progress // while displays are active on a terminal
}

func newBoard(out io.Writer, tty bool) *board {
	b := &board{tty: tty}
	if out != nil {
		b.out = &lineWriter{out: out}
	}
	return b
}

// display is one pull's share of the board. The zero value shows nothing.
type display struct {
	board *board
	pool  *mpb.Progress
}

// begin opens a display; the caller ends it.
func (b *board) begin(quiet bool) *display {
	if quiet || b.out == nil {
		return &display{}
	}
	d := &display{board: b}
	if !b.tty {
		return d
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pool == nil {
		b.pool = mpb.New(mpb.WithOutput(b.out), mpb.WithWidth(40), mpb.WithAutoRefresh())
	}
	b.active++
	d.pool = b.pool
	return d
}

// end closes the display. With the last one the bars are left as they are.
func (d *display) end() {
	if d.pool == nil {
		return
	}
	b := d.board
	b.mu.Lock()
	b.active--
	last := b.active == 0
	if last {
		b.pool = nil
	}
	b.mu.Unlock()
	if last {
		d.pool.Wait()
	}
}

// say writes one line, above the bars if there are any.
func (d *display) say(format string, args ...any) {
	switch {
	case d.pool != nil:
		_, _ = fmt.Fprintf(d.pool, format+"\n", args...)
	case d.board != nil:
		_, _ = fmt.Fprintf(d.board.out, format+"\n", args...)
	}
}

// lines is what a copy may write its own lines to; on a terminal bars say it.
func (d *display) lines() io.Writer {
	if d.board == nil || d.pool != nil {
		return nil
	}
	return d.board.out
}

// watch draws the progress of a copy as bars. stop is called when the copy has
// ended.
func (d *display) watch(options *copy.Options) (stop func()) {
	if d.pool == nil {
		return func() {}
	}
	events := make(chan types.ProgressProperties)
	options.Progress, options.ProgressInterval = events, progressInterval
	drawn := make(chan struct{})
	go func() { // ends when stop closes events
		defer close(drawn)
		bars := map[string]*mpb.Bar{}
		for e := range events {
			d.draw(bars, e)
		}
		for _, bar := range bars {
			bar.Abort(false) // no effect on those that are complete
		}
	}()
	return func() {
		close(events)
		<-drawn
	}
}

// draw brings the bar of one blob up to date.
func (d *display) draw(bars map[string]*mpb.Bar, e types.ProgressProperties) {
	key := e.Artifact.Digest.String()
	bar, ok := bars[key]
	if !ok {
		bar = d.bar(e.Artifact, e.Event == types.ProgressEventSkipped)
		bars[key] = bar
	}
	switch e.Event {
	case types.ProgressEventRead:
		bar.SetCurrent(int64(e.Offset))
	case types.ProgressEventDone, types.ProgressEventSkipped:
		bar.SetTotal(-1, true) // as far as it came: complete
		if e.Artifact.Size > 0 {
			bar.SetCurrent(e.Artifact.Size)
		}
	}
}

func (d *display) bar(blob types.BlobInfo, skipped bool) *mpb.Bar {
	what := "blob"
	if strings.Contains(blob.MediaType, "config") || strings.Contains(blob.MediaType, "container.image.v1") {
		what = "config"
	}
	label := fmt.Sprintf("Copying %s %s", what, short(blob.Digest.Encoded()))
	end := label + " done"
	if skipped {
		end = label + " skipped: already exists"
	}
	return d.pool.AddBar(max(blob.Size, 0),
		mpb.BarFillerClearOnComplete(),
		mpb.PrependDecorators(decor.OnComplete(decor.Name(label), end)),
		mpb.AppendDecorators(decor.OnComplete(decor.CountersKibiByte("%.1f / %.1f"), "")))
}

// lineWriter passes each Write on whole: pulls that report at the same time do
// not mix within a line.
type lineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}
