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
		{"--secret a,target=etc/key img", uses(spec.SecretUse{Secret: "a", Path: "/run/secrets/etc/key", Mode: 0o444})},
		{"--secret a,type=env --secret source=b,type=env,target=KEY img", uses(spec.SecretUse{Secret: "a", Env: "a"}, spec.SecretUse{Secret: "b", Env: "KEY"})},
	}
}

func secretBad() bad {
	return bad{
		"--secret= img":                      "it begins with the name of a secret",
		"--secret type=env img":              "it begins with the name of a secret",
		"--secret a,tpye=env img":            `unknown option "tpye=env", did you mean "type"?`,
		"--secret a,type=file img":           `type "file" is neither mount nor env`,
		"--secret a,target=../b img":         `target "../b" leaves /run/secrets: give an absolute path`,
		"--secret a,mode=9 img":              `"9" is not an octal mode`,
		"--secret a,uid=me img":              `"me" is not the number of a user`,
		"--secret a,type=env,mode=0400 img":  "mode is for files",
		"--secret a --secret b,target=a img": "a is at /run/secrets/a already",
	}
}
