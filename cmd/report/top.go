package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/cmd/output"
	"berth/engine/oci"
)

// Running is a process of a container as `top` prints it.
type Running struct {
	oci.ProcessInfo
	Names        oci.Names
	Now          time.Time
	Capabilities func(uint64) string // puts a set into words
}

// TopColumn is what a descriptor of `top` stands for.
type TopColumn struct {
	Heading string
	Text    func(Running) string
}

// DefaultTopColumns are the descriptors that stand for no choice.
func DefaultTopColumns() []string {
	return []string{"user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"}
}

// topColumns are the descriptors of podman-top(1).
func topColumns() map[string]TopColumn {
	number := func(of func(Running) int) func(Running) string {
		return func(r Running) string { return strconv.Itoa(of(r)) }
	}
	capabilities := func(of func(Running) uint64) func(Running) string {
		return func(r Running) string { return r.Capabilities(of(r)) }
	}
	return map[string]TopColumn{
		"args":    {"COMMAND", Running.commandLine},
		"capamb":  {"AMBIENT CAPS", capabilities(func(r Running) uint64 { return r.Ambient })},
		"capbnd":  {"BOUNDING CAPS", capabilities(func(r Running) uint64 { return r.Bounding })},
		"capeff":  {"EFFECTIVE CAPS", capabilities(func(r Running) uint64 { return r.Effective })},
		"capinh":  {"INHERITED CAPS", capabilities(func(r Running) uint64 { return r.Inheritable })},
		"capprm":  {"PERMITTED CAPS", capabilities(func(r Running) uint64 { return r.Permitted })},
		"comm":    {"COMMAND", func(r Running) string { return output.Printable(r.Comm) }},
		"etime":   {"ELAPSED", func(r Running) string { return r.Elapsed.Round(time.Millisecond).String() }},
		"group":   {"GROUP", func(r Running) string { return named(r.Names.Groups, r.Group) }},
		"groups":  {"GROUPS", func(r Running) string { return namedAll(r.Names.Groups, r.Groups) }},
		"hgroup":  {"HGROUP", func(r Running) string { return named(r.Names.HostGroups, r.HostGroup) }},
		"hgroups": {"HGROUPS", func(r Running) string { return namedAll(r.Names.HostGroups, r.HostGroups) }},
		"hpid":    {"HPID", number(func(r Running) int { return r.HostPid })},
		"huser":   {"HUSER", func(r Running) string { return named(r.Names.HostUsers, r.HostUser) }},
		"label":   {"LABEL", func(r Running) string { return orUnknown(output.Printable(r.Label)) }},
		"nice":    {"NI", number(func(r Running) int { return r.Nice })},
		"pcpu":    {"%CPU", Running.cpu},
		"pgid":    {"PGID", number(func(r Running) int { return r.Pgid })},
		"pid":     {"PID", number(func(r Running) int { return r.Pid })},
		"ppid":    {"PPID", number(func(r Running) int { return r.PPid })},
		"rgroup":  {"RGROUP", func(r Running) string { return named(r.Names.Groups, r.RealGroup) }},
		"rss":     {"RSS", func(r Running) string { return strconv.FormatInt(r.RSS/1024, 10) }},
		"ruser":   {"RUSER", func(r Running) string { return named(r.Names.Users, r.RealUser) }},
		"seccomp": {"SECCOMP", Running.seccomp},
		"state":   {"STATE", func(r Running) string { return string(rune(r.State)) }},
		"stime":   {"STIME", func(r Running) string { return r.Now.Add(-r.Elapsed).Format(time.DateTime) }},
		"time":    {"TIME", func(r Running) string { return r.CPU.Truncate(time.Second).String() }},
		"tty":     {"TTY", Running.terminal},
		"user":    {"USER", func(r Running) string { return named(r.Names.Users, r.User) }},
		"vsz":     {"VSZ", func(r Running) string { return strconv.FormatInt(r.VSize/1024, 10) }},
	}
}

// topCodes are the short descriptors of ps(1).
func topCodes() map[string]string {
	return map[string]string{
		"%C": "pcpu", "%G": "group", "%P": "ppid", "%U": "user", "%a": "args", "%c": "comm", "%g": "rgroup", "%n": "nice",
		"%p": "pid", "%r": "pgid", "%t": "etime", "%u": "ruser", "%x": "time", "%y": "tty", "%z": "vsz",
	}
}

// TopDescriptors are the words that ParseTop knows.
func TopDescriptors() []string { return slices.Sorted(maps.Keys(topColumns())) }

// ParseTop reads descriptors, one a word or several divided by commas.
func ParseTop(words []string) ([]TopColumn, error) {
	if len(words) == 0 {
		words = DefaultTopColumns()
	}
	known, codes := topColumns(), topCodes()
	var out []TopColumn
	for word := range strings.SplitSeq(strings.Join(words, ","), ",") {
		name := strings.TrimSpace(word)
		if long, ok := codes[name]; ok {
			name = long
		}
		column, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("%q is no column of top: use %s; flags of ps are for a ps in the container, with exec", word, strings.Join(TopDescriptors(), ", "))
		}
		out = append(out, column)
	}
	return out, nil
}

func (r Running) commandLine() string {
	if len(r.Args) == 0 {
		return "[" + output.Printable(r.Comm) + "]"
	}
	return output.Printable(strings.Join(r.Args, " "))
}

// cpu is how much of one CPU it took in its life, in percent.
func (r Running) cpu() string {
	if r.Elapsed <= 0 {
		return "0.000"
	}
	return strconv.FormatFloat(100*r.CPU.Seconds()/r.Elapsed.Seconds(), 'f', 3, 64)
}

func (r Running) seccomp() string {
	switch r.Seccomp {
	case 0:
		return "disabled"
	case 1:
		return "strict"
	case 2:
		return "filter"
	}
	return "?"
}

// terminal is the device it is controlled by (the kernel's devices.txt).
func (r Running) terminal() string {
	major, minor := r.TTY>>8&0xfff, r.TTY&0xff|r.TTY>>12&0xfff00
	switch {
	case major >= 136 && major <= 143:
		return "pts/" + strconv.FormatUint((major-136)<<20|minor, 10)
	case major == 4:
		return "tty" + strconv.FormatUint(minor, 10)
	}
	return "?"
}

func named(names map[uint32]string, id uint32) string {
	if name, ok := names[id]; ok && name != "" {
		return output.Printable(name)
	}
	return strconv.FormatUint(uint64(id), 10)
}

func namedAll(names map[uint32]string, ids []uint32) string {
	var list []string
	for _, id := range ids {
		list = append(list, named(names, id))
	}
	return strings.Join(list, ",")
}

func orUnknown(s string) string {
	if s == "" {
		return "?"
	}
	return s
}
