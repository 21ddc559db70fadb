package translate

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

// Whatever a flag says of a container, the YAML says it or a warning says that
// it does not; fields that are of this host alone are the exceptions.
func TestGenerateTellsOfFlagsThatAreLost(t *testing.T) {
	silent := map[string]bool{"ID": true, "Called": true, "CreateCommand": true, "Notify": true, "NotifySocket": true, "PidFile": true, "ConmonPidFile": true, "IDFile": true, "Cgroup": true,
		"InitKind": true, "Remove": true, "Once": true, "Expose": true, "StopTimeout": true, "AppArmorUsual": true, "Attach": true}
	fields := reflect.TypeFor[spec.ByHand]()
	for i := range fields.NumField() {
		var h spec.ByHand
		fill(reflect.ValueOf(&h).Elem().Field(i))
		name := fields.Field(i).Name
		if ds := lostBy(t, spec.Pod{}, &h); (len(ds) == 0) != silent[name] {
			t.Errorf("%s: %q", name, ds)
		}
	}
	for sentence, c := range map[string]struct {
		pod  spec.Pod
		hand *spec.ByHand
		want string
	}{
		"what each container has by default": {hand: &spec.ByHand{ID: "1", Umask: "0022", Notify: spec.NotifyContainer, StopTimeout: new(10 * time.Second)}},
		"an init container":                  {hand: &spec.ByHand{InitKind: spec.InitAlways}},
		"one that runs once":                 {hand: &spec.ByHand{InitKind: spec.InitOnce}, want: "--init-ctr once"},
		"a secret":                           {hand: &spec.ByHand{Secrets: []spec.SecretUse{{Secret: "password", Env: "X"}}}, want: "the stored secret password"},
		"no health check":                    {hand: &spec.ByHand{Health: &spec.Health{Off: true}}},
		"users of its own":                   {pod: spec.Pod{Users: &spec.UserNamespace{}}, want: "--userns"},
		"memory of all together":             {pod: spec.Pod{Limits: spec.Resources{MemoryLimit: 1 << 20}}, want: "the limits of all containers together"},
	} {
		if got := lostBy(t, c.pod, c.hand); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", sentence, got, c.want)
		}
	}
}

// A container that stands alone is called by its ID, which another one is not.
func TestGenerateLeavesOutAHostnameThatIsAnID(t *testing.T) {
	const id = "0123456789abcdef"
	for hostname, kept := range map[string]bool{id[:12]: false, "web": true} {
		p := &spec.Pod{Namespace: "default", Name: "p", Bare: true, Hostname: hostname, Containers: []spec.Container{{Name: "p", Image: "busybox:1", ByHand: &spec.ByHand{ID: id}}}}
		objects, _ := Generate(p, GenerateOptions{})
		text, err := YAML(objects)
		if err != nil || strings.Contains(string(text), "hostname: "+hostname) != kept {
			t.Errorf("%s: %v\n%s", hostname, err, text)
		}
	}
}

func lostBy(t *testing.T, p spec.Pod, h *spec.ByHand) string {
	t.Helper()
	p.Namespace, p.Name, p.RestartPolicy, p.Networks = "default", "p", spec.RestartNever, []spec.NetworkAttachment{{Network: DefaultNetwork}}
	p.Containers = []spec.Container{{Name: "c", Image: "busybox:1", ByHand: h}}
	_, ds := Generate(&p, GenerateOptions{})
	if len(ds) == 0 {
		return ""
	}
	if err := ds.Err(); err != nil {
		t.Errorf("an error: %v", err)
	}
	return ds.Error()
}

// fill sets a value, and what is in it, to something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("1")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		m.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
		v.Set(m)
	case reflect.Struct:
		fill(v.Field(0))
	}
}

// That its containers have plain names is how a pod made by hand is, and no loss.
func TestPlainNamesAreOnlyToldOfWhereAFlagMadeThem(t *testing.T) {
	for byHand, told := range map[bool]bool{true: false, false: true} {
		p := &spec.Pod{Namespace: "default", Name: "p", PlainNames: true, ByHand: byHand, Containers: []spec.Container{{Name: "c", Image: "busybox:1"}}}
		_, ds := Generate(p, GenerateOptions{})
		if strings.Contains(ds.Error(), "--no-pod-prefix") != told {
			t.Errorf("by hand %v: %v", byHand, ds)
		}
	}
}
