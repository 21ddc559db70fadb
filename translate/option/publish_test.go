package option

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

func TestParsePublish(t *testing.T) {
	one := func(ip string, host, container uint16, protocol string) []spec.PortMapping {
		return []spec.PortMapping{{HostIP: ip, HostPort: host, ContainerPort: container, Protocol: protocol}}
	}
	for in, want := range map[string][]spec.PortMapping{
		"80":                    one("", 0, 80, "tcp"),
		"80/udp":                one("", 0, 80, "udp"),
		"8080:80":               one("", 8080, 80, "tcp"),
		"8080:80/TCP":           one("", 8080, 80, "tcp"),
		"5000:5000/sctp":        one("", 5000, 5000, "sctp"),
		":80":                   one("", 0, 80, "tcp"),
		"127.0.0.1:8080:80":     one("127.0.0.1", 8080, 80, "tcp"),
		"127.0.0.1::80":         one("127.0.0.1", 0, 80, "tcp"),
		"[::1]:8080:80":         one("::1", 8080, 80, "tcp"),
		"[::]::80":              one("::", 0, 80, "tcp"),
		"65535:1":               one("", 65535, 1, "tcp"),
		"8000-8002:9000-9002":   append(append(one("", 8000, 9000, "tcp"), one("", 8001, 9001, "tcp")...), one("", 8002, 9002, "tcp")...),
		"9000-9001/udp":         append(one("", 0, 9000, "udp"), one("", 0, 9001, "udp")...),
		"1.2.3.4:70-71:80-81":   append(one("1.2.3.4", 70, 80, "tcp"), one("1.2.3.4", 71, 81, "tcp")...),
		"1.2.3.4:65535:80-80":   one("1.2.3.4", 65535, 80, "tcp"),
		"[fe80::1]:1-1:2-2/udp": one("fe80::1", 1, 2, "udp"),
	} {
		got, err := ParsePublish(in)
		if err != nil {
			t.Errorf("ParsePublish(%q): %v", in, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParsePublish(%q):\n%s", in, diff)
		}
	}
}

func TestParsePublishRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                  `"" is not a port`,
		"http":              `"http" is not a port`,
		"0":                 `"0" is not a port`,
		"65536":             `"65536" is not a port`,
		"8080:":             `container port "" is not a port`,
		"8080:80/tpc":       `unknown protocol "tpc", did you mean "tcp"?`,
		"8080:80/":          `unknown protocol ""`,
		"80:8000-8001":      "1 host ports for 2 container ports",
		"9-8":               "ends before it begins",
		"1.2.3:80:80":       `"1.2.3" is not an IP address`,
		"::1:80:80":         "an IPv6 address in brackets",
		"[::1]80:80":        "write [ip]:hostPort:containerPort",
		"[::1]:80":          "write [[ip:]",
		"-1:80":             `host port "" is not a port`,
		"+1:80":             `host port "+1" is not a port`,
		"1.2.3.4:1:2:3":     "write [[ip:]",
		"127.0.0.1:80x:80":  `"80x" is not a port`,
		"8000-80001:80-100": `"80001" is not a port`,
	} {
		got, err := ParsePublish(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePublish(%q) = %v, %v, want an error with %q", in, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("--publish %q", in)) {
			t.Errorf("the error does not name flag and value: %v", err)
		}
	}
}

// FuzzParsePublish writes what was parsed again and expects the same.
func FuzzParsePublish(f *testing.F) {
	for _, s := range []string{"80", "1.2.3.4:8080:80/udp", "[::1]::80", "1-9:11-19", ":::", "[]:80", "80/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ports, err := ParsePublish(s)
		if (err == nil) != (len(ports) > 0) {
			t.Fatalf("ParsePublish(%q) = %v, %v", s, ports, err)
		}
		for _, p := range ports {
			if p.ContainerPort == 0 {
				t.Errorf("ParsePublish(%q) has container port 0", s)
			}
			host, ip := "", p.HostIP
			if p.HostPort != 0 {
				host = fmt.Sprint(p.HostPort)
			}
			if ip != "" {
				ip = "[" + ip + "]:"
			}
			written := fmt.Sprintf("%s%s:%d/%s", ip, host, p.ContainerPort, p.Protocol)
			again, err := ParsePublish(written)
			if err != nil || len(again) != 1 || again[0] != p {
				t.Errorf("%q gave %+v, but %q gives %+v, %v", s, p, written, again, err)
			}
		}
	})
}
