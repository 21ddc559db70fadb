package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// roleEnv says what part a process plays: the agent's, or that of a command in
// the machine with the handle it names.
const (
	roleEnv   = "BERTH_TESTHOST_VM"
	agentRole = "agent"
)

// Hook plays the part this process was started for, if it is one of the
// machinery's own, and does not return then. Call it first thing in TestMain.
func Hook() {
	role := os.Getenv(roleEnv)
	if role == "" {
		return
	}
	_ = os.Unsetenv(roleEnv) // what runs for it is not to be taken for it
	code := 0
	var err error
	if role == agentRole {
		err = serve()
	} else {
		code, err = Enter(role, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testhost:", err)
		code = max(code, 125)
	}
	os.Exit(code)
}

// Enter runs a program in the machine that handle names, with our standard
// streams, environment and working folder, and returns its exit code.
func Enter(handle string, argv []string) (int, error) {
	if len(argv) == 0 {
		return 1, errors.New("nothing to run in the virtual machine")
	}
	dir, err := os.Getwd()
	if err != nil {
		return 1, fmt.Errorf("find the working folder: %w", err)
	}
	text, err := json.Marshal(request{Argv: argv, Env: os.Environ(), Dir: dir})
	if err != nil {
		return 1, fmt.Errorf("encode the command: %w", err)
	}
	notify := make(chan os.Signal, 8)
	signal.Notify(notify, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: handle, Net: "unixpacket"})
	if err != nil {
		return 1, fmt.Errorf("find the virtual machine: %w", err)
	}
	defer conn.Close()
	if _, _, err := conn.WriteMsgUnix(text, unix.UnixRights(0, 1, 2), nil); err != nil {
		return 1, fmt.Errorf("send the command: %w", err)
	}
	go func() { // ends with the process
		for s := range notify {
			for name, known := range signals() {
				if s == known {
					_, _ = conn.Write([]byte(name)) // it has ended: nobody to tell
				}
			}
		}
	}()
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		return 1, fmt.Errorf("hear of the command's end: %w", err)
	}
	var e ending
	if err := json.Unmarshal(answer[:n], &e); err != nil {
		return 1, fmt.Errorf("hear of the command's end: %w", err)
	}
	if e.Problem != "" {
		return 125, errors.New(e.Problem)
	}
	return e.Code, nil
}

// ending is how a command ended, or what kept it from doing so.
type ending struct {
	Code    int
	Problem string
}

// answer serves the processes that call Enter, until listener closes.
func (m *Machine) answer(listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			code, err := m.relay(conn)
			e := ending{Code: code}
			if err != nil {
				e.Problem = err.Error()
			}
			text, err := json.Marshal(e)
			if err == nil {
				_, _ = conn.Write(text) // the process is gone: nobody to tell
			}
		}()
	}
}

// relay runs the command that comes on conn.
func (m *Machine) relay(conn *net.UnixConn) (int, error) {
	text, rights := make([]byte, 1<<20), make([]byte, unix.CmsgSpace(3*4))
	n, rn, _, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return 0, fmt.Errorf("take a command: %w", err)
	}
	files, err := received(rights[:rn])
	for _, f := range files {
		defer f.Close()
	}
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	forward := make(chan ssh.Signal)
	go func() { // ends with the connection
		name := make([]byte, 64)
		for {
			n, err := conn.Read(name)
			if err != nil || n == 0 {
				cancel() // the process was killed
				return
			}
			select {
			case forward <- ssh.Signal(name[:n]):
			case <-ctx.Done():
				return
			}
		}
	}()
	return m.exec(ctx, string(text[:n]), files, forward)
}

func received(rights []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(errors.New("a command without its streams"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, fmt.Errorf("take a command's streams: %w", err)
	}
	var files []*os.File
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "stream"))
	}
	if len(files) != 3 {
		return files, errors.New("a command without its streams")
	}
	return files, nil
}

// exec runs a command over ssh. Cancelling ctx kills it.
func (m *Machine) exec(ctx context.Context, command string, streams []*os.File, forward <-chan ssh.Signal) (int, error) {
	if err := m.share(); err != nil {
		return 0, err
	}
	s, err := m.newSession()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	s.Stdin, s.Stdout, s.Stderr = streams[0], streams[1], streams[2]
	if err := s.Start(command); err != nil {
		return 0, fmt.Errorf("start a command in the virtual machine: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Wait() }()
	for {
		select {
		case name := <-forward:
			_ = s.Signal(name) // it has ended: nobody to tell
		case <-ctx.Done():
			return 0, ctx.Err() // closing the session kills it
		case err := <-ended:
			var exit *ssh.ExitError
			if errors.As(err, &exit) {
				return exit.ExitStatus(), nil
			}
			if err != nil {
				return 0, fmt.Errorf("the virtual machine went away: %w", err)
			}
			return 0, nil
		}
	}
}

// Command returns a command that will run in the machine, in the caller's
// working folder, if it is shared, and environment.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{name}, args...)...)
	cmd.Env = append(os.Environ(), roleEnv+"="+m.Handle())
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// Run runs a command in the machine to its end and returns its standard output.
// The error of one that fails carries what it printed on standard error.
func (m *Machine) Run(ctx context.Context, name string, args ...string) (string, error) {
	var stdout, stderr strings.Builder
	cmd := m.Command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("in the virtual machine: %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
