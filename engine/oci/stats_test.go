package oci

import (
	"reflect"
	"testing"
)

func TestStatsAreReadFromWhatTheKernelWrites(t *testing.T) {
	var s Stats
	s.parseUnifiedIO("8:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n253:1 rbytes=1 wbytes=2 rios=3 wios=4\n7:0 \n")
	if s.BlockRead != 101 || s.BlockWritten != 202 {
		t.Errorf("v2: %+v", s)
	}
	s = Stats{}
	s.parseLegacyIO("8:0 Read 100\n8:0 Write 200\n8:0 Sync 300\n8:0 Total 300\n7:0 Read 1\nTotal 301\n")
	if s.BlockRead != 101 || s.BlockWritten != 200 {
		t.Errorf("v1: %+v", s)
	}
	s.parseNet([]byte(`Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  999      1    0    0    0     0          0         0      999      1    0    0    0     0       0          0
  eth1:    1      2    3    4    0     0          0         0        5      6    7    8    0     0       0          0
eth0:10 20 0 0 0 0 0 0 50 60 0 0 0 0 0 0
`))
	want := []Interface{
		{Name: "eth0", Received: 10, ReceivedPackets: 20, Sent: 50, SentPackets: 60},
		{Name: "eth1", Received: 1, ReceivedPackets: 2, ReceiveErrors: 3, ReceiveDropped: 4, Sent: 5, SentPackets: 6, SendErrors: 7, SendDropped: 8},
	}
	if s.NetReceived != 11 || s.NetSent != 55 || !reflect.DeepEqual(s.Interfaces, want) {
		t.Errorf("%+v", s)
	}
}
