package spec

import "reflect"

// Declared is what can be set of a container while it runs, as the object of its
// pod says it. A container has one where a person has set something else, and
// until the object says something else than this.
type Declared struct {
	Resources     Resources     `json:"resources"`
	RestartPolicy RestartPolicy `json:"restartPolicy,omitempty"`
}

// AsDeclared is the container without what a person has set of it.
func (c Container) AsDeclared() Container {
	if d := c.Declared; d != nil {
		c.Resources, c.RestartPolicy, c.Declared = d.Resources, d.RestartPolicy, nil
	}
	return c
}

// Override is the container as a person sets it, who may also set what the
// object says.
func (c Container) Override(r Resources, policy RestartPolicy) Container {
	was := c.AsDeclared()
	c.Resources, c.RestartPolicy = r, policy
	return c.remember(Declared{was.Resources, was.RestartPolicy})
}

// Redeclare is the container after its object has come to say something else of
// CPU and memory: that holds, whatever a person has set of these.
func (c Container) Redeclare(r Resources) Container {
	was := c.AsDeclared()
	was.Resources.Resize(r)
	c.Resources.Resize(r)
	return c.remember(Declared{was.Resources, was.RestartPolicy})
}

func (c Container) remember(d Declared) Container {
	c.Declared = &d
	if reflect.DeepEqual(c.Resources, d.Resources) && c.RestartPolicy == d.RestartPolicy {
		c.Declared = nil
	}
	return c
}

// Update takes over what can be set of a container while it runs; of one that was
// made by hand also what holds from its next start on.
func (c *Container) Update(from *Container) {
	c.Resources, c.RestartPolicy, c.Declared = from.Resources, from.RestartPolicy, from.Declared
	if c.ByHand == nil || from.ByHand == nil {
		return
	}
	h, by := *c.ByHand, from.ByHand
	h.Tuning, h.Health, h.MostRestarts, h.UnlessStopped = by.Tuning, by.Health, by.MostRestarts, by.UnlessStopped
	c.Env, h.UnsetEnv, c.ByHand = from.Env, by.UnsetEnv, &h
}
