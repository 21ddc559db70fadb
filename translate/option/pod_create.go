package option

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// PodCreate is the flags of `pod create`: everything that shapes a pod whose
// containers come one by one.
type PodCreate struct {
	flags *pflag.FlagSet

	pod        pod
	network    network
	namespaces namespaces
	userns     userns
	resource   resource
	device     device
	security   security
	volumes    volumes
}

// Register adds the flags to a set.
func (p *PodCreate) Register(flags *pflag.FlagSet) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	p.pod.register(f)
	p.network.shared(f)
	p.namespaces.shared(f)
	p.userns.register(f)
	p.resource.shared(f)
	p.device.shared(f)
	p.security.shared(f)
	p.volumes.shared(f)
	p.flags = f
	addAll(flags, f)
	alias(flags)
}

// Check is everything that is wrong with a command line whatever host it is
// for. Args are the pod's name, or nothing.
func (p *PodCreate) Check(args []string) error {
	_, err := p.Make(args, nowhere{})
	return err
}

// Make is the pod that the flags describe, which has no container yet; or
// everything that is wrong with them.
func (p *PodCreate) Make(args []string, host Host) (*Made, error) {
	m := newMaker(host, p.flags)
	m.pod.Bare, m.pod.ByHand, m.pod.PlainNames = false, true, true
	m.pod.RestartPolicy, m.pod.TerminationGrace = spec.RestartNever, stopTimeout
	m.fill(true)
	p.pod.name(m, args)
	p.pod.apply(m)
	for _, g := range []interface{ apply(*maker) }{&p.network, &p.namespaces, &p.userns, &p.device, &p.security, &p.volumes} {
		g.apply(m)
	}
	m.usualParameters()
	p.resource.limits(m, &m.pod.Limits, &m.pod.Tuning)
	p.pod.processes(m)
	if m.pod.Infra != nil && m.pod.Infra.None {
		m.pod.Networks = nil // nobody would be on them
	}
	p.pod.inherit(m)
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	return m.made, nil
}

// ParsePodCreate reads an argument list of `pod create`, flags and the pod's
// name, without a command line.
func ParsePodCreate(argv []string, host Host) (*Made, error) {
	var p PodCreate
	flags := quietSet("pod create")
	p.Register(flags)
	if err := parseFlags(flags, argv); err != nil {
		return nil, err
	}
	return p.Make(flags.Args(), host)
}

// CheckPodCreate is everything that is wrong with an argument list of `pod create`,
// whatever host it is for.
func CheckPodCreate(argv []string) error {
	_, err := ParsePodCreate(argv, nowhere{})
	return err
}

// pod is what only a pod has.
type pod struct {
	flagName, idFile, exitPolicy, restart, share            string
	infraName, infraImage, infraCommand, infraConmonPidFile string
	labels, labelFiles                                      []string
	infra, shareParent, replace                             bool
}

func (p *pod) register(f *pflag.FlagSet) {
	f.StringVarP(&p.flagName, "name", "n", "", "`name` of the pod (default: one that is made up)")
	f.BoolVar(&p.replace, "replace", false, "remove the pod that has the name, and its containers, first")
	f.StringVar(&p.idFile, "pod-id-file", "", "write the pod's ID to a `file`")
	f.StringArrayVarP(&p.labels, "label", "l", nil, "give the pod a label (`key=value`)")
	f.StringArrayVar(&p.labelFiles, "label-file", nil, "read labels from a `file`, one a line")
	f.StringVar(&p.exitPolicy, "exit-policy", "continue", "`what` becomes of the pod when its last container has ended: continue, stop")
	f.StringVar(&p.restart, "restart", "", "start its containers again by this `policy`, unless they have one: no, on-failure[:times], always, unless-stopped (default \"no\")")
	f.BoolVar(&p.infra, "infra", true, "hold the pod's namespaces and ports in a container of its own")
	f.StringVar(&p.infraName, "infra-name", "", "`name` of that container")
	f.StringVar(&p.infraImage, "infra-image", "", "`image` of that container (default: a small program of the host)")
	f.StringVar(&p.infraCommand, "infra-command", "", "`command` of that container")
	f.StringVar(&p.infraConmonPidFile, "infra-conmon-pidfile", "", "write the PID of that container's monitor to a `file`")
	f.StringVar(&p.share, "share", "ipc,net,uts", "`namespaces` that the containers share: cgroup, ipc, net, pid, uts; with + before, these as well as the usual ones; none")
	f.BoolVar(&p.shareParent, "share-parent", true, "make the containers' cgroups below the pod's")
}

func (p *pod) name(m *maker, args []string) {
	name := p.flagName
	switch {
	case len(args) > 1:
		m.note(fmt.Errorf("a pod has one name, not %d: %s", len(args), strings.Join(args, " ")))
	case len(args) == 1 && m.given("name") && args[0] != name:
		m.note(fmt.Errorf("--name %q: the pod is named %q as well: give one of them", name, args[0]))
	case len(args) == 1:
		name = args[0]
		m.noteFlag("name", name, CheckName(name))
	case m.given("name"):
		m.noteFlag("name", name, CheckName(name))
	}
	m.pod.Name = name
	m.made.Replace, m.made.IDFile = p.replace, m.file(p.idFile)
	if p.replace && name == "" {
		m.note(errors.New("--replace says nothing without --name"))
	}
}

func (p *pod) apply(m *maker) {
	m.pod.Labels = m.labels(p.labelFiles, p.labels)
	switch p.exitPolicy {
	case "continue", "":
	case "stop":
		m.pod.StopWithLast = true
	default:
		m.failf("exit-policy", p.exitPolicy, "unknown%s", oneOf(p.exitPolicy, []string{"continue", "stop"}))
	}
	policy, times, unless, err := parseRestart(p.restart)
	m.noteFlag("restart", p.restart, err)
	m.pod.RestartPolicy, m.hand.MostRestarts, m.hand.UnlessStopped = policy, times, unless
	p.shares(m)
	p.infraContainer(m)
	m.pod.Cgroup.Apart = !p.shareParent
}

// shares says which namespaces the containers have in common.
func (p *pod) shares(m *maker) {
	known := []string{"cgroup", "ipc", "net", "pid", "uts"}
	list, more := strings.CutPrefix(p.share, "+")
	shared := map[string]bool{}
	if more {
		shared["ipc"], shared["net"], shared["uts"] = true, true, true
	}
	for name := range strings.SplitSeq(list, ",") {
		switch {
		case name == "" || name == "none":
		case !slices.Contains(known, name):
			m.failf("share", p.share, "unknown namespace %q%s", name, oneOf(name, append(known, "none")))
		default:
			shared[name] = true
		}
	}
	if !p.infra || len(shared) == 0 && !m.given("infra") {
		p.noInfra(m, shared)
		return
	}
	m.pod.Own = spec.Own{Net: !shared["net"], IPC: !shared["ipc"], UTS: !shared["uts"]}
	m.pod.SharePID, m.pod.ShareCgroup = shared["pid"], shared["cgroup"]
	if shared["cgroup"] && m.given("share-parent") && p.shareParent {
		m.note(errors.New("--share cgroup and --share-parent exclude each other: give one of them"))
	}
}

// processes has --pid say whose processes the containers see only where they share that.
func (p *pod) processes(m *maker) {
	given := m.given("pid") && (m.pod.HostPID || m.pod.Join.PID != (spec.Join{})) // containers.conf speaks of containers
	if m.pod.SharePID || !given {
		return
	}
	m.pod.HostPID, m.pod.Join.PID = false, spec.Join{}
	m.made.Warnings = append(m.made.Warnings, "--pid says nothing of containers that see their own processes alone: add --share +pid")
}

// noInfra is a pod that is only a name for its containers.
func (p *pod) noInfra(m *maker, shared map[string]bool) {
	m.pod.Infra = &spec.Infra{None: true}
	m.pod.Own = spec.Own{Net: true, IPC: true, UTS: true}
	if m.given("share") && len(shared) > 0 {
		m.failf("share", p.share, "cannot be honoured with --infra=false: no container is there to hold what is shared")
	}
	of := []string{
		"infra-command", "infra-image", "infra-name", "infra-conmon-pidfile", "network", "network-alias", "publish", "hostname", "ip", "ip6", "mac-address",
		"dns", "dns-option", "dns-search", "add-host", "no-hosts", "no-hostname", "hosts-file", "sysctl", "shm-size", "pid", "uts", "userns", "uidmap", "gidmap",
	}
	for _, flag := range of {
		if m.given(flag) {
			m.note(fmt.Errorf("--%s cannot be honoured without an infra container, which would hold it: drop --infra=false, or --share", flag))
		}
	}
}

func (p *pod) infraContainer(m *maker) {
	if m.given("infra-name") {
		m.noteFlag("infra-name", p.infraName, CheckName(p.infraName))
	}
	infra := spec.Infra{
		Name: p.infraName, Image: p.infraImage, Command: strings.Fields(p.infraCommand), ConmonPidFile: m.file(p.infraConmonPidFile),
	}
	given := infra.Name != "" || infra.Image != "" || infra.ConmonPidFile != "" || len(infra.Command) > 0
	if m.pod.Infra == nil && given {
		m.pod.Infra = &infra
	}
}

// inherit leaves with the pod what each of its containers gets.
func (p *pod) inherit(m *maker) {
	for i := range m.pod.Volumes {
		v := &m.pod.Volumes[i]
		for j := range m.c.Mounts {
			if m.c.Mounts[j].Volume == v.Name {
				m.c.Mounts[j].Volume = "pod-" + v.Name
			}
		}
		v.Name = "pod-" + v.Name
	}
	in := spec.Inherited{Mounts: m.c.Mounts, Volumes: m.pod.Volumes, Security: m.c.Security, ByHand: *m.hand}
	m.pod.Volumes = nil
	if !in.IsZero() {
		m.pod.Inherit = &in
	}
}

// AddTo gives the container what the pod it goes into gives each of its
// containers; the container's own word wins.
func (m *Made) AddTo(p *spec.Pod) {
	c, in := m.Container(), p.Inherit
	if in == nil {
		return
	}
	h, from := c.ByHand, &in.ByHand
	for _, mount := range in.Mounts {
		if slices.ContainsFunc(c.Mounts, func(own spec.Mount) bool { return own.Path == mount.Path }) {
			continue
		}
		c.Mounts = append(c.Mounts, mount)
		at := slices.IndexFunc(in.Volumes, func(v spec.Volume) bool { return v.Name == mount.Volume })
		if at >= 0 && !slices.ContainsFunc(m.Pod.Volumes, func(v spec.Volume) bool { return v.Name == mount.Volume }) {
			m.Pod.Volumes = append(m.Pod.Volumes, in.Volumes[at])
		}
	}
	if c.RestartPolicy == "" && h.InitKind == "" {
		h.MostRestarts, h.UnlessStopped = from.MostRestarts, from.UnlessStopped
	}
	h.Devices = append(slices.Clone(from.Devices), h.Devices...)
	h.CDI = append(slices.Clone(from.CDI), h.CDI...)
	c.Security.NoNewPrivileges = c.Security.NoNewPrivileges || in.Security.NoNewPrivileges
	if c.Security.Seccomp == "" {
		c.Security.Seccomp = in.Security.Seccomp
	}
	if h.AppArmor == "" || h.AppArmorUsual && from.AppArmor != "" {
		h.AppArmor, h.AppArmorUsual = from.AppArmor, false
	}
	if len(h.Label) == 0 {
		h.Label = from.Label
	}
	h.Mask = append(slices.Clone(from.Mask), h.Mask...)
	h.Unmask = append(slices.Clone(from.Unmask), h.Unmask...)
	if len(h.ProcOptions) == 0 {
		h.ProcOptions = from.ProcOptions
	}
	if h.SystemdSize == 0 {
		h.SystemdSize = from.SystemdSize
	}
}
