package option

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"berth/engine/spec"
	"berth/translate"
)

func parse(t *testing.T, args ...string) (translate.Options, error) {
	t.Helper()
	flags := pflag.NewFlagSet("kube play", pflag.ContinueOnError)
	var play KubePlay
	play.Register(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return play.Options(func(string) string { return "" })
}

func TestKubePlayFlags(t *testing.T) {
	for _, c := range []struct {
		args string
		want translate.Options
	}{
		{"", translate.Options{}},
		{"--annotation a=b --annotation c=d=e --annotation f=", translate.Options{Annotations: map[string]string{"a": "b", "c": "d=e", "f": ""}}},
		{"--network host", translate.Options{NetworkMode: translate.NetworkHost}},
		{"--network none", translate.Options{NetworkMode: translate.NetworkNone}},
		{"--network podman", translate.Options{Networks: []spec.NetworkAttachment{{Network: "berth"}}}},
		{"--network bridge", translate.Options{Networks: []spec.NetworkAttachment{{Network: "berth"}}}},
		{"--network private --network lan:ip=10.0.0.9,mac=92:D0:C6:0A:29:33,alias=a,alias=b,interface_name=lan0", translate.Options{Networks: []spec.NetworkAttachment{
			{Network: "berth"},
			{Network: "lan", IPs: []string{"10.0.0.9"}, MAC: "92:d0:c6:0a:29:33", Aliases: []string{"a", "b"}, Name: "lan0"},
		}}},
		{"--network lan:ip=10.0.0.9,ip6=fd00::9", translate.Options{Networks: []spec.NetworkAttachment{{Network: "lan", IPs: []string{"10.0.0.9", "fd00::9"}}}}},
		{"--publish 8080:80,53:53/udp -p 9090:90", translate.Options{Publish: []spec.PortMapping{
			{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}, {HostPort: 53, ContainerPort: 53, Protocol: "udp"}, {HostPort: 9090, ContainerPort: 90, Protocol: "tcp"},
		}}},
		{"--ip 10.0.0.1 --ip 10.0.0.2 --mac-address 92-d0-c6-0a-29-33", translate.Options{IPs: []string{"10.0.0.1", "10.0.0.2"}, MACs: []string{"92:d0:c6:0a:29:33"}}},
		{"--publish-all --no-pod-prefix --no-hosts --no-hostname --allow-unenforced-limits", translate.Options{
			PublishAll: true, PlainNames: true, NoHosts: true, NoHostname: true, AllowUnenforcedLimits: true,
		}},
		{"--seccomp-profile-root /etc/seccomp", translate.Options{SeccompRoot: "/etc/seccomp"}},
		{"--log-opt path=/var/log/x --log-opt max-size=10mb", translate.Options{Log: spec.Log{Path: "/var/log/x", MaxSize: 10_000_000}}},
		{"--log-driver json-file --log-opt max-size=-1", translate.Options{Log: spec.Log{Driver: "k8s-file", MaxSize: -1}}},
		{"--log-driver journald --log-opt tag=x", translate.Options{Log: spec.Log{Driver: "journald", Tag: "x"}}},
		{"--log-driver journald --log-opt label=A=b --log-opt label=C=", translate.Options{Log: spec.Log{Driver: "journald", Labels: []string{"A=b", "C="}}}},
		{"--userns host", translate.Options{Users: &translate.Users{}}},
		{"--userns keep-id:uid=5", translate.Options{Users: &translate.Users{Namespace: everyUser(), As: &translate.IDs{UID: 5}}}},
		{"--userns auto:size=5000", translate.Options{Users: &translate.Users{Namespace: &spec.UserNamespace{Auto: &spec.AutoUsers{Size: 5000}}}}},
		{"--userns=", translate.Options{}},
	} {
		got, err := parse(t, strings.Fields(c.args)...)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.args, diff)
		}
	}
}

func TestKubePlayRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"--annotation a":                                 `--annotation "a": write key=value`,
		"--annotation =b":                                `--annotation "=b": write key=value`,
		"--network pasta --network lan":                  "--network pasta cannot be combined",
		"--network pasta:--netns,/run/x":                 "option --netns of pasta cannot be honoured: its namespace is the pod's",
		"--network pasta --ip 10.0.0.1":                  "--ip and --mac-address cannot be honoured with --network pasta",
		"--network slirp4netns:mtu=1":                    "option mtu=1 of slirp4netns: want a number of bytes",
		"--network container:x":                          "container cannot be honoured",
		"--network ns:/run/x":                            "ns cannot be honoured",
		"--network host:ip=1.2.3.4":                      "host takes no options",
		"--network host --network lan":                   "cannot be combined",
		"--network lan --network lan:ip=1.2.3.4":         "lan is given twice",
		"--network private --network bridge":             "berth is given twice",
		"--network lan:i=1.2.3.4":                        `unknown option "i", did you mean "ip"?`,
		"--network lan:ip=1.2.3":                         `"1.2.3" is not an IP address`,
		"--network lan:ip6=1.2.3.4":                      "is not an IPv6 address",
		"--network lan:mac=xx":                           "is not a MAC address",
		"--network lan:alias=":                           "needs a name",
		"--network lan:interface_name=sixteen_character": "not the name of an interface",
		"--log-driver journald --log-opt tag={{.Name}}":  "stands for something of one container",
		"--log-opt label=A=b":                            "add --log-driver journald",
		"--userns keep-id:uid=200,gid=x":                 `gid="x": not a number of a user or group`,
		"--userns keep-id:size=100":                      "size= is for others than root",
		"--userns nomap":                                 "for others than root",
		"--userns auto:size=0":                           `"0" is not a number of users`,
		"--userns private":                               "does not say how the users of a pod of YAML are mapped",
		"--userns ns:/proc/1/ns/user":                    "does not say how the users of a pod of YAML are mapped",
		"--userns hots":                                  `unknown, did you mean "host"?`,
		"--network=":                                     "the name is missing",
		"--ip 1.2.3":                                     `--ip "1.2.3": not an IP address`,
		"--mac-address 1":                                `--mac-address "1": not a MAC`,
		"--network host --publish 80:80":                 "--publish cannot be honoured with --network host",
		"--network none --ip 1.2.3.4":                    "--ip cannot be honoured with --network none",
		"--network a --network b --ip 1.2.3.4":           "do not say which of several networks",
		"--log-driver journal":                           `did you mean "journald"?`,
		"--log-driver splunk":                            "use one of k8s-file",
		"--log-opt maxsize=10mb":                         `unknown option, did you mean "max-size"?`,
		"--log-opt max-size=lots":                        `"lots" is not a size`,
		"--log-opt max-size=0":                           `"0" is not a size`,
		"--log-opt path=x":                               "give an absolute path",
		"--log-opt tag=x":                                "add --log-driver journald",
		"--log-driver none --log-opt path=/x":            "only driver k8s-file",
		"--seccomp-profile-root here":                    "give an absolute path",
	} {
		if _, err := parse(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := parse(t, "--publish", "x", "--network", "pasta:x", "--ip", "y", "--log-opt", "z=1")
	if err == nil {
		t.Fatal("no error")
	}
	for _, flag := range []string{"--publish", "--network", "--ip", "--log-opt"} {
		if !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is missing in:\n%v", flag, err)
		}
	}
}
