package spec

import (
	"slices"
	"strings"
	"testing"
)

func TestPastaOptionsAreReadAsPastaReadsThem(t *testing.T) {
	u := UserMode{Program: Pasta, Options: strings.Split("--map-gw,-m,1500,-t8080,--dns-forward=10.0.2.3,-4,--new,value,--newer,-I,tap0", ",")}
	options, err := u.Parse()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range options {
		got = append(got, o.Name+"="+o.Value+"/"+strings.Join(o.Words, " "))
	}
	want := []string{
		"map-gw=/--map-gw", "mtu=1500/-m 1500", "tcp-ports=8080/-t8080", "dns-forward=10.0.2.3/--dns-forward=10.0.2.3", "ipv4-only=/-4",
		"=value/--new value", "=/--newer", "ns-ifname=tap0/-I tap0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if u.String() != "pasta:"+strings.Join(u.Options, ",") {
		t.Errorf("String() = %q", u)
	}
}

func TestUserModeRefuses(t *testing.T) {
	for given, want := range map[string]string{
		"pasta mtu=1500":                                      `"mtu=1500" is no option of pasta(1)`,
		"pasta -t,22,25":                                      `"25" is no option of pasta(1)`,
		"pasta --mtu":                                         "option --mtu of pasta needs a value",
		"pasta --map-gw=yes":                                  "option --map-gw of pasta takes no value",
		"pasta --netns,/run/x":                                "its namespace is the pod's",
		"pasta -f":                                            "option -f of pasta cannot be honoured",
		"pasta --debug":                                       "use --log-file",
		"pasta --userns=/x,1234":                              `"1234" is no option`,
		"slirp4netns mtu=big":                                 "option mtu=big of slirp4netns: want a number of bytes, 65521 at most",
		"slirp4netns mtu=65522":                               "65521 at most",
		"slirp4netns cidr=10.0.2.0/26":                        "of 128 addresses at least",
		"slirp4netns cidr=fd00::/64":                          "want an IPv4 address range",
		"slirp4netns enable_ipv6=maybe":                       "write true or false",
		"slirp4netns outbound_addr=fd00::1":                   "want an interface, or an IPv4 address",
		"slirp4netns outbound_addr6=10.0.0.1":                 "want an interface, or an IPv6 address",
		"slirp4netns outbound_addr6=eth0,enable_ipv6=false":   "outbound_addr6 of slirp4netns needs enable_ipv6=true",
		"slirp4netns port_handler=rootlesskit":                "a part of podman",
		"slirp4netns port_handler=x":                          "want slirp4netns",
		"slirp4netns mtu=1500,bogus=1,allow_host_loopback=no": `unknown option "bogus=1" of slirp4netns`,
	} {
		program, options, _ := strings.Cut(given, " ")
		if _, err := (UserMode{Program: program, Options: strings.Split(options, ",")}).Parse(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", given, err, want)
		}
	}
	all := "allow_host_loopback=true,mtu=1500,cidr=10.9.0.0/24,enable_ipv6=true,outbound_addr=eth0,outbound_addr6=fd00::1,port_handler=slirp4netns"
	options, err := UserMode{Program: Slirp4netns, Options: strings.Split(all, ",")}.Parse()
	if value, given := LastOption(options, "cidr"); err != nil || len(options) != 7 || value != "10.9.0.0/24" || !given {
		t.Errorf("%v: %v", options, err)
	}
}
