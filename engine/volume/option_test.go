package volume

import (
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	type options = map[string]string
	for name, c := range map[string]struct {
		driver  string
		options options
		wrong   string
		words   string
	}{
		"none":                          {DriverLocal, nil, "", ""},
		"an owner by options":           {DriverLocal, options{"uid": "1", "gid": "2"}, "", "uid=1,gid=2"},
		"an owner by words":             {DriverLocal, options{"o": "uid=1,gid=2,noquota"}, "", "uid=1,gid=2"},
		"a word for what nobody mounts": {DriverLocal, options{"o": "uid=1,noexec"}, "o=noexec is of a mount", ""},
		"a size nobody keeps":           {DriverLocal, options{"o": "size=1G"}, "o=size=1G: a folder has no limit", ""},
		"a size of a tmpfs":             {DriverLocal, options{"type": "tmpfs", "device": "tmpfs", "o": "size=1G,nodev"}, "", "size=1G,nodev"},
		"an owner of a tmpfs":           {DriverLocal, options{"type": "tmpfs", "device": "tmpfs", "uid": "7"}, "", "uid=7"},
		"a folder of the host":          {DriverLocal, options{"type": "none", "device": "/srv", "o": "ro"}, "", "bind,ro"},
		"one bound with all below":      {DriverLocal, options{"type": "none", "device": "/srv", "o": "rbind,nocopy"}, "", "rbind"},
		"an owner of the host's":        {DriverLocal, options{"type": "bind", "device": "/srv", "o": "uid=1"}, "the host's", ""},
		"no number":                     {DriverLocal, options{"uid": "root"}, `uid="root": want a number`, ""},
		"no number in words":            {DriverLocal, options{"o": "gid=-1"}, `gid="-1": want a number`, ""},
		"unknown":                       {DriverLocal, options{"image": "x"}, `"image" is not known: the driver local has device`, ""},
		"an image":                      {DriverImage, options{"image": "x"}, "", ""},
		"no image":                      {DriverImage, nil, "image=NAME", ""},
		"an image with a device":        {DriverImage, options{"image": "x", "device": "y"}, `"device" is not known`, ""},
	} {
		err := checkOptions(c.driver, c.options)
		if (c.wrong == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
		if got := mountWords(c.options); c.wrong == "" && got != c.words {
			t.Errorf("%s: mounted with %q, want %q", name, got, c.words)
		}
	}
	if _, err := NewStore(t.TempDir(), nil, nil).Create(t.Context(), Volume{Name: "x", Driver: "rclone"}); err == nil || !strings.Contains(err.Error(), "plugins are not") {
		t.Errorf("a plugin: %v", err)
	}
}
