package image

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"
)

// endless repeats what never comes to a first file.
type endless struct {
	what []byte
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.what[e.read%len(e.what):])
	e.read += n
	return n, nil
}

func TestArchivesThatNeverBeginAreGivenUp(t *testing.T) {
	var one bytes.Buffer
	w := tar.NewWriter(&one)
	if err := w.WriteHeader(&tar.Header{Name: "f", PAXRecords: map[string]string{"comment": "more"}, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	in := &endless{what: one.Bytes()[:1024]} // the extended header alone
	if err := copyTar(io.Discard, io.LimitReader(in, 64<<20)); err == nil || in.read > 2*mostBegin {
		t.Errorf("%d MiB were read: %v", in.read>>20, err)
	}
	for name, empty := range map[string][]byte{"an empty archive": make([]byte, 1024), "nothing": nil} {
		if err := copyTar(io.Discard, bytes.NewReader(empty)); (err == nil) != (len(empty) > 0) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
