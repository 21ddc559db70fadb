package volume

import (
	"os"
	"testing"

	"berth/internal/testhost"
)

func TestMain(m *testing.M) { os.Exit(testhost.Main(m, testhost.Options{})) }
