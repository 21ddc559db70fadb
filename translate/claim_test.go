package translate

import (
	"strings"
	"testing"
)

func TestVolumeNames(t *testing.T) {
	long := strings.Repeat("x", 252)
	seen := map[string]bool{}
	for key, want := range map[[2]string]string{
		{"default", "data"}:   "data",
		{"shop", "data"}:      "shop_data",
		{"default", long}:     long,
		{"shop", long + "a"}:  "",
		{"shop", long + "b"}:  "",
		{"shop2", long + "a"}: "",
	} {
		got := VolumeName(key[0], key[1])
		if want != "" && got != want || len(got) > 253 || seen[got] {
			t.Errorf("%v: %q", key, got)
		}
		seen[got] = true
	}
}
