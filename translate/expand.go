package translate

import "strings"

// Expand replaces the references $(NAME) in s by what lookup knows of them. $$
// is a literal $, so $$(NAME) becomes $(NAME); a reference that lookup does not
// know stays as it is. What is put in is not looked at again.
//
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func Expand(s string, lookup func(name string) (value string, ok bool)) string {
	if !strings.Contains(s, "$") {
		return s
	}
	var out strings.Builder
	for {
		text, rest, found := strings.Cut(s, "$")
		out.WriteString(text)
		if !found {
			return out.String()
		}
		if after, escaped := strings.CutPrefix(rest, "$"); escaped {
			out.WriteByte('$')
			s = after
			continue
		}
		inner, opened := strings.CutPrefix(rest, "(")
		name, after, closed := strings.Cut(inner, ")")
		if !opened || !closed {
			out.WriteByte('$')
			s = rest
			continue
		}
		if value, ok := lookup(name); ok {
			out.WriteString(value)
		} else {
			out.WriteString("$(" + name + ")")
		}
		s = after
	}
}
