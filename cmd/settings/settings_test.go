package settings

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got, err := Parse("berth.yaml", []byte("# comment\nfolders: [/srv/pods, /etc/berth/manifests/]\nstopPods: true\nrescan: 90s\nlogLevel: debug\nlogFormat: json\n"))
	want := Settings{Folders: []string{"/srv/pods", "/etc/berth/manifests"}, StopPods: true, Rescan: 90 * time.Second, LogLevel: "debug", LogFormat: "json"}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		if got, err := Parse("berth.yaml", []byte(empty)); err != nil || !cmp.Equal(got, Default()) {
			t.Errorf("%q: %+v, %v", empty, got, err)
		}
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	for text, want := range map[string]string{
		"rescan: 5m\nfolder: [/a]\n": "berth.yaml:2:1: folder: unknown setting, did you mean \"folders\"? (settings are folders, logFormat, logLevel, rescan, stopPods)",
		"folders: /a\n":              "berth.yaml:1:10: folders: want a list of folders",
		"folders:\n- /a\n- b\n":      "berth.yaml:3:3: folders[1]: want an absolute path",
		"stopPods: sometimes\n":      "berth.yaml:1:11: stopPods: want true or false",
		"rescan: 5\nlogLevel: loud\n": "berth.yaml:1:9: rescan: \"5\": want a duration of a second or more, such as 5m\n" +
			"berth.yaml:2:11: logLevel: \"loud\": want one of debug, info, warn, error",
		"rescan: 5m\nrescan: 6m\n": "berth.yaml:2:1: rescan: is set twice",
		"- a\n":                    "berth.yaml:1:1: want a mapping of settings",
		"rescan: [\n":              "berth.yaml: line 1: did not find expected node content",
	} {
		_, err := Parse("berth.yaml", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n%v\nwant\n%s", text, err, want)
		}
	}
}

func TestMissingFileMeansDefaults(t *testing.T) {
	got, err := Read(filepath.Join(t.TempDir(), "berth.yaml"))
	if err != nil || !cmp.Equal(got, Default()) {
		t.Errorf("%+v, %v", got, err)
	}
}
