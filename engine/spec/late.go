package spec

import "strings"

// Late values stand in environment values and arguments for what is known
// only when a pod exists. They hold NUL bytes, which neither can contain, so
// no text of a user is ever taken for one.
const (
	LatePodIP   = "\x00status.podIP\x00"
	LatePodIPs  = "\x00status.podIPs\x00"
	LateHostIP  = "\x00status.hostIP\x00"
	LateHostIPs = "\x00status.hostIPs\x00"
	LatePodUID  = "\x00metadata.uid\x00"
)

// Facts are the values that replace Late values.
type Facts struct {
	PodIPs  []string
	HostIPs []string
	PodUID  string
}

// Fill replaces the Late values in s.
func (f Facts) Fill(s string) string {
	if !strings.Contains(s, "\x00") {
		return s
	}
	return strings.NewReplacer(
		LatePodIP, first(f.PodIPs), LatePodIPs, strings.Join(f.PodIPs, ","),
		LateHostIP, first(f.HostIPs), LateHostIPs, strings.Join(f.HostIPs, ","),
		LatePodUID, f.PodUID,
	).Replace(s)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
