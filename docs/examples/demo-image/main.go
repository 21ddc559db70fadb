// Command demo is the web server of the demo's image: it shows a greeting, which
// pod answered, and how often the page was fetched. The count is kept in a file,
// so it is as durable as what is mounted there.
//
// /healthz says whether it could, without counting.
//
// Called as "demo prepare" it makes the file, as the demo's init container does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	count := &counter{path: filepath.Join(env("DATA", "/data"), "visits")}
	if len(args) > 0 && args[0] == "prepare" {
		return count.prepare()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	server := &http.Server{Addr: env("LISTEN", ":8080"), Handler: pages(count)}
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.Background()) }) // ListenAndServe tells
	slog.Info("listening", "address", server.Addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func pages(count *counter) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", page(count))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := count.read(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

func page(count *counter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits, err := count.next()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		host, _ := os.Hostname() // nothing to show is shown as nothing
		greeting, err := os.ReadFile(env("GREETING_FILE", "/config/greeting"))
		if err != nil {
			greeting = []byte(err.Error())
		}
		token := "no secret"
		if os.Getenv("TOKEN") != "" {
			token = "a secret of " + strconv.Itoa(len(os.Getenv("TOKEN"))) + " letters"
		}
		fmt.Fprintf(w, "%s\nvisit %d, answered by pod %s, which was given %s\n", strings.TrimSpace(string(greeting)), visits, host, token)
	})
}

// counter counts in a file.
type counter struct {
	mu   sync.Mutex
	path string
}

func (c *counter) prepare() error {
	f, err := os.OpenFile(c.path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("prepare the counter: %w", err)
	}
	return f.Close()
}

// read is how often the page was fetched; a counter that is not there or empty
// is at zero.
func (c *counter) read() (int, error) {
	data, err := os.ReadFile(c.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read the counter: %w", err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n, nil
}

func (c *counter) next() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.read()
	if err != nil {
		return 0, err
	}
	n++
	tmp := c.path + ".new"
	if err := os.WriteFile(tmp, []byte(strconv.Itoa(n)+"\n"), 0o644); err != nil {
		return 0, fmt.Errorf("write the counter: %w", err)
	}
	if err := os.Rename(tmp, c.path); err != nil {
		return 0, fmt.Errorf("write the counter: %w", err)
	}
	return n, nil
}
