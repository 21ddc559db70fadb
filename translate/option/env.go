package option

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// env is the container's environment over that of its image. What comes later
// wins: the host's proxies, the host's environment, files, single variables.
type env struct {
	vars, files, merge, unset    []string
	hostAll, httpProxy, unsetAll bool
}

func (e *env) register(f *pflag.FlagSet) {
	f.StringArrayVarP(&e.vars, "env", "e", nil, "set a variable (`NAME=value`); NAME alone takes the caller's, NAME* all that begin so")
	f.StringArrayVar(&e.files, "env-file", nil, "set the variables of a `file`, one a line; with - before it, it may be missing")
	f.BoolVar(&e.hostAll, "env-host", false, "set all of the caller's variables")
	f.StringArrayVar(&e.merge, "env-merge", nil, "set a variable with others of the image in it (`NAME=${OTHER}-value`)")
	f.BoolVar(&e.httpProxy, "http-proxy", true, "set the caller's http_proxy, https_proxy, ftp_proxy and no_proxy")
	f.StringArrayVar(&e.unset, "unsetenv", nil, "leave out this `variable` of the image")
	f.BoolVar(&e.unsetAll, "unsetenv-all", false, "leave out all variables of the image")
}

func (e *env) apply(m *maker) {
	host := environ(m.host)
	var list vars
	if e.httpProxy {
		for _, name := range []string{"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"} {
			if value, ok := host[name]; ok {
				list.set(name, value)
			}
		}
	}
	if e.hostAll {
		for _, name := range sortedKeys(host) {
			list.set(name, host[name])
		}
	}
	list.take(e.files, e.vars, m.host, m.noteFlag)
	m.c.Env = list
	m.hand.BaseEnv = m.usualEnv(host)
	for _, s := range e.merge {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			m.failf("env-merge", s, "write NAME=value, with ${OTHER} in the value")
			continue
		}
		_, err := spec.ExpandWord(value, func(string) string { return "" })
		m.noteFlag("env-merge", s, err)
		m.hand.MergeEnv = append(m.hand.MergeEnv, spec.EnvVar{Name: name, Value: value})
	}
	for _, name := range e.unset {
		if name == "" || strings.ContainsRune(name, '=') {
			m.failf("unsetenv", name, "give the name of a variable")
		}
	}
	m.hand.UnsetEnv, m.hand.UnsetEnvAll = e.unset, e.unsetAll
}

// Environment is what --env-file and --env say of a command in a container, or all that
// is wrong with them.
func Environment(files, words []string, host Host) ([]spec.EnvVar, error) {
	var list vars
	var errs []error
	list.take(files, words, host, func(flag, value string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s %q: %w", flag, value, err))
		}
	})
	return list, errors.Join(errs...)
}

// environ is the caller's environment.
func environ(host Host) map[string]string {
	out := map[string]string{}
	for _, v := range host.Environ() {
		name, value, _ := strings.Cut(v, "=")
		out[name] = value
	}
	return out
}

// optionalFile is the path of a file that need not be there: one with a dash
// before it, as systemd has it. A dash alone is standard input.
func optionalFile(name string) (path string, optional bool) {
	if path, optional = strings.CutPrefix(name, "-"); path == "" {
		return name, false
	}
	return path, optional
}

// vars are variables of which each name stands there once.
type vars []spec.EnvVar

// take sets what files hold, values of --env-file, and words say, values of --env. note
// is told of each what is wrong, nil if nothing is.
func (v *vars) take(files, words []string, host Host, note func(flag, value string, err error)) {
	callers := environ(host)
	for _, file := range files {
		path, optional := optionalFile(file)
		data, err := host.ReadFile(path)
		if optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		note("env-file", file, err)
		lines, err := parseEnvFile(data)
		note("env-file", file, err)
		for _, line := range lines {
			note("env-file", file, v.add(line, callers))
		}
	}
	for _, word := range words {
		note("env", word, v.add(word, callers))
	}
}

func (v *vars) set(name, value string) {
	at := slices.IndexFunc(*v, func(e spec.EnvVar) bool { return e.Name == name })
	if at >= 0 {
		(*v)[at].Value = value
		return
	}
	*v = append(*v, spec.EnvVar{Name: name, Value: value})
}

// add sets what a word says: NAME=value, NAME with the host's value where the
// host has one, NAME* likewise for all that begin so.
func (v *vars) add(word string, host map[string]string) error {
	name, value, given := strings.Cut(word, "=")
	if strings.ContainsRune(word, 0) {
		return errors.New("a variable cannot hold a NUL byte")
	}
	if name == "" {
		return errors.New("the name is missing: write NAME=value")
	}
	if given {
		v.set(name, value)
		return nil
	}
	if prefix, ok := strings.CutSuffix(name, "*"); ok {
		for _, key := range sortedKeys(host) {
			if strings.HasPrefix(key, prefix) {
				v.set(key, host[key])
			}
		}
		return nil
	}
	if value, ok := host[name]; ok {
		v.set(name, value)
	}
	return nil
}

// mostVariable is how long the kernel lets a variable be (execve(2)).
const mostVariable = 128<<10 - 1

// parseEnvFile reads a file of variables: a line each, as --env takes them.
// Blanks before a line, empty lines and those that begin with # do not count;
// quotes are part of a value, as podman has it.
func parseEnvFile(data []byte) ([]string, error) {
	if slices.Contains(data, 0) {
		return nil, errors.New("it is no text: there is a NUL byte in it")
	}
	var out []string
	var errs []error
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		n++
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		switch {
		case line[0] == '=':
			errs = append(errs, fmt.Errorf("line %d: the name is missing: write NAME=value", n))
			continue
		case len(line) > mostVariable:
			errs = append(errs, fmt.Errorf("line %d: a variable has %d bytes at most, with its name", n, mostVariable))
			continue
		}
		out = append(out, line)
	}
	return out, errors.Join(errs...)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
