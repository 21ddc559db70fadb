package image

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"

	"berth/engine/spec"
)

func TestProgress(t *testing.T) {
	r := startRegistry(t)
	r.push(t, "app:1", big("app"))
	for _, test := range []struct {
		name       string
		tty, quiet bool
		want       string // a pattern
	}{
		{"lines", false, false, `(?s)^Trying to pull \S+/app:1\.\.\.\n.*Copying blob sha256:\w+\n.*Copying config sha256:\w+\nWriting manifest to image destination\n$`},
		{"bars on a terminal", true, false, `(?s)Trying to pull \S+/app:1\.\.\.\n.*Copying blob \w{12} done.*Copying (blob|config) \w{12} done`},
		{"quiet", false, true, `^$`},
		{"quiet on a terminal", true, true, `^$`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			s := testStoreIn(t, testFolder(t), Options{Progress: &out, ProgressTTY: test.tty})
			o := pullInsecure()
			o.Quiet = test.quiet
			if _, err := s.Ensure(context.Background(), spec.ImageRequest{Ref: r.addr + "/app:1", Pull: o}); err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(test.want).MatchString(out.String()) {
				t.Errorf("got %q, want %s", out.String(), test.want)
			}
		})
	}
}

func TestProgressOfAFailedPullEnds(t *testing.T) {
	var out bytes.Buffer
	s := testStoreIn(t, testFolder(t), Options{Progress: &out, ProgressTTY: true})
	if _, err := s.Ensure(context.Background(), spec.ImageRequest{Ref: "127.0.0.1:1/x:1"}); err == nil {
		t.Error("pulled from nowhere")
	}
	if !strings.Contains(out.String(), "Trying to pull 127.0.0.1:1/x:1") {
		t.Errorf("got %q", out.String())
	}
}
