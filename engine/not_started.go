package engine

import (
	"context"
	"errors"
	"time"

	"berth/engine/spec"
	"berth/engine/state"
	"berth/internal/hostexec"
)

// atRuntime is an error of the OCI runtime, or of conmon that called it: all there
// is to a container had been made by then.
type atRuntime struct{ error }

func (e atRuntime) Unwrap() error { return e.error }

// notStarted clears away what was made of a container that does not start, and
// records why, if the reason is its own: then the error is a spec.StartError. One
// that the runtime refused has ended; one that did not get so far was not made,
// and neither were those made by hand, which stay what they are. before is what
// there was before, with how that ended; its ID is empty where there was nothing.
//
// https://github.com/containerd/containerd/blob/v2.0.0/internal/cri/server/container_start.go (errorStartReason)
func (e *Engine) notStarted(ctx context.Context, pod *spec.Pod, made *spec.Container, before, c state.Container, why error) error {
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	own := ctx.Err() == nil && ownFault(why)
	var refused atRuntime
	var err error
	switch atIt := errors.As(why, &refused); {
	case made.ByHand != nil:
		if own {
			before.Failed = failure(before.Failed, why)
		}
		err = errors.Join(e.clearContainer(undo, pod, c), e.records.SaveContainer(pod.ID, before))
	case !own:
		_, err = e.discard(undo, pod, made.Name)
	case atIt:
		c.Ended = &spec.Termination{
			ContainerID: c.ID, ExitCode: spec.ExitStart, Reason: spec.ReasonStart, Message: shortened(refused.Error()), FinishedAt: time.Now(),
		}
		err = errors.Join(e.clearContainer(undo, pod, c), e.records.SaveContainer(pod.ID, c))
	default:
		_, err = e.discard(undo, pod, made.Name)
		left := before
		if before.Ended == nil {
			left = state.Container{Name: made.Name, ID: spec.NewContainerID(), Attempt: c.Attempt, Boot: e.records.Boot(), CreatedAt: time.Now(), Image: made.Image}
		}
		left.Failed = failure(before.Failed, why)
		err = errors.Join(err, e.records.SaveContainer(pod.ID, left))
	}
	switch {
	case err != nil:
		return errors.Join(why, err)
	case !own:
		return why
	}
	_ = e.records.TellStarted(pod.ID) // who made it knows; others look with the next event
	return &spec.StartError{Container: made.Name, Err: why}
}

// ownFault reports whether what failed concerns the container alone, and not its
// pod or the host.
func ownFault(err error) bool {
	var missing *hostexec.MissingError
	var taken *spec.PortTakenError
	return !errors.As(err, &missing) && !errors.As(err, &taken) && !errors.Is(err, spec.ErrImageMissing) && !errors.Is(err, spec.ErrInUse)
}

// failure is what is recorded of a try that failed, after those before it.
func failure(before *spec.Failure, why error) *spec.Failure {
	f := &spec.Failure{Reason: "CreateContainerError", At: time.Now(), Tries: 1}
	if before != nil {
		f.Tries += before.Tries
	}
	var refused atRuntime
	switch {
	case errors.As(why, &refused):
		f.Reason, why = "RunContainerError", refused.error
	case errors.Is(why, spec.ErrConfig):
		f.Reason = "CreateContainerConfigError"
	}
	f.Message = shortened(why.Error())
	return f
}

// shortened is a message as long as what a container says itself may be.
func shortened(message string) string { return message[:min(len(message), mostMessage)] }
