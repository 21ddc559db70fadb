package quadlet

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"berth/internal/source"
)

// Kind is what a unit file describes: its extension without the dot.
type Kind string

// The kinds of units.
const (
	Artifact  Kind = "artifact"
	Build     Kind = "build"
	Container Kind = "container"
	Image     Kind = "image"
	Kube      Kind = "kube"
	Network   Kind = "network"
	Pod       Kind = "pod"
	Volume    Kind = "volume"
)

// Kinds are all of them, those first that others are made from.
func Kinds() []Kind {
	return []Kind{Artifact, Image, Volume, Network, Build, Container, Kube, Pod}
}

// Section is the name of the section that is the kind's own.
func (k Kind) Section() string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

// suffix tells the services of a kind from those of others of the same name.
func (k Kind) suffix() string {
	if k == Container || k == Kube {
		return ""
	}
	return "-" + string(k)
}

// Name is a unit file's name in its parts: "web@blue.container" is Base "web",
// Instance "blue" of a Template.
type Name struct {
	File     string
	Base     string
	Template bool   // there is an @
	Instance string // empty in the template itself
	Kind     Kind
}

// ParseName takes a file's name apart; ok is false where it is no unit's.
func ParseName(file string) (n Name, ok bool) {
	ext := path.Ext(file)
	if ext == "" || strings.Contains(file, "/") {
		return Name{}, false
	}
	n = Name{File: file, Kind: Kind(ext[1:])}
	n.Base, n.Instance, n.Template = strings.Cut(strings.TrimSuffix(file, ext), "@")
	return n, file != ext && slices.Contains(Kinds(), n.Kind)
}

// Abstract says whether the name is a template's, which runs only in instances.
func (n Name) Abstract() bool { return n.Template && n.Instance == "" }

// TemplateFile is the file an instance is made from.
func (n Name) TemplateFile() string { return n.Base + "@." + string(n.Kind) }

// service is the service's name without ".service", unless the unit says another.
func (n Name) service() string {
	s := n.Base + n.Kind.suffix()
	if n.Template {
		s += "@" + n.Instance
	}
	return s
}

// resource is the name of what the unit makes, unless it says another.
func (n Name) resource() string {
	if n.Template {
		return "systemd-" + n.Base + "-%i"
	}
	return "systemd-" + n.Base
}

// DropInDirs are the folders of a unit's drop-ins, the most specific first: a
// file in one hides those of its name in the ones after it.
func (n Name) DropInDirs() []string {
	ext := "." + string(n.Kind) + ".d"
	dirs := []string{n.File + ".d"}
	if n.Instance != "" {
		dirs = append(dirs, n.Base+"@"+ext)
	}
	for i := len(n.Base) - 1; i > 0; i-- {
		if n.Base[i] != '-' || i == len(n.Base)-1 && !n.Template {
			continue
		}
		if n.Template {
			dirs = append(dirs, n.Base[:i+1]+"@"+ext)
		}
		dirs = append(dirs, n.Base[:i+1]+ext)
	}
	return append(dirs, string(n.Kind)+".d")
}

// DidYouMeanFile is source.DidYouMean for the names of unit files: of those of
// the same kind, what stands before the extension is compared.
func DidYouMeanFile(file string, known []string) string {
	ext := path.Ext(file)
	var bases []string
	for _, k := range known {
		if base, same := strings.CutSuffix(k, ext); same {
			bases = append(bases, base)
		}
	}
	if base := source.Suggest(strings.TrimSuffix(file, ext), bases); base != "" {
		return fmt.Sprintf(", did you mean %q?", base+ext)
	}
	return ""
}

// validUnitName says whether systemd takes a name for a service: systemd.unit(5).
func validUnitName(s string) bool {
	const most = 255 - len(".service")
	if s == "" || len(s) > most || s[0] == '@' {
		return false
	}
	for _, r := range s {
		if !strings.ContainsRune(`:-_.\@`, r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}
