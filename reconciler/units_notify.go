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

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// notifier hears from a unit's container that it is up: sd_notify(3).
type notifier struct {
	conn  *net.UnixConn
	path  string // of the socket
	ready atomic.Bool
}

// maxNotification bounds one message.
const maxNotification = 4096

// listen has a unit's socket heard, and gives its path, which is always the same. What
// was said there before is forgotten.
func (u *units) listen(ctx context.Context, service string) (string, error) {
	sum := sha256.Sum256([]byte(service))
	dir := filepath.Join(u.opts.RunDir, "units")
	path := filepath.Join(dir, hex.EncodeToString(sum[:8])+".sock") // short: a socket's path has 108 bytes
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the socket of %s: %w", service, err)
	}
	u.unlisten(service)
	if err := atomicfile.Remove(path); err != nil {
		return "", fmt.Errorf("make the socket of %s: %w", service, err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return "", fmt.Errorf("make the socket of %s: %w", service, err)
	}
	n := &notifier{conn: conn, path: path}
	u.mu.Lock()
	over := u.over
	if !over {
		u.notified[service] = n
	}
	u.mu.Unlock()
	if over { // nobody would close it again, and everybody wait for that
		return "", errors.Join(context.Canceled, n.close())
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
				u.log.DebugContext(ctx, "container says that it is up", "unit", service)
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
		_ = n.close() // where its file stays, the next one to listen there removes it
	}
}

// close ends the socket, with its file.
func (n *notifier) close() error { return errors.Join(n.conn.Close(), atomicfile.Remove(n.path)) }

// listenAgain has the containers heard that are to say themselves that they are up and
// have not yet: who heard them before has ended.
func (u *units) listenAgain(ctx context.Context, observed []spec.PodStatus, states map[string]spec.UnitState) {
	for name, st := range states {
		if st.Phase != spec.UnitStarting && st.Phase != spec.UnitWaiting {
			continue
		}
		if own := madeBy(observed, &st); own == nil || !saysReady(own) {
			continue
		}
		if _, err := u.listen(ctx, name); err != nil && ctx.Err() == nil {
			u.log.WarnContext(ctx, "a unit's container is not heard when it is up", "unit", name, "error", err)
		}
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
