package spec

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// UserMode is a network stack that is a process of the host, in place of networks
// of ours: it opens a socket of the host for each connection of the pod.
type UserMode struct {
	Program string `json:"program"` // Pasta or Slirp4netns
	// Options are those of --network, as they were given: of pasta(1) its own, word
	// by word, of slirp4netns "key=value".
	Options []string `json:"options,omitempty"`
}

// The programs of a UserMode.
const (
	Pasta       = "pasta"
	Slirp4netns = "slirp4netns"
)

// String is how --network takes it.
func (u UserMode) String() string {
	if len(u.Options) == 0 {
		return u.Program
	}
	return u.Program + ":" + strings.Join(u.Options, ",")
}

// UserModeOption is one option of a UserMode.
type UserModeOption struct {
	Name  string // of pasta its long form, without dashes; "" where only a newer pasta may know it
	Value string
	Words []string // as they were given
}

// Parse reads the options, or says what is wrong with them. What pasta thinks of
// values is left to it, and so are options it may have learned since.
func (u UserMode) Parse() ([]UserModeOption, error) {
	if u.Program == Slirp4netns {
		return parseSlirp(u.Options)
	}
	return parsePasta(u.Options)
}

// pastaOptions are those of pasta(1): the short form, and whether it takes a value.
var pastaOptions = map[string]struct {
	short string
	value bool
}{
	"address": {"a", true}, "chroot-fallback": {}, "conf-path": {"c", true}, "config-net": {}, "debug": {"d", false}, "dhcp-dns": {}, "dhcp-search": {},
	"dns": {"D", true}, "dns-forward": {"", true}, "dns-host": {"", true}, "fd": {"F", true}, "foreground": {"f", false}, "fqdn": {"", true}, "freebind": {},
	"gateway": {"g", true}, "help": {"h", false}, "host-lo-to-ns-lo": {}, "hostname": {"H", true}, "interface": {"i", true}, "ipv4-only": {"4", false},
	"ipv6-only": {"6", false}, "log-file": {"l", true}, "log-size": {"", true}, "mac-addr": {"M", true}, "map-guest-addr": {"", true}, "map-gw": {},
	"map-host-loopback": {"", true}, "mtu": {"m", true}, "netmask": {"n", true}, "netns": {"", true}, "netns-only": {}, "no-copy-addrs": {},
	"no-copy-routes": {}, "no-dhcp": {}, "no-dhcp-dns": {}, "no-dhcp-search": {}, "no-dhcpv6": {}, "no-icmp": {}, "no-map-gw": {}, "no-ndp": {},
	"no-netns-quit": {}, "no-pidns": {}, "no-ra": {}, "no-splice": {}, "no-tcp": {}, "no-udp": {}, "ns-ifname": {"I", true}, "ns-mac-addr": {"", true},
	"one-off": {"1", false}, "outbound": {"o", true}, "outbound-if4": {"", true}, "outbound-if6": {"", true}, "pcap": {"p", true}, "pid": {"P", true},
	"quiet": {"q", false}, "runas": {"", true}, "search": {"S", true}, "splice-only": {}, "stats": {"", true}, "stderr": {"e", false}, "tcp-ns": {"T", true},
	"tcp-ports": {"t", true}, "trace": {}, "udp-ns": {"U", true}, "udp-ports": {"u", true}, "userns": {"", true}, "version": {},
}

// pastaRefused are options that say otherwise than pasta is started, and why.
var pastaRefused = map[string]string{
	"netns": "its namespace is the pod's", "netns-only": "its namespace is the pod's", "userns": "its namespace is the pod's",
	"foreground": "it runs in the background", "pid": "its process is known without", "runas": "it runs as root, which alone may enter the namespace",
	"debug": "nobody reads that: use --log-file", "trace": "nobody reads that: use --log-file", "stats": "nobody reads that: use --log-file",
	"stderr": "nobody reads that: use --log-file", "help": "it says nothing then, nor forwards anything", "version": "it forwards nothing then",
	"fd": "that is an option of passt", "one-off": "that is an option of passt", "no-pidns": "it starts no command",
}

func parsePasta(words []string) (options []UserModeOption, err error) {
	var errs []error
	for i := 0; i < len(words); i++ {
		o := UserModeOption{Words: words[i : i+1]}
		flag, value, hasValue := strings.Cut(words[i], "=")
		known := true
		switch {
		case strings.HasPrefix(flag, "--"):
			o.Name = flag[2:]
			_, known = pastaOptions[o.Name]
		case strings.HasPrefix(flag, "-") && len(flag) > 1:
			hasValue, value = len(words[i]) > 2, words[i][2:]
			o.Name = pastaLong(words[i][1:2])
			known = o.Name != ""
		default:
			errs = append(errs, fmt.Errorf("%q is no option of pasta(1): those begin with a dash, and their values are words of their own", words[i]))
			continue
		}
		switch takes := pastaOptions[o.Name].value; {
		case !known:
			o.Name = ""
		case hasValue && !takes:
			errs = append(errs, fmt.Errorf("option %s of pasta takes no value", flag))
		}
		if why, refused := pastaRefused[o.Name]; refused {
			errs = append(errs, fmt.Errorf("option %s of pasta cannot be honoured: %s", flag, why))
		}
		o.Value = value
		if next := i + 1; !hasValue && (pastaOptions[o.Name].value || !known && next < len(words) && !strings.HasPrefix(words[next], "-")) {
			if next == len(words) {
				return nil, errors.Join(append(errs, fmt.Errorf("option %s of pasta needs a value", flag))...)
			}
			o.Value, o.Words = words[next], words[i:next+1]
			i = next
		}
		options = append(options, o)
	}
	return options, errors.Join(errs...)
}

func pastaLong(short string) string {
	for long, o := range pastaOptions {
		if o.short == short {
			return long
		}
	}
	return ""
}

// slirpKeys are the options of --network slirp4netns.
func slirpKeys() []string {
	return []string{"allow_host_loopback", "mtu", "cidr", "enable_ipv6", "outbound_addr", "outbound_addr6", "port_handler"}
}

// mostSlirpMTU is what slirp4netns(1) takes.
const mostSlirpMTU = 65521

func parseSlirp(words []string) (options []UserModeOption, err error) {
	var errs []error
	ipv6, outbound6 := true, false
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		options = append(options, UserModeOption{Name: key, Value: value, Words: []string{word}})
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("option %s of slirp4netns: "+format, append([]any{word}, args...)...))
		}
		switch key {
		case "allow_host_loopback", "enable_ipv6":
			on, err := strconv.ParseBool(value)
			if err != nil {
				bad("write true or false")
			}
			ipv6 = ipv6 && (key != "enable_ipv6" || on)
		case "mtu":
			if n, err := strconv.Atoi(value); err != nil || n < 68 || n > mostSlirpMTU {
				bad("want a number of bytes, %d at most", mostSlirpMTU)
			}
		case "cidr":
			// It hands out the network's addresses .2, .3 and .100 (slirp4netns(1)).
			if p, err := netip.ParsePrefix(value); err != nil || !p.Addr().Is4() || p.Bits() > 25 {
				bad("want an IPv4 address range such as 10.0.2.0/24, of 128 addresses at least")
			}
		case "outbound_addr", "outbound_addr6":
			outbound6 = outbound6 || key == "outbound_addr6"
			if ip, err := netip.ParseAddr(value); value == "" || err == nil && ip.Is6() != (key == "outbound_addr6") {
				bad("want an interface, or an IPv%s address", map[bool]string{false: "4", true: "6"}[key == "outbound_addr6"])
			}
		case "port_handler":
			switch value {
			case "slirp4netns":
			case "rootlesskit":
				bad("its forwarder is a part of podman, rootlessport: leave the option out, slirp4netns forwards ports itself and keeps the clients' addresses")
			default:
				bad("want slirp4netns")
			}
		default:
			errs = append(errs, fmt.Errorf("unknown option %q of slirp4netns: use one of %s", word, strings.Join(slirpKeys(), ", ")))
		}
	}
	if outbound6 && !ipv6 {
		errs = append(errs, errors.New("option outbound_addr6 of slirp4netns needs enable_ipv6=true"))
	}
	return options, errors.Join(errs...)
}

// LastOption is the value of the last option of that name, and whether there is one.
func LastOption(options []UserModeOption, name string) (value string, given bool) {
	for _, o := range options {
		if o.Name == name {
			value, given = o.Value, true
		}
	}
	return value, given
}
