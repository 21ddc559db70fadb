package spec

import "testing"

func TestFill(t *testing.T) {
	text := "http://user:" + LateSecret("db/password") + "@" + LatePodIP + "/" + LateSecret("db/name")
	facts := Facts{PodIPs: []string{"10.0.0.2", "fd00::2"}, Secrets: map[string]string{"db/password": "hunter2", "db/name": "shop"}}
	if got, want := facts.Fill(text), "http://user:hunter2@10.0.0.2/shop"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	facts.Secrets = nil
	if got, want := Mask(facts.Fill(text)), "http://user:*******@10.0.0.2/*******"; got != want {
		t.Errorf("masked: %q, want %q", got, want)
	}
	if got := Mask("plain"); got != "plain" {
		t.Errorf("plain text becomes %q", got)
	}
}

func TestUsesSecrets(t *testing.T) {
	secret := LateSecret("keys/token")
	for name, c := range map[string]Container{
		"environment": {Env: []EnvVar{{Name: "A", Value: "x" + secret}}},
		"command":     {Command: []string{"run", secret}},
		"argument":    {Args: []string{secret}},
		"sub path":    {Mounts: []Mount{{SubPath: secret}}},
		"probe":       {Lifecycle: Lifecycle{Readiness: &Probe{Handler: Handler{Exec: []string{"ask", secret}}}}},
		"hook":        {Lifecycle: Lifecycle{PreStop: &Handler{Exec: []string{"leave", secret}}}},
	} {
		pods := []Pod{{Containers: []Container{{}, c}}, {InitContainers: []Container{c}}}
		for i := range pods {
			if !pods[i].UsesSecrets() {
				t.Errorf("a secret in the %s is not seen", name)
			}
		}
	}
	if (&Pod{Containers: []Container{{Args: []string{LatePodIP}}}}).UsesSecrets() {
		t.Error("an address is taken for a secret")
	}
}
