package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"berth/internal/testhost"
)

// bootLimit is how long a machine may take to boot, in software on a busy host;
// haltLimit, to go down in order. A kernel that qemu emulates hangs now and then
// before its first word, so that boots are tried bootTries times: until the agent
// answers nothing of the guest's has been asked for, and to it each is a power cut.
const (
	bootLimit = 90 * time.Second
	bootTries = 3
	haltLimit = 2 * time.Minute
)

// Options say what a machine is made of.
type Options struct {
	Debs  string            // the folder of its packages
	Cache string            // where what is made of them is kept
	Tools map[string]string // programs, by their name in the guest's /opt; the agent comes along
	Share []string          // folders whose files are at the same path in the guest
}

// Machine is a running virtual machine. Its methods are for one goroutine at a
// time, but for Command and what it returns.
type Machine struct {
	options Options
	system  system
	base    string // its folder
	socket  *net.UnixListener

	mu     sync.Mutex // held for no longer than it takes to look
	client *ssh.Client
	sent   *sharing

	process *exec.Cmd
	gone    chan struct{} // closed when qemu has ended
}

// Start makes a machine and returns when all that it starts at boot has
// started. Close ends it.
func Start(ctx context.Context, o Options) (*Machine, error) {
	base, err := os.MkdirTemp("/var/tmp", "berth-testhost-vm-")
	if err != nil {
		return nil, fmt.Errorf("make the virtual machine's folder: %w", err)
	}
	m := &Machine{options: o, base: base}
	if err := m.make(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Machine) make(ctx context.Context) error {
	var err error
	if m.system, err = ensureSystem(ctx, m.options.Debs, m.options.Cache); err != nil {
		return err
	}
	if err := m.makeTools(ctx); err != nil {
		return err
	}
	if err := run(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-b", m.system.disk(), "-F", "raw", m.file("disk")); err != nil {
		return err
	}
	m.socket, err = net.ListenUnix("unixpacket", &net.UnixAddr{Name: m.Handle(), Net: "unixpacket"})
	if err != nil {
		return fmt.Errorf("listen for commands: %w", err)
	}
	go m.answer(m.socket) // until it is closed
	return m.power(ctx)
}

func (m *Machine) file(name string) string { return filepath.Join(m.base, name) }

// Handle names the machine to Enter, in this process or another; it stays the
// same over a reboot.
func (m *Machine) Handle() string { return m.file("commands") }

// makeTools makes the second disk.
func (m *Machine) makeTools(ctx context.Context) error {
	dir := m.file("tools.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("gather the programs under test: %w", err)
	}
	defer os.RemoveAll(dir)
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the test binary: %w", err)
	}
	args := []string{"-euc", `dir=$0; while [ $# -gt 0 ]; do install -m 755 "$2" "$dir/$1"; shift 2; done`, dir, "agent", exe}
	for name, path := range m.options.Tools {
		args = append(args, name, path)
	}
	if err := run(ctx, "sh", args...); err != nil {
		return fmt.Errorf("gather the programs under test: %w", err)
	}
	return makeDisk(ctx, m.file("tools"), dir, "512M")
}

// PowerCut ends the machine as a power cut does, in the middle of anything, and
// starts it again: what it had not flushed to its disk may be lost.
func (m *Machine) PowerCut(ctx context.Context) error {
	m.kill()
	if err := m.power(ctx); err != nil {
		return fmt.Errorf("start after a power cut: %w", err)
	}
	return nil
}

// Reboot has the guest reboot.
func (m *Machine) Reboot(ctx context.Context) error {
	_, asked := m.Run(ctx, "systemctl", "reboot") // cut off, as likely as not
	select {
	case <-m.gone:
	case <-time.After(haltLimit):
		return fmt.Errorf("not down %s after systemctl reboot: %w\n%s", haltLimit, asked, m.Console())
	}
	m.kill()
	if err := m.power(ctx); err != nil {
		return fmt.Errorf("start after a reboot: %w", err)
	}
	return nil
}

// Close ends the machine and removes its disk.
func (m *Machine) Close() error {
	m.kill()
	var err error
	if m.socket != nil {
		err = m.socket.Close()
	}
	return errors.Join(err, os.RemoveAll(m.base))
}

// Console is what kernel and init have said.
func (m *Machine) Console() string {
	said, err := os.ReadFile(m.file("console"))
	if err != nil {
		return err.Error()
	}
	const most = 8 << 10
	return string(said[max(0, len(said)-most):])
}

// Leaks says what pods left in the machine.
func (m *Machine) Leaks(ctx context.Context) ([]testhost.Leak, error) {
	out, err := m.Run(ctx, "env", append(testhost.LeaksEnviron(), "/opt/agent")...)
	if err != nil {
		return nil, fmt.Errorf("look for leaks: %w", err)
	}
	return testhost.ParseLeaks([]byte(out))
}

// power starts the machine.
func (m *Machine) power(ctx context.Context) error {
	var errs []error
	for range bootTries {
		err := m.powerOnce(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		errs = append(errs, err)
		m.kill()
	}
	return errors.Join(errs...)
}

// powerOnce starts qemu and waits for the agent.
func (m *Machine) powerOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	agent := m.file("agent")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: agent, Net: "unix"})
	if err != nil {
		return fmt.Errorf("listen for the agent: %w", err)
	}
	defer listener.Close()
	if err := m.boot(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { listener.SetDeadline(time.Now()) })
	defer stop()
	conn, err := listener.AcceptUnix()
	if err != nil {
		return errors.Join(fmt.Errorf("wait for qemu: %w", err), errors.New(m.Console()))
	}
	// The end of qemu ends the connection; that of our patience must.
	stop = context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := m.connect(conn); err != nil {
		return fmt.Errorf("the virtual machine did not boot: %w\n%s", err, m.Console())
	}
	return nil
}

// connect waits for the agent at the other end of conn.
func (m *Machine) connect(conn net.Conn) error {
	secure, channels, requests, err := ssh.NewClientConn(conn, port, &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.client = ssh.NewClient(secure, channels, requests)
	m.sent = &sharing{}
	return nil
}

// boot starts qemu.
func (m *Machine) boot() error {
	args := append(acceleration(),
		"-machine", "q35", "-smp", "2", "-m", "1024", "-nodefaults", "-no-user-config", "-display", "none",
		"-no-reboot", // we start it again ourselves, and see that it went down
		"-kernel", m.system.kernel(), "-initrd", m.system.initrd(), "-append", "console=ttyS0 quiet panic=-1 mitigations=off",
		"-drive", "if=virtio,format=qcow2,file="+m.file("disk"),
		"-drive", "if=virtio,format=raw,readonly=on,file="+m.file("tools"),
		"-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,path="+m.file("agent"), "-device", "virtserialport,chardev=agent,name="+port,
		"-chardev", "file,id=console,append=on,path="+m.file("console"), "-serial", "chardev:console")
	var said strings.Builder
	cmd := exec.Command(qemu, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	started := make(chan error)
	gone := make(chan struct{})
	go func() { // ends with qemu
		// The kernel ties a child's life to the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // killed, as a rule
		}
		close(gone)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start qemu: %w", err)
	}
	m.process, m.gone = cmd, gone
	return nil
}

// kill ends qemu, if it runs.
func (m *Machine) kill() {
	if m.process == nil {
		return
	}
	_ = m.process.Process.Kill() // gone already
	<-m.gone
	m.mu.Lock()
	defer m.mu.Unlock()
	m.process = nil
	if m.client != nil {
		_ = m.client.Close() // its other end is gone
		m.client = nil
	}
}

func (m *Machine) newSession() (*ssh.Session, error) {
	m.mu.Lock()
	client := m.client
	m.mu.Unlock()
	if client == nil {
		return nil, errors.New("the virtual machine is off")
	}
	s, err := client.NewSession()
	if err != nil {
		return nil, fmt.Errorf("talk to the virtual machine: %w", err)
	}
	return s, nil
}
