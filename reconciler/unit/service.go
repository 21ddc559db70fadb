package unit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/source"
	"berth/quadlet"
)

// What systemd takes where a unit says nothing: systemd-system.conf(5).
const (
	defaultDelay    = 100 * time.Millisecond
	defaultTimeout  = 90 * time.Second
	defaultInterval = 10 * time.Second
	defaultBurst    = 5
)

// Service is what a unit says to whoever runs it in systemd's place.
type Service struct {
	Name string // "web@blue.service"
	Unit *quadlet.Unit
	// Hash tells definitions apart that make something else; what only says when to
	// start and stop is left out.
	Hash string

	// Commands are berth's own, without the program, all of them expanded: in pods
	// Pre is pod create.
	Pre, Start, Reload, StopPost []string
	Folder                       string // where they are called, WorkingDirectory=; "": the host's root folder
	Resource                     string // the name of what it makes

	Oneshot bool          // it is up when its process has ended well
	Remain  bool          // it stays up when its process has ended well: RemainAfterExit=
	Needed  bool          // it is stopped when nobody needs it: StopWhenUnneeded=
	Within  time.Duration // TimeoutStartSec=; Forever: no limit
	Grace   time.Duration // TimeoutStopSec=
	Longest time.Duration // RuntimeMaxSec=
	Last    bool          // of a pod: it ends with the last of its containers
	Enabled bool          // [Install] has it started with everything

	Conditions []Condition
	// Hooks are commands of the host.
	Hooks Hooks

	// Units it refers to, by service; some may not be there.
	After, Wants, Requires, Requisite, BindsTo, PartOf, Upholds, OnFailure, OnSuccess, Conflicts, StopsTo, ReloadsTo []string

	restart         restarting
	noStart, noStop bool // RefuseManualStart=, RefuseManualStop=
}

// Hooks are ExecStartPre= and its friends.
type Hooks struct {
	StartPre, StartPost, Stop, StopPost []HostCommand
	Env                                 []string // Environment=, EnvironmentFile=
}

// HostCommand is a command line of the host.
type HostCommand struct {
	Args   []string
	Ignore bool // its failure is of no matter
}

// Kept reports whether what the unit makes is no process: a volume, a network, an
// image. Such a unit is up once that is there, and another definition of it changes
// nothing that exists.
func (s *Service) Kept() bool {
	switch s.Unit.Name.Kind {
	case quadlet.Volume, quadlet.Network, quadlet.Image:
		return true
	}
	return false
}

// Options is what is the same for all units.
type Options struct {
	Host quadlet.Specifiers // those that do not follow from a unit's name
	// AllowCommands: units may name commands of the host.
	AllowCommands bool
	// Check is what is wrong with the arguments of one of berth's commands, named
	// by its first words; nil: nobody asks.
	Check func(args []string) error
	// Stale are the files of units that are as they were last: what they refer to may
	// be gone.
	Stale map[string]bool
	// ReadFile reads a file that EnvironmentFile= names; with last, as it was when it
	// could be read last. nil: there is none.
	ReadFile func(path string, last bool) ([]byte, error)
	// Contents tells contents of files that units name apart, by path.
	Contents map[string]string
}

// reader reads one unit's lines.
type reader struct {
	*Service
	options    Options
	specifiers quadlet.Specifiers
	problems   source.Diagnostics
	relations  []relation
	fileEnv    []string // of EnvironmentFile=
	unset      []string // UnsetEnvironment=
}

// relation is a line of [Unit] that names others.
type relation struct {
	key   string
	names []string
	at    source.Pos
}

// read reads a unit, as the service of that name.
func read(u *quadlet.Unit, name string, o Options) *reader {
	r := &reader{
		Service: &Service{Name: name, Unit: u, Within: defaultTimeout, Grace: defaultTimeout, Longest: Forever},
		options: o, specifiers: quadlet.UnitSpecifiers(name),
	}
	for letter, value := range o.Host {
		if _, own := r.specifiers[letter]; !own {
			r.specifiers[letter] = value
		}
	}
	r.restart = restarting{on: "no", delay: defaultDelay, interval: defaultInterval, burst: defaultBurst}
	r.sections()
	r.settleEnvironment()
	r.expandHooks()
	r.commands()
	r.digest()
	return r
}

// mostProblems is how many a unit is told of.
const mostProblems = 50

func (r *reader) fail(at source.Pos, format string, args ...any) {
	switch {
	case len(r.problems) > mostProblems:
		return
	case len(r.problems) == mostProblems:
		format, args = "more problems from here on: mend those above first", nil
	}
	if at.File == "" {
		at = source.Pos{File: r.Unit.Path}
	}
	r.problems = append(r.problems, source.Diagnostic{Pos: at, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) sections() {
	kind, _ := r.Unit.File.Value("Service", "Type")
	r.Oneshot = kind == "oneshot" && !r.Kept()
	if r.Oneshot || r.Kept() {
		r.Within = Forever
	}
	for _, s := range r.Unit.File.Sections {
		for _, l := range s.Lines {
			if l.Key == "" {
				continue
			}
			switch s.Name {
			case "Unit":
				r.unitLine(l)
			case "Service":
				r.serviceLine(l)
			case "Install":
				r.installLine(l)
			}
		}
	}
}

// made reports whether conversion wrote a line.
func made(l quadlet.Line) bool { return l.Pos.Line == 0 }

// unitLine takes a line of [Unit].
func (r *reader) unitLine(l quadlet.Line) {
	value := r.specifiers.Expand(l.Value)
	switch key := l.Key; {
	case slices.Contains(relationKeys(), key):
		r.relations = append(r.relations, relation{key, strings.Fields(value), l.Pos})
	case strings.HasPrefix(key, "Condition"), strings.HasPrefix(key, "Assert"):
		if value == "" {
			r.Conditions = slices.DeleteFunc(r.Conditions, func(c Condition) bool { return strings.HasPrefix(key, "Assert") == c.Assert })
			return
		}
		c, ok := parseCondition(key, value)
		if !ok {
			r.fail(l.Pos, "%s=%s is not looked at without systemd: conditions on absolute paths are (%s)", key, l.Value, strings.Join(tests(), ", "))
			return
		}
		r.Conditions = append(r.Conditions, c)
	case key == "StartLimitIntervalSec", key == "StartLimitInterval":
		r.span(l, value, &r.restart.interval)
	case key == "StartLimitBurst":
		r.number(l, value, &r.restart.burst)
	case key == "RefuseManualStart":
		r.noStart = yes(value)
	case key == "RefuseManualStop":
		r.noStop = yes(value)
	case key == "StopWhenUnneeded":
		r.Needed = yes(value)
	case slices.Contains(actionKeys(), key):
		if value != "none" {
			r.fail(l.Pos, "%s=%s: none is all there is without systemd", key, l.Value)
		}
	case slices.Contains(harmlessUnit(), key), strings.HasPrefix(key, "X-"), made(l):
	default:
		r.refuse(l, "Unit")
	}
}

// serviceLine takes a line of [Service].
func (r *reader) serviceLine(l quadlet.Line) {
	value := r.specifiers.Expand(l.Value)
	switch l.Key {
	case "Type", "KillMode": // conversion has looked at them
	case "RemainAfterExit":
		r.Remain = yes(value)
	case "Restart":
		if r.restart.on = value; !slices.Contains(restartWords(), value) {
			r.fail(l.Pos, "Restart=%s: want one of %s", l.Value, strings.Join(restartWords(), ", "))
		}
		if r.Oneshot && (value == "always" || value == "on-success") {
			r.fail(l.Pos, "Restart=%s: systemd takes no, on-failure and the like for Type=oneshot", l.Value)
		}
	case "RestartMode":
		if r.restart.direct = value == "direct"; !r.restart.direct && value != "normal" {
			r.fail(l.Pos, "RestartMode=%s: want normal or direct", l.Value)
		}
	case "RestartSec":
		r.span(l, value, &r.restart.delay)
	case "RestartSteps":
		r.number(l, value, &r.restart.steps)
	case "RestartMaxDelaySec":
		r.span(l, value, &r.restart.longest)
	case "SuccessExitStatus":
		r.statuses(l, value, &r.restart.success)
	case "RestartPreventExitStatus":
		r.statuses(l, value, &r.restart.prevent)
	case "RestartForceExitStatus":
		r.statuses(l, value, &r.restart.force)
	case "TimeoutStartSec":
		r.limit(l, value, &r.Within)
	case "TimeoutStopSec":
		r.limit(l, value, &r.Grace)
	case "TimeoutSec":
		r.limit(l, value, &r.Within)
		r.limit(l, value, &r.Grace)
	case "RuntimeMaxSec":
		r.limit(l, value, &r.Longest)
	case "StartLimitInterval":
		r.span(l, value, &r.restart.interval)
	case "StartLimitBurst":
		r.number(l, value, &r.restart.burst)
	case "Environment":
		r.environment(l, value, &r.Hooks.Env)
	case "EnvironmentFile":
		r.environmentFile(l, value)
	case "UnsetEnvironment":
		r.environment(l, value, &r.unset)
	case "WorkingDirectory":
		r.folder(l, value)
	case "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost":
		if !made(l) {
			r.hook(l)
		}
	default:
		if !made(l) && !slices.Contains(harmlessService(), l.Key) && !strings.HasPrefix(l.Key, "X-") {
			r.refuse(l, "Service")
		}
	}
}

func (r *reader) installLine(l quadlet.Line) {
	switch l.Key {
	case "WantedBy", "RequiredBy", "UpheldBy", "Alias", "DefaultInstance": // conversion made links of them
	case "Also": // is for systemctl enable, which nobody can call for a service that a generator makes
	default:
		if !made(l) && !strings.HasPrefix(l.Key, "X-") {
			r.refuse(l, "Install")
		}
	}
}

func yes(value string) bool {
	return slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(value))
}

func (r *reader) span(l quadlet.Line, value string, to *time.Duration) {
	d, err := parseSpan(value)
	if err != nil {
		r.fail(l.Pos, "%s: %v", l.Key, err)
		return
	}
	*to = d
}

// limit is a span of which none is no limit.
func (r *reader) limit(l quadlet.Line, value string, to *time.Duration) {
	r.span(l, value, to)
	if *to == 0 {
		*to = Forever
	}
}

func (r *reader) number(l quadlet.Line, value string, to *int) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		r.fail(l.Pos, "%s=%s is no number", l.Key, l.Value)
		return
	}
	*to = n
}

func (r *reader) statuses(l quadlet.Line, value string, to *statuses) {
	if value == "" {
		*to = nil
		return
	}
	list, err := parseStatuses(value)
	if err != nil {
		r.fail(l.Pos, "%s: %v", l.Key, err)
		return
	}
	*to = append(*to, list...)
}

func (r *reader) environment(l quadlet.Line, value string, to *[]string) {
	words, err := quadlet.SplitWords(value)
	if err != nil {
		r.fail(l.Pos, "%s: %v", l.Key, err)
	}
	if value == "" {
		*to = nil
	}
	*to = append(*to, words...)
}

// folder takes the folder commands are called in; a dash before it says that it
// may be missing, ~ is that of who runs the service.
func (r *reader) folder(l quadlet.Line, value string) {
	value = strings.TrimPrefix(value, "-")
	if value == "~" {
		value = r.specifiers.Expand("%h")
	}
	if r.Folder = value; value != "" && !strings.HasPrefix(value, "/") {
		r.fail(l.Pos, "WorkingDirectory=%s: give an absolute path", l.Value)
	}
}

// hook takes a command of the host.
func (r *reader) hook(l quadlet.Line) {
	into := map[string]*[]HostCommand{
		"ExecStartPre": &r.Hooks.StartPre, "ExecStartPost": &r.Hooks.StartPost, "ExecStop": &r.Hooks.Stop, "ExecStopPost": &r.Hooks.StopPost,
	}[l.Key]
	if l.Value == "" {
		*into = nil
		return
	}
	if !r.options.AllowCommands {
		r.fail(l.Pos, "%s runs a command on the host: berth serve does that only with --allow-host-commands", l.Key)
		return
	}
	line := strings.TrimLeft(l.Value, "-:")
	prefixes := l.Value[:len(l.Value)-len(line)]
	if strings.ContainsAny(line[:min(1, len(line))], "@+!|") {
		r.fail(l.Pos, "%s=%s: of the prefixes only - and : are known without systemd", l.Key, l.Value)
		return
	}
	args, err := quadlet.SplitArgs(line)
	switch {
	case err != nil:
		r.fail(l.Pos, "%s: %v", l.Key, err)
		return
	case len(args) == 0 || !strings.HasPrefix(args[0], "/"):
		r.fail(l.Pos, "%s: give the program's absolute path", l.Key)
		return
	case slices.Contains(args, ";"):
		r.fail(l.Pos, "%s: write one command a line", l.Key)
		return
	}
	for i := range args {
		args[i] = r.specifiers.Expand(args[i])
		if i > 0 && strings.Contains(prefixes, ":") { // variables in it are no business of ours
			args[i] = strings.ReplaceAll(args[i], "$", "$$")
		}
	}
	*into = append(*into, HostCommand{Args: args, Ignore: strings.Contains(prefixes, "-")})
}

// expandHooks resolves variables, which may be set below the lines that use them.
func (r *reader) expandHooks() {
	for _, list := range [][]HostCommand{r.Hooks.StartPre, r.Hooks.StartPost, r.Hooks.Stop, r.Hooks.StopPost} {
		for i := range list {
			list[i].Args = quadlet.ExpandVariables(list[i].Args, r.variable)
		}
	}
}

// variable is one of the service's environment.
func (r *reader) variable(name string) string {
	for _, pair := range slices.Backward(r.Hooks.Env) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// commands takes what the unit has berth do.
func (r *reader) commands() {
	u := r.Unit
	switch u.Name.Kind {
	case quadlet.Build:
		r.fail(source.Pos{}, "berth builds no images: build it with podman or buildah, into the same store, and name the image in place of this file")
		return
	case quadlet.Artifact:
		r.fail(source.Pos{}, "berth keeps no artifacts: give containers the files on a volume or in an image")
		return
	}
	r.Pre, r.Start = r.command(u.Pre), r.command(u.Start)
	if i := slices.Index(r.Pre, "--exit-policy"); u.Name.Kind == quadlet.Pod && i >= 0 {
		r.Last = r.Pre[i+1] == "stop"
	}
	r.Resource = r.specifiers.Expand(u.Resource)
	r.Reload = r.command(u.Reload)
	if u.Name.Kind == quadlet.Kube || u.Name.Kind == quadlet.Network {
		r.StopPost = r.command(u.StopPost)
	}
	checked := r.Start
	if u.Name.Kind == quadlet.Pod {
		checked = r.Pre
	}
	if r.options.Check != nil && len(r.problems) == 0 {
		if err := r.options.Check(checked); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				r.fail(u.Place(line), "%s", line)
			}
		}
	}
}

// command is the first command of a list, expanded and without what stands before
// its name.
func (r *reader) command(list []quadlet.Command) []string {
	if len(list) == 0 {
		return nil
	}
	args := list[0].Args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if !strings.HasPrefix(args[0], "--log-level=") {
			at := source.Pos{}
			for _, key := range []string{"GlobalArgs", "ContainersConfModule"} {
				if lines := r.Unit.File.Lines("X-"+r.Unit.Name.Kind.Section(), key); len(lines) > 0 {
					at = lines[0].Pos
				}
			}
			r.fail(at, "%s is for all units or none without systemd: give it to berth serve", args[0])
		}
		args = args[1:]
	}
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = r.specifiers.Expand(a)
	}
	return quadlet.ExpandVariables(append([]string{"berth"}, out...), r.variable)[1:]
}

// digest gives the service its hash.
func (r *reader) digest() {
	var files []string
	if r.Unit.Name.Kind == quadlet.Kube {
		for _, arg := range r.Start {
			if sum, ok := r.options.Contents[arg]; ok {
				files = append(files, arg, sum)
			}
		}
		if r.Folder != "" {
			files = append(files, r.Folder)
		}
	}
	data, _ := json.Marshal([]any{r.Pre, r.Start, r.Hooks, r.Oneshot, files}) // plain data
	sum := sha256.Sum256(data)
	r.Hash = hex.EncodeToString(sum[:16])
}
