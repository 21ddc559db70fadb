package option

import (
	"path"
	"testing"

	"berth/engine/spec"
)

// mounts is what a container has mounted, a volume for each mount.
func mountsAre(list ...mounted) edit {
	return func(m *Made, c *spec.Container, _ *spec.ByHand) {
		for i, x := range list {
			x.volume.Name = "v" + string(rune('0'+i))
			x.mount.Volume = x.volume.Name
			m.Pod.Volumes = append(m.Pod.Volumes, x.volume)
			c.Mounts = append(c.Mounts, x.mount)
		}
	}
}

func named(name string) spec.Volume { return spec.Volume{Named: &spec.NamedVolume{Volume: name}} }
func onHost(p string) spec.Volume {
	return spec.Volume{Host: &spec.HostVolume{Path: p, Type: spec.HostExists}}
}

func tmpfs(options ...string) spec.Volume {
	return spec.Volume{Tmpfs: &spec.TmpfsVolume{Options: options}}
}

func volumeGood() []good {
	unnamed := spec.Volume{Named: &spec.NamedVolume{Anonymous: true}}
	noCopy := spec.Volume{Named: &spec.NamedVolume{Volume: "data", NoCopy: true}}
	over := onHost("/src")
	over.Overlay = &spec.Overlay{}
	layered := onHost("/src")
	layered.Overlay = &spec.Overlay{Upper: "/home/me/up", Work: "/work"}
	at := func(p string, options ...string) spec.Mount { return spec.Mount{Path: p, Options: options} }
	return []good{
		{"--volume data:/d img", mountsAre(mounted{at("/d"), named("data")})},
		{"-v /srv:/d:rw -v ./x:/e/ -v ../y:/f img", mountsAre(mounted{at("/d"), onHost("/srv")}, mounted{at("/e"), onHost("/home/me/x")}, mounted{at("/f"), onHost("/home/me/../y")})},
		{"-v /d img", mountsAre(mounted{at("/d"), unnamed})},
		{"-v data:/d:ro,z,U,noexec,nosuid,nodev img", mountsAre(mounted{spec.Mount{Path: "/d", ReadOnly: true, Options: []string{"z", "U", "noexec", "nosuid", "nodev"}}, named("data")})},
		{"-v data:/d:nocopy img", mountsAre(mounted{at("/d"), noCopy})},
		{"-v data:/d:copy,exec,suid,dev img", mountsAre(mounted{at("/d", "exec", "suid", "dev"), named("data")})},
		{"-v /src:/d:O img", mountsAre(mounted{at("/d"), over})},
		{"-v /src:/d:O,upperdir=up,workdir=/work img", mountsAre(mounted{at("/d"), layered})},
		{"-v /src:/d:rshared,bind img", mountsAre(mounted{spec.Mount{Path: "/d", Propagation: "rshared", Options: []string{"bind"}}, onHost("/src")})},
		{"-v /src:/d:idmap img", mountsAre(mounted{spec.Mount{Path: "/d", IDMap: &spec.IDMaps{}}, onHost("/src")})},
		{"-v /src:/d:idmap=uids=0-1-10#@10-11-10;gids=0-100-10 img", mountsAre(mounted{spec.Mount{Path: "/d", IDMap: &spec.IDMaps{
			UIDs: []spec.IDMap{{Host: 1, Size: 10}, {Container: 10, Host: 11, Size: 10, Relative: true}}, GIDs: []spec.IDMap{{Host: 100, Size: 10}},
		}}, onHost("/src")})},
		{"--tmpfs /run:U img", mountsAre(mounted{at("/run", "U"), tmpfs("nosuid", "nodev", "tmpcopyup")})},
		{"--tmpfs /run img", mountsAre(mounted{at("/run"), tmpfs("nosuid", "nodev", "tmpcopyup")})},
		{"--tmpfs /run:size=10%,nr_inodes=1k img", mountsAre(mounted{at("/run"), tmpfs("size=10%", "nr_inodes=1k", "nosuid", "nodev", "tmpcopyup")})},
		{"--tmpfs /run:rw,size=64m,mode=1777,exec,notmpcopyup img", mountsAre(mounted{at("/run"), tmpfs("rw", "size=64m", "mode=1777", "exec", "notmpcopyup", "nosuid", "nodev")})},
		{"-v mine:/data --volumes-from other:ro img", mountsAre(mounted{at("/data"), named("mine")}, mounted{spec.Mount{Path: "/etc/x", ReadOnly: true}, spec.Volume{Host: &spec.HostVolume{Path: "/x"}}})},
		{"--volumes-from other:rw,z img", mountsAre(mounted{at("/data", "z"), named("data")}, mounted{at("/etc/x", "z"), spec.Volume{Host: &spec.HostVolume{Path: "/x"}}})},
		{"--read-only img", func(_ *Made, c *spec.Container, _ *spec.ByHand) { c.Security.ReadOnlyRoot = true }},
		{"--read-only --read-only-tmpfs=false img", func(_ *Made, c *spec.Container, h *spec.ByHand) { c.Security.ReadOnlyRoot, h.NoTmpfs = true, true }},
	}
}

func volumeBad() bad {
	return bad{
		"--volume= img":                          "the path in the container is missing",
		"-v data: img":                           "the path in the container is missing",
		"-v :/d img":                             "what is mounted is missing",
		"-v data:d img":                          `"d" is not an absolute path in the container`,
		"-v data:/ img":                          "nothing can be mounted over the container's root",
		"-v da/ta:/d img":                        `"da/ta" is not the name of a volume, and a path begins with / or .`,
		"-v a:/d -v b:/d img":                    `--volume "b:/d": something is mounted at /d already`,
		"-v a:/d --tmpfs /d/ img":                "something is mounted at /d already",
		"-v a:/d:rwx img":                        `unknown option "rwx", did you mean "rw"?`,
		"-v a:/d:ro,rw img":                      "ro and rw exclude each other",
		"-v a:/d:z,Z img":                        "z and Z exclude each other",
		"-v a:/d:shared,slave img":               "shared and slave exclude each other",
		"-v /a:/d:nocopy img":                    "nocopy is for named volumes",
		"-v /a:/d:upperdir=/u,workdir=/w img":    "add the option O",
		"-v /a:/d:O,upperdir=/u img":             "upperdir and workdir belong together",
		"-v /a:/d:O,ro img":                      "ro and O exclude each other",
		"-v /a:/d:idmap=uids=1-2-0 img":          "a range of none",
		"-v /a:/d:idmap=uids=4294967295-1-9 img": "ends beyond",
		"-v /a:/d:idmap=ids=1-2-3 img":           `unknown list "ids"`,
		"--tmpfs run img":                        "is not an absolute path",
		"--tmpfs /run:sice=1 img":                `unknown option "sice=1", did you mean "size"?`,
		"--tmpfs /run:size=big img":              `size "big" is not a number such as 64m`,
		"--tmpfs /run:size= img":                 `size "" is not a number`,
		"--tmpfs /run:size=1m% img":              `size "1m%" is not a number`,
		"--tmpfs /run:nr_inodes=5% img":          `nr_inodes "5%" is not a number`,
		"--tmpfs /run:mode=9 img":                `"9" is not an octal mode`,
		"--tmpfs /run:uid=me img":                `"me" is not a number`,
		"--tmpfs /run:size=1m,size=2m img":       "size is given twice",
		"--tmpfs /run:tmpcopyup,notmpcopyup img": "tmpcopyup and notmpcopyup exclude each other",
		"--tmpfs /run:Z img":                     "Z labels files of the host",
		"--volumes-from gone img":                `--volumes-from "gone": there is no such container`,
		"--volumes-from other:x img":             `unknown option "x"`,
		"--volumes-from other:ro,rw img":         "ro and rw exclude each other",
	}
}

func mountGood() []good {
	at := func(p string, options ...string) spec.Mount { return spec.Mount{Path: p, Options: options} }
	withOptions := named("data")
	withOptions.Named.Options, withOptions.Named.Labels = map[string]string{"type": "tmpfs"}, map[string]string{"a": "b"}
	over := named("data")
	over.Overlay = &spec.Overlay{}
	devpts := tmpfs("uid=5", "gid=6", "mode=620", "max=16", "nosuid", "noexec", "ptmxmode=0666")
	terminals := tmpfs("nosuid", "noexec", "ptmxmode=0666", "gid=5", "mode=0620")
	elsewhere := tmpfs("max=16")
	terminals.Tmpfs.Kind, elsewhere.Tmpfs.Kind = "devpts", "devpts"
	devpts.Tmpfs.Kind = "devpts"
	ramfs := tmpfs("mode=700", "nosuid", "nodev")
	ramfs.Tmpfs.Kind = "ramfs"
	ro := func(m spec.Mount) spec.Mount { m.ReadOnly = true; return m }
	return []good{
		{"--mount type=bind,src=/s,dst=/d,ro img", mountsAre(mounted{ro(at("/d")), onHost("/s")})},
		{"--mount type=bind,source=s,target=/d,readonly=false,relabel=shared,U=true,bind-nonrecursive img", mountsAre(mounted{at("/d", "z", "U", "bind"), onHost("/home/me/s")})},
		{"--mount type=bind,src=/s,dst=/d,bind-propagation=rslave,relabel=private,no-dereference,chown=false,consistency=cached img",
			mountsAre(mounted{spec.Mount{Path: "/d", Propagation: "rslave", Options: []string{"Z", "no-dereference"}}, onHost("/s")})},
		{"--mount type=bind,destination=/d img", mountsAre(mounted{at("/d"), onHost("/d")})},
		{"--mount type=bind,src=/s,dst=/d,idmap img", mountsAre(mounted{spec.Mount{Path: "/d", IDMap: &spec.IDMaps{}}, onHost("/s")})},
		{"--mount source=data,destination=/d img", mountsAre(mounted{at("/d"), named("data")})},
		{"--mount type=volume,src=data,dst=/d,subpath=a/b,rw=false img", mountsAre(mounted{spec.Mount{Path: "/d", SubPath: "a/b", ReadOnly: true}, named("data")})},
		{"--mount type=volume,dst=/d,nocopy img", mountsAre(mounted{at("/d"), spec.Volume{Named: &spec.NamedVolume{Anonymous: true, NoCopy: true}}})},
		{"--mount type=volume,src=data,dst=/d,volume-opt=type=tmpfs,volume-label=a=b img", mountsAre(mounted{at("/d"), withOptions})},
		{"--mount type=volume,src=data,dst=/d,O img", mountsAre(mounted{at("/d"), over})},
		{"--mount type=image,source=fedora,destination=/d img", mountsAre(mounted{ro(at("/d")), spec.Volume{Image: &spec.ImageVolume{Image: "fedora"}}})},
		{"--mount type=image,source=fedora,destination=/d,rw=true,subpath=/usr img", mountsAre(mounted{at("/d"), spec.Volume{Image: &spec.ImageVolume{Image: "fedora", SubPath: "usr", Writable: true}}})},
		{"--mount type=tmpfs,dst=/d,tmpfs-size=512M,tmpfs-mode=700,noswap,exec img", mountsAre(mounted{at("/d"), tmpfs("size=536870912", "mode=700", "noswap", "exec", "nosuid", "nodev", "tmpcopyup")})},
		{"--mount type=ramfs,tmpfs-mode=700,destination=/d img", mountsAre(mounted{at("/d"), ramfs})},
		{"--mount type=devpts,destination=/dev/pts,uid=5,gid=6,mode=620,max=16 img", mountsAre(mounted{at("/dev/pts"), devpts})},
		{"--mount type=devpts,max=16,destination=/pts --mount type=devpts img", mountsAre(mounted{at("/pts"), elsewhere}, mounted{at("/dev/pts"), terminals})},
		{"--mount type=tmpfs,dst=/d,U,exec img", mountsAre(mounted{at("/d", "U"), tmpfs("exec", "nosuid", "nodev", "tmpcopyup")})},
		{"--mount type=glob,src=/usr/lib/libfoo*,ro=true img", mountsAre(mounted{ro(at("/usr/lib/libfoo.so")), onHost("/usr/lib/libfoo.so")}, mounted{ro(at("/usr/lib/libfoo2.so")), onHost("/usr/lib/libfoo2.so")})},
		{"--mount type=glob,src=/usr/lib/libfoo*,dst=/lib img", mountsAre(mounted{at("/lib/libfoo.so"), onHost("/usr/lib/libfoo.so")}, mounted{at("/lib/libfoo2.so"), onHost("/usr/lib/libfoo2.so")})},
		{`--mount type=bind,"src=/a,b",dst=/d img`, mountsAre(mounted{at("/d"), onHost("/a,b")})},
	}
}

func mountBad() bad {
	return bad{
		"--mount= img":                                           "write type=TYPE",
		`--mount type=bind,"src img`:                             "quotes in pairs",
		"--mount type=bund,src=/s,dst=/d img":                    `unknown type "bund", did you mean "bind"?`,
		"--mount type=artifact,src=a,dst=/d img":                 "artifacts cannot be mounted",
		"--mount type=bind,sorce=/s,dst=/d img":                  `type bind has no option "sorce=/s", did you mean "source"?`,
		"--mount type=bind,src=/s img":                           "destination is missing",
		"--mount type=bind,src=/s,dst=d img":                     "destination: \"d\" is not an absolute path",
		"--mount type=bind,src=/s,dst=/d,ro,rw img":              "readwrite: readonly and readwrite exclude each other",
		"--mount type=bind,src=/s,dst=/d,ro=maybe img":           `readonly: "maybe" is neither true nor false`,
		"--mount type=bind,src=/s,dst=/d,relabel=x img":          "neither shared nor private",
		"--mount type=bind,src=/s,dst=/d,bind-propagation=x img": `"x" is not a propagation`,
		"--mount type=volume,src=/s,dst=/d img":                  `source "/s" is not the name of a volume`,
		"--mount type=volume,src=s,dst=/d,subpath=../x img":      "leaves what is mounted: give a path in it",
		"--mount type=volume,src=s,dst=/d,volume-opt==x img":     "write key=value",
		"--mount type=image,dst=/d img":                          "source is missing: the name of an image",
		"--mount type=tmpfs,dst=/d,tmpfs-size=big img":           `"big" is not a size`,
		"--mount type=tmpfs,dst=/d,tmpfs-mode=9 img":             `"9" is not an octal mode`,
		"--mount type=tmpfs,src=/s,dst=/d img":                   `type tmpfs has no option "src=/s"`,
		"--mount type=tmpfs,dst=/d,tmpcopyup,notmpcopyup img":    "notmpcopyup: tmpcopyup and notmpcopyup exclude each other",
		"--mount type=ramfs,dst=/d,tmpfs-size=1m img":            `type ramfs has no option "tmpfs-size=1m"`,
		"--mount type=bind,src=/s,dst=/d,source=/t img":          "source is given twice",
		"--mount type=bind,type=volume,src=s,dst=/d img":         "type is given twice",
		"--mount type=devpts,max=x img":                          `"x" is not a number`,
		"--mount type=glob,dst=/d img":                           "a pattern of paths",
		"--mount type=glob,src=/none*,dst=/d img":                "no path matches /none*",
		"--mount type=bind,src=/s,dst=/d -v /x:/d img":           "something is mounted at /d already",
	}
}

func FuzzVolume(f *testing.F) {
	for _, s := range []string{"/d", "a:/d", "/a:/d:ro,z", "a:/d:O,upperdir=/u,workdir=/w", "a:/d:idmap=uids=0-1-10#@1-2-3;gids=0-1-1", "::", "a:/../x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, v, err := parseVolume(s, fakeHost{})
		if err != nil {
			return
		}
		checkMount(t, s, m, v)
	})
}

func FuzzMount(f *testing.F) {
	for _, s := range []string{"type=bind,src=/s,dst=/d", "type=tmpfs,dst=/d,tmpfs-size=1g", "type=glob,src=/usr/lib/libfoo*", `type=image,"source=a,b",dst=/d`, "dst=/d", "type=devpts"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseMount(s, fakeHost{})
		if err != nil {
			return
		}
		for _, x := range list {
			checkMount(t, s, x.mount, x.volume)
		}
	})
}

// checkMount sees that whatever was read can be given to the engine.
func checkMount(t *testing.T, s string, m spec.Mount, v spec.Volume) {
	t.Helper()
	if !path.IsAbs(m.Path) || path.Clean(m.Path) != m.Path || m.Path == "/" {
		t.Errorf("%q: mounted at %q", s, m.Path)
	}
	kinds := 0
	for _, set := range []bool{v.Host != nil, v.Named != nil, v.Image != nil, v.Tmpfs != nil} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		t.Errorf("%q: %d kinds of volume", s, kinds)
	}
	if v.Host != nil && !path.IsAbs(v.Host.Path) {
		t.Errorf("%q: mounts %q of the host", s, v.Host.Path)
	}
	if v.Named != nil && v.Named.Anonymous != (v.Named.Volume == "") {
		t.Errorf("%q: volume %q, anonymous %v", s, v.Named.Volume, v.Named.Anonymous)
	}
}
