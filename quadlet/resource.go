package quadlet

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// once is a service that does one thing and is up from then on.
func (c *conversion) once(stays bool) {
	c.out.SetDefault("Service", "Type", "oneshot")
	if stays {
		c.out.SetDefault("Service", "RemainAfterExit", "yes")
	}
	c.out.SetDefault("Service", "SyslogIdentifier", "%N")
}

func (c *conversion) network() {
	c.once(true)
	c.begin("network", "create", "--ignore")
	c.options()
	c.podmanArgs()
	c.add(c.resource)
	c.exec("ExecStart")
	if c.yesOr("NetworkDeleteOnStop", false) {
		c.call("ExecStopPost", false, "network", "rm", c.resource)
	}
}

// subnets puts each subnet with its gateway and range.
func (c *conversion) subnets(k Key) {
	subnets, gateways, ranges := c.texts(k.Name), c.texts("Gateway"), c.texts("IPRange")
	switch {
	case len(subnets) == 0 && len(gateways)+len(ranges) > 0:
		key := "Gateway"
		if len(gateways) == 0 {
			key = "IPRange"
		}
		c.fail(key, "cannot set gateway or range without subnet")
	case len(gateways) > len(subnets):
		c.fail("Gateway", "cannot set more gateways than subnets")
	case len(ranges) > len(subnets):
		c.fail("IPRange", "cannot set more ranges than subnets")
	}
	for i, subnet := range subnets {
		c.add("--subnet", subnet)
		if i < len(gateways) {
			c.add("--gateway", gateways[i])
		}
		if i < len(ranges) {
			c.add("--ip-range", ranges[i])
		}
	}
}

func (c *conversion) volume() {
	c.once(true)
	c.begin("volume", "create", "--ignore")
	c.options()
	c.podmanArgs()
	c.add(c.resource)
	c.exec("ExecStart")
}

// volumeDriver puts what makes the volume: its driver, then an image, or what
// is mounted.
func (c *conversion) volumeDriver(k Key) {
	driver := c.text(k.Name)
	if driver != "" {
		c.option(k.Option, driver)
	}
	if driver == "image" {
		image := c.text("Image")
		if image == "" {
			c.fail(k.Name, "the key Image is mandatory when using the image driver")
			return
		}
		c.add("--opt", "image="+c.image("Image", image))
		return
	}
	var mount []string
	if uid, ok := c.owner("User", c.set.options.Host.UserID); ok {
		mount = append(mount, fmt.Sprintf("uid=%d", uid))
	}
	if gid, ok := c.owner("Group", c.set.options.Host.GroupID); ok {
		mount = append(mount, fmt.Sprintf("gid=%d", gid))
	}
	if copied, set := c.yes(c.section, "Copy"); copied {
		c.add("--opt", "copy")
	} else if set {
		c.add("--opt", "nocopy")
	}
	device, kind, options := c.text("Device"), c.text("Type"), c.text("Options")
	switch {
	case device == "" && kind != "":
		c.fail("Type", "key Type can't be used without Device")
	case device == "" && options != "":
		c.fail("Options", "key Options can't be used without Device")
	}
	if device != "" {
		c.add("--opt", "device="+device)
	}
	if kind != "" {
		c.add("--opt", "type="+kind)
		if kind == "bind" && (path.IsAbs(device) || specified(device)) {
			c.out.Add("Unit", "RequiresMountsFor", QuotePath(device))
		}
	}
	if options != "" {
		mount = append(mount, options)
	}
	if len(mount) > 0 {
		c.add("--opt", "o="+strings.Join(mount, ","))
	}
}

// owner is the number of a user or group.
func (c *conversion) owner(key string, lookup func(string) (uint32, error)) (uint32, bool) {
	name := c.text(key)
	if name == "" {
		return 0, false
	}
	id, err := lookup(name)
	if err != nil {
		c.fail(key, "%s=%s: %w", key, name, err)
	}
	return id, err == nil
}

func (c *conversion) imageUnit() {
	image := c.text("Image")
	if image == "" {
		c.lacks("Image", "no Image key specified")
	}
	c.once(true)
	c.begin("image", "pull")
	c.options()
	c.podmanArgs()
	c.add(image)
	c.exec("ExecStart")
}

func (c *conversion) artifact() {
	artifact := c.text("Artifact")
	if artifact == "" {
		c.lacks("Artifact", "no Artifact key specified")
	}
	c.warnAt(c.at(""), "berth keeps no artifacts, so this service will fail: give containers the files on a volume or in an image")
	c.once(true)
	c.begin("artifact", "pull")
	c.options()
	c.podmanArgs()
	c.add(artifact)
	c.exec("ExecStart")
}

func (c *conversion) build() {
	if len(c.texts("ImageTag")) == 0 {
		c.lacks("ImageTag", "no ImageTag key specified")
	}
	c.warnAt(c.at(""), "berth builds no images, so this service will fail: build it with podman or buildah, into the same store, and name the image in place of this file")
	c.once(false)
	file, context := c.text("File"), c.buildContext()
	folder, _ := c.out.Value("Service", "WorkingDirectory")
	if folder == "" && file == "" && context == "" {
		c.lacks("SetWorkingDirectory", "neither SetWorkingDirectory, nor File key specified")
	}
	c.begin("build")
	c.options()
	if file != "" {
		c.add("--file", file)
	}
	c.podmanArgs()
	relative := !path.IsAbs(file) && !isURL(file) && !specified(file)
	switch {
	case context != "":
		c.add(context)
	case relative && folder != "":
		c.add(folder)
	case relative && file != "":
		c.fail("File", "relative path in File key requires SetWorkingDirectory key to be set")
	}
	c.exec("ExecStart")
}

// buildContext is the path or URL SetWorkingDirectory= names. The words file
// and unit, and a relative path, set the service's working folder instead or as
// well.
func (c *conversion) buildContext() string {
	context := c.text("SetWorkingDirectory")
	switch strings.ToLower(context) {
	case "":
		return ""
	case "unit":
		c.workingFolder(literal(c.folder))
		return ""
	case "yaml":
		c.fail("SetWorkingDirectory", "SetWorkingDirectory=yaml is only supported in .kube files: write ./yaml for a folder of this name")
		return context
	case "file":
		if file := c.text("File"); file != "" && !isURL(file) {
			c.workingFolder(path.Dir(c.absolute(file)))
		} else {
			c.fail("SetWorkingDirectory", "SetWorkingDirectory=file takes File= with a path")
		}
		return ""
	}
	if !path.IsAbs(context) && !isURL(context) {
		if said, _ := c.src.Value("Service", "WorkingDirectory"); said != "" {
			return "" // which is the context then
		}
		c.workingFolder(literal(c.folder))
	}
	return context
}

// workingFolder starts the service in a folder, unless the unit says where.
func (c *conversion) workingFolder(folder string) {
	if said, _ := c.src.Value("Service", "WorkingDirectory"); said == "" {
		c.out.Set("Service", "WorkingDirectory", folder)
	}
}

// isURL says whether a build may fetch what s names.
func isURL(s string) bool {
	return isWeb(s) || strings.HasPrefix(s, "git://") || strings.HasPrefix(s, "github.com/")
}

// isWeb says whether s is what kube play fetches.
func isWeb(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

func (c *conversion) pod() {
	c.serviceType("forking")
	c.out.Add("Service", "Environment", "PODMAN_SYSTEMD_UNIT=%n")
	c.out.Set("Service", "PIDFile", "%t/%N.pid")
	c.out.SetDefault("Service", "Restart", "on-failure")
	c.out.SetDefault("Service", "SyslogIdentifier", "%N")

	policy, wait := c.text("ExitPolicy"), c.text("StopTimeout")
	if policy == "" {
		policy = "stop"
	}
	if wait == "" {
		wait = "10"
	}
	c.begin("pod", "create")
	c.add("--infra-conmon-pidfile=%t/%N.pid", "--replace", "--exit-policy", policy)
	c.options()
	c.add("--infra-name", c.resource+"-infra", "--name", c.resource)
	c.podmanArgs()
	c.exec("ExecStartPre")
	c.call("ExecStart", false, "pod", "start", c.resource)
	c.call("ExecStop", false, "pod", "stop", "--ignore", "--time="+wait, c.resource)
	c.call("ExecStopPost", false, "pod", "rm", "--ignore", "--force", c.resource)
}

func (c *conversion) kube() {
	var files []string
	for _, v := range c.list("Yaml") {
		file := v.text
		if !isWeb(file) {
			file = c.absolute(file)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		c.lacks("Yaml", "no Yaml key specified")
		return
	}
	c.killMode()
	c.out.Add("Service", "Environment", "PODMAN_SYSTEMD_UNIT=%n")
	c.serviceType("notify", "oneshot")
	c.out.SetDefault("Service", "SyslogIdentifier", "%N")
	c.kubeFolder(files)

	c.begin("kube", "play")
	c.add("--replace", "--service-container=true")
	c.options()
	c.podmanArgs()
	c.add(files...)
	c.exec("ExecStart")
	down := []string{"kube", "down"}
	if c.yesOr("KubeDownForce", false) {
		down = append(down, "--force")
	}
	c.call("ExecStopPost", false, append(down, files...)...)
}

// kubeFolder sets the folder relative paths in the objects start at.
func (c *conversion) kubeFolder(files []string) {
	switch where := strings.ToLower(c.text("SetWorkingDirectory")); where {
	case "":
	case "unit":
		c.workingFolder(literal(c.folder))
	case "yaml":
		if len(files) > 1 {
			c.fail("SetWorkingDirectory", "SetWorkingDirectory=yaml is only supported when a single Yaml key is provided, here are %d files", len(files))
			return
		}
		if isWeb(files[0]) {
			c.fail("SetWorkingDirectory", "SetWorkingDirectory=yaml takes Yaml= with a path")
			return
		}
		c.workingFolder(path.Dir(files[0]))
	default:
		c.fail("SetWorkingDirectory", "unsupported value for SetWorkingDirectory: %s (yaml and unit are possible)", where)
	}
}

func (c *conversion) exitCodes(k Key) {
	when := c.text(k.Name)
	if when == "" {
		return
	}
	if !slices.Contains([]string{"all", "any", "none"}, when) {
		c.fail(k.Name, "unsupported value for ExitCodePropagation: %s (all, any and none are possible)", when)
		return
	}
	c.option(k.Option, when)
}

// autoUpdates: registry, or for one container NAME/registry.
func (c *conversion) autoUpdates(k Key) {
	for _, v := range c.values(k) {
		label := strings.TrimSuffix(k.Option, "=")
		name, how, one := strings.Cut(v.text, "/")
		if one {
			label += "/" + name
		} else {
			how = name
		}
		c.add(label + "=" + how)
	}
}

func (c *conversion) configMaps(k Key) {
	for _, v := range c.values(k) {
		c.option(k.Option, c.absolute(v.text))
	}
}
