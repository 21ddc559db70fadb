package quadlet

import (
	"encoding/csv"
	"strings"

	"berth/internal/source"
)

// image is the name of an image, which may be a unit's.
func (c *conversion) image(key, image string) string {
	if !isFile(image, Image, Build) {
		return image
	}
	name, _ := c.refer(c.at(key), "image", image, Image, Build)
	return name
}

// networks: a .network unit's network, a .container unit's, or any other.
func (c *conversion) networks(k Key) {
	for _, v := range c.values(k) {
		if v.text == "" {
			continue
		}
		name, options, more := strings.Cut(v.text, ":")
		switch {
		case isFile(name, Network):
			resource, ok := c.refer(v.at, "network", name, Network)
			if !ok {
				continue
			}
			name = resource
		case isFile(name, Container):
			if more {
				c.failAt(v.at, "extra options are not supported when joining another container's network")
				continue
			}
			resource, ok := c.refer(v.at, "container", name, Container)
			if !ok {
				continue
			}
			name = "container:" + resource
		}
		if more {
			name += ":" + options
		}
		c.option(k.Option, name)
	}
}

// source is what a volume or mount is made of: a folder of the host, a unit, or
// the name of something.
func (c *conversion) source(at source.Pos, s string, kinds ...Kind) (string, bool) {
	if strings.HasPrefix(s, ".") {
		s = c.absolute(s)
	}
	switch {
	case strings.HasPrefix(s, "/"):
		c.out.Add("Unit", "RequiresMountsFor", QuotePath(s))
	case isFile(s, kinds...):
		return c.refer(at, "source", s, kinds...)
	}
	return s, true
}

func (c *conversion) volumes(k Key) {
	for _, v := range c.values(k) {
		from, to, ok := strings.Cut(v.text, ":")
		if !ok || from == "" {
			c.option(k.Option, from+to) // only where it is mounted
			continue
		}
		if from, ok = c.source(v.at, from, Volume); ok {
			c.option(k.Option, from+":"+to)
		}
	}
}

// mounts looks into a mount's options for what it is made of.
func (c *conversion) mounts(k Key) {
	for _, v := range c.values(k) {
		fields, err := csv.NewReader(strings.NewReader(v.text)).Read()
		if err != nil {
			c.failAt(v.at, "Mount=%s is no list of options: %w", v.text, err)
			continue
		}
		if !strings.Contains(v.text, "=") {
			c.failAt(v.at, "invalid quadlet mount format %s: write type=bind,source=%[1]s,destination=…; Volume= takes SOURCE:DESTINATION", v.text)
			continue
		}
		if c.mountSource(v.at, fields) {
			c.option(k.Option, writeCSV(fields))
		}
	}
}

// mountSource makes a mount's source what it names, and says whether it may be
// what it is.
func (c *conversion) mountSource(at source.Pos, fields []string) bool {
	kind, found := "volume", false
	for _, f := range fields {
		if t, ok := strings.CutPrefix(f, "type="); ok {
			kind = t
		}
	}
	kinds, sourced := mountSources()[kind]
	for i, f := range fields {
		name, from, _ := strings.Cut(f, "=")
		if name != "source" && name != "src" || !sourced {
			continue
		}
		from, ok := c.source(at, from, kinds...)
		if !ok {
			return false
		}
		fields[i], found = "source="+from, from != ""
	}
	if sourced && !found && kind != "volume" { // a volume without a source is one without a name
		c.failAt(at, "source parameter is required for mount type %s", kind)
		return false
	}
	return true
}

// mountSources are the types of mounts that have a source, and what kinds of
// units it may be.
func mountSources() map[string][]Kind {
	return map[string][]Kind{"bind": nil, "glob": nil, "volume": {Volume}, "image": {Image, Build}, "artifact": {Artifact}}
}

func writeCSV(fields []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.Write(fields); err != nil {
		return strings.Join(fields, ",") // cannot be: a strings.Builder takes all
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}
