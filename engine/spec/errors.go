package spec

import (
	"errors"
	"fmt"
)

// Classes of errors that those above the engine decide by. The engine wraps
// them with what exactly happened.
var (
	ErrNotFound     = errors.New("no such object")
	ErrExists       = errors.New("already exists")
	ErrInUse        = errors.New("in use")
	ErrNotRunning   = errors.New("container is not running")
	ErrImageName    = errors.New("is not an image name")
	ErrImageMissing = errors.New("image not known")
	// ErrPull is an image that could not be fetched; trying again may help.
	ErrPull = errors.New("image cannot be pulled")
	// ErrCommand is a command that is not in its container's image, or cannot be
	// executed there; it is an ErrConfig, too.
	ErrCommand = errors.New("the command cannot run")
	// ErrConfig is a container whose configuration cannot be honoured on this
	// host: a missing controller, a missing user, a host path of the wrong type.
	ErrConfig = errors.New("configuration cannot be honoured")
)

// StartError is a container that could not be made, or started, for a reason of
// its own: nothing keeps the others of its pod from running. That it could not is
// recorded, and observed.
type StartError struct {
	Container string
	Err       error
}

// Error says what was being done, and why that failed.
func (e *StartError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *StartError) Unwrap() error { return e.Err }

// StartErrors are the containers that failed so, if that is all err tells of; else
// nil.
func StartErrors(err error) []*StartError {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*StartError
		for _, each := range joined.Unwrap() {
			some := StartErrors(each)
			if some == nil {
				return nil
			}
			all = append(all, some...)
		}
		return all
	}
	if one, ok := err.(*StartError); ok {
		return []*StartError{one}
	}
	return nil
}

// PortTakenError is a host port that somebody else holds.
type PortTakenError struct {
	Port PortMapping
	Err  error
}

// Error names the port and what to do.
func (e *PortTakenError) Error() string {
	host := e.Port.HostIP
	if host == "" {
		host = "0.0.0.0"
	}
	return fmt.Sprintf("host port %s:%d/%s is taken (%v): stop what listens there or choose another hostPort",
		host, e.Port.HostPort, e.Port.Protocol, e.Err)
}

// Unwrap gives the error of the system call.
func (e *PortTakenError) Unwrap() error { return e.Err }
