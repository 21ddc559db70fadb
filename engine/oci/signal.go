package oci

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"berth/internal/source"
)

// The real-time signals a libc leaves to programs (signal(7)).
const (
	sigRTMin = 34
	sigRTMax = 64
)

// ParseSignal reads a signal as people write it: "SIGTERM", "term", "15",
// "RTMIN+3".
func ParseSignal(s string) (syscall.Signal, error) {
	name := strings.ToUpper(strings.TrimSpace(s))
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || n > sigRTMax {
			return 0, fmt.Errorf("signal %d is not between 1 and %d", n, sigRTMax)
		}
		return syscall.Signal(n), nil
	}
	name = "SIG" + strings.TrimPrefix(name, "SIG")
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	if n, ok := realtimeSignal(name); ok {
		return n, nil
	}
	return 0, fmt.Errorf("unknown signal %q%s", s, source.DidYouMean(name, signalNames()))
}

func realtimeSignal(name string) (syscall.Signal, bool) {
	for prefix, base := range map[string]int{"SIGRTMIN": sigRTMin, "SIGRTMAX": sigRTMax} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		offset := 0
		if rest != "" {
			n, err := strconv.Atoi(rest)
			if err != nil || (rest[0] != '+' && rest[0] != '-') {
				return 0, false
			}
			offset = n
		}
		n := base + offset
		return syscall.Signal(n), n >= sigRTMin && n <= sigRTMax
	}
	return 0, false
}

func signalNames() []string {
	var names []string
	for n := 1; n < sigRTMin; n++ {
		if name := unix.SignalName(syscall.Signal(n)); name != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return append(names, "SIGRTMIN", "SIGRTMAX")
}
