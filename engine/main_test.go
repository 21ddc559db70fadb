package engine_test

import (
	"os"
	"testing"

	"github.com/containers/storage/pkg/reexec"

	"berth/internal/testhost"
)

func TestMain(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(testhost.Main(m, testhost.Options{}))
}
