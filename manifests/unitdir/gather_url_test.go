package unitdir

import (
	"context"
	"strings"
	"testing"
)

func TestGatherSaysNoPasswordOfAURL(t *testing.T) {
	fetch := func(context.Context, string) ([]byte, error) { return []byte("no bundle"), nil }
	_, files, err := Gather(t.Context(), []string{"https://me:hush@example.com/a/web.container?token=hush"}, fetch)
	if err != nil || len(files) != 1 || files[0].Name != "web.container" {
		t.Errorf("%+v %v", files, err)
	}
	_, _, err = Gather(t.Context(), []string{"https://me:hush@example.com/a/web.quadlets?token=hush"}, fetch)
	if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "https://example.com/a/web.quadlets") {
		t.Errorf("err %v", err)
	}
}
