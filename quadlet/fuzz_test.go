package quadlet

import (
	"strings"
	"testing"
)

// FuzzConvert holds that whatever two files say, conversion ends without a
// panic, writes services systemd can read line by line, and keeps links within
// the generator's folder.
func FuzzConvert(f *testing.F) {
	for _, name := range archives(f) {
		for _, in := range inputs(read(f, name)) {
			f.Add(in.Name, string(in.Data), "[Pod]\n")
		}
	}
	f.Add("x@.container", "[Container]\nImage=a\nPod=b.pod\n[Install]\nAlias=../../x\n", "[Pod]\n[Unit]\nAfter=x@1.container\n")
	f.Fuzz(func(t *testing.T, name, data, pod string) {
		if strings.Contains(name, "\x00") {
			return
		}
		results := Convert([]Input{{Name: name, Path: "/q/" + name, Data: []byte(data)}, {Name: "b.pod", Path: "/q/b.pod", Data: []byte(pod)}},
			Options{Program: "/usr/bin/berth", Host: testHost{}})
		for _, r := range results {
			if (r.Unit == nil) != (r.Problems.Err() != nil) && !(r.Unit == nil && len(r.Problems) > 0) {
				t.Errorf("unit %v, problems %v", r.Unit, r.Problems)
			}
			for _, p := range r.Problems {
				if strings.Contains(p.Message, "\n") {
					t.Errorf("a problem of several lines: %q", p.Message)
				}
			}
			if r.Unit == nil {
				continue
			}
			again, problems := Parse("x.service", "x.service", r.Unit.Text())
			if problems != nil {
				t.Fatalf("the service cannot be read: %v\n%s", problems, r.Unit.Text())
			}
			if starts := again.Lines("Service", "ExecStart"); len(starts) == 0 {
				t.Errorf("nothing is started:\n%s", r.Unit.Text())
			}
			for _, l := range r.Unit.Links {
				if strings.HasPrefix(l.Path, "/") || strings.HasPrefix(l.Path, "../") || strings.Contains(l.Path, "/../") {
					t.Errorf("a link leads out: %+v", l)
				}
			}
			for _, d := range r.Unit.Upholds {
				if strings.HasPrefix(d.Path, "/") || strings.HasPrefix(d.Path, "../") || strings.Contains(d.Path, "/../") || strings.Count(string(d.Data), "\n") != 2 {
					t.Errorf("a drop-in leads out: %+v", d)
				}
			}
			if strings.Contains(r.Unit.Service, "/") {
				t.Errorf("a service leads out: %s", r.Unit.Service)
			}
		}
	})
}
