package filter

import "berth/cmd/report"

// Secrets are the filters of secret ls.
func Secrets() Matchers[report.Secret] {
	type S = report.Secret
	return Matchers[S]{
		"name": func(s S, want string) (bool, error) { return Pattern(s.Name, want) },
		"id":   func(s S, want string) (bool, error) { return idPattern(s.ID, want) },
	}
}
