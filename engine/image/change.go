package image

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// changeWords are the instructions of a Containerfile that --change takes.
func changeWords() []string {
	return []string{"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
}

// Change applies instructions as a Containerfile has them, "CMD ["sh"]", "ENV A=b"
// or "ENV=A=b", to an image's configuration.
func Change(c *ociv1.ImageConfig, instructions []string) error {
	for _, line := range instructions {
		if err := change(c, line); err != nil {
			return fmt.Errorf("--change %q: %w", line, err)
		}
	}
	return nil
}

var changeForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*([A-Za-z]+)(?:\s+|\s*=\s*)(.+?)\s*$`)
})

func change(c *ociv1.ImageConfig, line string) error {
	m := changeForm().FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("want an instruction and what it says: %s", strings.Join(changeWords(), ", "))
	}
	what := m[2]
	switch strings.ToUpper(m[1]) {
	case "CMD":
		c.Cmd = commandOf(what)
	case "ENTRYPOINT":
		c.Entrypoint = commandOf(what)
	case "ENV":
		return eachPair(what, func(key, value string) { c.Env = setEnv(c.Env, key, value) })
	case "LABEL":
		return eachPair(what, func(key, value string) {
			if c.Labels == nil {
				c.Labels = map[string]string{}
			}
			c.Labels[key] = value
		})
	case "EXPOSE":
		for ports := range strings.FieldsSeq(what) {
			if err := expose(c, ports); err != nil {
				return err
			}
		}
	case "VOLUME":
		list := strings.Fields(what)
		if strings.HasPrefix(what, "[") {
			list = commandOf(what)
		}
		for _, path := range list {
			if c.Volumes == nil {
				c.Volumes = map[string]struct{}{}
			}
			c.Volumes[path] = struct{}{}
		}
	case "STOPSIGNAL":
		if !isSignal(what) {
			return errors.New("there is no such signal: want a name such as SIGTERM, or a number")
		}
		c.StopSignal = what
	case "USER":
		c.User = what
	case "WORKDIR":
		c.WorkingDir = what
	default:
		return fmt.Errorf("an image cannot be changed by %s: use %s", strings.ToUpper(m[1]), strings.Join(changeWords(), ", "))
	}
	return nil
}

var portForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?(/(?:tcp|udp|sctp))?$`)
})

// expose adds a port, "80" or "53/udp", or a range of them, "80-82".
func expose(c *ociv1.ImageConfig, ports string) error {
	m := portForm().FindStringSubmatch(ports)
	wrong := errors.New("want ports such as 80 or 53/udp")
	if m == nil {
		return wrong
	}
	from, _ := strconv.Atoi(m[1])
	to, _ := strconv.Atoi(cmp.Or(m[2], m[1]))
	if from < 1 || to < from || to > 1<<16-1 {
		return wrong
	}
	if c.ExposedPorts == nil {
		c.ExposedPorts = map[string]struct{}{}
	}
	for port := from; port <= to; port++ {
		c.ExposedPorts[strconv.Itoa(port)+cmp.Or(m[3], "/tcp")] = struct{}{}
	}
	return nil
}

// isSignal reports whether Linux has a signal of that name, with or without SIG, or
// number.
func isSignal(s string) bool {
	if n, err := strconv.Atoi(s); err == nil {
		return n > 0 && n <= 64
	}
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")
	return unix.SignalNum(name) != 0 || strings.HasPrefix(name, "SIGRTMIN") || strings.HasPrefix(name, "SIGRTMAX")
}

// commandOf reads a command in its two forms: a JSON list, or words for a shell.
func commandOf(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil {
		return list
	}
	return []string{"/bin/sh", "-c", text}
}

var pairForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([^\s=]+)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)`)
})

// eachPair reads "a=b c="d e"", or the older "a b".
func eachPair(text string, do func(key, value string)) error {
	if key, value, ok := strings.Cut(text, " "); ok && !strings.Contains(key, "=") {
		do(key, strings.TrimSpace(value))
		return nil
	}
	pairs := pairForm().FindAllStringSubmatch(text, -1)
	if rest := pairForm().ReplaceAllString(text, ""); len(pairs) == 0 || strings.TrimSpace(rest) != "" {
		return errors.New("want key=value")
	}
	for _, p := range pairs {
		value := p[2]
		switch {
		case strings.HasPrefix(value, "'"):
			value = strings.Trim(value, "'")
		case strings.HasPrefix(value, `"`):
			value = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value[1 : len(value)-1])
		}
		do(p[1], value)
	}
	return nil
}

// setEnv sets a variable in a list of name=value.
func setEnv(env []string, key, value string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, key+"=") })
	return append(env, key+"="+value)
}
