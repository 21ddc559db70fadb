package engine

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigReadsModulesLast(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := dir + "/" + name
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("CONTAINERS_CONF", write("base.conf", "[engine]\nruntime = \"base\"\ncgroup_manager = \"cgroupfs\"\n"))
	t.Setenv("CONTAINERS_CONF_OVERRIDE", "")
	one := write("one.conf", "[engine]\nruntime = \"one\"\n[network]\ndefault_subnet = \"10.1.0.0/16\"\n")
	two := write("two.conf", "[engine]\nruntime = \"two\"\n")
	c, err := readConfig([]string{one, two})
	if err != nil {
		t.Fatal(err)
	}
	if c.Engine.Runtime != "two" || c.Engine.CgroupManager != "cgroupfs" || c.Network.DefaultSubnet != "10.1.0.0/16" {
		t.Errorf("read %+v", c)
	}
	t.Setenv("CONTAINERS_CONF_OVERRIDE", write("last.conf", "[engine]\nruntime = \"last\"\n"))
	if c, err = readConfig([]string{one}); err != nil || c.Engine.Runtime != "last" {
		t.Errorf("read %+v, %v", c, err)
	}
	if _, err := readConfig([]string{"absent.conf"}); err == nil || !strings.Contains(err.Error(), "/etc/containers/containers.conf.modules/absent.conf") {
		t.Errorf("a module that is not there: %v", err)
	}
}

func TestConfigListsOfContainers(t *testing.T) {
	var c config
	for _, text := range []string{
		"[containers]\nenv = [\"A=1\"]\numask = \"0027\"\npids_limit = 7\ninit = true\n",
		"[containers]\nenv = [\"B=2\"]\numask = \"\"\ndefault_capabilities = []\n",
		"[containers]\nenv = [\"C=3\", {append = true}]\n[engine]\nruntime = \"one\"\n",
		"[containers]\nenv = [\"D=4\"]\n",
	} {
		if err := c.add(text); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]string{"env": {"B=2", "C=3", "D=4"}, "pids_limit": {"7"}, "init": {"true"}, "default_capabilities": {}}
	if diff := cmp.Diff(want, c.defaults.words); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := c.add("[containers]\nenv = [\"E=5\", {append = false}]\n"); err != nil || len(c.defaults.words["env"]) != 1 {
		t.Errorf("%v, %v", c.defaults.words, err)
	}
	for _, text := range []string{"[network]\npasta_options = [\"-m\", \"1500\"]\n[engine]\nnetwork_cmd_options = [\"mtu=1500\"]\n", "[network]\npasta_options = [\"-4\", {append = true}]\n"} {
		if err := c.add(text); err != nil {
			t.Fatal(err)
		}
	}
	if p, s := c.pastaOptions.words["pasta_options"], c.slirpOptions.words["network_cmd_options"]; !slices.Equal(p, []string{"-m", "1500", "-4"}) || !slices.Equal(s, []string{"mtu=1500"}) {
		t.Errorf("pasta %q, slirp4netns %q", p, s)
	}
	for _, text := range []string{"[containers]\nenv = [{add = true}]\n", "[containers]\nenv = [[\"A\"]]\n", "[containers.env]\nA = 1\n", "containers = 1\n"} {
		if err := c.add(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestConfigAddressOfTheHost(t *testing.T) {
	t.Setenv("CONTAINERS_CONF_OVERRIDE", "")
	for ip, ok := range map[string]bool{"none": true, "192.0.2.1": true, "fd00::1": true, "here": false} {
		path := t.TempDir() + "/containers.conf"
		if err := os.WriteFile(path, []byte("[containers]\nhost_containers_internal_ip = \""+ip+"\"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv("CONTAINERS_CONF", path)
		if _, err := readConfig(nil); (err == nil) != ok {
			t.Errorf("%s: %v", ip, err)
		}
	}
}
