// Command fetch prints what a URL answers, http or udp, and answers datagrams:
// a client for images that have no libc, since a static busybox cannot look
// names up.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const patience = 3 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "-echo":
		return echo(args[1])
	case len(args) != 1:
		return errors.New("usage: fetch URL, or fetch -echo UDP_ADDRESS")
	}
	if address, ok := strings.CutPrefix(args[0], "udp://"); ok {
		return ask(address)
	}
	return fetch(args[0])
}

func fetch(url string) error {
	client := http.Client{Timeout: patience}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}

// ask prints the answer to a datagram.
func ask(address string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("ask")); err != nil {
		return err
	}
	answer := make([]byte, 1500)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", answer[:n])
	return nil
}

// echo answers each datagram with it and the host's name.
func echo(address string) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	datagram := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(datagram)
		if err != nil {
			return err
		}
		if _, err := conn.WriteTo(fmt.Appendf(nil, "%s to %s", datagram[:n], name), from); err != nil {
			return err
		}
	}
}
