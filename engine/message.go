package engine

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// How much of why a container ended is kept, as under the kubelet.
const (
	mostMessage     = 4096 // bytes, the last of what it wrote
	mostLogMessage  = 2048 // bytes, of its output
	mostLogMessages = 80   // lines, of its output
)

// messageMount gives a container a new file to say in why it ended. It lies on
// disk, not in memory: nothing keeps a container from writing more than is read.
// ok is false where the pod's own mounts leave no place for it.
func (e *Engine) messageMount(pod *spec.Pod, c *spec.Container) (mount oci.Mount, ok bool, err error) {
	if c.ByHand != nil && c.Lifecycle.MessagePath == "" {
		return oci.Mount{}, false, nil // podman's containers have none
	}
	at := cmp.Or(c.Lifecycle.MessagePath, spec.DefaultMessagePath)
	for _, m := range c.Mounts {
		taken := path.Clean(m.Path)
		// In a /dev of the host's, the place of the mount would stay behind.
		if taken == path.Clean(at) || taken == "/dev" && c.Lifecycle.MessagePath == "" {
			return oci.Mount{}, false, nil
		}
	}
	file := e.records.Message(pod.ID, c.Name)
	if err := atomicfile.Remove(file); err != nil {
		return oci.Mount{}, false, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return oci.Mount{}, false, err
	}
	defer f.Close()
	return oci.Mount{Source: file, Path: at, Options: []string{"nosuid", "nodev", "noexec"}}, true, f.Chmod(0o666) // whoever it runs as
}

// message is why an ended container says that it did: what it wrote where it is
// to write that, or the end of its output, if it failed and is to be asked so.
func (e *Engine) message(pod *spec.Pod, c *spec.Container, status *spec.ContainerStatus) string {
	said, err := readEnd(e.records.Message(pod.ID, c.Name), mostMessage)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.log.Warn("read why a container ended", "pod", pod.Key().String(), "container", c.Name, "error", err)
	}
	if len(said) == 0 && c.Lifecycle.LogFallback && status.ExitCode != 0 {
		said = e.lastWords(pod, status)
	}
	return strings.ToValidUTF8(string(said), "\uFFFD")
}

// lastWords is the end of what a container wrote to its log, if that can be read.
func (e *Engine) lastWords(pod *spec.Pod, status *spec.ContainerStatus) []byte {
	if !readable(pod.LogOf(status.Name)) {
		return nil
	}
	var since time.Time
	if pod.OneLog(status.Name) { // the log of those before, too
		since = status.StartedAt
	}
	var all []byte
	_ = oci.ReadLog(context.Background(), status.LogPath, oci.LogOptions{Tail: mostLogMessages, Since: since}, func(l oci.Line) error {
		all = append(all, l.Text...)
		if !l.Partial {
			all = append(all, '\n')
		}
		all = slices.Delete(all, 0, max(0, len(all)-mostLogMessage))
		return nil
	}) // the rest of a log that cannot be read is not there
	return all
}

// readEnd reads the last bytes of a file that others write, if it is one.
func readEnd(file string, most int64) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, err
	}
	data := make([]byte, min(most, info.Size()))
	n, err := f.ReadAt(data, info.Size()-int64(len(data)))
	if errors.Is(err, io.EOF) {
		err = nil // it was cut meanwhile
	}
	return data[:n], err
}
