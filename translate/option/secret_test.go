package option

import "berth/engine/spec"

func secretGood() []good {
	uses := func(list ...spec.SecretUse) edit {
		return func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.Secrets = list }
	}
	return []good{
		{"--secret a --secret b,target=c,uid=1,gid=2,mode=0400 img", uses(
			spec.SecretUse{Secret: "a", Path: "/run/secrets/a", Mode: 0o444}, spec.SecretUse{Secret: "b", Path: "/run/secrets/c", UID: 1, GID: 2, Mode: 0o400},
		)},
		{"--secret a,target=/etc/key,type=mount img", uses(spec.SecretUse{Secret: "a", Path: "/etc/key", Mode: 0o444})},
		{"--secret a,target=../../etc/key img", uses(spec.SecretUse{Secret: "a", Path: "/run/secrets/etc/key", Mode: 0o444})},
		{"--secret a,type=env --secret source=b,type=env,target=KEY img", uses(spec.SecretUse{Secret: "a", Env: "a"}, spec.SecretUse{Secret: "b", Env: "KEY"})},
	}
}

func secretBad() bad {
	return bad{
		"--secret= img":                      "it begins with the name of a secret",
		"--secret type=env img":              "it begins with the name of a secret",
		"--secret a,tpye=env img":            `unknown option "tpye=env", did you mean "type"?`,
		"--secret a,type=file img":           `type "file" is neither mount nor env`,
		"--secret a,mode=9 img":              `"9" is not an octal mode`,
		"--secret a,uid=me img":              `"me" is not the number of a user`,
		"--secret a,type=env,mode=0400 img":  "mode is for files",
		"--secret a --secret b,target=a img": "a is at /run/secrets/a already",
	}
}

func logGood() []good {
	log := func(l spec.Log) edit {
		return func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.Log = l }
	}
	return []good{
		{"--log-driver journald --log-opt tag=x img", log(spec.Log{Driver: "journald", Tag: "x"})},
		{"--log-driver json-file --log-opt max-size=10mb --log-opt path=/l img", log(spec.Log{Driver: "k8s-file", MaxSize: 10_000_000, Path: "/l"})},
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
		"--log-driver journal img":        `did you mean "journald"?`,
		"--log-opt max-size=x img":        `"x" is not a size`,
		"-t --log-driver passthrough img": "take passthrough-tty if that is meant",
	}
}
