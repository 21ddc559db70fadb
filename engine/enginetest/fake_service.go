package enginetest

import (
	"context"

	"berth/engine/spec"
)

// EndWith ends a container with an exit code.
func (f *Fake) EndWith(_ context.Context, id spec.PodID, name string, code int) error {
	p, after, err := f.change("EndWith", id)
	if err != nil {
		return err
	}
	if c := p.containers[name]; c != nil && c.end(code, "") {
		f.notify(id)
	}
	return after(nil)
}
