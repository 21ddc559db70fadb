package testhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// baseline is where a host keeps the mounts it began with.
const baseline = "/run/testhost/mounts"

// Leak is one thing that nobody owns any more.
type Leak struct {
	Kind string // "mount", "process", "cgroup", "link", "rule", "netns", "state", "rootfs", "address"
	Name string
}

// String is "kind: name".
func (l Leak) String() string { return l.Kind + ": " + l.Name }

// Leaks says what pods left on this host, where none should run any more. It is
// for a process on a test host; from outside, use Host.Leaks.
func Leaks(ctx context.Context) ([]Leak, error) {
	if !Inside() {
		return nil, errors.New("look for leaks: not on a test host")
	}
	var all []Leak
	var errs []error
	for _, look := range []func(context.Context) ([]Leak, error){
		mountLeaks, processLeaks, cgroupLeaks, linkLeaks, iptablesLeaks, nftablesLeaks, fileLeaks, rootfsLeaks,
	} {
		found, err := look(ctx)
		all = append(all, found...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return all, fmt.Errorf("look for leaks: %w", err)
	}
	return all, nil
}

// Leaks says what pods left on the host.
func (h *Host) Leaks(ctx context.Context) ([]Leak, error) {
	cmd := h.Command(ctx, h.config.Exe)
	handle, err := json.Marshal(config{Base: h.config.Base, Then: "leaks"})
	if err != nil {
		return nil, fmt.Errorf("look for leaks: %w", err)
	}
	cmd.Env = append(cmd.Env, configEnv+"="+string(handle))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("look for leaks: %w: %s", err, stderr.String())
	}
	return ParseLeaks(out)
}

// LeaksEnviron is the environment in which a program that calls Hook prints what
// Leaks says where it runs, for ParseLeaks to read.
func LeaksEnviron() []string {
	return []string{insideEnv + "=" + string(V2), stageEnv + "=leaks", configEnv + "={}"}
}

// ParseLeaks reads what such a program printed.
func ParseLeaks(printed []byte) ([]Leak, error) {
	var leaks []Leak
	if err := json.Unmarshal(printed, &leaks); err != nil {
		return nil, fmt.Errorf("look for leaks: %w", err)
	}
	return leaks, nil
}

// printLeaks is the other end of Host.Leaks.
func printLeaks(config) (int, error) {
	leaks, err := Leaks(context.Background())
	if err != nil {
		return 1, err
	}
	return 0, json.NewEncoder(os.Stdout).Encode(leaks)
}

func mountLeaks(context.Context) ([]Leak, error) {
	before, err := readMounts(baseline)
	if err != nil {
		return nil, err
	}
	now, err := readMounts("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, m := range before {
		count[m.point]++
	}
	var leaks []Leak
	for _, m := range now {
		count[m.point]--
		switch {
		case count[m.point] >= 0:
		case strings.HasSuffix(m.point, "/overlay") && strings.HasSuffix(m.root, "/overlay"):
			// containers/storage binds its overlay folder on itself, and leaves it so.
		case m.kind == "autofs", m.kind == "binfmt_misc",
			strings.HasPrefix(m.point, "/run/user/"), strings.HasPrefix(m.point, "/run/credentials/"):
			// systemd's
		default:
			leaks = append(leaks, Leak{"mount", m.point + " (" + m.kind + ")"})
		}
	}
	return leaks, nil
}

// helpers are the programs that run only for a pod.
func helpers() []string {
	return []string{
		"conmon", "aardvark-dns", "netavark", "crun", "runc", "catatonit", "pause", "berth-pause",
		"pasta", "pasta.avx2", "passt", "passt.avx2", "slirp4netns",
	}
}

func processLeaks(context.Context) ([]Leak, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var leaks []Leak
	for _, dir := range dirs {
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue // it has just ended
		}
		name := strings.TrimSpace(string(comm))
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		if slices.Contains(helpers(), name) || podCgroup.Match(groups) {
			args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
			line := strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))
			leaks = append(leaks, Leak{"process", fmt.Sprintf("%s %s: %.200s", filepath.Base(dir), name, line)})
		}
	}
	return leaks, nil
}

// podCgroup matches the cgroups that berth makes: cgroupfs's folders, systemd's units.
var podCgroup = regexp.MustCompile(`/berth[0-9a-f]*/(pod|conmon/|network/)[0-9a-f]|berth[0-9a-f]*-(pod|conmon-)?[0-9a-f][0-9a-f_]{7,}[^/]*\.(slice|scope)`)

func cgroupLeaks(context.Context) ([]Leak, error) {
	seen := map[string]bool{}
	var leaks []Leak
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() { // gone meanwhile, or a file
			return nil
		}
		if name := podCgroup.FindString(path); name != "" {
			if !seen[path] {
				leaks = append(leaks, Leak{"cgroup", path})
			}
			seen[path] = true
			return fs.SkipDir
		}
		return nil
	})
	return leaks, err
}

func linkLeaks(context.Context) ([]Leak, error) {
	links, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return nil, fmt.Errorf("list the network links: %w", err)
	}
	var leaks []Leak
	for _, link := range links {
		_, err := os.Stat(filepath.Join("/sys/class/net", link.Name(), "bridge"))
		if err == nil || strings.HasPrefix(link.Name(), "veth") {
			leaks = append(leaks, Leak{"link", link.Name()})
		}
	}
	return leaks, nil
}

// What netavark's rules for a pod or a network look like; its fixed chains and
// the jumps to them stay for ever.
var (
	iptablesRule = regexp.MustCompile(`(?m)^(-A NETAVARK_FORWARD .*-[sd] .*|-A NETAVARK-HOSTPORT-DNAT .*|.*NETAVARK-(DN-)?[0-9A-F]{10,}.*)$`)
	nftablesRule = regexp.MustCompile(`(?m)^\s*(.*(chain|jump|goto) nv_\w+.*|ip6? [sd]addr .*accept.*)$`)
)

func iptablesLeaks(ctx context.Context) ([]Leak, error) {
	var leaks []Leak
	for _, program := range []string{"iptables-save", "ip6tables-save"} {
		out, err := exec.CommandContext(ctx, program).Output()
		if errors.Is(err, exec.ErrNotFound) {
			continue
		}
		if err != nil {
			return leaks, fmt.Errorf("%s: %w", program, err)
		}
		for _, rule := range iptablesRule.FindAllString(string(out), -1) {
			leaks = append(leaks, Leak{"rule", rule})
		}
	}
	return leaks, nil
}

func nftablesLeaks(ctx context.Context) ([]Leak, error) {
	out, err := exec.CommandContext(ctx, "nft", "list", "table", "inet", "netavark").Output()
	var exit *exec.ExitError
	if errors.Is(err, exec.ErrNotFound) || errors.As(err, &exit) {
		return nil, nil // no nft, or no such table
	}
	if err != nil {
		return nil, fmt.Errorf("nft: %w", err)
	}
	var leaks []Leak
	for _, rule := range nftablesRule.FindAllString(string(out), -1) {
		leaks = append(leaks, Leak{"rule", strings.TrimSpace(rule)})
	}
	return leaks, nil
}

// fileLeaks looks where only what belongs to a pod may lie.
func fileLeaks(context.Context) ([]Leak, error) {
	places := []struct{ kind, pattern string }{
		{"state", "/var/lib/berth/pods/*"},
		{"state", "/var/lib/containers/storage/berth/pods/*"},
		{"state", "/run/berth/pods/*"},
		{"state", "/run/berth/exits/*"},
		{"state", "/run/berth/oci/[^.]*"},
		{"address", "/run/berth/net/*/[0-9]*"},
		{"state", "/run/berth/usermode/*"},
		{"netns", "/run/netns/*"},
		{"netns", "/run/berth/netns/*"},
	}
	var leaks []Leak
	for _, place := range places {
		paths, err := filepath.Glob(place.pattern)
		if err != nil {
			return leaks, fmt.Errorf("look in %s: %w", place.pattern, err)
		}
		for _, path := range paths {
			leaks = append(leaks, Leak{place.kind, path})
		}
	}
	return leaks, nil
}

// rootfsLeaks lists the containers that containers/storage knows.
func rootfsLeaks(context.Context) ([]Leak, error) {
	paths, err := filepath.Glob("/var/lib/containers/storage/*-containers/*containers.json")
	if err != nil {
		return nil, fmt.Errorf("look for containers in the image store: %w", err)
	}
	var leaks []Leak
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return leaks, fmt.Errorf("look for containers in the image store: %w", err)
		}
		var containers []struct {
			ID    string   `json:"id"`
			Names []string `json:"names"`
		}
		if err := json.Unmarshal(data, &containers); err != nil {
			return leaks, fmt.Errorf("read %s: %w", path, err)
		}
		for _, c := range containers {
			leaks = append(leaks, Leak{"rootfs", strings.Join(append([]string{c.ID}, c.Names...), " ")})
		}
	}
	return leaks, nil
}
