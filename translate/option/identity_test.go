package option

import (
	"testing"

	"berth/engine/spec"
)

func identityGood() []good {
	return []good{
		{"--name web_1.x --replace --rm img", func(m *Made, c *spec.Container, h *spec.ByHand) {
			c.Name, m.Pod.Name, m.Replace, h.Remove = "web_1.x", "web_1.x", true, true
		}},
		{"--label a=b -l c --label-file labels --label a=c img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Labels = map[string]string{"a": "c", "c": "", "empty": ""}
		}},
		{"--annotation a=b=c img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.Annotations = map[string]string{"a": "b=c"} }},
		{"--cidfile id --pidfile /run/pid --conmon-pidfile conmon.pid img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			h.IDFile = "/home/me/id"
			m.IDFile, h.PidFile, h.ConmonPidFile = "/home/me/id", "/run/pid", "/home/me/conmon.pid"
		}},
		{"--requires db,cache img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Requires = []spec.ContainerRef{{Pod: "id-of-db", Name: "db"}, {Pod: "id-of-cache", Name: "cache"}}
		}},
		{"--pod web --name nginx -v data:/d img", func(m *Made, c *spec.Container, _ *spec.ByHand) {
			added(m)
			m.Into, c.Name = "web", "nginx"
			m.Pod.Volumes = []spec.Volume{{Name: "nginx-v0", Named: &spec.NamedVolume{Volume: "data"}}}
			c.Mounts = []spec.Mount{{Volume: "nginx-v0", Path: "/d"}}
		}},
		{"--pod-id-file pod.id img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			added(m)
			m.Into = "abc123"
		}},
		{"--pod new:web --restart always -p 80:80 img", func(m *Made, c *spec.Container, _ *spec.ByHand) {
			m.Pod.Bare, m.Pod.ByHand, m.Pod.PlainNames, m.Pod.Name = false, true, true, "web"
			c.RestartPolicy = spec.RestartAlways
			m.Pod.Ports = []spec.PortMapping{{HostPort: 80, ContainerPort: 80, Protocol: "tcp"}}
		}},
	}
}

// added makes of what stands alone what goes into a pod that is there.
func added(m *Made) {
	m.Pod.Bare, m.Pod.Networks, m.Pod.RestartPolicy = false, nil, ""
}

func identityBad() bad {
	return bad{
		"--name= img":                                    `--name "": the name is missing`,
		"--name a/b img":                                 "a name has letters, digits",
		"--name -x img":                                  "begins with a letter",
		"--replace img":                                  "--replace says nothing without --name",
		"--label =b img":                                 `--label "=b": write key=value`,
		"--label-file gone img":                          `--label-file "gone": no such file`,
		"--label-file badlabels img":                     `--label-file "badlabels": line 2: the key is missing: write key=value`,
		"--label-file blanks img":                        `--label-file "blanks": line 1: there are blanks in the key "a b"`,
		"--label-file binary img":                        "there is a NUL byte in it",
		"--annotation x img":                             `--annotation "x": write key=value`,
		"--requires gone img":                            `--requires "gone": there is no such container`,
		"--pod= img":                                     `--pod "": the name is missing`,
		"--pod new:a/b img":                              `--pod "new:a/b": a name has`,
		"--pod a --pod-id-file pod.id img":               "both name a pod",
		"--pod-id-file gone img":                         `--pod-id-file "gone": no such file`,
		"--pod-id-file empty img":                        "there is no ID in it",
		"--pod a --init-ctr once img":                    "--init-ctr is for create",
		"--pod a --init-ctr ever img":                    `--init-ctr "ever": unknown`,
		"--init-ctr always img":                          "--init-ctr says nothing without --pod",
		"--pod a --rm --init-ctr once img":               "--init-ctr once removes it when it has",
		"--pod a --restart always --init-ctr always img": "an init container is not started again before its pod is",
		"--pod a -p 80:80 img":                           "--publish is for the pod, not for one of its containers: give it to pod create",
		"--pod a --dns 1.1.1.1 --ip 10.0.0.1 img":        "--dns is for the pod",
	}
}

func TestInitContainersAreForCreate(t *testing.T) {
	for args, want := range map[string]spec.InitKind{
		"--pod web img":                            "",
		"--pod web --init-ctr always img":          spec.InitAlways,
		"--pod new:web --init-ctr=once img":        spec.InitOnce,
		"--pod web --init-ctr once --restart no i": spec.InitOnce,
	} {
		var f Container
		flags := quietSet("create")
		f.Register(flags)
		if err := flags.Parse(words(args)); err != nil {
			t.Fatal(err)
		}
		made, err := f.Make(flags.Args(), fakeHost{})
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		c, whole := made.Container(), made.Whole()
		if c.ByHand.InitKind != want || c.RestartPolicy != "" || whole.IsInit(c.Name) != (want != "") || len(whole.All()) != 1 {
			t.Errorf("%s: kind %q, restart %q, %d init containers, %d others", args, c.ByHand.InitKind, c.RestartPolicy, len(whole.InitContainers), len(whole.Containers))
		}
	}
}
