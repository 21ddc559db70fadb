package quadlet

import (
	"slices"
	"strings"
)

// container: berth run, removed again when the service ends.
func (c *conversion) container() {
	name := c.text("ContainerName")
	if name == "" {
		name = containerName(c.name)
	}
	image, rootfs := c.text("Image"), c.text("Rootfs")
	switch {
	case image == "" && rootfs == "":
		c.lacks("Image", "no Image or Rootfs key specified")
	case image != "" && rootfs != "":
		c.fail("Rootfs", "the Image and Rootfs keys conflict can only specify one")
	case image != "":
		image = c.image("Image", image)
	}
	c.killMode()
	c.out.Add("Service", "Environment", "PODMAN_SYSTEMD_UNIT=%n")
	c.out.Set("Service", "Delegate", "yes")
	c.serviceType("notify", "oneshot")
	c.out.SetDefault("Service", "SyslogIdentifier", "%N")

	c.begin("run")
	c.add("--name", name, "--replace", "--rm")
	c.options()
	c.podmanArgs()
	if rootfs != "" {
		c.add("--rootfs", c.beside(rootfs))
	} else {
		c.add(image)
	}
	c.add(c.command("Exec")...)
	c.exec("ExecStart")
	c.reload(name)
	c.call("ExecStop", false, "rm", "-v", "-f", "-i", name)
	c.call("ExecStopPost", true, "rm", "-v", "-f", "-i", name)
}

// beside is a path that starts with a dot, relative to the unit file; anything
// else is left as it is.
func (c *conversion) beside(p string) string {
	if strings.HasPrefix(p, ".") {
		return c.absolute(p)
	}
	return p
}

// reload adds what systemctl reload does.
func (c *conversion) reload(name string) {
	cmd, signal := c.command("ReloadCmd"), c.text("ReloadSignal")
	switch {
	case len(cmd) > 0 && signal != "":
		c.fail("ReloadSignal", "ReloadCmd and ReloadSignal are mutually exclusive but both are set")
	case len(cmd) > 0:
		c.call("ExecReload", false, append([]string{"exec", name}, cmd...)...)
	case signal != "":
		c.call("ExecReload", false, "kill", "--signal", signal, name)
	}
}

// killMode leaves ending the container to berth: systemd must not kill what is
// in its cgroup before.
func (c *conversion) killMode() {
	l := c.line("Service", "KillMode")
	switch {
	case l == nil || l.Value == "":
		c.out.Set("Service", "KillMode", "mixed")
	case l.Value != "mixed" && l.Value != "control-group":
		c.failAt(l.Pos, "invalid KillMode '%s': mixed and control-group are possible", l.Value)
	}
}

// serviceType sets the first of the types a service may have, if it says none.
func (c *conversion) serviceType(types ...string) {
	l := c.line("Service", "Type")
	switch {
	case l == nil || l.Value == "":
		c.out.Set("Service", "Type", types[0])
	case !slices.Contains(types, l.Value):
		c.failAt(l.Pos, "invalid service Type '%s': %s is possible", l.Value, strings.Join(types, " or "))
	}
	if kind, _ := c.out.Value("Service", "Type"); kind == "notify" {
		c.out.Set("Service", "NotifyAccess", "all")
	}
}

// oneshot says whether the service is over when its program is.
func (c *conversion) oneshot() bool {
	kind, _ := c.src.Value("Service", "Type")
	return kind == "oneshot"
}

func (c *conversion) cgroups(k Key) {
	mode := c.text(k.Name)
	if mode == "" {
		mode = "split"
	}
	c.option(k.Option, mode)
}

// notify says who tells systemd that the service is up. A oneshot service is up
// when it is over, so the container stays in the foreground.
func (c *conversion) notify(k Key) {
	if c.oneshot() {
		return
	}
	who := "conmon"
	if strings.EqualFold(c.text(k.Name), "healthy") {
		who = "healthy"
	} else if c.yesOr(k.Name, false) {
		who = "container"
	}
	c.add("--sdnotify="+who, "-d")
}

// entrypoint: an empty one takes the image's away.
func (c *conversion) entrypoint(k Key) {
	if c.line(c.section, k.Name) != nil {
		c.option(k.Option, c.text(k.Name))
	}
}

func (c *conversion) lowered(k Key) {
	for _, v := range c.values(k) {
		c.option(k.Option, strings.ToLower(v.text))
	}
}

func (c *conversion) devices(k Key) {
	for _, v := range c.values(k) {
		device, optional := strings.CutPrefix(v.text, "-")
		if on, _, _ := strings.Cut(device, ":"); optional && !c.set.options.Host.Exists(on) {
			continue
		}
		c.option(k.Option, device)
	}
}

// volatileTmp: a read-only container has a tmpfs there already.
func (c *conversion) volatileTmp(k Key) {
	if c.yesOr(k.Name, false) && !c.yesOr("ReadOnly", false) {
		c.add(strings.Split(k.Option, " ")...)
	}
}

func (c *conversion) user(k Key) {
	user, group := c.text(k.Name), c.text("Group")
	switch {
	case user == "" && group != "":
		c.fail("Group", "invalid Group set without User")
	case group != "":
		c.option(k.Option, user+":"+group)
	case user != "":
		c.option(k.Option, user)
	}
}

// remap translates the words UserNS= has replaced.
func (c *conversion) remap(k Key) {
	users := strings.ToLower(c.text(k.Name))
	uids, gids, size := c.texts("RemapUid"), c.texts("RemapGid"), c.text("RemapUidSize")
	if users == "" {
		if len(uids)+len(gids) > 0 {
			c.fail("RemapUid", "RemapUid and RemapGid take RemapUsers=")
		}
		return
	}
	if len(c.texts("UIDMap"))+len(c.texts("GIDMap")) > 0 || c.text("UserNS")+c.text("SubUIDMap")+c.text("SubGIDMap") != "" {
		c.fail(k.Name, "deprecated Remap keys are set along with explicit mapping keys")
		return
	}
	var opts []string
	switch users {
	case "manual":
		if c.name.Kind == Kube {
			c.fail(k.Name, "RemapUsers=manual is not supported")
			return
		}
		for _, m := range uids {
			c.add("--uidmap", m)
		}
		for _, m := range gids {
			c.add("--gidmap", m)
		}
		return
	case "auto":
		opts = append(prefixed("uidmapping=", uids), prefixed("gidmapping=", gids)...)
		if size != "" && size != "0" {
			opts = append(opts, "size="+size)
		}
	case "keep-id":
		if len(uids) > 1 || len(gids) > 1 {
			c.fail("RemapUid", "RemapUsers=keep-id supports only a single value for UID and GID mapping")
			return
		}
		opts = append(prefixed("uid=", uids), prefixed("gid=", gids)...)
	default:
		c.fail(k.Name, "unsupported RemapUsers option '%s': auto, keep-id and manual are possible", users)
		return
	}
	if len(opts) > 0 {
		users += ":" + strings.Join(opts, ",")
	}
	c.option(k.Option, users)
}

func prefixed(prefix string, all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, prefix+s)
	}
	return out
}

// envFiles: the dash of a file that may be missing is passed on, since it may
// come to be after the generator ran.
func (c *conversion) envFiles(k Key) {
	for _, v := range c.values(k) {
		file, optional := strings.CutPrefix(v.text, "-")
		file = c.absolute(file)
		if optional {
			file = "-" + file
		}
		c.option(k.Option, file)
	}
}

// joinPod puts the container into a pod, which is stopped with it and starts it.
func (c *conversion) joinPod(k Key) {
	pod := c.text(k.Name)
	if pod == "" {
		return
	}
	if !c.name.Abstract() {
		pod = UnitSpecifiers(c.service + ".service").Expand(pod) // Pod=%N.pod is the one of the unit's own name
	}
	at := c.at(k.Name)
	if !isFile(pod, Pod) {
		c.failAt(at, "pod %s is not Quadlet based: a .pod unit file has to be named", pod)
		return
	}
	target, instance := c.set.find(pod)
	if target == nil {
		c.failAt(at, "quadlet pod unit %s does not exist%s", pod, c.meantFile(pod, Pod))
		return
	}
	service, err := c.set.serviceOf(c.entry, target, instance)
	if err != nil {
		c.failAt(at, "quadlet pod unit %s: %w", pod, err)
		return
	}
	c.option(k.Option, c.set.resourceOf(target, instance))
	c.needs(target, at)
	c.out.Add("Unit", "BindsTo", service)
	c.out.Add("Unit", "After", service)
	// Only an instance can be started with the pod, not the template.
	if c.yesOr("StartWithPod", true) && !c.name.Abstract() && instance == "" {
		target.members = append(target.members, c.entry)
	}
}
