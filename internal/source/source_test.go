package source

import "testing"

func TestSuggest(t *testing.T) {
	known := []string{"image", "imagePullPolicy", "name", "env", "envFrom", "ports"}
	for word, want := range map[string]string{
		"imag": "image", "Image": "image", "iamge": "image", "port": "ports", "imagepullpolicy": "imagePullPolicy",
		"volumeDevices": "", "x": "", "envform": "envFrom",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDiagnosticsKeepErrorsInOrderOfPlace(t *testing.T) {
	ds := Diagnostics{
		{Pos: Pos{"b.yaml", 2, 1}, Message: "late"},
		{Pos: Pos{"a.yaml", 9, 3}, Field: "spec.x", Message: "ninth"},
		{Pos: Pos{"a.yaml", 1, 1}, Message: "only a warning", Warning: true},
		{Pos: Pos{"a.yaml", 2, 1}, Message: "second"},
	}
	const want = "a.yaml:2:1: second\na.yaml:9:3: spec.x: ninth\nb.yaml:2:1: late"
	if err := ds.Err(); err == nil || err.Error() != want {
		t.Errorf("Err() = %v, want %s", err, want)
	}
	if err := ds.Warnings().Err(); err != nil {
		t.Errorf("warnings are an error: %v", err)
	}
}
