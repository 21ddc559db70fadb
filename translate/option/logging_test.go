package option

import (
	"reflect"
	"testing"

	"berth/engine/spec"
)

func logGood() []good {
	log := func(l spec.Log) edit {
		return func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.Log = l }
	}
	return []good{
		{"--log-driver journald --log-opt tag=x img", log(spec.Log{Driver: "journald", Tag: "x"})},
		{"--log-driver json-file --log-opt max-size=10mb --log-opt path=/l img", log(spec.Log{Driver: "k8s-file", MaxSize: 10_000_000, Path: "/l"})},
		{"--log-opt tag={{.ImageName}}/{{~.Name~}} --name c img", func(m *Made, c *spec.Container, _ *spec.ByHand) {
			m.Pod.Log = spec.Log{Driver: "journald", Tag: "img/c"}
			m.Pod.Name, c.Name = "c", "c"
		}},
		{"--log-opt label=IMAGE={{.ImageName}} --log-opt label=WHO={{.Name}}=x --name c img", func(m *Made, c *spec.Container, _ *spec.ByHand) {
			m.Pod.Log = spec.Log{Driver: "journald", Labels: []string{"IMAGE=img", "WHO=c=x"}}
			m.Pod.Name, c.Name = "c", "c"
		}},
		{"--log-driver none img", log(spec.Log{Driver: "none"})},
		{"-t --log-driver passthrough-tty img", func(m *Made, c *spec.Container, _ *spec.ByHand) { m.Pod.Log.Driver, c.TTY = "passthrough", true }},
		{"--pod web --log-driver none img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			added(m)
			m.Into, h.Log = "web", &spec.Log{Driver: "none"}
		}},
	}
}

func logBad() bad {
	return bad{
		"--log-driver journal img":                  `did you mean "journald"?`,
		"--log-opt tag={{.ID}} img":                 "{{.ID}} is not known when the container is made",
		"--log-driver k8s-file --log-opt tag=x img": "only driver journald has this option",
		"--log-opt label=image=x img":               "the name in capitals",
		"--log-opt label=_PID=1 img":                "beginning with a letter",
		"--log-opt label=A img":                     "write label=NAME=value",
		"--log-opt label=A={{.ID}} img":             "{{.ID}} is not known when the container is made",
		"--log-driver none --log-opt label=A=b img": "only driver journald has this option",
		"--log-opt max-size=x img":                  `"x" is not a size`,
		"-t --log-driver passthrough img":           "take passthrough-tty if that is meant",
	}
}

type unitHost struct{ fakeHost }

func (unitHost) Environ() []string { return []string{"PODMAN_SYSTEMD_UNIT=web.service"} }

func TestWhatSystemdRunsLogsToTheJournal(t *testing.T) {
	for args, want := range map[string]spec.Log{
		"img":                       {Driver: "journald"},
		"--log-driver k8s-file img": {Driver: "k8s-file"},
		"--log-opt path=/l img":     {Path: "/l"},
	} {
		made, err := ParseRun(words(args), unitHost{})
		if err != nil || !reflect.DeepEqual(made.Pod.Log, want) {
			t.Errorf("%s: %v, %v", args, made, err)
		}
	}
	made, err := ParseRun(words("--pod web img"), unitHost{})
	if err != nil || made.Container().ByHand.Log == nil || made.Container().ByHand.Log.Driver != "journald" {
		t.Errorf("in a pod: %v, %v", made, err)
	}
}
