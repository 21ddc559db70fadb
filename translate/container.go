package translate

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

func (b *builder) container(c *corev1.Container, field string) spec.Container {
	env := b.environment(c, field)
	out := spec.Container{
		Name:       c.Name,
		Image:      c.Image,
		PullPolicy: pullPolicy(c),
		Command:    b.expandAll(c.Command, field+".command", env),
		Args:       b.expandAll(c.Args, field+".args", env),
		WorkingDir: c.WorkingDir,
		Env:        env.list(),
		User:       b.user(c),
		TTY:        c.TTY,
		Stdin:      c.Stdin,
		Mounts:     b.mounts(c, field, env),
		Resources:  b.resources(c),
		Security:   b.security(c, field),
		StopSignal: stopSignal(c),
		Lifecycle:  b.lifecycle(c, field, env),
	}
	out.Lacks = b.lacked()
	if c.RestartPolicy != nil {
		out.RestartPolicy = spec.RestartPolicy(*c.RestartPolicy)
	}
	for _, r := range c.ResizePolicy {
		if r.RestartPolicy == corev1.RestartContainer {
			out.RestartOnResize = append(out.RestartOnResize, string(r.ResourceName))
		}
	}
	return out
}

// expandAll resolves $(VAR) in a command or its arguments.
func (b *builder) expandAll(words []string, field string, env *environment) []string {
	var out []string
	for i, word := range words {
		b.refuseBinary(fmt.Sprintf("%s[%d]", field, i), word)
		out = append(out, Expand(word, env.lookup))
	}
	return out
}

// refuseBinary reports what cannot be an argument or the value of a variable.
// Text without NUL is also never taken for a late value.
func (b *builder) refuseBinary(field, text string) {
	if strings.Contains(text, "\x00") || !utf8.ValidString(text) {
		b.errorf(field, "the value is binary, which neither arguments nor environment variables can be: mount it as a file")
	}
}

// pullPolicy is what the container says, else Always for the tag latest and
// images without tag and digest. Images of localhost/ are built on this host and
// no registry has them: as with podman they are taken from the store.
func pullPolicy(c *corev1.Container) spec.PullPolicy {
	policy := spec.PullPolicy(c.ImagePullPolicy)
	if policy == "" {
		policy = spec.PullMissing
		name, _, digested := strings.Cut(c.Image, "@")
		_, tag, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
		if !digested && cmp.Or(tag, "latest") == "latest" {
			policy = spec.PullAlways
		}
	}
	if policy == spec.PullAlways && strings.HasPrefix(c.Image, "localhost/") {
		return spec.PullMissing
	}
	return policy
}
