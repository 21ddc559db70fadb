package option

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
	"berth/translate"
)

// KubePlay is the flags of `kube play` that shape pods.
type KubePlay struct {
	annotations, networks, publish, ips, macs, logOpts []string

	logDriver, seccompRoot, userns    string
	publishAll, noPodPrefix           bool
	noHosts, noHostname, allowNoLimit bool
}

// Register adds the flags to a set.
func (k *KubePlay) Register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&k.annotations, "annotation", nil, "add an annotation to all pods (`key=value`)")
	flags.StringArrayVar(&k.networks, "network", nil, "join the pods to a `network`: bridge, host, none, pasta, slirp4netns, or a name, with :ip=…,mac=…,alias=…")
	flags.StringSliceVarP(&k.publish, "publish", "p", nil, "publish a `port`: [[ip:][hostPort]:]containerPort[/protocol], overriding the YAML's")
	flags.BoolVar(&k.publishAll, "publish-all", false, "publish every containerPort, on its own number where no hostPort is given")
	flags.StringSliceVar(&k.ips, "ip", nil, "static IP `address`, once for each pod")
	flags.StringSliceVar(&k.macs, "mac-address", nil, "static MAC `address`, once for each pod")
	flags.StringVar(&k.logDriver, "log-driver", "", "keep container output with this `driver`: k8s-file, journald, none, passthrough")
	flags.StringArrayVar(&k.logOpts, "log-opt", nil, "option of the log driver (`key=value`): path, max-size, tag, label")
	flags.BoolVar(&k.noPodPrefix, "no-pod-prefix", false, "do not begin container names with the pod's name")
	flags.BoolVar(&k.noHosts, "no-hosts", false, "leave the image's /etc/hosts alone")
	flags.BoolVar(&k.noHostname, "no-hostname", false, "leave the image's /etc/hostname alone")
	flags.StringVar(&k.seccompRoot, "seccomp-profile-root", translate.DefaultSeccompRoot, "`folder` of localhost/ seccomp profiles")
	flags.StringVar(&k.userns, "userns", "", "`whose` users the pods have: host, auto[:size=…,uidmapping=…,gidmapping=…], keep-id[:uid=…,gid=…] (default: $PODMAN_USERNS, or as the YAML says)")
	flags.BoolVar(&k.allowNoLimit, "allow-unenforced-limits", false, "start pods although this host lacks a cgroup controller for one of their limits")
}

// Options is what the flags say, or everything that is wrong with them. env is the
// caller's environment.
func (k *KubePlay) Options(env func(string) string) (translate.Options, error) {
	o := translate.Options{
		PublishAll: k.publishAll, PlainNames: k.noPodPrefix, NoHosts: k.noHosts, NoHostname: k.noHostname,
		AllowUnenforcedLimits: k.allowNoLimit,
	}
	var errs []error
	note := func(err error) { errs = append(errs, err) }

	var err error
	o.Annotations, err = ParseAnnotations(k.annotations)
	note(err)
	networks, err := ParseNetworks(k.networks)
	note(err)
	o.NetworkMode, o.Networks, o.UserMode = networks.Mode, networks.Joined, networks.UserMode
	for _, s := range k.publish {
		ports, err := ParsePublish(s)
		note(err)
		o.Publish = append(o.Publish, ports...)
	}
	o.Log, err = ParseLog(k.logDriver, k.logOpts)
	note(err)
	note(checkPlain(o.Log))
	o.IPs, err = parseIPs(k.ips)
	note(err)
	o.MACs, err = parseMACs(k.macs)
	note(err)
	if k.seccompRoot != translate.DefaultSeccompRoot && k.seccompRoot != "" {
		o.SeccompRoot = k.seccompRoot
		if !path.IsAbs(k.seccompRoot) {
			note(fmt.Errorf("--seccomp-profile-root %q: give an absolute path", k.seccompRoot))
		}
	}
	userns := cmp.Or(k.userns, env("PODMAN_USERNS"))
	if o.Users, err = translate.ParseUsers(userns); err != nil {
		note(fmt.Errorf("--userns %q: %w", userns, err))
	}
	note(checkNetwork(o))
	return o, errors.Join(errs...)
}

// checkPlain refuses placeholders, which stand for something of one container.
func checkPlain(log spec.Log) error {
	for _, s := range append([]string{log.Tag}, log.Labels...) {
		if p := placeholder().FindString(s); p != "" {
			return fmt.Errorf("--log-opt: %s stands for something of one container, and the pods may have many: write the text itself", p)
		}
	}
	return nil
}

// checkNetwork reports options that need a network of ours.
func checkNetwork(o translate.Options) error {
	var errs []error
	if o.NetworkMode != translate.NetworkBridge {
		for _, words := range []struct {
			flag  string
			given int
		}{{"--publish", len(o.Publish)}, {"--ip", len(o.IPs)}, {"--mac-address", len(o.MACs)}} {
			if words.given > 0 {
				errs = append(errs, fmt.Errorf("%s cannot be honoured with --network %s: drop one of them", words.flag, o.NetworkMode))
			}
		}
	}
	if o.UserMode != nil && len(o.IPs)+len(o.MACs) > 0 {
		errs = append(errs, fmt.Errorf("--ip and --mac-address cannot be honoured with --network %s, whose addresses it chooses itself: use its own options", o.UserMode.Program))
	}
	if len(o.Networks) > 1 && len(o.IPs)+len(o.MACs) > 0 {
		errs = append(errs, errors.New("--ip and --mac-address do not say which of several networks they are for: write --network name:ip=…,mac=…"))
	}
	return errors.Join(errs...)
}

// ParseAnnotations reads the values of --annotation.
func ParseAnnotations(list []string) (map[string]string, error) {
	var out map[string]string
	var errs []error
	for _, s := range list {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			errs = append(errs, fmt.Errorf("--annotation %q: write key=value", s))
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = value
	}
	return out, errors.Join(errs...)
}

func parseIPs(list []string) ([]string, error) {
	var out []string
	var errs []error
	for _, s := range list {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("--ip %q: not an IP address", s))
			continue
		}
		out = append(out, ip.String())
	}
	return out, errors.Join(errs...)
}

func parseMACs(list []string) ([]string, error) {
	var out []string
	var errs []error
	for _, s := range list {
		mac, err := net.ParseMAC(s)
		if err != nil || len(mac) != 6 {
			errs = append(errs, fmt.Errorf("--mac-address %q: not a MAC address such as 92:d0:c6:0a:29:33", s))
			continue
		}
		out = append(out, mac.String())
	}
	return out, errors.Join(errs...)
}
