package cmd

import (
	"testing"
	"time"

	"berth/engine/spec"
)

func TestActsAreToldAsPodmanTellsThem(t *testing.T) {
	at := time.Date(2026, 1, 2, 10, 33, 42, 312377447, time.UTC)
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	const id = "34503c192940b78c5ec5d6b7a0a3a0a49b5f3fa6a3b2bcd5f8ad4f5d5a1b2c3d"
	for _, c := range []struct {
		act  spec.Act
		want string
	}{
		{
			spec.Act{Type: spec.ActContainer, Status: "create", ID: id, Image: "docker.io/library/alpine:latest", Name: "friendly"},
			"container create 34503c192940 (image=docker.io/library/alpine:latest, name=friendly)",
		},
		{
			spec.Act{
				Type: spec.ActContainer, Status: "health_status", ID: id, Image: "a", Name: "b", Pod: "cafe", Health: spec.HealthHealthy,
				Attributes: map[string]string{"z": "1", "a": "2"},
			},
			"container health_status 34503c192940 (image=a, name=b, pod_id=cafe, health_status=healthy, health_failing_streak=0, health_log=, a=2, z=1)",
		},
		{spec.Act{Type: spec.ActPod, Status: "start", ID: id, Name: "web"}, "pod start 34503c192940 (image=, name=web)"},
		{spec.Act{Type: spec.ActImage, Status: "pull", ID: id, Name: "quay.io/a:1"}, "image pull 34503c192940 quay.io/a:1"},
		{spec.Act{Type: spec.ActImage, Status: "pull-error", Name: "quay.io/a:1", Error: "no route"}, "image pull-error  quay.io/a:1 no route"},
		{spec.Act{Type: spec.ActVolume, Status: "create", Name: "data"}, "volume create data"},
		{spec.Act{Type: spec.ActSecret, Status: "remove", ID: id, Name: "key"}, "secret remove 34503c192940"},
		{spec.Act{Type: spec.ActNetwork, Status: "create", ID: id, Network: "net", Attributes: map[string]string{"driver": "bridge"}}, "network create 34503c192940 (name=net, type=bridge)"},
		{spec.Act{Type: spec.ActNetwork, Status: "connect", ID: id, Network: "net"}, "network connect 34503c192940 (container=34503c192940, name=net)"},
	} {
		c.act.Time = at
		if got, want := newActRow(c.act).ToHumanReadable(true), "2026-01-02 10:33:42.312377447 +0000 UTC "+c.want; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestWindowOfActs(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		flags        actFlags
		since, until time.Duration // from now; a day: none
		follow       bool
	}{
		{actFlags{stream: true}, 0, day, true},
		{actFlags{}, day, day, false},
		{actFlags{stream: true, since: "10m"}, -10 * time.Minute, day, true},
		{actFlags{stream: true, until: "5s"}, day, 5 * time.Second, true},
		{actFlags{stream: true, since: "1h", until: "2026-01-02T11:30:00Z"}, -time.Hour, -30 * time.Minute, false},
		{actFlags{since: "2026-01-02T11:00:00Z"}, -time.Hour, day, false},
	} {
		w, err := c.flags.window(now)
		want := func(d time.Duration) time.Time {
			if d == day {
				return time.Time{}
			}
			return now.Add(d)
		}
		if err != nil || !w.since.Equal(want(c.since)) || !w.until.Equal(want(c.until)) || w.follow != c.follow {
			t.Errorf("%+v: %+v, %v", c.flags, w, err)
		}
	}
	for _, bad := range []actFlags{{since: "yesterday"}, {until: "later"}} {
		if _, err := bad.window(now); err == nil {
			t.Errorf("%+v is no window", bad)
		}
	}
}

const day = 24 * time.Hour
