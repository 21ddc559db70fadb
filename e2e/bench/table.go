package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// row is one line of the result. A zero duration was not measured.
type row struct {
	what                 string
	floor, berth, podman time.Duration
	said                 string // what berth takes, where that is no time
	budget               string
}

type table struct{ w io.Writer }

func newTable(w io.Writer) table {
	fmt.Fprintf(w, "%-42s %10s %10s %8s %10s  %s\n", "", "raw floor", "berth", "ratio", "podman", "budget")
	return table{w}
}

func (t table) print(rows []row) {
	for _, r := range rows {
		ratio := "-"
		if r.floor > 0 && r.berth > 0 {
			ratio = fmt.Sprintf("%.2f", float64(r.berth)/float64(r.floor))
		}
		berth := r.said
		if berth == "" {
			berth = show(r.berth)
		}
		fmt.Fprintf(t.w, "%-42s %10s %10s %8s %10s  %s\n", r.what, show(r.floor), berth, ratio, show(r.podman), r.budget)
	}
}

func show(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}
