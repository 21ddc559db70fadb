package vm

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"berth/internal/testhost"
)

// port is the name of the virtio-serial port between test and agent.
const port = "berth.agent"

// request is a command, as ssh carries it to the agent.
type request struct {
	Argv []string
	Env  []string
	Dir  string
}

// serve is the agent: it runs what the test asks for, until the power goes.
func serve() error {
	if err := testhost.SaveBaseline(); err != nil {
		return err
	}
	line, err := openPort("/dev/virtio-ports/" + port)
	if err != nil {
		return err
	}
	return converse(line)
}

// converse runs what the other end of a connection asks for, until that is gone.
func converse(conn net.Conn) error {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	c := &ssh.ServerConfig{NoClientAuth: true} // who has the port is the test
	c.AddHostKey(signer)
	_, channels, requests, err := ssh.NewServerConn(conn, c)
	if err != nil {
		return fmt.Errorf("talk to the test: %w", err)
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, asked, err := offered.Accept()
		if err != nil {
			return fmt.Errorf("take a command: %w", err)
		}
		go session(channel, asked)
	}
	return nil
}

// session runs the one command of a channel.
func session(channel ssh.Channel, asked <-chan *ssh.Request) {
	defer channel.Close()
	var cmd *exec.Cmd
	ended := make(chan error, 1)
	for {
		select {
		case r, open := <-asked:
			switch {
			case !open: // the test has lost interest
				if cmd != nil {
					_ = cmd.Process.Kill() // gone already
				}
				return
			case r.Type == "exec" && cmd == nil:
				started, err := start(channel, r.Payload, ended)
				if err != nil {
					fmt.Fprintln(channel.Stderr(), "testhost:", err)
					_ = r.Reply(true, nil)
					exit(channel, startCode(err))
					return
				}
				cmd = started
				_ = r.Reply(true, nil)
			case r.Type == "signal" && cmd != nil:
				var name struct{ Signal string }
				if ssh.Unmarshal(r.Payload, &name) == nil {
					_ = cmd.Process.Signal(signals()[ssh.Signal(name.Signal)])
				}
			default:
				_ = r.Reply(false, nil)
			}
		case err := <-ended:
			exit(channel, endCode(cmd, err))
			return
		}
	}
}

func start(channel ssh.Channel, payload []byte, ended chan<- error) (*exec.Cmd, error) {
	var command struct{ Text string }
	if err := ssh.Unmarshal(payload, &command); err != nil {
		return nil, err
	}
	var r request
	if err := json.Unmarshal([]byte(command.Text), &r); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), r.Argv[0], r.Argv[1:]...)
	cmd.Env, cmd.Dir = r.Env, r.Dir
	if _, err := os.Stat(r.Dir); err != nil {
		cmd.Dir = "/"
	}
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	// What a command leaves running may hold its output for ever.
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the channel or the command
		_, _ = io.Copy(stdin, channel)
		stdin.Close()
	}()
	go func() { ended <- cmd.Wait() }()
	return cmd, nil
}

func exit(channel ssh.Channel, code int) {
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(code)}))
}

func startCode(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return 127
	}
	return 126
}

// endCode is a process's status as a shell reports it.
func endCode(cmd *exec.Cmd, err error) int {
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "testhost: wait for a command:", err)
		return 125
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// signals are those that go to a command, by ssh's names.
func signals() map[ssh.Signal]os.Signal {
	return map[ssh.Signal]os.Signal{
		ssh.SIGINT: unix.SIGINT, ssh.SIGTERM: unix.SIGTERM, ssh.SIGHUP: unix.SIGHUP, ssh.SIGQUIT: unix.SIGQUIT,
		ssh.SIGUSR1: unix.SIGUSR1, ssh.SIGUSR2: unix.SIGUSR2, ssh.SIGKILL: unix.SIGKILL,
	}
}

// line is a port as a connection.
type line struct{ *os.File }

func (line) LocalAddr() net.Addr  { return &net.UnixAddr{Name: port} }
func (line) RemoteAddr() net.Addr { return &net.UnixAddr{Name: port} }

// openPort opens a port for blocking reads and writes. udev makes its name.
func openPort(path string) (net.Conn, error) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err == nil {
			return line{os.NewFile(uintptr(fd), path)}, nil
		}
		if !errors.Is(err, unix.ENOENT) || time.Now().After(deadline) {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
	}
}
