package reconciler

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// A container that says all the time that it is up must not have all units looked
// at all the time.
func TestAContainerIsHeardOnce(t *testing.T) {
	u := &units{opts: UnitOptions{RunDir: t.TempDir()}, log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1), notified: map[string]*notifier{}}
	path, err := u.listen(t.Context(), "web.service")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(text string) {
		t.Helper()
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	say("STATUS=nearly")
	say("STATUS=there\nREADY=1\n")
	select {
	case <-u.wake:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody heard")
	}
	if n := u.notified["web.service"]; n == nil || !n.ready.Load() {
		t.Error("it is not up")
	}
	for range 100 { // more than the socket holds: they were read before the last could be sent
		say("READY=1")
	}
	u.closeNotifiers()
	u.steps.Wait()
	if len(u.wake) > 0 {
		t.Error("it was heard again")
	}
	if left, err := filepath.Glob(u.opts.RunDir + "/units/*"); len(left) > 0 || err != nil {
		t.Error("sockets are left:", left, err)
	}
	// A unit that is being made as berth serve ends must not keep it from that.
	if _, err := u.listen(t.Context(), "late.service"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	u.steps.Wait()
}
