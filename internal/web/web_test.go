package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestShownSaysNothingThatLetsSomebodyIn(t *testing.T) {
	for address, want := range map[string]string{
		"https://example.com/a/b.tar":           "https://example.com/a/b.tar",
		"https://me:hush@example.com/a":         "https://example.com/a",
		"https://me:hu@sh@example.com/a":        "https://example.com/a",
		"https://me:hu/sh@example.com/a":        "https://example.com/a",
		"https://me:hush@:bad:/%zz":             "https://:bad:/%zz",
		"https://example.com/a?token=hush#hush": "https://example.com/a",
		"https://example.com?token=hush@x":      "https://example.com",
		"http://[::1]:80/a":                     "http://[::1]:80/a",
		"file.tar":                              "file.tar",
		"me@host:file?":                         "me@host:file?",
	} {
		if got := Shown(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

func TestDownloadsAreBounded(t *testing.T) {
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = io.WriteString(w, "12345")
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, strings.Repeat("x", 1000))
			}
		case "/stalls":
			_, _ = io.WriteString(w, "1")
			w.(http.Flusher).Flush()
			<-stop
		case "/silent":
			<-stop
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	defer close(stop)
	at := strings.Replace(server.URL, "http://", "http://me:hush@", 1)
	for path, c := range map[string]struct {
		o    Options
		want string
		is   error
	}{
		"/ok":         {Options{Most: 5, Time: time.Minute, Idle: time.Minute}, "", nil},
		"/endless":    {Options{Most: 5000}, "larger", ErrTooLarge},
		"/stalls":     {Options{Idle: 100 * time.Millisecond}, "nothing any more", ErrStalled},
		"/silent":     {Options{Time: 100 * time.Millisecond}, "longer than 100ms", nil},
		"/not?a=hush": {Options{}, "404", nil},
		":bad:/":      {Options{}, "no URL", nil},
	} {
		body, err := Open(t.Context(), at+path, c.o)
		if err == nil {
			_, err = io.ReadAll(body)
			err = errors.Join(err, body.Close())
		}
		switch {
		case c.want == "" && err == nil:
		case err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is):
			t.Errorf("%s: %v, want %q", path, err, c.want)
		case strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: %v says the password", path, err)
		}
	}
}
