package enginetest_test

import (
	"testing"

	"berth/engine/enginetest"
)

var (
	_ enginetest.Engine = (*enginetest.Fake)(nil)
)

func TestFakeConforms(t *testing.T) {
	enginetest.Conformance(t, func(*testing.T) enginetest.Harness {
		fake := enginetest.NewFake("busybox")
		return enginetest.Harness{
			Engine: fake, Image: "busybox",
			Reopen: func(*testing.T) enginetest.Engine { return fake.Open() },
		}
	})
}
