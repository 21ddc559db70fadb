package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/engine/spec"
)

func act(i int) spec.Act {
	return spec.Act{Time: time.Unix(int64(i), 0).UTC(), Type: spec.ActContainer, Status: "start", ID: fmt.Sprint(i)}
}

func read(t *testing.T, j *Journal) []string {
	t.Helper()
	var ids []string
	err := j.Read(t.Context(), false, func(a spec.Act) error {
		ids = append(ids, a.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	j := New(filepath.Join(t.TempDir(), "journal"))
	if ids := read(t, j); len(ids) != 0 {
		t.Errorf("nobody wrote, but %v", ids)
	}
	for i := range 3 {
		if err := j.Add(act(i)); err != nil {
			t.Fatal(err)
		}
	}
	long := act(3)
	long.Attributes = map[string]string{"label": strings.Repeat("x", 2*mostLine)}
	if err := j.Add(long); err != nil {
		t.Fatal(err)
	}
	long.Name = strings.Repeat("x", mostLine)
	if err := j.Add(long); err == nil {
		t.Error("a line is longer than a reader takes")
	}
	f, err := os.OpenFile(j.current(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("{}\nnothing of ours\n" + strings.Repeat("y", 20*mostLine) + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := j.Add(act(4)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"type":"container","id":"torn`); err != nil {
		t.Fatal(err)
	}
	if ids := strings.Join(read(t, j), " "); ids != "0 1 2 3 4" {
		t.Errorf("read %s", ids)
	}
	boom := errors.New("boom")
	if err := j.Read(t.Context(), false, func(spec.Act) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if info, err := os.Stat(j.current()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestFollowersMissNothing writes from several journals at once, over renames.
func TestFollowersMissNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	const writers, each = 4, 3000
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	seen := map[string]int{}
	following := make(chan error, 1)
	if err := New(dir).Add(act(0)); err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	go func() {
		following <- New(dir).Read(ctx, true, func(a spec.Act) error {
			if a.ID == "0" && a.Name == "" {
				close(begun)
				return nil
			}
			seen[a.Name]++
			if len(seen) == writers*each {
				cancel()
			}
			return nil
		})
	}()
	<-begun
	for w := range writers {
		group.Go(func() {
			j := New(dir)
			for i := range each {
				a := act(i)
				a.Name = fmt.Sprint(w, ".", i)
				if err := j.Add(a); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-following:
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		cancel()
		<-following
	}
	if len(seen) != writers*each {
		t.Errorf("%d of %d acts were read", len(seen), writers*each)
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s was read %d times", name, n)
		}
	}
	for _, name := range []string{"acts", "acts.1"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() > mostFile+writers*mostLine {
			t.Errorf("%s: %v bytes, %v", name, info.Size(), err)
		}
	}
}
