package engine

import (
	"context"
	"fmt"
	"net"

	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
)

// DialPod connects from within a pod's network namespace; in a pod that has the
// host's, from there.
func (e *Engine) DialPod(ctx context.Context, id spec.PodID, transport, address string) (net.Conn, error) {
	sb, ok, err := e.records.ReadSandbox(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		pod, err := e.records.ReadPod(id)
		if err == nil {
			err = fmt.Errorf("the sandbox of pod %s is not up", pod.Key())
		}
		return nil, err
	}
	netns := e.records.Netns(id)
	if len(sb.Lease) == 0 {
		pod, err := e.records.ReadPod(id)
		if err != nil {
			return nil, err
		}
		n, err := e.infraNamespaces(&pod)
		if err != nil {
			return nil, err
		}
		netns = n.Net
	}
	if netns == oci.HostNamespace {
		var d net.Dialer
		return d.DialContext(ctx, transport, address)
	}
	return network.Dial(ctx, netns, transport, address)
}
