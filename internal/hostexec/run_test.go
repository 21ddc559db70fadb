package hostexec

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	ctx := context.Background()
	out, err := Run(ctx, Cmd{Path: "sh", Args: []string{"-c", "cat; echo $X"}, Env: []string{"X=y"}, Stdin: strings.NewReader("in ")})
	if err != nil || string(out) != "in y\n" {
		t.Errorf("out %q, %v", out, err)
	}

	_, err = Run(ctx, Cmd{Path: "sh", Args: []string{"-c", "echo oh no >&2; exit 3"}})
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 3 || exit.Stderr != "oh no" {
		t.Errorf("err %v", err)
	}

	_, err = Run(ctx, Cmd{Path: "sleep", Args: []string{"60"}, Timeout: 20 * time.Millisecond})
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || timeout.Program != "sleep" {
		t.Errorf("err %v", err)
	}

	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err = Run(ended, Cmd{Path: "sleep", Args: []string{"60"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("err %v", err)
	}
}

func TestRunDoesNotWaitForAGrandchild(t *testing.T) {
	out, err := Run(context.Background(), Cmd{Path: "sh", Args: []string{"-c", "sleep 60 & echo done"}})
	if err != nil || string(out) != "done\n" {
		t.Errorf("out %q, %v", out, err)
	}
}

func TestFindLooksInTheGivenFoldersFirst(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "sh")
	if err := os.WriteFile(mine, []byte("#!/bin/true\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := Find("sh", []string{dir}); err != nil || got != mine {
		t.Errorf("Find = %q, %v; want %q", got, err, mine)
	}
	if got, err := Find("sh", nil); err != nil || got == mine {
		t.Errorf("Find without the folder = %q, %v", got, err)
	}
	t.Setenv("PATH", dir)
	for name, pkg := range map[string]string{"no-such-program": "no-such-program", "iptables-save": "iptables", "nft": "nftables", "pasta": "passt"} {
		_, err := Find(name, []string{dir})
		if want := name + " is not installed: install the package " + pkg; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("err %v does not say %q and where it looked", err, want)
		}
	}
}
