package cmd

import (
	"fmt"
	"net/netip"
	"strings"

	"berth/engine/network"
)

// parseAddressRange reads "first-last" or a CIDR.
func parseAddressRange(text string) (*network.LeaseRange, error) {
	if first, last, ok := strings.Cut(text, "-"); ok {
		start, err := netip.ParseAddr(first)
		end, err2 := netip.ParseAddr(last)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("--ip-range %q: want two addresses and a dash between", text)
		}
		return &network.LeaseRange{StartIP: start, EndIP: end}, nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf("--ip-range %q: want first-last or a range such as 10.90.0.128/25", text)
	}
	p = p.Masked()
	end := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(end)*8; bit++ {
		end[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(end) // as long as the address it was made from
	return &network.LeaseRange{StartIP: p.Addr(), EndIP: last}, nil
}
