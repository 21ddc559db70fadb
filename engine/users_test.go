package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"berth/engine/spec"
)

func TestUsersThatNobodyElseHas(t *testing.T) {
	ranges := []spec.IDMap{{Host: 100, Size: 50}, {Host: 1000, Size: 100}}
	for name, test := range map[string]struct {
		taken []spec.IDMap
		size  uint32
		want  uint32
		ok    bool
	}{
		"the first":            {nil, 50, 100, true},
		"after what is taken":  {[]spec.IDMap{{Host: 100, Size: 10}}, 40, 110, true},
		"between two":          {[]spec.IDMap{{Host: 130, Size: 20}, {Host: 90, Size: 20}}, 20, 110, true},
		"in the next range":    {[]spec.IDMap{{Host: 120, Size: 1}}, 40, 1000, true},
		"too many":             {nil, 101, 0, false},
		"no room":              {[]spec.IDMap{{Host: 0, Size: 1040}}, 70, 0, false},
		"numbers beyond range": {[]spec.IDMap{{Host: 100, Size: 4294967195}}, 1, 0, false},
	} {
		if got, ok := freeRange(ranges, test.taken, test.size); got != test.want || ok != test.ok {
			t.Errorf("%s: %d, %v", name, got, ok)
		}
	}
}

func TestGapsBetweenUsersThatAreSaid(t *testing.T) {
	for name, test := range map[string]struct {
		fixed, want []spec.IDMap
	}{
		"none":              {nil, []spec.IDMap{{Size: 100}}},
		"one in the middle": {[]spec.IDMap{{Container: 10, Host: 1, Size: 5}}, []spec.IDMap{{Size: 10}, {Container: 15, Size: 85}}},
		"two, not in order": {[]spec.IDMap{{Container: 50, Size: 50}, {Container: 0, Size: 1}}, []spec.IDMap{{Container: 1, Size: 49}}},
		"beyond the end":    {[]spec.IDMap{{Container: 200, Size: 1}}, []spec.IDMap{{Size: 100}}},
	} {
		if got := gaps(100, test.fixed); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestRangesOfSubordinateUsers(t *testing.T) {
	table := filepath.Join(t.TempDir(), "subuid")
	if got, err := SubordinateIDs(table, "containers"); err != nil || len(got) > 0 {
		t.Errorf("a missing table has ranges: %v, %v", got, err)
	}
	for text, want := range map[string]int{
		"other:1:2\n# a comment\n": 0, "containers:100000:65536\ncontainers:300000:10\n": 2, "containers:x:1\n": -1, "containers:0:10\n": -1, "containers:4294967290:10\n": -1,
	} {
		if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := SubordinateIDs(table, "containers")
		if (err != nil) != (want < 0) || err == nil && len(got) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
