package reconciler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"berth/reconciler/unit"
)

// notifier hears from a unit's container that it is up: sd_notify(3).
type notifier struct {
	conn  *net.UnixConn
	ready atomic.Bool
}

// maxNotification bounds one message.
const maxNotification = 4096

// listen has a unit's socket heard, and gives its path. What was said there before
// is forgotten.
func (u *units) listen(ctx context.Context, s *unit.Service) (string, error) {
	sum := sha256.Sum256([]byte(s.Name))
	dir := filepath.Join(u.opts.RunDir, "units")
	path := filepath.Join(dir, hex.EncodeToString(sum[:8])+".sock") // short: a socket's path has 108 bytes
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the socket of %s: %w", s.Name, err)
	}
	u.unlisten(s.Name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("make the socket of %s: %w", s.Name, err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return "", fmt.Errorf("make the socket of %s: %w", s.Name, err)
	}
	n := &notifier{conn: conn}
	u.mu.Lock()
	over := u.over
	if !over {
		u.notified[s.Name] = n
	}
	u.mu.Unlock()
	if over { // nobody would close it again, and everybody wait for that
		return "", errors.Join(context.Canceled, conn.Close())
	}
	u.steps.Go(func() { // ends when the socket is closed
		buf := make([]byte, maxNotification)
		for {
			size, err := conn.Read(buf)
			if err != nil {
				return
			}
			// Only the first time: it may say so as often as it likes.
			if slices.Contains(strings.Split(string(buf[:size]), "\n"), "READY=1") && !n.ready.Swap(true) {
				u.log.DebugContext(ctx, "container says that it is up", "unit", s.Name)
				u.poke()
			}
		}
	})
	return path, nil
}

// unlisten stops hearing a unit.
func (u *units) unlisten(name string) {
	u.mu.Lock()
	n := u.notified[name]
	delete(u.notified, name)
	u.mu.Unlock()
	if n != nil {
		n.conn.Close() // its file goes with it
	}
}

// closeNotifiers stops hearing units, for good.
func (u *units) closeNotifiers() {
	u.mu.Lock()
	u.over = true
	names := sortedKeys(u.notified)
	u.mu.Unlock()
	for _, name := range names {
		u.unlisten(name)
	}
}
