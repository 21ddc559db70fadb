package oci

import (
	"errors"
	"os"
	"reflect"
	"testing"
	"time"
)

func TestProcessesAreReadAsTheyAre(t *testing.T) {
	p := procEntry{ProcessInfo: ProcessInfo{HostPid: 7}}
	stat := "7 (a) R (evil\n) S 3 7 7 34816 7 4194560 100 0 0 0 250 150 0 0 20 -5 1 0 500 4096000 10 18446744073709551615 1"
	if err := p.parseStat([]byte(stat), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	p.parseStatus([]byte("Name:\tR\nUid:\t100000\t100001\t1\t1\nGid:\t5\t6\t6\t6\nGroups:\t6 100002 \nNSpid:\t7\t2\nNSpgid:\t7\t1\n" +
		"CapInh:\t0000000000000000\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\n"))
	want := ProcessInfo{
		HostPid: 7, Comm: "a) R (evil\n", State: 'S', TTY: 34816, CPU: 4 * time.Second, Elapsed: 5 * time.Second, Nice: -5, VSize: 4096000, RSS: p.RSS,
		User: 100001, RealUser: 100000, Group: 6, RealGroup: 5, Groups: []uint32{6, 100002}, Bounding: 0xa80425fb, Seccomp: 2,
	}
	if !reflect.DeepEqual(p.ProcessInfo, want) || p.hostParent != 3 {
		t.Errorf("%+v\nwant %+v", p.ProcessInfo, want)
	}
	inside := view{level: 2, users: parseIDTable([]byte("         0     100000      65536\n"))}
	if got := [4]uint32{uint32(inside.pid(p.namespacePids)), inside.users.inside(p.User), inside.users.inside(6), uint32(view{level: 3}.pid(p.namespacePids))}; got != [4]uint32{2, 1, 65534, 0} {
		t.Errorf("inside: %v", got)
	}
	for _, bad := range []string{"", "7 (x", "7 (x) S 1", ") S ("} {
		if err := p.parseStat([]byte(bad), 0); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestAnotherProcessOfTheSameNumberIsNotShown(t *testing.T) {
	init, err := FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var r Runtime
	if list, _, err := r.Processes(Container{}, init); err != nil || len(list) == 0 || list[0].HostPid != init.Pid {
		t.Errorf("%+v, %v", list, err)
	}
	init.StartTime-- // the container's process that had the number before
	if list, names, err := r.Processes(Container{}, init); !errors.Is(err, os.ErrProcessDone) || list != nil || names.Users != nil {
		t.Errorf("%+v, %v, %v", list, names, err)
	}
}
