package option

import "berth/engine/spec"

func securityGood() []good {
	sec := func(change func(s *spec.Security)) edit {
		return func(_ *Made, c *spec.Container, _ *spec.ByHand) { change(&c.Security) }
	}
	hand := func(change func(h *spec.ByHand)) edit {
		return func(_ *Made, _ *spec.Container, h *spec.ByHand) { change(h) }
	}
	return []good{
		{"--privileged img", sec(func(s *spec.Security) { s.Privileged = true })},
		{"--cap-add net_admin,CAP_SYS_TIME --cap-add NET_ADMIN --cap-drop all img", sec(func(s *spec.Security) {
			s.CapAdd, s.CapDrop = []string{"CAP_NET_ADMIN", "CAP_SYS_TIME"}, []string{"ALL"}
		})},
		{"--privileged --cap-drop chown img", func(m *Made, c *spec.Container, _ *spec.ByHand) {
			c.Security.Privileged, c.Security.CapDrop = true, []string{"CAP_CHOWN"}
			m.Warnings = []string{"--cap-drop takes nothing away with --privileged, which gives all capabilities: --cap-add gives some"}
		}},
		{"--security-opt no-new-privileges img", sec(func(s *spec.Security) { s.NoNewPrivileges = true })},
		{"--security-opt no-new-privileges:true img", sec(func(s *spec.Security) { s.NoNewPrivileges = true })},
		{"--security-opt no-new-privileges=false img", sec(func(*spec.Security) {})},
		{"--security-opt seccomp=unconfined img", sec(func(s *spec.Security) { s.Seccomp = "unconfined" })},
		{"--security-opt seccomp=p.json --seccomp-policy image img", sec(func(s *spec.Security) { s.Seccomp = "/home/me/p.json" })},
		{"--seccomp-policy image img", sec(func(s *spec.Security) { s.Seccomp = spec.SeccompImage })},
		{"--seccomp-policy default img", sec(func(*spec.Security) {})},
		{"--security-opt apparmor=unconfined --security-opt label=type:spc_t --security-opt label:level:s0:c1,c2 --security-opt label=nested img", hand(func(h *spec.ByHand) {
			h.AppArmor, h.Label = "unconfined", []string{"type:spc_t", "level:s0:c1,c2", "nested"}
		})},
		{"--security-opt label=disable img", hand(func(h *spec.ByHand) { h.Label = []string{"disable"} })},
		{"--security-opt mask=/a:/b/ --security-opt unmask=/proc/*:/sys/firmware img", hand(func(h *spec.ByHand) {
			h.Mask, h.Unmask = []string{"/a", "/b"}, []string{"/proc/*", "/sys/firmware"}
		})},
		{"--security-opt unmask=all img", hand(func(h *spec.ByHand) { h.Unmask = []string{"ALL"} })},
		{"--security-opt systempaths=unconfined img", hand(func(h *spec.ByHand) { h.Unmask = []string{"ALL"} })},
		{"--security-opt proc-opts=hidepid=2,nosuid img", hand(func(h *spec.ByHand) { h.ProcOptions = []string{"hidepid=2", "nosuid"} })},
	}
}

func securityBad() bad {
	return bad{
		"--cap-add net_admn img":                     `--cap-add "net_admn": unknown capability, did you mean "CAP_NET_ADMIN"?`,
		"--cap-add chown --cap-drop CAP_CHOWN img":   "--cap-add and --cap-drop both name CAP_CHOWN",
		"--cap-add all --cap-drop ALL img":           "--cap-add and --cap-drop both name ALL",
		"--cap-drop x img":                           `--cap-drop "x": unknown capability`,
		"--security-opt secomp=x img":                `unknown option "secomp", did you mean "seccomp"?`,
		"--security-opt seccomp img":                 "the value is missing",
		"--security-opt seccomp= img":                "the value is missing",
		"--security-opt no-new-privileges=maybe img": `"maybe" is neither true nor false`,
		"--security-opt label=tipe:x img":            `unknown label option "tipe", did you mean "type"?`,
		"--security-opt label=disable:x img":         "write label=disable",
		"--security-opt label=type img":              "write label=disable",
		"--security-opt mask=a img":                  `"a" is not an absolute path`,
		"--security-opt unmask=/a[ img":              `"/a[" is not a pattern`,
		"--security-opt systempaths=x img":           "only systempaths=unconfined",
		"--security-opt proc-opts=hide=1 img":        `unknown option of /proc "hide=1"`,
		"--security-opt proc-opts=hidepid=3 img":     `hidepid "3" is none of 0, 1, 2, 4`,
		"--security-opt proc-opts=gid=me img":        `gid "me" is not the number of a group`,
		"--security-opt proc-opts=subset=all img":    "only subset=pid is known",
		"--seccomp-policy img img":                   `--seccomp-policy "img": unknown: use one of default, image`,
		"--security-opt apparmor= img":               "the value is missing",
	}
}

func deviceGood() []good {
	devices := func(list ...spec.Device) edit {
		return func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.Devices = list }
	}
	return []good{
		{"--device /dev/fuse --device /dev/sda:/dev/xvda:rw,/dev/sdb:r img", devices(
			spec.Device{Host: "/dev/fuse", Path: "/dev/fuse"}, spec.Device{Host: "/dev/sda", Path: "/dev/xvda", Permissions: "rw"},
			spec.Device{Host: "/dev/sdb", Path: "/dev/sdb", Permissions: "r"},
		)},
		{"--device vendor.com/class=all --gpus 0,all --gpus device=GPU-12 img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.CDI = []string{"vendor.com/class=all", "nvidia.com/gpu=0", "nvidia.com/gpu=all", "nvidia.com/gpu=GPU-12"}
		}},
		{"--device-cgroup-rule c~10:200~rwm --device-cgroup-rule a,b~*:*~r img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.DeviceRules = []string{"c 10:200 rwm", "a", "b *:* r"}
		}},
	}
}

func deviceBad() bad {
	return bad{
		"--device= img":                     `--device "": the path of a device is missing`,
		"--device fuse img":                 `--device "fuse": give the path of a device`,
		"--device /dev/a:/dev/b:rx img":     `"rx" are not permissions`,
		"--device /dev/a:rr img":            `"rr" are not permissions`,
		"--device /dev/a:/dev/b:r:w img":    "write path[:path[:permissions]]",
		"--device /dev/a: img":              "the permissions are missing",
		"--gpus a=b img":                    `--gpus "a=b": write all`,
		"--device-cgroup-rule c~10:200 img": `--device-cgroup-rule "c 10:200": write`,
		"--device-cgroup-rule x~1:1~r img":  "write \"type major:minor mode\"",
	}
}
