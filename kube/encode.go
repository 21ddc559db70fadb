package kube

import (
	"encoding/json"
	"fmt"
)

// JSON is the object's canonical form: equal objects give equal bytes, and
// Decode reads it back. Defaults are part of it; owner, options and positions
// are not.
func (o *Object) JSON() ([]byte, error) {
	typed := o.typed()
	if typed == nil {
		return nil, fmt.Errorf("encode %s: nothing in it", o.Key())
	}
	data, err := json.Marshal(typed)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.Key(), err)
	}
	return data, nil
}
