package kube

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// plainScalar says what an unquoted, untagged YAML scalar is. Kubernetes reads
// YAML with go-yaml v2 (sigs.k8s.io/yaml), which keeps YAML 1.1's booleans:
// yes, on and y are true. text is JSON's form of the value.
//
// Rules: https://github.com/yaml/go-yaml/blob/v2/resolve.go. Dates are text.
func plainScalar(in string) (kind valueKind, text string) {
	switch in {
	case "", "~", "null", "Null", "NULL":
		return kindNull, ""
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return kindBool, "true"
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return kindBool, "false"
	case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF":
		return kindFloat, in
	}
	switch c := in[0]; {
	case c == '.':
		return floatOrText(in, in)
	case c >= '0' && c <= '9', c == '+', c == '-':
		return numberOrText(in)
	}
	return kindText, in
}

func numberOrText(in string) (valueKind, string) {
	if len(in) > 100 {
		return kindText, in
	}
	plain := strings.ReplaceAll(in, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return kindInt, strconv.FormatInt(i, 10)
	}
	if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return kindInt, strconv.FormatUint(u, 10)
	}
	if yamlFloat().MatchString(plain) {
		return floatOrText(plain, in)
	}
	return kindText, in
}

func floatOrText(plain, in string) (valueKind, string) {
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return kindText, in
	}
	text, err := json.Marshal(f)
	if err != nil {
		return kindText, in
	}
	return kindFloat, string(text)
}

var yamlFloat = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
})

// finite reports whether the number has a form in JSON.
func finite(text string) bool {
	return !strings.HasSuffix(strings.ToLower(text), "inf") && !strings.EqualFold(text, ".nan")
}

// keyText is what Kubernetes makes of a key that is not text, or false if it
// can be no key.
func keyText(kind valueKind, text string) (string, bool) {
	switch kind {
	case kindText, kindInt, kindBool:
		return text, true
	case kindFloat:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return strconv.FormatFloat(f, 'g', -1, 32), true
		}
	}
	return "", false
}
