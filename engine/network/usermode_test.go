package network

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/engine/spec"
)

// plan is the command line for a pod, with a pasta that says it knows these options.
func plan(t *testing.T, knows string, o Options, pod Pod) (string, UserModeLease, error) {
	t.Helper()
	dir := t.TempDir()
	help := "#!/bin/sh\necho 'Usage: pasta' >&2\necho '" + knows + "' >&2\nexit 1\n"
	for _, name := range []string{"pasta", "slirp4netns"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(help), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	o.RunDir, o.HelperDirs = dir, []string{dir}
	pod.ID, pod.Namespace = "0123", "/run/pods/uid/netns"
	lease, err := New(o).Reserve(t.Context(), pod)
	if err != nil || lease.UserMode == nil {
		return "", UserModeLease{}, err
	}
	return strings.Join(lease.UserMode.Args, " "), *lease.UserMode, nil
}

func wordsOf(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func userModePod(program, options string, ports ...spec.PortMapping) Pod {
	return Pod{UserMode: &spec.UserMode{Program: program, Options: wordsOf(options)}, Ports: ports}
}

const (
	oldHelp = "  -t, --tcp-ports SPEC\n  --netns PATH"
	newHelp = oldHelp + "\n  --map-guest-addr ADDR\n  -z, --zap ADDR"
)

func TestPastaIsStartedAsPodmanStartsIt(t *testing.T) {
	const last = " --quiet --runas 0 --no-netns-quit --netns /run/pods/uid/netns"
	web := spec.PortMapping{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}
	for _, c := range []struct {
		name, help, options, conf string
		ports                     []spec.PortMapping
		want                      string
		servers, host             string
	}{
		{
			name: "as it is", help: newHelp,
			want:    "--config-net -t none -u none --dns-forward 169.254.1.1 -T none -U none --no-map-gw --map-guest-addr 169.254.1.2" + last,
			servers: "169.254.1.1", host: "169.254.1.2",
		},
		{
			name: "an older one", help: oldHelp,
			want:    "--config-net -t none -u none --dns-forward 169.254.1.1 -T none -U none --no-map-gw" + last,
			servers: "169.254.1.1",
		},
		{
			name: "neighbours are published as one range", help: oldHelp,
			ports: []spec.PortMapping{
				web, {HostPort: 8081, ContainerPort: 81, Protocol: "tcp"}, {HostPort: 8083, ContainerPort: 83, Protocol: "tcp"},
				{HostIP: "127.0.0.1", HostPort: 53, ContainerPort: 5353, Protocol: "udp"}, {HostIP: "::1", HostPort: 54, ContainerPort: 5354, Protocol: "udp"},
			},
			want: "--config-net -t 8080-8081:80-81 -t 8083-8083:83-83 -u 127.0.0.1/53-53:5353-5353 -u ::1/54-54:5354-5354" +
				" --dns-forward 169.254.1.1 -T none -U none --no-map-gw" + last,
			servers: "169.254.1.1",
		},
		{
			name: "what is given goes before what is usual", help: newHelp, ports: []spec.PortMapping{web},
			options: "--map-gw,-u,9000,-T5201,--dns-forward=10.0.2.3,--map-guest-addr,fd00::5,--map-guest-addr,10.0.2.5",
			want: "--config-net -u 9000 -T5201 --dns-forward=10.0.2.3 --map-guest-addr fd00::5 --map-guest-addr 10.0.2.5" +
				" -t 8080-8080:80-80 -U none" + last,
			servers: "10.0.2.3", host: "10.0.2.5",
		},
		{
			name: "containers.conf goes first", help: newHelp, conf: "-m,1500", options: "-m,9000,--map-guest-addr,none",
			want: "--config-net -m 1500 -m 9000 --map-guest-addr none -t none -u none --dns-forward 169.254.1.1 -T none -U none --no-map-gw" +
				last,
			servers: "169.254.1.1",
		},
		{
			name: "an option that only this pasta knows", help: newHelp, options: "--zap,x",
			want: "--config-net --zap x -t none -u none --dns-forward 169.254.1.1 -T none -U none --no-map-gw --map-guest-addr 169.254.1.2" +
				last,
			servers: "169.254.1.1", host: "169.254.1.2",
		},
	} {
		got, u, err := plan(t, c.help, Options{PastaOptions: wordsOf(c.conf)}, userModePod(spec.Pasta, c.options, c.ports...))
		if err != nil || got != c.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.name, err, got, c.want)
		}
		var servers []string
		for _, s := range u.Servers {
			servers = append(servers, s.String())
		}
		if strings.Join(servers, " ") != c.servers || u.Host() != c.host {
			t.Errorf("%s: servers %q, host %q", c.name, servers, u.Host())
		}
	}
}

func TestSlirpIsStartedAsPodmanStartsIt(t *testing.T) {
	const last = " --configure --ready-fd=3 --netns-type=path /run/pods/uid/netns tap0"
	for _, c := range []struct {
		name, options, conf, want, ip, server string
		ports                                 []spec.PortMapping
	}{
		{
			name: "as it is", want: "--disable-host-loopback --mtu=65520 --enable-sandbox --enable-seccomp --enable-ipv6" + last,
			ip: "10.0.2.100", server: "10.0.2.3",
		},
		{
			name: "all options", conf: "mtu=1500,allow_host_loopback=true",
			options: "mtu=9000,cidr=10.9.1.0/24,enable_ipv6=true,outbound_addr=eth0,outbound_addr6=fd00::1,port_handler=slirp4netns",
			ports:   []spec.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
			want: "--mtu=9000 --enable-sandbox --enable-seccomp --enable-ipv6 --cidr=10.9.1.0/24 --outbound-addr=eth0 --outbound-addr6=fd00::1" +
				" --api-socket=uid.sock" + last,
			ip: "10.9.1.100", server: "10.9.1.3",
		},
	} {
		got, u, err := plan(t, "", Options{SlirpOptions: wordsOf(c.conf)}, userModePod(spec.Slirp4netns, c.options, c.ports...))
		if err != nil || got != c.want {
			t.Fatalf("%s: %v\ngot  %s\nwant %s", c.name, err, got, c.want)
		}
		if u.IPs[0].String() != c.ip || u.Servers[0].String() != c.server || len(u.Forward) != len(c.ports) {
			t.Errorf("%s: %+v", c.name, u)
		}
	}
}

func TestUserModeRefusesEarly(t *testing.T) {
	for _, c := range []struct {
		conf, want string
		pod        Pod
	}{
		{"", "this host's pasta has no option --bogus", userModePod(spec.Pasta, "--bogus")},
		{"", `"x" is no option of pasta`, userModePod(spec.Pasta, "x")},
		{"", "port 80/sctp cannot be published", userModePod(spec.Pasta, "", spec.PortMapping{HostPort: 1, ContainerPort: 80, Protocol: "sctp"})},
		{"", "on ::1: it publishes on IPv4", userModePod(spec.Slirp4netns, "", spec.PortMapping{HostIP: "::1", HostPort: 1, ContainerPort: 80})},
		{"--fd,3", "pasta_options of containers.conf: option --fd", userModePod(spec.Pasta, "-m,1500")},
	} {
		if _, _, err := plan(t, newHelp, Options{PastaOptions: wordsOf(c.conf)}, c.pod); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want an error with %q", err, c.want)
		}
	}
	t.Setenv("PATH", t.TempDir())
	err := New(Options{RunDir: t.TempDir()}).CheckPod(t.Context(), userModePod(spec.Pasta, ""))
	if err == nil || !strings.Contains(err.Error(), "install the package passt") {
		t.Errorf("%v does not say what to install", err)
	}
}
