package option

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// secret is which stored secrets a container gets.
type secret struct{ secrets []string }

func (s *secret) register(f *pflag.FlagSet) {
	f.StringArrayVar(&s.secrets, "secret", nil, "give the container a stored `secret`: name[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]")
}

func (s *secret) apply(m *maker) {
	for _, v := range s.secrets {
		use, err := parseSecret(v)
		m.noteFlag("secret", v, err)
		for _, other := range m.hand.Secrets {
			if use.Path != "" && other.Path == use.Path {
				m.failf("secret", v, "%s is at %s already: give another target", other.Secret, use.Path)
			}
		}
		m.hand.Secrets = append(m.hand.Secrets, use)
	}
}

// secretFolder is where secrets are files, unless another place is given.
const secretFolder = "/run/secrets"

// parseSecret reads name[,key=value…].
func parseSecret(s string) (spec.SecretUse, error) {
	words := strings.Split(s, ",")
	use := spec.SecretUse{Secret: words[0]}
	if strings.HasPrefix(words[0], "source=") { // Docker's way to write it
		use.Secret = strings.TrimPrefix(words[0], "source=")
	}
	if use.Secret == "" || strings.ContainsAny(use.Secret, "=/\x00") {
		return use, errors.New("it begins with the name of a secret: write name[,key=value…]")
	}
	kind, target, mode, file := "mount", "", uint64(0o444), ""
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		var err error
		switch key {
		case "type":
			kind = value
		case "target":
			target = value
		case "uid":
			use.UID, err = parseOwner(value)
			file = key
		case "gid":
			use.GID, err = parseOwner(value)
			file = key
		case "mode":
			if mode, err = strconv.ParseUint(value, 8, 16); err != nil || mode > 0o7777 {
				err = fmt.Errorf("%q is not an octal mode such as 0400", value)
			}
			file = key
		default:
			err = fmt.Errorf("unknown option %q%s", w, oneOf(key, []string{"type", "target", "uid", "gid", "mode"}))
		}
		if err != nil {
			return use, err
		}
	}
	if target == "" {
		target = use.Secret
	}
	switch {
	case kind == "env" && file != "":
		return use, fmt.Errorf("%s is for files: a variable has none", file)
	case kind == "env" && strings.ContainsAny(target, "=\x00"):
		return use, fmt.Errorf("%q is not the name of a variable", target)
	case kind == "env":
		use.Env = target
	case kind == "mount":
		if !path.IsAbs(target) {
			if slices.Contains(strings.Split(target, "/"), "..") {
				return use, fmt.Errorf("target %q leaves %s: give an absolute path", target, secretFolder)
			}
			target = path.Join(secretFolder, target)
		}
		use.Path, use.Mode = path.Clean(target), uint32(mode)
	default:
		return use, fmt.Errorf("type %q is neither mount nor env", kind)
	}
	return use, nil
}

func parseOwner(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not the number of a user or group", s)
	}
	return int64(n), nil
}
