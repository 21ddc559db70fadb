package network

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

func bind(t *testing.T, ports ...spec.PortMapping) []spec.PortMapping {
	t.Helper()
	held, resolved, err := BindPorts(ports)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFiles(held) })
	return resolved
}

func TestAPortThatIsHeldIsRefusedToAll(t *testing.T) {
	for _, protocol := range []string{"tcp", "udp"} {
		for _, hostIP := range []string{"", "127.0.0.1", "0.0.0.0", "::1"} {
			t.Run(protocol+" "+hostIP, func(t *testing.T) {
				first := bind(t, spec.PortMapping{HostIP: hostIP, ContainerPort: 80, Protocol: protocol})
				if first[0].HostPort == 0 {
					t.Fatal("no port was chosen")
				}
				_, _, err := BindPorts(first)
				var taken *spec.PortTakenError
				if !errors.As(err, &taken) || taken.Port.HostPort != first[0].HostPort {
					t.Errorf("err %v, want the port taken", err)
				}
			})
		}
	}
}

func TestAPortThatAnotherProgramHasIsTaken(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		p, err := net.ListenPacket("udp", listen)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for protocol, addr := range map[string]net.Addr{"tcp": l.Addr(), "udp": p.LocalAddr()} {
			_, portText, _ := net.SplitHostPort(addr.String())
			number, _ := strconv.Atoi(portText)
			free := spec.PortMapping{ContainerPort: 1, Protocol: protocol}
			_, _, err := BindPorts([]spec.PortMapping{free, {HostPort: uint16(number), ContainerPort: 80, Protocol: protocol}})
			var taken *spec.PortTakenError
			if !errors.As(err, &taken) {
				t.Errorf("%s %s: err %v, want the port taken", protocol, addr, err)
			}
		}
	}
}

func TestAFailedBindKeepsNothing(t *testing.T) {
	holder := bind(t, spec.PortMapping{ContainerPort: 1, Protocol: "tcp"})
	other := bind(t, spec.PortMapping{ContainerPort: 1, Protocol: "udp"})
	// The number of the UDP port is free for TCP, unless somebody just took it.
	first := spec.PortMapping{HostPort: other[0].HostPort, ContainerPort: 1, Protocol: "tcp"}
	if _, _, err := BindPorts([]spec.PortMapping{first, holder[0]}); err == nil {
		t.Fatal("a taken port was bound")
	}
	bind(t, first)
}

// A client that tries ::1 before 127.0.0.1 must be turned away at once.
func TestAnIPv6PortIsHeldButRefusesConnections(t *testing.T) {
	p := bind(t, spec.PortMapping{ContainerPort: 80, Protocol: "tcp"})
	c, err := net.Dial("tcp", net.JoinHostPort("::1", strconv.Itoa(int(p[0].HostPort))))
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("err %v, want refused", err)
	}
}

func TestPortsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		port spec.PortMapping
		says string
	}{
		"a foreign address": {spec.PortMapping{HostIP: "203.0.113.7", HostPort: 18080, Protocol: "tcp"}, "no address 203.0.113.7"},
		"no address":        {spec.PortMapping{HostIP: "here", HostPort: 18080, Protocol: "tcp"}, `"here"`},
		"a protocol":        {spec.PortMapping{HostPort: 18080, Protocol: "gopher"}, `"gopher"`},
	} {
		_, _, err := BindPorts([]spec.PortMapping{c.port})
		if !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: err %v", name, err)
		}
	}
	// SCTP: bound where the kernel has it, refused by name where not.
	held, _, err := BindPorts([]spec.PortMapping{{HostPort: 18081, Protocol: "sctp"}})
	closeFiles(held)
	if err != nil && (!errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), "sctp")) {
		t.Errorf("sctp: err %v", err)
	}
}
