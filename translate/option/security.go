package option

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// security is what the container's processes may do.
type security struct {
	add, drop, options []string
	policy             string
	privileged         bool
}

// shared adds what containers and pods have in common.
func (s *security) shared(f *pflag.FlagSet) {
	f.StringArrayVar(&s.options, "security-opt", nil, "security `option`: seccomp=, apparmor=, label=, mask=, unmask=, proc-opts=, no-new-privileges")
}

func (s *security) register(f *pflag.FlagSet) {
	s.shared(f)
	f.BoolVar(&s.privileged, "privileged", false, "let the container do what the host's root may")
	f.StringSliceVar(&s.add, "cap-add", nil, "add a `capability`, such as NET_ADMIN; all for all")
	f.StringSliceVar(&s.drop, "cap-drop", nil, "take a `capability` away; all for all")
	f.StringVar(&s.policy, "seccomp-policy", "default", "`whose` seccomp profile it has: default, image (by its label)")
}

func (s *security) apply(m *maker) {
	sec := &m.c.Security
	sec.Privileged = s.privileged
	sec.CapAdd = capabilities(m, "cap-add", s.add)
	sec.CapDrop = capabilities(m, "cap-drop", s.drop)
	s.conflicts(m, sec)
	m.hand.BaseCaps = usualCapabilities(m)
	for _, o := range s.options {
		m.noteFlag("security-opt", o, securityOption(o, m.c, m.host))
	}
	s.profile(m)
	switch s.policy {
	case "default", "":
	case "image":
		if sec.Seccomp == "" {
			sec.Seccomp = spec.SeccompImage
		}
	default:
		m.failf("seccomp-policy", s.policy, "unknown%s", oneOf(s.policy, []string{"default", "image"}))
	}
}

// conflicts are capabilities that are both given and taken away.
func (s *security) conflicts(m *maker, sec *spec.Security) {
	for _, c := range sec.CapAdd {
		if slices.Contains(sec.CapDrop, c) {
			m.note(fmt.Errorf("--cap-add and --cap-drop both name %s: drop one of them", c))
		}
	}
	if s.privileged && len(sec.CapDrop) > 0 {
		m.made.Warnings = append(m.made.Warnings, "--cap-drop takes nothing away with --privileged, which gives all capabilities: --cap-add gives some")
	}
}

// profile is the AppArmor profile that containers.conf names, where no flag does.
func (s *security) profile(m *maker) {
	name := m.word("apparmor_profile")
	if m.flags.Lookup("privileged") == nil || name == "" || m.hand.AppArmor != "" || s.privileged {
		return
	}
	m.hand.AppArmor, m.hand.AppArmorUsual = name, true
}

func knownCapabilities() []string {
	var known []string
	for _, c := range capability.ListKnown() {
		known = append(known, "CAP_"+strings.ToUpper(c.String()))
	}
	return known
}

// usualCapabilities are those of containers.conf, in place of the engine's; nil if
// it does not say, or says no others.
func usualCapabilities(m *maker) []string {
	list, set := m.conf["default_capabilities"]
	if !set || m.flags.Lookup("cap-add") == nil {
		return nil
	}
	known := knownCapabilities()
	out := []string{} // which is none, and not nil
	for _, c := range list {
		name := "CAP_" + strings.TrimPrefix(strings.ToUpper(c), "CAP_")
		if !slices.Contains(known, name) {
			m.noteKey("default_capabilities", c, fmt.Errorf("unknown capability%s", didYouMean(name, known)))
			continue
		}
		out = append(out, name)
	}
	slices.Sort(out)
	if slices.Equal(out, spec.DefaultCapabilities()) { // as many distributions' file has it
		return nil
	}
	return out
}

// capabilities gives names the form of the runtime: "CAP_NET_ADMIN", "ALL".
func capabilities(m *maker, flag string, list []string) []string {
	known := knownCapabilities()
	var out []string
	for _, c := range list {
		name := strings.ToUpper(c)
		if name != "ALL" && !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		if name != "ALL" && !slices.Contains(known, name) {
			m.failf(flag, c, "unknown capability%s", didYouMean(name, known))
			continue
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// securityOption reads a value of --security-opt. As in Docker, a colon may
// stand in place of the first =.
func securityOption(s string, c *spec.Container, host Host) error {
	name, value, given := strings.Cut(s, "=")
	if before, after, ok := strings.Cut(s, ":"); ok && (!given || len(before) < len(name)) {
		name, value, given = before, after, true
	}
	h := c.ByHand
	if given && value == "" {
		return errors.New("the value is missing: write " + name + "=value")
	}
	switch name {
	case "no-new-privileges":
		on, err := strconv.ParseBool(value)
		if given && err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		c.Security.NoNewPrivileges = on || !given
	case "seccomp":
		c.Security.Seccomp = value
		if value != "unconfined" {
			c.Security.Seccomp = host.Abs(value)
		}
	case "apparmor":
		h.AppArmor = value
	case "label":
		return label(value, h)
	case "mask", "unmask":
		return maskPaths(name, value, h)
	case "systempaths":
		if value != "unconfined" {
			return fmt.Errorf("%q: only systempaths=unconfined is known", value)
		}
		h.Unmask = append(h.Unmask, "ALL")
	case "proc-opts":
		return procOptions(value, h)
	default:
		known := []string{"apparmor", "label", "mask", "no-new-privileges", "proc-opts", "seccomp", "systempaths", "unmask"}
		return fmt.Errorf("unknown option %q%s", name, oneOf(name, known))
	}
	if !given && name != "no-new-privileges" {
		return errors.New("the value is missing: write " + name + "=value")
	}
	return nil
}

// label is an option of SELinux.
func label(s string, h *spec.ByHand) error {
	name, value, _ := strings.Cut(s, ":")
	known := []string{"disable", "nested", "user", "role", "type", "level", "filetype"}
	switch {
	case !slices.Contains(known, name):
		return fmt.Errorf("unknown label option %q%s", name, oneOf(name, known))
	case (name == "disable" || name == "nested") != (value == ""):
		return errors.New("write label=disable, label=nested, or label=type:VALUE and likewise user, role, level, filetype")
	}
	h.Label = append(h.Label, s)
	return nil
}

func maskPaths(name, value string, h *spec.ByHand) error {
	for p := range strings.SplitSeq(value, ":") {
		switch {
		case name == "unmask" && strings.EqualFold(p, "ALL"):
			h.Unmask = append(h.Unmask, "ALL")
		case !path.IsAbs(p):
			return fmt.Errorf("%q is not an absolute path", p)
		case name == "mask":
			h.Mask = append(h.Mask, path.Clean(p))
		default:
			if _, err := path.Match(p, "/"); err != nil {
				return fmt.Errorf("%q is not a pattern", p)
			}
			h.Unmask = append(h.Unmask, path.Clean(p))
		}
	}
	return nil
}

// procOptions are options of the mount of /proc (proc(5)).
func procOptions(value string, h *spec.ByHand) error {
	known := []string{"hidepid", "gid", "subset", "nosuid", "nodev", "noexec", "ro", "rw", "exec", "suid", "dev"}
	for word := range strings.SplitSeq(value, ",") {
		name, value, _ := strings.Cut(word, "=")
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown option of /proc %q%s", word, oneOf(name, known))
		}
		_, notNumber := strconv.ParseUint(value, 10, 32)
		hidden := []string{"0", "1", "2", "4", "off", "noaccess", "invisible", "ptraceable"}
		switch {
		case name == "hidepid" && !slices.Contains(hidden, value):
			return fmt.Errorf("hidepid %q is none of %s", value, strings.Join(hidden, ", "))
		case name == "gid" && notNumber != nil:
			return fmt.Errorf("gid %q is not the number of a group", value)
		case name == "subset" && value != "pid":
			return fmt.Errorf("subset %q: only subset=pid is known", value)
		}
		h.ProcOptions = append(h.ProcOptions, word)
	}
	return nil
}
