package quadlet

import (
	"path"
	"strings"

	"berth/internal/source"
)

// Link is a symbolic link that enables a service: systemd does not enable what
// a generator made, so the generator does what [Install] says.
type Link struct {
	Path   string // from the generator's folder: "default.target.wants/web.service"
	Target string // "../web.service"
}

// install turns [Install] into links.
func (c *conversion) install() {
	service := c.service
	if c.name.Abstract() {
		preset, _ := c.src.Value("Install", "DefaultInstance")
		if preset != "" && !validUnitName(preset) {
			c.failAt(c.line("Install", "DefaultInstance").Pos, "DefaultInstance=%s is no instance's name", preset)
		}
		switch {
		case !strings.HasSuffix(service, "@"): // ServiceName= made it a plain service
		case preset == "":
			service = "" // enabling takes an instance
		default:
			service += preset
		}
	}
	for _, l := range c.src.current("Install", "Alias") {
		for _, alias := range c.words(l) {
			if strings.HasSuffix(c.service, "@") && !strings.Contains(alias, "@") {
				continue // an instance's alone: a template has no other name than a template's
			}
			if name := c.link(l.Pos, alias, c.service+".service"); name != "" && !strings.Contains(name, "/") {
				c.aliases = append(c.aliases, otherName{name, l.Pos})
			}
		}
	}
	if service == "" {
		return
	}
	for _, by := range []struct{ key, folder string }{{"WantedBy", "wants"}, {"RequiredBy", "requires"}, {"UpheldBy", "upholds"}} {
		for _, l := range c.src.current("Install", by.key) {
			for _, unit := range c.words(l) {
				if strings.Contains(unit, "/") {
					c.failAt(l.Pos, "%s=%s is no unit's name", by.key, unit)
					continue
				}
				wanting := c.wanting(l.Pos, unit)
				c.link(l.Pos, wanting+"."+by.folder+"/"+service+".service", c.service+".service")
				if by.key == "UpheldBy" {
					c.upheld(wanting, service+".service")
				}
			}
		}
	}
}

// upheld has a unit uphold this one's service also where systemd is older than
// UpheldBy=.
func (c *conversion) upheld(by, service string) {
	name := "50-upholds-" + service + ".conf"
	c.unit.Upholds = append(c.unit.Upholds, DropIn{Name: name, Path: path.Clean("/" + by)[1:] + ".d/" + name, Data: []byte("[Unit]\nUpholds=" + service + "\n")})
}

// wanting is the unit that wants this one, by its service where it is a unit
// file.
func (c *conversion) wanting(at source.Pos, unit string) string {
	if _, ok := ParseName(unit); !ok {
		return unit
	}
	target, instance := c.set.find(unit)
	if target == nil {
		c.failAt(at, "%s: there is no such unit file%s", unit, c.meantFile(unit))
		return unit
	}
	service, err := c.set.serviceOf(c.entry, target, instance)
	if err != nil {
		c.failAt(at, "%s: %w", unit, err)
		return unit
	}
	return service
}

// claimAliases gives each name of Alias= to one unit: the services of others are
// theirs.
func (s *set) claimAliases() {
	taken := map[string]*entry{}
	for _, e := range s.entries {
		if e.service != "" && !e.dropped {
			taken[e.service+".service"] = e
		}
	}
	for _, e := range s.entries {
		if e.failed() {
			continue
		}
		for _, a := range e.aliases {
			if first := taken[a.name]; first != nil && first != e {
				e.fail(a.at, "Alias=%s is already a name of %s: this unit is left out", a.name, first.path)
				continue
			}
			taken[a.name] = e
		}
	}
}

// link adds a link below the generator's folder, however its name is written, and
// returns that name.
func (c *conversion) link(at source.Pos, name, target string) string {
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if clean == "" || clean == target || !printable(name) {
		c.failAt(at, "%s is no name for a link to %s", shown(name), target)
		return ""
	}
	c.unit.Links = append(c.unit.Links, Link{clean, strings.Repeat("../", strings.Count(clean, "/")) + target})
	return clean
}
