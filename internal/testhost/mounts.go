package testhost

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mountEntry is a line of mountinfo; proc(5).
type mountEntry struct {
	point, root, kind, source, superOptions string
}

func readMounts(path string) ([]mountEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the mounts: %w", err)
	}
	defer f.Close()
	var mounts []mountEntry
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 2 {
			continue
		}
		m := mountEntry{point: unescape(left[4]), root: unescape(left[3]), kind: right[0], source: right[1]}
		if len(right) > 2 {
			m.superOptions = right[2]
		}
		mounts = append(mounts, m)
	}
	return mounts, lines.Err()
}

func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s (%s) on %s: %w", source, kind, target, err)
	}
	return nil
}

func bind(source, target string) error {
	return mount(source, target, "none", unix.MS_BIND, "")
}
