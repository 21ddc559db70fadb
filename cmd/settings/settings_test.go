package settings

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/reconciler"
)

func TestParse(t *testing.T) {
	got, err := Parse("berth.yaml", []byte("# comment\nfolders: [/srv/pods, /etc/berth/manifests/]\nstopPods: true\nrescan: 90s\nlogLevel: debug\nlogFormat: json\n"))
	want := Default()
	want.Folders, want.StopPods, want.Rescan = []string{"/srv/pods", "/etc/berth/manifests"}, true, 90*time.Second
	want.LogLevel, want.LogFormat = "debug", "json"
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		if got, err := Parse("berth.yaml", []byte(empty)); err != nil || !cmp.Equal(got, Default()) {
			t.Errorf("%q: %+v, %v", empty, got, err)
		}
	}
}

func TestPressure(t *testing.T) {
	got, err := Parse("berth.yaml", []byte(`eviction: false
evictionHard: {memory.available: 200Mi, nodefs.available: 5%, imagefs.inodesFree: 0%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 70
imageMinimumGCAge: 1h
`))
	want := Default()
	want.Eviction, want.ImageHigh, want.ImageLow, want.ImageAge = false, 100, 70, time.Hour
	want.Thresholds = reconciler.DefaultThresholds()
	want.Thresholds[reconciler.SignalMemory] = reconciler.Threshold{Quantity: 200 << 20}
	want.Thresholds[reconciler.SignalNodeSpace] = reconciler.Threshold{Share: 0.05}
	want.Thresholds[reconciler.SignalImageInodes] = reconciler.Threshold{}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	for text, want := range map[string]string{
		"rescan: 5m\nfolder: [/a]\n": "berth.yaml:2:1: folder: unknown setting, did you mean \"folders\"? (settings are allowHostCommands, eviction, evictionHard, folders, imageGCHighThresholdPercent, imageGCLowThresholdPercent, imageMinimumGCAge, logFormat, logLevel, rescan, stopPods)",
		"evictionHard: {memory: 1Mi}\n": "berth.yaml:1:16: evictionHard[memory]: unknown signal " +
			"(signals are imagefs.available, imagefs.inodesFree, memory.available, nodefs.available, nodefs.inodesFree)",
		"evictionHard:\n  memory.available: lots\n": "berth.yaml:2:21: evictionHard[memory.available]: \"lots\": want a quantity, such as 100Mi, or a percentage, such as 10%",
		"evictionHard: none\n":                      "berth.yaml:1:15: evictionHard: want a mapping of signals",
		"imageGCHighThresholdPercent: 85%\n":        "berth.yaml:1:30: imageGCHighThresholdPercent: \"85%\": want a number from 0 to 100",
		"imageGCHighThresholdPercent: 70\n":         "berth.yaml:1:1: imageGCLowThresholdPercent: 80: want less than imageGCHighThresholdPercent, which is 70",
		"folders: /a\n":                             "berth.yaml:1:10: folders: want a list of folders",
		"folders:\n- /a\n- b\n":                     "berth.yaml:3:3: folders[1]: want an absolute path",
		"stopPods: sometimes\n":                     "berth.yaml:1:11: stopPods: want true or false",
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
