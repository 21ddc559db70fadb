package option

import (
	"time"

	"berth/engine/spec"
)

func processGood() []good {
	stop := time.Second * 30
	never := time.Duration(0)
	hand := func(change func(h *spec.ByHand)) edit {
		return func(_ *Made, _ *spec.Container, h *spec.ByHand) { change(h) }
	}
	return []good{
		{"--entrypoint /bin/echo img a", func(_ *Made, c *spec.Container, _ *spec.ByHand) {
			c.Command, c.Args = []string{"/bin/echo"}, []string{"a"}
		}},
		{"--entrypoint /bin/echo~a img", func(_ *Made, c *spec.Container, _ *spec.ByHand) { c.Command = []string{"/bin/echo a"} }},
		{`--entrypoint ["sh","-c"] img ls`, func(_ *Made, c *spec.Container, _ *spec.ByHand) {
			c.Command, c.Args = []string{"sh", "-c"}, []string{"ls"}
		}},
		{"--entrypoint= img", hand(func(h *spec.ByHand) { h.NoEntrypoint = true })},
		{`--entrypoint [""] img`, hand(func(h *spec.ByHand) { h.NoEntrypoint = true })},
		{"--workdir /srv --user www:33 img", func(_ *Made, c *spec.Container, _ *spec.ByHand) { c.WorkingDir, c.User.Name = "/srv", "www:33" }},
		{"--group-add 5,wheel img", func(_ *Made, c *spec.Container, h *spec.ByHand) {
			c.User.Groups, h.Groups = []int64{5}, []string{"wheel"}
		}},
		{"--group-add keep-groups img", hand(func(h *spec.ByHand) { h.KeepGroups = true })},
		{"--interactive --tty img", func(m *Made, c *spec.Container, _ *spec.ByHand) { c.Stdin, c.TTY, m.Attach.Stdin = true, true, true }},
		{"--umask 077 --tz Europe/Berlin img", hand(func(h *spec.ByHand) { h.Umask, h.Timezone = "0077", "Europe/Berlin" })},
		{"--timezone local img", hand(func(h *spec.ByHand) { h.Timezone = "local" })},
		{"--systemd always img", hand(func(h *spec.ByHand) { h.Systemd = spec.SystemdAlways })},
		{"--systemd=false img", hand(func(h *spec.ByHand) { h.Systemd = spec.SystemdNever })},
		{"--init --init-path /sbin/tini img", hand(func(h *spec.ByHand) { h.Init, h.InitPath = true, "/sbin/tini" })},
		{"--personality linux32 img", hand(func(h *spec.ByHand) { h.Personality = "LINUX32" })},
		{"--stop-signal int --stop-timeout 30 --timeout 60 img", func(m *Made, c *spec.Container, h *spec.ByHand) {
			c.StopSignal, h.StopTimeout, m.Pod.TerminationGrace, h.Timeout = "SIGINT", &stop, stop, time.Minute
		}},
		{"--stop-signal SIGRTMIN+3 --stop-timeout 0 img", func(m *Made, c *spec.Container, h *spec.ByHand) {
			c.StopSignal, h.StopTimeout, m.Pod.TerminationGrace = "SIGRTMIN+3", &never, 0
		}},
		{"--stop-signal 9 img", func(_ *Made, c *spec.Container, _ *spec.ByHand) { c.StopSignal = "SIGKILL" }},
		{"--restart no img", hand(func(*spec.ByHand) {})},
		{"--restart always img", func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.RestartPolicy = spec.RestartAlways }},
		{"--restart on-failure img", func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.RestartPolicy = spec.RestartOnFailure }},
		{"--restart unless-stopped img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			m.Pod.RestartPolicy, h.UnlessStopped = spec.RestartAlways, true
		}},
		{"--pod web --restart on-failure:2 img", func(m *Made, c *spec.Container, h *spec.ByHand) {
			added(m)
			m.Into, c.RestartPolicy, h.MostRestarts = "web", spec.RestartOnFailure, 2
		}},
		{"--rm --restart on-failure img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			h.Remove, m.Pod.RestartPolicy = true, spec.RestartOnFailure
		}},
		{"--sdnotify conmon img", hand(func(h *spec.ByHand) { h.Notify = spec.NotifyConmon })},
		{"--sdnotify healthy img", hand(func(h *spec.ByHand) { h.Notify = spec.NotifyHealthy })},
		{"--sdnotify ignore img", hand(func(h *spec.ByHand) { h.Notify = spec.NotifyIgnore })},
		{"--passwd=false img", hand(func(h *spec.ByHand) { h.Passwd.Off = true })},
		{"--passwd-entry $USERNAME:*:$UID:$GID:::/bin/sh --group-entry g:*:$GID: --hostuser me,you img", hand(func(h *spec.ByHand) {
			h.Passwd = spec.Passwd{Entry: "$USERNAME:*:$UID:$GID:::/bin/sh", GroupEntry: "g:*:$GID:"}
			h.HostUsers = []string{"me", "you"}
		})},
		{"--preserve-fds 2 img", hand(func(h *spec.ByHand) { h.Preserve = []int{3, 4} })},
		{"--preserve-fd 5,7 img", hand(func(h *spec.ByHand) { h.Preserve = []int{5, 7} })},
		{"--chrootdirs /srv/root img", hand(func(h *spec.ByHand) { h.ChrootDirs = []string{"/srv/root"} })},
	}
}

func processBad() bad {
	return bad{
		`--entrypoint ["sh" img`:                  "not a JSON list of words",
		"--workdir srv img":                       `--workdir "srv": give an absolute path`,
		"--user a:b:c img":                        `--user "a:b:c": write user[:group]`,
		"--group-add -5 img":                      `--group-add "-5": not the number of a group`,
		"--group-add 5,keep-groups img":           "keeps the caller's groups and no others",
		"--umask 9 img":                           `--umask "9": not an octal umask`,
		"--umask 7777 img":                        "not an octal umask",
		"--tz ../../etc/shadow img":               "not the name of a timezone",
		"--systemd maybe img":                     `--systemd "maybe": unknown`,
		"--init-path /x img":                      "says nothing without --init",
		"--init --systemd=always img":             "--init and --systemd=always",
		"--personality WINDOWS img":               `--personality "WINDOWS": unknown`,
		"--stop-signal SIGFOO img":                `--stop-signal "SIGFOO": not a signal`,
		"--stop-signal 65 img":                    "not a signal from 1 to 64",
		"--stop-signal RTMIN+31 img":              "not a signal",
		"--stop-timeout=-1 img":                   "invalid argument",
		"--stop-timeout 18446744073709551615 img": `--stop-timeout "18446744073709551615": not a number of seconds up to 2147483647`,
		"--timeout 2147483648 img":                `--timeout "2147483648": not a number of seconds`,
		"--preserve-fds 1 --restart always img":   "whoever starts it again has other descriptors",
		"--restart sometimes img":                 "unknown policy: use one of no, on-failure, always, unless-stopped",
		"--restart alway img":                     `did you mean "always"?`,
		"--restart always:3 img":                  "only on-failure counts",
		"--restart on-failure:x img":              "not a number of restarts",
		"--rm --restart always img":               "--rm removes the container when it ends",
		"--sdnotify none img":                     `--sdnotify "none": unknown`,
		"--passwd=false --passwd-entry x img":     "there are no entries with --passwd=false",
		"--group-entry a --passwd=false img":      "there are no entries",
		"--hostuser a:b img":                      `--hostuser "a:b": not the name or number of a user`,
		"--preserve-fds 1 --preserve-fd 3 img":    "give one of them",
		"--preserve-fd 1 img":                     `--preserve-fd "1": not a descriptor from 3 on`,
		"--preserve-fds 4294967295 img":           "so many descriptors there are not",
		"--chrootdirs srv img":                    `--chrootdirs "srv": give an absolute path`,
		"--passwd=false --hostuser a img":         "--hostuser cannot be honoured with --passwd=false",
	}
}
