package ctxio

import (
	"context"
	"io"
)

type reader struct {
	ctx context.Context
	in  io.Reader
}

// Reader reads from in until ctx ends, and then fails with the reason. A read
// that is under way is not cut short.
func Reader(ctx context.Context, in io.Reader) io.Reader { return reader{ctx, in} }

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}
