// Command answer is a server for probes to ask, for images that hold nothing
// else:
//
//	answer -http ADDRESS [-tcp ADDRESS] [-grpc ADDRESS]
//
// Everything is well at first. What is answered from then on, until the process
// ends, is told by http:
//
//	PUT /ANY/PATH        a status of http, which GET of the path then has
//	PUT /tcp             "closed" or "open": whether the tcp address takes connections
//	PUT /grpc/[SERVICE]  a status of grpc.health.v1, such as NOT_SERVING
//	PUT /notify          what to tell systemd, such as READY=1
//
// Where systemd handed it a socket, it answers http there instead.
//
// It writes "answering" when all addresses are open, and ends with 0 by SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "answer:", err)
		os.Exit(1)
	}
}

func run() error {
	web := flag.String("http", ":8080", "")
	tcp := flag.String("tcp", "", "")
	rpc := flag.String("grpc", "", "")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s := &server{door: door{address: *tcp}, health: health.NewServer(), codes: map[string]int{}}
	if *tcp != "" {
		if err := s.door.open(); err != nil {
			return err
		}
	}
	failed := make(chan error, 2)
	if *rpc != "" {
		listener, err := net.Listen("tcp", *rpc)
		if err != nil {
			return err
		}
		g := grpc.NewServer()
		grpc_health_v1.RegisterHealthServer(g, s.health)
		go func() { failed <- g.Serve(listener) }()
	}
	listener, err := webListener(*web)
	if err != nil {
		return err
	}
	go func() { failed <- http.Serve(listener, s) }()
	fmt.Println("answering")
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// webListener is the socket systemd handed us, else one at the address.
func webListener(address string) (net.Listener, error) {
	if handed, err := activation.Listeners(); err != nil || len(handed) > 0 {
		if err == nil && len(handed) != 1 {
			err = fmt.Errorf("%d sockets were handed over", len(handed))
		}
		if err != nil {
			return nil, err
		}
		return handed[0], nil
	}
	return net.Listen("tcp", address)
}

// server answers as it was told.
type server struct {
	door   door
	health *health.Server

	mu    sync.Mutex
	codes map[string]int // by path
}

// ServeHTTP answers, and takes in what to answer.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		said, err := io.ReadAll(io.LimitReader(r.Body, 100))
		if err == nil {
			err = s.take(r.URL.Path, strings.TrimSpace(string(said)))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
		return
	}
	s.mu.Lock()
	code, ok := s.codes[r.URL.Path]
	s.mu.Unlock()
	if ok {
		w.WriteHeader(code)
	}
	fmt.Fprintln(w, "answered")
}

func (s *server) take(path, said string) error {
	switch service, rpc := strings.CutPrefix(path, "/grpc/"); {
	case rpc:
		status, ok := grpc_health_v1.HealthCheckResponse_ServingStatus_value[said]
		if !ok {
			return fmt.Errorf("no status %q", said)
		}
		s.health.SetServingStatus(service, grpc_health_v1.HealthCheckResponse_ServingStatus(status))
		return nil
	case path == "/tcp" && said == "closed":
		return s.door.close()
	case path == "/tcp" && said == "open":
		return s.door.open()
	case path == "/notify":
		sent, err := daemon.SdNotify(false, said)
		if err == nil && !sent {
			err = errors.New("nobody is to be notified")
		}
		return err
	}
	code, err := strconv.Atoi(said)
	if err != nil || code < 200 || code > 599 {
		return fmt.Errorf("no status %q", said)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[path] = code
	return nil
}

// door is an address that takes connections while it is open.
type door struct {
	address  string
	mu       sync.Mutex
	listener net.Listener
}

func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", d.address)
	if err != nil {
		return err
	}
	d.listener = listener
	go func() { // ends with close
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close() // that it was there is all there is to say
		}
	}()
	return nil
}

func (d *door) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		return nil
	}
	err := d.listener.Close()
	d.listener = nil
	return err
}
