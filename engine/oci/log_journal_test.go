package oci

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// fakeJournal is a journalctl with five entries, of which the last two are there
// only once it is told to sync. Following shows the third, then nothing more.
const fakeJournal = `#!/bin/sh
entry() { printf '{"__CURSOR":"c%s","__REALTIME_TIMESTAMP":"%s000000","PRIORITY":"%s","MESSAGE":%s%s}\n' "$1" "$1" "$2" "$3" "$4"; }
case "$*" in *_UID=0\ CONTAINER_ID_FULL=abc|--sync) ;; *) echo "called with $*" >&2; exit 1 ;; esac
case "$*" in
--sync) : >"$0.synced" ;;
*--after-cursor=c2*--follow*) entry 3 6 '"three\n"'; exec sleep 1000 ;;
*--after-cursor=c3*) test -e "$0.synced" && entry 4 6 '"fo"' ',"CONTAINER_PARTIAL_MESSAGE":"true"' && entry 5 6 '"ur\n"' ;;
*) echo '{"MESSAGE":["two","texts"]}'; entry 1 6 '"one\n"'; entry 2 3 '[116,119,255,10]' ;;
esac
`

func TestReadJournal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte(fakeJournal), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	for name, test := range map[string]struct {
		options LogOptions
		want    []string
	}{
		"all":        {LogOptions{}, []string{"1 stdout one", "2 stderr tw\xff"}},
		"tail":       {LogOptions{Tail: 1}, []string{"2 stderr tw\xff"}},
		"since":      {LogOptions{Since: at(2)}, []string{"2 stderr tw\xff"}},
		"until":      {LogOptions{Until: at(1)}, []string{"1 stdout one"}},
		"tail until": {LogOptions{Tail: 5, Until: at(1)}, []string{"1 stdout one"}},
		"one stream": {LogOptions{Stream: "stdout"}, []string{"1 stdout one"}},
		"follow":     {LogOptions{Follow: true}, []string{"1 stdout one", "2 stderr tw\xff", "3 stdout three", "4 stdout four"}},
		"follow end": {LogOptions{Follow: true, Tail: 1}, []string{"2 stderr tw\xff", "3 stdout three", "4 stdout four"}},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			test.options.Done = done
			var got []string
			err := ReadJournal(t.Context(), "abc", test.options, func(l Line) error {
				got = append(got, fmt.Sprint(l.Time.Unix(), " ", l.Stream, " ", string(l.Text)))
				if l.Time.Unix() == 3 {
					close(done) // the container has ended; what it wrote last comes with the sync
				}
				return nil
			})
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
	failure := ReadJournal(t.Context(), "other", LogOptions{}, func(Line) error { return nil })
	if failure == nil {
		t.Error("a journalctl that fails is not noticed")
	}
	stop := fmt.Errorf("enough")
	if err := ReadJournal(t.Context(), "abc", LogOptions{Follow: true}, func(Line) error { return stop }); err != stop {
		t.Errorf("the caller's error came back as %v", err)
	}
}
