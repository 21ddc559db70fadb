package engine

import (
	"os"
	"strings"
	"testing"
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
