// Command fetch prints what an URL answers: a client for images that have no
// libc, since a static busybox cannot look names up.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := fetch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

func fetch(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: fetch URL")
	}
	client := http.Client{Timeout: 3 * time.Second}
	answer, err := client.Get(args[0])
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s: %s", args[0], answer.Status)
	}
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}
