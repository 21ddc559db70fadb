package quadlet

import (
	"strconv"
	"strings"
)

// Specifiers are what %-letters in a unit's lines stand for, systemd.unit(5).
// Who runs commands without systemd resolves them so.
type Specifiers map[byte]string

// UnitSpecifiers are those that follow from a service's name. Those of the host
// (%t, %h, %H, …) are for the caller to add.
func UnitSpecifiers(service string) Specifiers {
	name := strings.TrimSuffix(service, ".service")
	prefix, instance, _ := strings.Cut(name, "@")
	last := prefix[strings.LastIndexByte(prefix, '-')+1:]
	file := prefix
	if instance != "" {
		file = instance
	}
	return Specifiers{
		'n': service, 'N': name,
		'p': prefix, 'P': unescapeName(prefix),
		'i': instance, 'I': unescapeName(instance),
		'j': last, 'J': unescapeName(last),
		'f': "/" + strings.TrimPrefix(unescapeName(file), "/"),
	}
}

// Expand resolves the specifiers of a text. A letter that stands for nothing is
// left as it is, as systemd leaves it.
func (s Specifiers) Expand(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		value, known := s[text[i]]
		switch {
		case text[i] == '%':
			b.WriteByte('%')
		case known:
			b.WriteString(value)
		default:
			b.WriteString(text[i-1 : i+1])
		}
	}
	return b.String()
}

// unescapeName undoes systemd-escape(1): dashes are slashes, and \x2d a dash.
func unescapeName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '-' {
			b.WriteByte('/')
			continue
		}
		if strings.HasPrefix(s[i:], `\x`) && i+4 <= len(s) {
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil && v != 0 {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// ExpandVariables resolves the variables of a command line as systemd does,
// systemd.service(5): ${X} anywhere, $X where it is a whole word, which is split
// at blanks; $$ is a dollar sign. The program's own name is left alone.
func ExpandVariables(args []string, get func(string) string) []string {
	var all []string
	for i, arg := range args {
		if i == 0 || !strings.Contains(arg, "$") {
			all = append(all, arg)
			continue
		}
		if name := arg[1:]; arg[0] == '$' && isVariable(name) {
			all = append(all, strings.Fields(get(name))...)
			continue
		}
		all = append(all, expandWord(arg, get))
	}
	return all
}

func expandWord(arg string, get func(string) string) string {
	var b strings.Builder
	for i := 0; i < len(arg); i++ {
		rest := arg[i:]
		end := strings.IndexByte(rest, '}')
		switch {
		case strings.HasPrefix(rest, "$$"):
			b.WriteByte('$')
			i++
		case strings.HasPrefix(rest, "${") && end > 0 && isVariable(rest[2:end]):
			b.WriteString(get(rest[2:end]))
			i += end
		default:
			b.WriteByte(arg[i])
		}
	}
	return b.String()
}

func isVariable(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
