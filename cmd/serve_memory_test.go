package cmd

import (
	"slices"
	"testing"
)

func TestMemoryIsFreedOnceAfterABurst(t *testing.T) {
	const mb = 1 << 20
	for _, test := range []struct {
		name   string
		allocs []uint64 // between two looks
		want   []bool
	}{
		{"nothing happens", []uint64{0, 0, mb / 10}, []bool{false, false, false}},
		{"a start", []uint64{30 * mb, mb / 10, mb / 10}, []bool{false, true, false}},
		{"a long one", []uint64{30 * mb, 20 * mb, 2 * mb, 0, 0}, []bool{false, false, false, true, false}},
		{"two", []uint64{5 * mb, 0, 5 * mb, mb, 0}, []bool{false, true, false, true, false}},
	} {
		var b burst
		var sum uint64
		var got []bool
		for _, n := range test.allocs {
			sum += n
			got = append(got, b.over(sum))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
