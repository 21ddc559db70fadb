package reconciler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"berth/engine/spec"
	"berth/reconciler/unit"
)

// VersionInfo says who answers at the socket.
type VersionInfo struct {
	Version  string `json:"version"`
	PID      int    `json:"pid"`
	OnDemand bool   `json:"onDemand,omitempty"` // it was started for what a command left, and gives way to any other
}

// server answers at the supervisor's socket:
//
//	GET  /v1/version         VersionInfo
//	GET  /v1/status          Status
//	GET  /v1/pods            []PodView
//	GET  /v1/pods?watch=1    PodChange, one a line: all there are, then what changes
//	GET  /v1/units           []UnitView
//	POST /v1/units/renew     the name of a service whose unit is to be made anew
//	POST /v1/units/ask       unit.Ask: what a person asks of a unit
//	GET  /v1/events          []Event, the oldest first
//	GET  /v1/events?watch=1  Event, one a line: those there are, then what happens
//	POST /v1/events          []Event that others saw
//	POST /v1/wake            look at everything now
//	POST /v1/step-down       end, for a newer supervisor
type server struct {
	http   *http.Server
	served chan struct{} // closed when the server's goroutine has ended
}

// serve starts answering. The caller holds the supervisor's lock, so a socket
// that is there is a dead one's.
func (s *Supervisor) serve(ctx context.Context, stepDown func()) (*server, error) {
	since := time.Now()
	s.takeLeft(ctx)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/version", func(w http.ResponseWriter, _ *http.Request) {
		s.answer(ctx, w, VersionInfo{s.Version, os.Getpid(), s.OnDemand})
	})
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		status := s.Loop.Status()
		status.Version, status.PID, status.Since = s.Version, os.Getpid(), since
		s.answer(ctx, w, status)
	})
	mux.HandleFunc("GET /v1/units", func(w http.ResponseWriter, _ *http.Request) { s.answer(ctx, w, s.Loop.Units()) })
	mux.HandleFunc("POST /v1/units/renew", func(w http.ResponseWriter, r *http.Request) {
		var name string
		switch err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostNameAsked)).Decode(&name); {
		case err != nil:
			http.Error(w, "want the name of a service", http.StatusBadRequest)
		case !s.Loop.RenewUnit(name):
			http.Error(w, "there is no such unit", http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	mux.HandleFunc("POST /v1/units/ask", func(w http.ResponseWriter, r *http.Request) {
		var a unit.Ask
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostNameAsked)).Decode(&a); err != nil || !a.Verb.Known() {
			http.Error(w, "want a service and what is to be done with it", http.StatusBadRequest)
			return
		}
		switch err := s.Loop.AskUnit(a); {
		case errors.Is(err, spec.ErrNotFound):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusConflict)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	streams, endStreams := context.WithCancel(ctx)
	s.handlePods(streams, mux)
	s.handleEvents(streams, mux)
	mux.HandleFunc("POST /v1/wake", func(w http.ResponseWriter, _ *http.Request) {
		s.Loop.Wake()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /v1/step-down", func(w http.ResponseWriter, _ *http.Request) {
		s.Log.InfoContext(ctx, "stepping down for another supervisor")
		w.WriteHeader(http.StatusNoContent)
		stepDown()
	})
	listener, err := listen(s.RunDir)
	if err != nil {
		endStreams()
		return nil, fmt.Errorf("listen at the supervisor's socket: %w", err)
	}
	srv := &server{
		http:   &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second},
		served: make(chan struct{}),
	}
	srv.http.RegisterOnShutdown(endStreams)
	go func() { // ends with close
		defer close(srv.served)
		if err := srv.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.Log.ErrorContext(ctx, "the supervisor's socket no longer answers", "error", err)
		}
	}()
	return srv, nil
}

// mostNameAsked bounds what names a unit, in bytes.
const mostNameAsked = 4 << 10

func (s *Supervisor) answer(ctx context.Context, w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.Log.DebugContext(ctx, "an answer could not be given", "error", err)
	}
}

// close stops answering; who is being answered gets a second.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.served
	return err
}

// listen makes the socket, for its user alone. It is reached through its
// folder's descriptor, since a socket's path may have 108 bytes only.
func listen(dir string) (net.Listener, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	path := filepath.Join(dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", throughFD(folder))
	if err != nil {
		return nil, err
	}
	// The short path is gone with the folder's descriptor: the file stays, and
	// the next supervisor removes it.
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

func throughFD(folder *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName)
}
