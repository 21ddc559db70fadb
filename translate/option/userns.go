package option

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
	"berth/translate"
)

// userns maps the users of a container, or a pod, to those of the host.
type userns struct {
	mode, subUID, subGID string
	uids, gids           []string
}

func (u *userns) register(f *pflag.FlagSet) {
	f.StringVar(&u.mode, "userns", "", "`whose` users it has: host, auto[:size=…,uidmapping=…,gidmapping=…], container:NAME, ns:PATH, keep-id[:uid=…,gid=…]; nomap for others than root")
	f.StringSliceVar(&u.uids, "uidmap", nil, "map users (`container:host:number`)")
	f.StringSliceVar(&u.gids, "gidmap", nil, "map groups (`container:host:number`)")
	f.StringVar(&u.subUID, "subuidname", "", "map users to those that /etc/subuid gives this `name`")
	f.StringVar(&u.subGID, "subgidname", "", "map groups to those that /etc/subgid gives this `name`")
}

func (u *userns) apply(m *maker) {
	mapped := len(u.uids)+len(u.gids) > 0 || u.subUID != "" || u.subGID != ""
	mode := u.mode
	if !m.given("userns") && !mapped && !m.added() {
		mode = cmp.Or(environ(m.host)["PODMAN_USERNS"], mode)
	}
	if m.added() && (mapped || mode != "") {
		m.note(errors.New("--userns, --uidmap, --gidmap, --subuidname and --subgidname are for the pod, whose users its containers share: give them to pod create"))
		return
	}
	if mapped {
		if mode != "" && mode != "private" {
			m.failf("userns", mode, "cannot be combined with --uidmap, --gidmap, --subuidname or --subgidname: drop one of them")
		}
		m.pod.Users = u.maps(m)
	} else {
		m.pod.Users = u.namespace(m, mode)
	}
	if m.pod.Users != nil && m.pod.Domainname != "" {
		m.failf("domainname", m.pod.Domainname, "only root of the host may set it, and the container has users of its own")
	}
}

// rootful reports whether root calls, for sure.
func (m *maker) rootful() bool {
	uid, _ := m.host.User()
	return uid == 0 && !m.nowhere
}

func (u *userns) namespace(m *maker, mode string) *spec.UserNamespace {
	kind, options, _ := strings.Cut(mode, ":")
	switch kind {
	case "", "host":
		return nil
	case "private":
		m.failf("userns", mode, "say how users are mapped: --userns auto, or --uidmap and --gidmap")
		return nil
	case "auto":
		auto, err := translate.ParseAutoUsers(options)
		m.noteFlag("userns", mode, err)
		return &spec.UserNamespace{Auto: auto}
	case "keep-id":
		return u.keepID(m, mode, options)
	case "nomap":
		if m.rootful() {
			m.failf("userns", mode, "it is for others than root: use auto, or drop it")
			return nil
		}
		return u.rootless(m, mode, math.MaxUint32, math.MaxUint32, 0)
	}
	join, ok := m.join("userns", mode)
	if !ok {
		m.failf("userns", mode, "unknown%s", oneOf(kind, []string{"host", "auto", "keep-id", "nomap", "container:NAME", "ns:PATH"}))
		return nil
	}
	return &spec.UserNamespace{Join: join}
}

// keepID gives who calls the same number in the container, and has it run as that,
// as podman does, so that files are the caller's.
func (u *userns) keepID(m *maker, mode, options string) *spec.UserNamespace {
	as := func(uid, gid int64) {
		if m.c.User.Name == "" {
			m.c.User.Name = fmt.Sprintf("%d:%d", uid, gid)
		}
	}
	if m.rootful() {
		users, err := translate.RootKeepsID(options)
		m.noteFlag("userns", mode, err)
		as(users.As.UID, users.As.GID)
		return users.Namespace
	}
	uid, gid := m.host.User()
	keep, err := translate.ParseKeepID(options, translate.KeepID{UID: uid, GID: gid})
	m.noteFlag("userns", mode, err)
	as(int64(keep.UID), int64(keep.GID))
	return u.rootless(m, mode, keep.UID, keep.GID, keep.Size)
}

// rootless maps whoever calls to uid and gid of the container, or to nobody
// there, and the ranges /etc/subuid and /etc/subgid give around it; at most so many
// users in all, unless that is 0.
func (u *userns) rootless(m *maker, mode string, uid, gid, most uint32) *spec.UserNamespace {
	sizes := [2]uint32{}
	for i, group := range []bool{false, true} {
		ranges, err := m.host.SubIDs("", group)
		m.noteFlag("userns", mode, err)
		for _, r := range ranges {
			sizes[i] += r.Count
		}
		if most > 0 {
			sizes[i] = min(sizes[i], most-1) // beside the caller
		}
	}
	return &spec.UserNamespace{UIDs: around(uid, sizes[0]), GIDs: around(gid, sizes[1])}
}

// around maps id to 0 of the caller's user namespace and what is below and
// above it to the size further ones that it has.
func around(id, size uint32) []spec.IDMap {
	var out []spec.IDMap
	add := func(container, host, n uint32) {
		if n > 0 {
			out = append(out, spec.IDMap{Container: container, Host: host, Size: n})
		}
	}
	add(0, 1, min(id, size))
	if id == math.MaxUint32 {
		return out
	}
	add(id, 0, 1)
	if size > id {
		add(id+1, id+1, size-id)
	}
	return out
}

// maps are those given. Where only users are mapped, groups are likewise, and
// the other way round.
func (u *userns) maps(m *maker) *spec.UserNamespace {
	out := &spec.UserNamespace{}
	for _, x := range []struct {
		flag, name, nameFlag string
		list                 []string
		group                bool
	}{
		{"uidmap", u.subUID, "subuidname", u.uids, false}, {"gidmap", u.subGID, "subgidname", u.gids, true},
	} {
		if x.name != "" && len(x.list) > 0 {
			m.note(fmt.Errorf("--%s and --%s both map: give one of them", x.nameFlag, x.flag))
		}
		if x.name != "" {
			ids, err := subMap(m.host, x.name, x.group)
			m.noteFlag(x.nameFlag, x.name, err)
			if x.group {
				out.GIDs = ids
			} else {
				out.UIDs = ids
			}
		}
		for _, s := range x.list {
			ids, both, err := parseMap(s, x.group)
			m.noteFlag(x.flag, s, err)
			if both || !x.group {
				out.UIDs = append(out.UIDs, ids)
			}
			if both || x.group {
				out.GIDs = append(out.GIDs, ids)
			}
		}
	}
	for _, ids := range []struct {
		flag string
		list []spec.IDMap
	}{{"uidmap", out.UIDs}, {"gidmap", out.GIDs}} {
		if a, b, ok := overlap(ids.list); ok {
			m.note(fmt.Errorf("--%s: %d:%d:%d and %d:%d:%d overlap", ids.flag, a.Container, a.Host, a.Size, b.Container, b.Host, b.Size))
		}
	}
	if len(out.GIDs) == 0 {
		out.GIDs = slices.Clone(out.UIDs)
	}
	if len(out.UIDs) == 0 {
		out.UIDs = slices.Clone(out.GIDs)
	}
	return out
}

// subMap maps users from 0 on to the ranges of a name.
func subMap(host Host, name string, group bool) ([]spec.IDMap, error) {
	ranges, err := host.SubIDs(name, group)
	if err != nil {
		return nil, err
	}
	var out []spec.IDMap
	next := uint32(0)
	for _, r := range ranges {
		out = append(out, spec.IDMap{Container: next, Host: r.First, Size: r.Count})
		next += r.Count
	}
	if len(out) == 0 {
		file := map[bool]string{false: "/etc/subuid", true: "/etc/subgid"}[group]
		return nil, fmt.Errorf("%s has no range for it: add a line such as %s:100000:65536", file, name)
	}
	return out, nil
}

// parseMap reads [flags]container:[@]host[:number]. The flags u and g say which
// of users and groups are meant; both are without. @ marks an ID of the host,
// which those of root are anyway.
func parseMap(s string, group bool) (ids spec.IDMap, both bool, err error) {
	rest := strings.TrimLeft(s, "+ug")
	flags := s[:len(s)-len(rest)]
	if strings.ContainsRune(flags, '+') {
		return ids, false, errors.New("+ adds to the users that are mapped anyway, which root's containers have none of: map all ranges")
	}
	hasU, hasG := strings.ContainsRune(flags, 'u'), strings.ContainsRune(flags, 'g')
	if hasU != hasG && hasG != group {
		return ids, false, errors.New("the flag says users where groups are mapped, or the other way round: use the other of --uidmap and --gidmap")
	}
	parts := strings.Split(rest, ":")
	if len(parts) > 1 {
		parts[1] = strings.TrimPrefix(parts[1], "@")
	}
	ids, err = translate.ParseIDMap(parts)
	return ids, hasU && hasG, err
}

// overlap finds two maps that mean the same user twice.
func overlap(list []spec.IDMap) (a, b spec.IDMap, found bool) {
	meet := func(a, b, sizeA, sizeB uint32) bool {
		return uint64(a) < uint64(b)+uint64(sizeB) && uint64(b) < uint64(a)+uint64(sizeA)
	}
	for i, a := range list {
		for _, b := range list[:i] {
			if meet(a.Container, b.Container, a.Size, b.Size) || meet(a.Host, b.Host, a.Size, b.Size) {
				return b, a, true
			}
		}
	}
	return a, b, false
}
