package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPageCountsOverARestart(t *testing.T) {
	dir := t.TempDir()
	greeting := filepath.Join(dir, "greeting")
	if err := os.WriteFile(greeting, []byte("Hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GREETING_FILE", greeting)
	t.Setenv("DATA", dir)
	if err := run([]string{"prepare"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Hello\nvisit 1,", "Hello\nvisit 2,"} {
		answer := httptest.NewRecorder()
		page(&counter{path: filepath.Join(dir, "visits")}).ServeHTTP(answer, nil)
		if got := answer.Body.String(); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q…", got, want)
		}
	}
	health := func(path string) int {
		answer := httptest.NewRecorder()
		pages(&counter{path: path}).ServeHTTP(answer, httptest.NewRequest("GET", "/healthz", nil))
		return answer.Code
	}
	if code := health(filepath.Join(dir, "visits")); code != 200 {
		t.Errorf("its health is %d", code)
	}
	if code := health(dir); code != 500 {
		t.Errorf("its health is %d where it cannot count", code)
	}
	if err := run([]string{"prepare"}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "visits")); err != nil || string(data) != "2\n" {
		t.Errorf("after a second prepare: %q, %v", data, err)
	}
}
