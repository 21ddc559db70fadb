package option

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// stopTimeout is podman's: how long a container has after its stop signal.
const stopTimeout = 10 * time.Second

// mostSeconds are more than anybody waits, and none too many to be counted.
const mostSeconds = math.MaxInt32

// process is what runs, and when it is run again.
type process struct {
	entrypoint, workdir, user, umask, tz, systemd, initPath, personality string
	stopSignal, restart, notify, passwdEntry, groupEntry                 string
	groups, hostUsers, chrootDirs                                        []string
	preserve                                                             []uint
	preserveAll, stop, timeout                                           uint
	tty, stdin, init, passwd                                             bool
}

func (p *process) register(f *pflag.FlagSet) {
	f.StringVar(&p.entrypoint, "entrypoint", "", "run this `command` in place of the image's entrypoint: a word, or [\"a\", \"list\"]")
	f.StringVarP(&p.workdir, "workdir", "w", "", "working `folder` in the container")
	f.StringVarP(&p.user, "user", "u", "", "run as this `user[:group]`, by name or number")
	f.StringSliceVar(&p.groups, "group-add", nil, "further `group` of the user, by name or number; keep-groups: the caller's")
	f.BoolVarP(&p.stdin, "interactive", "i", false, "keep standard input open")
	f.BoolVarP(&p.tty, "tty", "t", false, "give the container a terminal")
	f.StringVar(&p.umask, "umask", "0022", "umask of the container, `octal`")
	f.StringVar(&p.tz, "tz", "", "`timezone` of the container, such as Europe/Berlin; local: the host's")
	f.StringVar(&p.systemd, "systemd", "true", "`whether` it is made ready for systemd as its first process: true (if that is the command), always, false")
	f.BoolVar(&p.init, "init", false, "run a small init as the first process")
	f.StringVar(&p.initPath, "init-path", "", "that init's `path` on the host")
	f.StringVar(&p.personality, "personality", "", "execution `domain`: LINUX or LINUX32")
	f.StringVar(&p.stopSignal, "stop-signal", "", "`signal` that stops the container (default: the image's, else TERM)")
	f.UintVar(&p.stop, "stop-timeout", uint(stopTimeout/time.Second), "`seconds` the container has after it before it is killed")
	f.UintVar(&p.timeout, "timeout", 0, "kill the container after so many `seconds` (0: never)")
	f.StringVar(&p.restart, "restart", "", "start it again by this `policy`: no, on-failure[:times], always, unless-stopped (default \"no\")")
	f.StringVar(&p.notify, "sdnotify", "container", "`who` tells systemd that the container is ready: container, conmon, healthy, ignore")
	f.BoolVar(&p.passwd, "passwd", true, "give the user an entry in the container's /etc/passwd and /etc/group")
	f.StringVar(&p.passwdEntry, "passwd-entry", "", "that `entry` of /etc/passwd; $USERNAME, $UID, $GID, $NAME, $HOME are filled in")
	f.StringVar(&p.groupEntry, "group-entry", "", "that `entry` of /etc/group; $GROUPNAME, $GID, $USERLIST are filled in")
	f.StringSliceVar(&p.hostUsers, "hostuser", nil, "also give this `user` of the host an entry")
	f.StringSliceVar(&p.chrootDirs, "chrootdirs", nil, "also put /etc/hosts, /etc/hostname and /etc/resolv.conf below this `folder` of the container")
	f.UintVar(&p.preserveAll, "preserve-fds", 0, "pass this `number` of descriptors, from 3 on, to the container")
	f.UintSliceVar(&p.preserve, "preserve-fd", nil, "pass these `descriptors` to the container")
	noDefault(f.Lookup("preserve-fd"))
}

func (p *process) apply(m *maker) {
	c, h := m.c, m.hand
	p.command(m)
	c.TTY, c.Stdin = p.tty, p.stdin
	c.User.Name = p.user
	if strings.Count(p.user, ":") > 1 {
		m.failf("user", p.user, "write user[:group]")
	}
	p.addGroups(m)
	c.WorkingDir = p.workdir
	if m.given("workdir") && !strings.HasPrefix(p.workdir, "/") {
		m.failf("workdir", p.workdir, "give an absolute path in the container")
	}
	umask, err := strconv.ParseUint(p.umask, 8, 16)
	if err != nil || umask > 0o777 {
		m.failf("umask", p.umask, "not an octal umask such as 0022")
	}
	h.Umask, h.Timezone = fmt.Sprintf("%04o", umask), p.tz
	if strings.Contains(p.tz, "..") || strings.HasPrefix(p.tz, "/") {
		m.failf("tz", p.tz, "not the name of a timezone such as Europe/Berlin, or local")
	}
	p.first(m)
	p.life(m)
	p.accounts(m)
	p.descriptors(m)
}

// command is the entrypoint; podman reads a JSON list or takes the text as one
// word.
func (p *process) command(m *maker) {
	if !m.given("entrypoint") {
		return
	}
	if p.entrypoint == "" {
		m.hand.NoEntrypoint = true
		return
	}
	if strings.HasPrefix(strings.TrimSpace(p.entrypoint), "[") {
		var list []string
		if err := json.Unmarshal([]byte(p.entrypoint), &list); err != nil {
			m.failf("entrypoint", p.entrypoint, "not a JSON list of words such as [\"sh\", \"-c\"]")
			return
		}
		if len(list) == 0 || slices.Equal(list, []string{""}) {
			m.hand.NoEntrypoint = true
			return
		}
		m.c.Command = list
		return
	}
	m.c.Command = []string{p.entrypoint}
}

func (p *process) addGroups(m *maker) {
	for _, g := range p.groups {
		n, err := strconv.ParseInt(g, 10, 64)
		switch {
		case g == "keep-groups":
			m.hand.KeepGroups = true
		case g == "":
			m.failf("group-add", g, "the group is missing")
		case err == nil && n >= 0 && n < 1<<32:
			m.c.User.Groups = append(m.c.User.Groups, n)
		case err == nil:
			m.failf("group-add", g, "not the number of a group")
		default:
			m.hand.Groups = append(m.hand.Groups, g)
		}
	}
	if m.hand.KeepGroups && len(p.groups) > 1 {
		m.note(errors.New("--group-add keep-groups keeps the caller's groups and no others: drop the others"))
	}
}

// first is how the first process is made.
func (p *process) first(m *maker) {
	h := m.hand
	switch strings.ToLower(p.systemd) {
	case "true", "":
	case "always":
		h.Systemd = spec.SystemdAlways
	case "false":
		h.Systemd = spec.SystemdNever
	default:
		m.failf("systemd", p.systemd, "unknown%s", oneOf(p.systemd, []string{"true", "always", "false"}))
	}
	h.Init = p.init
	if path := m.word("init_path"); p.init && path != "" {
		h.InitPath = m.host.Abs(path)
	}
	if p.initPath != "" {
		h.InitPath = m.host.Abs(p.initPath)
		if !p.init {
			m.failf("init-path", p.initPath, "says nothing without --init")
		}
	}
	if p.init && h.Systemd == spec.SystemdAlways {
		m.note(errors.New("--init and --systemd=always are both for the first process: give one of them"))
	}
	h.Personality = strings.ToUpper(p.personality)
	if p.personality != "" && !slices.Contains([]string{"LINUX", "LINUX32"}, h.Personality) {
		m.failf("personality", p.personality, "unknown%s", oneOf(p.personality, []string{"LINUX", "LINUX32"}))
	}
}

// life is when the process ends and comes again.
func (p *process) life(m *maker) {
	for flag, n := range map[string]uint{"stop-timeout": p.stop, "timeout": p.timeout} {
		if n > mostSeconds {
			m.failf(flag, strconv.FormatUint(uint64(n), 10), "not a number of seconds up to %d", mostSeconds)
		}
	}
	stop := time.Duration(p.stop) * time.Second
	m.hand.StopTimeout = &stop
	m.pod.TerminationGrace = stop
	m.hand.Timeout = time.Duration(p.timeout) * time.Second
	if p.stopSignal != "" {
		name, err := parseSignal(p.stopSignal)
		m.noteFlag("stop-signal", p.stopSignal, err)
		m.c.StopSignal = name
	}
	policy, times, unless, err := parseRestart(p.restart)
	m.noteFlag("restart", p.restart, err)
	switch {
	case policy == spec.RestartNever || !m.hand.Remove:
	case m.made.RemoveImage:
		m.note(errors.New("--rmi removes the container when it ends, --restart starts it again: give one of them"))
	case policy != spec.RestartOnFailure: // which it ends well with, or for good
		m.note(errors.New("--rm removes the container when it ends, --restart starts it again: give one of them, or --restart on-failure"))
	}
	m.hand.MostRestarts, m.hand.UnlessStopped = times, unless
	switch {
	case m.pod.Bare:
		m.pod.RestartPolicy = policy
	case m.hand.InitKind != "":
		if policy != spec.RestartNever {
			m.failf("restart", p.restart, "an init container is not started again before its pod is: drop one of --restart and --init-ctr")
		}
		if !m.added() {
			m.pod.RestartPolicy = spec.RestartNever
		}
	case !m.added():
		m.pod.RestartPolicy, m.c.RestartPolicy = spec.RestartNever, policy
	case m.given("restart"):
		m.c.RestartPolicy = policy
	}
	switch p.notify {
	case "conmon", "":
	case "container", "healthy", "ignore":
		m.hand.Notify = spec.Notify(p.notify)
	default:
		m.failf("sdnotify", p.notify, "unknown%s", oneOf(p.notify, []string{"container", "conmon", "healthy", "ignore"}))
	}
}

// parseRestart reads podman's restart policies.
func parseRestart(s string) (policy spec.RestartPolicy, times int, unlessStopped bool, err error) {
	name, count, counted := strings.Cut(s, ":")
	switch {
	case counted && name != "on-failure":
		return spec.RestartNever, 0, false, errors.New("only on-failure counts: write on-failure:5")
	case counted:
		n, err := strconv.ParseUint(count, 10, 31)
		if err != nil {
			return spec.RestartNever, 0, false, errors.New("not a number of restarts: write on-failure:5")
		}
		return spec.RestartOnFailure, int(n), false, nil
	}
	switch name {
	case "", "no", "never":
		return spec.RestartNever, 0, false, nil
	case "on-failure":
		return spec.RestartOnFailure, 0, false, nil
	case "always":
		return spec.RestartAlways, 0, false, nil
	case "unless-stopped":
		return spec.RestartAlways, 0, true, nil
	}
	return spec.RestartNever, 0, false, errors.New("unknown policy" + oneOf(s, []string{"no", "on-failure", "always", "unless-stopped"}))
}

// parseSignal reads TERM, SIGTERM, 15 or RTMIN+3.
func parseSignal(s string) (string, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > 64 {
			return "", errors.New("not a signal from 1 to 64")
		}
		return cmp.Or(unix.SignalName(unix.Signal(n)), s), nil
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if real, ok := strings.CutPrefix(name, "SIGRT"); ok && isRealTime(real) {
		return name, nil
	}
	if unix.SignalNum(name) == 0 {
		return "", errors.New("not a signal such as TERM, SIGINT, RTMIN+3 or 15")
	}
	return name, nil
}

func isRealTime(s string) bool {
	offset := ""
	switch {
	case s == "MIN", s == "MAX":
		return true
	case strings.HasPrefix(s, "MIN+"), strings.HasPrefix(s, "MAX-"):
		offset = s[4:]
	}
	n, err := strconv.ParseUint(offset, 10, 8)
	return err == nil && n <= 30
}

func (p *process) accounts(m *maker) {
	m.hand.Passwd = spec.Passwd{Off: !p.passwd, Entry: p.passwdEntry, GroupEntry: p.groupEntry}
	for _, entry := range []struct{ flag, value string }{{"passwd-entry", p.passwdEntry}, {"group-entry", p.groupEntry}} {
		switch {
		case entry.value != "" && !p.passwd:
			m.failf(entry.flag, entry.value, "there are no entries with --passwd=false: drop one of them")
		case strings.ContainsAny(entry.value, "\n\x00"):
			m.failf(entry.flag, entry.value, "an entry is one line")
		}
	}
	for _, u := range p.hostUsers {
		if u == "" || strings.ContainsAny(u, ":\n") {
			m.failf("hostuser", u, "not the name or number of a user")
		}
	}
	if len(p.hostUsers) > 0 && !p.passwd {
		m.note(errors.New("--hostuser cannot be honoured with --passwd=false, which makes no entries: drop one of them"))
	}
	m.hand.HostUsers = p.hostUsers
	for _, dir := range p.chrootDirs {
		if !strings.HasPrefix(dir, "/") {
			m.failf("chrootdirs", dir, "give an absolute path in the container")
		}
	}
	m.hand.ChrootDirs = p.chrootDirs
}

func (p *process) descriptors(m *maker) {
	if m.given("preserve-fds") && m.given("preserve-fd") {
		m.note(errors.New("--preserve-fds and --preserve-fd both say which descriptors go in: give one of them"))
	}
	for n := range p.preserveAll {
		m.hand.Preserve = append(m.hand.Preserve, 3+int(n))
		if n > 1000 {
			m.failf("preserve-fds", strconv.FormatUint(uint64(p.preserveAll), 10), "so many descriptors there are not")
			return
		}
	}
	for _, n := range p.preserve {
		if n < 3 || n > 1<<20 {
			m.failf("preserve-fd", strconv.FormatUint(uint64(n), 10), "not a descriptor from 3 on")
			continue
		}
		m.hand.Preserve = append(m.hand.Preserve, int(n))
	}
	if policy, _, _, err := parseRestart(p.restart); len(m.hand.Preserve) > 0 && err == nil && policy != spec.RestartNever {
		m.note(errors.New("--preserve-fds and --preserve-fd cannot be honoured with --restart: whoever starts it again has other descriptors"))
	}
}
