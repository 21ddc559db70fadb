package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/internal/source"
)

// Build says what this binary is.
type Build struct {
	Version string // "0.1.0", "0.1.0-12-gabcdef"
	Commit  string
	Date    string // seconds since 1970; empty: not known
}

// Main runs the command line and returns the process's exit code.
func Main(build Build, args []string) int {
	ctx, interrupted, stop := signals()
	defer stop()
	a := &app{build: build, in: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now}
	err := a.execute(ctx, args)
	if sig := interrupted(); sig != 0 && errors.Is(err, context.Canceled) {
		return endBy(sig)
	}
	return exitCode(a.err, err)
}

// endBy ends the process as the signal would have done at once, so that who waits for
// it sees that: to systemd a service has not failed that is stopped while it starts.
// The first process of a namespace gets no such signal, and returns its exit code.
func endBy(sig syscall.Signal) int {
	signal.Reset(sig)
	if syscall.Kill(os.Getpid(), sig) == nil && os.Getpid() != 1 {
		<-time.After(time.Second) // it comes in a thread of its own
	}
	return 128 + int(sig)
}

// signals gives a context that the first SIGINT or SIGTERM ends, and says which
// it was. The second one ends the process the hard way.
func signals() (ctx context.Context, interrupted func() syscall.Signal, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the process
		if s, ok := <-ch; ok {
			signal.Stop(ch)
			cancel(signalError{s.(syscall.Signal)})
		}
	}()
	interrupted = func() syscall.Signal {
		var s signalError
		if errors.As(context.Cause(ctx), &s) {
			return s.Signal
		}
		return 0
	}
	return ctx, interrupted, func() { signal.Stop(ch); cancel(nil) }
}

type signalError struct{ syscall.Signal }

func (s signalError) Error() string { return "ended by signal " + s.Signal.String() }

// execute builds the tree of commands and executes args.
func (a *app) execute(ctx context.Context, args []string) error {
	root := a.root(args...)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	defer a.close()
	return root.ExecuteContext(ctx)
}

// exitError ends the process with a code of its own; err may be nil where the
// code says it all.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// kubectlError is an error in kubectl's own words, which begin as they begin.
type kubectlError struct{ error }

func (e kubectlError) Unwrap() error { return e.error }

// exit is an error that is only an exit code, nil for 0.
func exit(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code}
}

// exitCode prints err as podman does and says what the process ends with.
func exitCode(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	code := 125
	var e *exitError
	if errors.As(err, &e) {
		code, err = e.code, e.err
	}
	printError(w, err)
	return code
}

// printError writes one "Error: " line for each problem in err.
func printError(w io.Writer, err error) {
	if err == nil {
		return
	}
	if list, ok := err.(source.Diagnostics); ok {
		for _, d := range list {
			printError(w, d)
		}
		return
	}
	if list := joined(err); list != nil {
		for _, e := range list {
			printError(w, e)
		}
		return
	}
	if plain := (kubectlError{}); errors.As(err, &plain) {
		fmt.Fprintln(w, output.PrintableLines(err.Error()))
		return
	}
	// It may name a file of a container's, or say what a registry said.
	fmt.Fprintln(w, "Error: "+output.PrintableLines(err.Error()))
}

// joined are the errors of errors.Join. A sentence that wraps several errors is
// still one.
func joined(err error) []error {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	errs := list.Unwrap()
	if all := errors.Join(errs...); all == nil || all.Error() != err.Error() {
		return nil
	}
	return errs
}

// usageError is a command line that makes no sense; it points at the help.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return fmt.Errorf("%w\nSee '%s --help'", fmt.Errorf(format, args...), cmd.CommandPath())
}
