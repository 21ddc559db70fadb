package volume

import (
	"os"
	"testing"

	"go.podman.io/storage/pkg/reexec"

	"berth/internal/testhost"
)

func TestMain(m *testing.M) {
	if reexec.Init() { // the process that unpacks archives
		return
	}
	os.Exit(testhost.Main(m, testhost.Options{}))
}
