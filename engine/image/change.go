package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
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
		for port := range strings.FieldsSeq(what) {
			if !strings.Contains(port, "/") {
				port += "/tcp"
			}
			if !portForm().MatchString(port) {
				return errors.New("want ports such as 80 or 53/udp")
			}
			if c.ExposedPorts == nil {
				c.ExposedPorts = map[string]struct{}{}
			}
			c.ExposedPorts[port] = struct{}{}
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
	return regexp.MustCompile(`^[0-9]{1,5}(-[0-9]{1,5})?/(tcp|udp|sctp)$`)
})

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
