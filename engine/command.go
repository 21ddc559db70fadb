package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"berth/engine/oci"
	"berth/engine/spec"
)

// mostOutput is how much of a command's output RunInContainer keeps, in bytes.
const mostOutput = 10 << 10

// RunInContainer runs a command in a running container, with the container's
// restrictions, and returns how it ended. Late values in it are filled in. When
// ctx ends, the command is killed with all it started. It does not need the
// pod's lock.
func (e *Engine) RunInContainer(ctx context.Context, id spec.PodID, name string, command []string) (spec.ExecResult, error) {
	c, err := e.records.ReadContainer(id, name)
	if err != nil {
		return spec.ExecResult{}, err
	}
	sb, _, err := e.records.ReadSandbox(id)
	if err != nil {
		return spec.ExecResult{}, err
	}
	run, err := e.runtimeFor(sb)
	if err != nil {
		return spec.ExecResult{}, err
	}
	argv := command
	if slices.ContainsFunc(command, func(s string) bool { return strings.Contains(s, "\x00") }) {
		pod, err := e.records.ReadPod(id)
		if err != nil {
			return spec.ExecResult{}, err
		}
		facts, err := e.facts(&pod, sb, &spec.Container{Command: command})
		if err != nil {
			return spec.ExecResult{}, err
		}
		argv = make([]string, len(command))
		for i, s := range command {
			argv[i] = facts.Fill(s)
		}
	}
	output := &beginning{most: mostOutput}
	code, err := run.Exec(ctx, e.target(run, id, c), oci.ExecOptions{
		Args: argv, KillAll: true, Streams: oci.Streams{Stdout: output, Stderr: output},
	})
	if err != nil {
		return spec.ExecResult{}, fmt.Errorf("container %q: %w", name, err)
	}
	return spec.ExecResult{ExitCode: code, Output: output.kept}, nil
}

// beginning keeps the first of what is written to it.
type beginning struct {
	most int
	mu   sync.Mutex
	kept []byte
}

func (b *beginning) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, data[:min(len(data), b.most-len(b.kept))]...)
	return len(data), nil
}
