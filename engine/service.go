package engine

import (
	"context"
	"errors"
	"path/filepath"

	"berth/engine/spec"
)

// PauseRoot is a root file system and the command of a container that does
// nothing until EndWith.
func (e *Engine) PauseRoot() (dir string, command []string, err error) {
	runtime, err := e.runtime()
	if err != nil {
		return "", nil, err
	}
	root, err := runtime.EnsurePauseRootfs(filepath.Join(e.records.Run, "pause"))
	return root.Path, root.Args, err
}

// EndWith has a container of PauseRoot end with an exit code, and does not wait.
// One that has ended, or is gone, is success.
func (e *Engine) EndWith(_ context.Context, id spec.PodID, name string, code int) error {
	if _, err := e.pod(id); err != nil {
		return err
	}
	c, err := e.records.ReadContainer(id, name)
	if errors.Is(err, spec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return err
	}
	return run.EndWith(e.target(run, id, c), code)
}
