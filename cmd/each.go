package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
)

// atOnce is how many pods or containers one command acts on at a time.
const atOnce = 16

// forEach does the same to several things in parallel, prints what do returns
// for each that went well, in the order given, and joins the errors of the rest.
func forEach[T any](ctx context.Context, out io.Writer, list []T, do func(context.Context, T) (string, error)) error {
	lanes := make([][]T, len(list))
	order := make([][2]int, len(list))
	for i := range list {
		lanes[i], order[i] = list[i:i+1], [2]int{i, 0}
	}
	return inLanes(ctx, out, lanes, order, do)
}

// forEachInPod is forEach for containers: those of one pod one after another,
// since they share a lock.
func forEachInPod(ctx context.Context, out io.Writer, list []target, do func(context.Context, target) (string, error)) error {
	var lanes [][]target
	order := make([][2]int, len(list))
	laneOf := map[spec.PodID]int{}
	for i, t := range list {
		lane, ok := laneOf[t.pod.Pod.ID]
		if !ok {
			lane = len(lanes)
			laneOf[t.pod.Pod.ID] = lane
			lanes = append(lanes, nil)
		}
		order[i] = [2]int{lane, len(lanes[lane])}
		lanes[lane] = append(lanes[lane], t)
	}
	return inLanes(ctx, out, lanes, order, do)
}

// inLanes works on the lanes in parallel, on the things of a lane in turn.
// order gives lane and place of each thing in the order to print.
func inLanes[T any](ctx context.Context, out io.Writer, lanes [][]T, order [][2]int, do func(context.Context, T) (string, error)) error {
	texts, errs := make([][]string, len(lanes)), make([][]error, len(lanes))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for l, lane := range lanes {
		texts[l], errs[l] = make([]string, len(lane)), make([]error, len(lane))
		g.Go(func() error {
			for i, item := range lane {
				texts[l][i], errs[l][i] = do(ctx, item)
			}
			return nil // one that fails does not stop the others
		})
	}
	_ = g.Wait()
	var failed []error
	for _, at := range order {
		err := errs[at[0]][at[1]]
		failed = append(failed, err)
		if text := texts[at[0]][at[1]]; err == nil && text != "" {
			fmt.Fprintln(out, text)
		}
	}
	return errors.Join(failed...)
}
