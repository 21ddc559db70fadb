package generator

import (
	"fmt"
	"os"
	"testing"

	"berth/manifests/unitdir"
	"berth/quadlet"
)

// BenchmarkGenerate is what 300 units cost without the process around it.
func BenchmarkGenerate(b *testing.B) {
	dir, out := b.TempDir(), b.TempDir()
	for i := range 100 {
		for name, text := range map[string]string{
			"a%d.container": "[Container]\nImage=localhost/a\nVolume=v%[1]d.volume:/x\nNetwork=n%[1]d.network\nEnvironment=A=1 \"B=2 3\"\n[Install]\nWantedBy=default.target\n",
			"v%d.volume":    "[Volume]\nLabel=a=%d\n", "n%d.network": "[Network]\nLabel=a=%d\n",
		} {
			if err := os.WriteFile(dir+"/"+fmt.Sprintf(name, i), fmt.Appendf(nil, text, i), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	var units unitdir.Units
	var results []quadlet.Result
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			units = unitdir.Read([]string{dir})
		}
	})
	b.Run("convert", func(b *testing.B) {
		for b.Loop() {
			results = quadlet.Convert(units.Files, quadlet.Options{Program: "/usr/bin/berth", Host: Host{}})
		}
	})
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if err := Write(out, results); err != nil {
				b.Fatal(err)
			}
		}
	})
}
