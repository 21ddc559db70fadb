package report

import (
	"strings"
	"testing"
	"time"

	"berth/engine/oci"
)

func TestTopPrintsWhatDescriptorsSay(t *testing.T) {
	r := Running{
		ProcessInfo: oci.ProcessInfo{
			Pid: 1, PPid: 0, HostPid: 77, Comm: "sl\x1b[2Jeep", Args: []string{"sleep", "10\n00"}, State: 'S', TTY: 136<<8 | 3, CPU: 1500 * time.Millisecond,
			Elapsed: 10 * time.Second, Nice: -5, VSize: 4 << 20, RSS: 1 << 20, User: 0, RealUser: 1, Group: 5, Groups: []uint32{5, 9}, HostUser: 100000, Seccomp: 2, Bounding: 3,
		},
		Names:        oci.Names{Users: map[uint32]string{0: "root"}, Groups: map[uint32]string{9: "wh\teel"}},
		Now:          time.Date(2025, 3, 4, 12, 0, 10, 0, time.UTC),
		Capabilities: func(set uint64) string { return strings.Repeat("x", int(set)) },
	}
	for words, want := range map[string]string{
		"":                         "USER=root PID=1 PPID=0 %CPU=15.000 ELAPSED=10s TTY=pts/3 TIME=1s COMMAND=sleep 10?00",
		"pid,state comm":           "PID=1 STATE=S COMMAND=sl?[2Jeep",
		"%C %p %a":                 "%CPU=15.000 PID=1 COMMAND=sleep 10?00",
		"hpid huser ruser":         "HPID=77 HUSER=100000 RUSER=1",
		"group groups nice":        "GROUP=5 GROUPS=5,wh?eel NI=-5",
		"seccomp label capbnd":     "SECCOMP=filter LABEL=? BOUNDING CAPS=xxx",
		"vsz rss stime":            "VSZ=4096 RSS=1024 STIME=2025-03-04 12:00:00",
		"hgroup hgroups pgid time": "HGROUP=0 HGROUPS= PGID=0 TIME=1s",
	} {
		columns, err := ParseTop(strings.Fields(words))
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, c := range columns {
			got = append(got, c.Heading+"="+c.Text(r))
		}
		if line := strings.Join(got, " "); line != want {
			t.Errorf("%q: %s\nwant %s", words, line, want)
		}
	}
	r.Args = nil
	if got := r.commandLine(); got != "[sl?[2Jeep]" {
		t.Error(got)
	}
	for _, bad := range []string{"aux", "-ef", "pid,", "PID"} {
		if _, err := ParseTop([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
