package translate

import (
	"path"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"berth/engine/spec"
)

// container makes the Kubernetes container of one that no manifest describes.
func (g *generator) container(c *spec.Container) corev1.Container {
	out := corev1.Container{
		Name: validName(c.Name), Image: c.Image, ImagePullPolicy: g.pullPolicy(c),
		Command: g.literals(c, "command", c.Command), Args: g.literals(c, "args", c.Args), WorkingDir: c.WorkingDir,
		Env: g.env(c), TTY: c.TTY, Stdin: c.Stdin,
		VolumeMounts: g.mounts(c), Resources: limits(&c.Resources), SecurityContext: g.security(c),
	}
	if out.Name != c.Name {
		g.lost("Kubernetes takes no container called %q: it is called %q", c.Name, out.Name)
	}
	if c.RestartPolicy != "" {
		out.RestartPolicy = new(corev1.ContainerRestartPolicy(c.RestartPolicy))
	}
	g.limitAnnotations(c)
	g.life(c, &out)
	g.health(c, &out)
	for _, name := range c.RestartOnResize {
		out.ResizePolicy = append(out.ResizePolicy, corev1.ContainerResizePolicy{
			ResourceName: corev1.ResourceName(name), RestartPolicy: corev1.RestartContainer,
		})
	}
	return out
}

func (g *generator) pullPolicy(c *spec.Container) corev1.PullPolicy {
	if c.PullPolicy == spec.PullNewer {
		g.lost("container %s: Kubernetes has no pull policy newer: Always takes its place", c.Name)
		return corev1.PullAlways
	}
	return corev1.PullPolicy(c.PullPolicy)
}

// literals escapes what Kubernetes would take for references to variables.
func (g *generator) literals(c *spec.Container, what string, words []string) []string {
	var out []string
	for _, word := range words {
		out = append(out, g.literal(c, what, word))
	}
	return out
}

func (g *generator) literal(c *spec.Container, what, text string) string {
	if strings.Contains(text, "\x00") {
		g.lost("container %s: %s holds a value that is known only when it runs: it is left out there, use a variable with valueFrom", c.Name, what)
		text = spec.Facts{}.Fill(text)
		text = strings.ReplaceAll(spec.Mask(text), "*******", "")
	}
	return escape(text)
}

// escape is the text that Expand makes text of: a $ that Expand would act on is
// doubled.
func escape(text string) string {
	var out strings.Builder
	for i := range len(text) {
		out.WriteByte(text[i])
		if text[i] == '$' && i+1 < len(text) && (text[i+1] == '$' || text[i+1] == '(') {
			out.WriteByte('$')
		}
	}
	return out.String()
}

func (g *generator) env(c *spec.Container) []corev1.EnvVar {
	var out []corev1.EnvVar
	for _, v := range c.Env {
		e := corev1.EnvVar{Name: v.Name, ValueFrom: late(v.Value)}
		if e.ValueFrom == nil {
			e.Value = g.literal(c, "variable "+v.Name, v.Value)
		}
		out = append(out, e)
	}
	return out
}

// late is where a value comes from that is known only when a pod runs, nil for
// one that is written out.
func late(value string) *corev1.EnvVarSource {
	fields := map[string]string{
		spec.LatePodIP: "status.podIP", spec.LatePodIPs: "status.podIPs",
		spec.LateHostIP: "status.hostIP", spec.LateHostIPs: "status.hostIPs", spec.LatePodUID: "metadata.uid",
	}
	if field, ok := fields[value]; ok {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: field}}
	}
	if !strings.Contains(value, "\x00") {
		return nil
	}
	before, after, _ := strings.Cut(spec.LateSecret("/"), "/")
	text, isSecret := strings.CutPrefix(value, before)
	text, alone := strings.CutSuffix(text, after)
	name, key, named := strings.Cut(text, "/")
	if !isSecret || !alone || !named || strings.Contains(text, "\x00") {
		return nil
	}
	return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key,
	}}
}

func (g *generator) mounts(c *spec.Container) []corev1.VolumeMount {
	var out []corev1.VolumeMount
	for _, m := range c.Mounts {
		o := corev1.VolumeMount{
			Name: validName(m.Volume), MountPath: m.Path, ReadOnly: m.ReadOnly,
			SubPath: g.subPathOf(c, m.SubPath),
		}
		if v, ok := g.pod.Volume(m.Volume); ok && v.Image != nil && o.SubPath == "" {
			o.SubPath = v.Image.SubPath
		}
		if m.RecursiveRO {
			o.RecursiveReadOnly = new(corev1.RecursiveReadOnlyEnabled)
		}
		switch m.Propagation {
		case spec.PropagationHostContainer:
			o.MountPropagation = new(corev1.MountPropagationHostToContainer)
		case spec.PropagationBidirectional:
			o.MountPropagation = new(corev1.MountPropagationBidirectional)
		}
		g.mountOptions(c, m)
		out = append(out, o)
	}
	return out
}

// subPathOf is a sub path without what is known only when a pod runs; nothing
// is expanded in it.
func (g *generator) subPathOf(c *spec.Container, sub string) string {
	if !strings.Contains(sub, "\x00") {
		return sub
	}
	g.lost("container %s: a subPath holds a value that is known only when it runs: it is left out, use subPathExpr", c.Name)
	return ""
}

func (g *generator) mountOptions(c *spec.Container, m spec.Mount) {
	v, ok := g.pod.Volume(m.Volume)
	if len(m.Options) == 0 {
		return
	}
	text := strings.Join(m.Options, ",")
	if !ok || v.Host == nil {
		g.lost("container %s: Kubernetes has no field for the options %s of the mount %s", c.Name, text, m.Path)
		return
	}
	key := bindOptionsKey + "/" + validName(c.Name)
	if other, taken := g.out.Annotations[key]; taken && other != v.Host.Path+":"+text {
		g.lost("container %s: podman's annotation takes the options of one host path only, not also %s of %s", c.Name, text, v.Host.Path)
		return
	}
	g.podmanOnly(key, v.Host.Path+":"+text, "mount options "+text+" of "+v.Host.Path)
}

// podmanOnly adds podman's annotation for what Kubernetes has no field for, if
// it is asked for.
func (g *generator) podmanOnly(key, value, what string) {
	base, container, one := strings.Cut(key, "/")
	if g.out.Annotations[key] == value || g.out.Annotations[base] == value {
		return
	}
	if g.options.PodmanOnly {
		g.annotate(key, value)
		return
	}
	of := ""
	if one {
		of = "container " + container + ": "
	}
	g.lost("%sKubernetes has no field for %s: --podman-only writes podman's annotation", of, what)
}

func limits(r *spec.Resources) corev1.ResourceRequirements {
	var out corev1.ResourceRequirements
	set := func(list *corev1.ResourceList, name corev1.ResourceName, q *resource.Quantity) {
		if q.IsZero() {
			return
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = *q
	}
	set(&out.Requests, corev1.ResourceCPU, resource.NewMilliQuantity(r.CPURequest, resource.DecimalSI))
	set(&out.Limits, corev1.ResourceCPU, resource.NewMilliQuantity(r.CPULimit, resource.DecimalSI))
	set(&out.Requests, corev1.ResourceMemory, resource.NewQuantity(r.MemoryRequest, resource.BinarySI))
	set(&out.Limits, corev1.ResourceMemory, resource.NewQuantity(r.MemoryLimit, resource.BinarySI))
	return out
}

// limitAnnotations are podman's for limits that Kubernetes has no field for.
func (g *generator) limitAnnotations(c *spec.Container) {
	at := func(key string) string { return podmanPrefix + key + "/" + validName(c.Name) }
	if n := c.Resources.PidsLimit; n > 0 {
		g.podmanOnly(at("pids-limit"), strconv.FormatInt(n, 10), "a limit of "+strconv.FormatInt(n, 10)+" processes")
	}
	if cpus := c.Resources.CPUSet; cpus != "" {
		g.podmanOnly(at("cpuset"), cpus, "the cores "+cpus)
	}
	var words []string
	for _, u := range c.Resources.Ulimits {
		word := u.Name + "=" + ulimit(u.Soft)
		if u.Hard != u.Soft {
			word += ":" + ulimit(u.Hard)
		}
		words = append(words, word)
	}
	if len(words) > 0 {
		text := strings.Join(words, ",")
		g.podmanOnly(at("ulimit"), text, "ulimit "+text)
	}
}

func ulimit(n uint64) string {
	if n == ^uint64(0) {
		return "-1"
	}
	return strconv.FormatUint(n, 10)
}

func (g *generator) security(c *spec.Container) *corev1.SecurityContext {
	var out corev1.SecurityContext
	s := c.Security
	flag := func(field **bool, set, value bool) {
		if set {
			*field = &value
		}
	}
	flag(&out.Privileged, s.Privileged, true)
	flag(&out.ReadOnlyRootFilesystem, s.ReadOnlyRoot, true)
	flag(&out.AllowPrivilegeEscalation, s.NoNewPrivileges, false)
	flag(&out.RunAsNonRoot, c.User.NonRoot, true)
	if len(s.CapAdd)+len(s.CapDrop) > 0 {
		out.Capabilities = &corev1.Capabilities{Add: kubeCapabilities(s.CapAdd), Drop: kubeCapabilities(s.CapDrop)}
	}
	if s.ProcMount != "" {
		out.ProcMount = new(corev1.ProcMountType(s.ProcMount))
	}
	out.RunAsUser, out.RunAsGroup = g.ids(c)
	out.SeccompProfile = g.profile(c)
	if out == (corev1.SecurityContext{}) {
		return nil
	}
	return &out
}

func kubeCapabilities(list []string) []corev1.Capability {
	var out []corev1.Capability
	for _, name := range list {
		out = append(out, corev1.Capability(strings.TrimPrefix(name, "CAP_")))
	}
	return out
}

// ids are the user and the group by number; Kubernetes takes no names.
func (g *generator) ids(c *spec.Container) (user, group *int64) {
	user, group = c.User.UID, c.User.GID
	if c.User.Name == "" {
		return user, group
	}
	name, groupName, _ := strings.Cut(c.User.Name, ":")
	for _, of := range []struct {
		name string
		id   **int64
	}{{name, &user}, {groupName, &group}} {
		if of.name == "" || *of.id != nil {
			continue
		}
		n, err := strconv.ParseInt(of.name, 10, 64)
		if err != nil {
			g.lost("container %s: Kubernetes takes users and groups by number, not %q", c.Name, of.name)
			continue
		}
		*of.id = &n
	}
	return user, group
}

func (g *generator) profile(c *spec.Container) *corev1.SeccompProfile {
	file := c.Security.Seccomp
	switch {
	case file == "":
		return nil
	case file == "unconfined":
		return &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
	}
	if local, ok := strings.CutPrefix(path.Clean(file), DefaultSeccompRoot+"/"); ok {
		return &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: &local}
	}
	g.podmanOnly(podmanPrefix+"seccomp/"+validName(c.Name), file, "a seccomp profile outside "+DefaultSeccompRoot)
	return nil
}
