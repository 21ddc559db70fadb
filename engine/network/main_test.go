package network

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"berth/engine/spec"
	"berth/internal/testhost"
)

func TestMain(m *testing.M) { os.Exit(testhost.Main(m, testhost.Options{})) }

// testManager works in folders of its own, with stand-ins for helpers.
func testManager(t *testing.T, helpers map[string]string) *Manager {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range helpers {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return New(Options{
		ConfigDir: filepath.Join(dir, "networks"), RunDir: filepath.Join(dir, "run"), HelperDirs: []string{bin},
		Log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

// version is a netavark that can only say which it is.
const version = `[ "$1" = version ] && { echo '{"version":"1.4.0"}'; exit; }
`

func podNumber(i int) spec.PodID { return spec.PodID(fmt.Sprintf("%064x", i+1)) }

func testPod(i int, networks ...string) Pod {
	p := Pod{ID: podNumber(i), Key: spec.PodKey{Namespace: spec.DefaultNamespace, Name: fmt.Sprintf("pod%d", i)}}
	for _, n := range networks {
		p.Attachments = append(p.Attachments, spec.NetworkAttachment{Network: n})
	}
	return p
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
