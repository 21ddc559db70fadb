package oci

import (
	"cmp"
	"slices"
	"strconv"

	"berth/engine/spec"
)

// podmanMark is the variable by which programs see that they run in a container,
// and systemd in which kind (systemd-detect-virt(1)). It is podman's value: images
// and scripts ask for that.
const podmanMark = "podman"

// handEnvironment is the environment of a container made by hand: the image's,
// ours, what is unset of both; then what was asked for.
func handEnvironment(in Input, e *env, home string) []string {
	hand := in.Container.ByHand
	e.set("container", podmanMark)
	for _, v := range hand.BaseEnv {
		e.setDefault(v.Name, v.Value)
	}
	e.setDefault("PATH", defaultPath)
	if in.Container.TTY {
		e.setDefault("TERM", "xterm")
	}
	for _, name := range slices.Clone(e.names) {
		if hand.UnsetEnvAll || slices.Contains(hand.UnsetEnv, name) {
			e.unset(name)
		}
	}
	for _, v := range in.Container.Env {
		e.set(v.Name, in.Facts.Fill(v.Value))
	}
	for _, v := range hand.MergeEnv {
		e.set(v.Name, merged(in.Facts.Fill(v.Value), e))
	}
	for _, v := range in.Secrets {
		e.set(v.Name, v.Value)
	}
	inner := map[string]string{"HOME": home, "HOSTNAME": cmp.Or(Hostname(in.Pod, in.Container), in.Host.Name)}
	if runsSystemd(in) {
		inner["container_uuid"] = uuidOf(hand.ID)
	}
	for _, name := range []string{"HOSTNAME", "HOME", "container_uuid"} {
		if inner[name] != "" && !slices.Contains(hand.UnsetEnv, name) {
			e.setDefault(name, inner[name])
		}
	}
	switch {
	case in.NotifyDir != "":
		e.set("NOTIFY_SOCKET", notifyFolder+"/notify.sock")
	case in.NotifySocket != "":
		e.set("NOTIFY_SOCKET", in.NotifySocket)
	}
	if in.ListenFDs > 0 { // sd_listen_fds(3)
		e.set("LISTEN_FDS", strconv.Itoa(in.ListenFDs))
		e.set("LISTEN_PID", "1")
		if in.ListenNames != "" {
			e.set("LISTEN_FDNAMES", in.ListenNames)
		}
	}
	return e.list()
}

// merged is a text with the variables there are in it; one of an older record may
// have more of them than can be filled in, and stays as it is.
func merged(text string, e *env) string {
	filled, err := spec.ExpandWord(text, func(name string) string { return e.values[name] })
	if err != nil {
		return text
	}
	return filled
}

// uuidOf is the machine ID that systemd in a container takes: half of the container's.
func uuidOf(id spec.ContainerID) string {
	return string(id[:min(32, len(id))])
}

func (e *env) unset(name string) {
	delete(e.values, name)
	e.names = slices.DeleteFunc(e.names, func(n string) bool { return n == name })
}
