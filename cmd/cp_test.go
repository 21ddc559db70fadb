package cmd

import (
	"strings"
	"testing"
)

func TestCopyEndsAreReadAsPodmanDoes(t *testing.T) {
	for in, want := range map[string]copyEnd{
		"web:/etc":      {container: "web", path: "/etc"},
		"ns/web:etc/.":  {container: "ns/web", path: "etc/."},
		"web:/a:b":      {container: "web", path: "/a:b"},
		"file":          {path: "file"},
		"./web:/etc":    {path: "./web:/etc"},
		"/web:/etc":     {path: "/web:/etc"},
		"../a:b":        {path: "../a:b"},
		"-":             {stream: true},
		"web:-":         {container: "web", path: "-"},
		"dir/with:dots": {container: "dir/with", path: "dots"},
	} {
		if got, err := parseCopyEnd(in); err != nil || got != want {
			t.Errorf("%q: %+v %v", in, got, err)
		}
	}
	for args, want := range map[string]string{
		"a b": "one of the two", "- -": "one of the two", "- b": "one of the two", "web: b": "CONTAINER:PATH", ":/x b": "CONTAINER:PATH",
	} {
		_, _, err := (&cpFlags{}).ends(strings.Fields(args))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
