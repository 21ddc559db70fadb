package network

import (
	"slices"
	"strings"
	"testing"
)

func TestServersAreAddedAndDropped(t *testing.T) {
	for name, c := range map[string]struct {
		have, add, drop, want string
		wrong                 string
	}{
		"added":             {"", "9.9.9.9,2620:fe::fe", "", "9.9.9.9,2620:fe::fe", ""},
		"there already":     {"9.9.9.9", "9.9.9.9", "", "9.9.9.9", ""},
		"dropped":           {"9.9.9.9,1.1.1.1", "", "9.9.9.9", "1.1.1.1", ""},
		"exchanged":         {"9.9.9.9", "1.1.1.1", "9.9.9.9", "1.1.1.1", ""},
		"gone already":      {"9.9.9.9", "", "1.1.1.1", "9.9.9.9", ""},
		"not one":           {"", "dns.example", "", "", "is not an address"},
		"drop what is none": {"", "", "dns.example", "", "is not an address"},
		"written at once":   {"", "1.1.1.1,1.1.1.1", "", "1.1.1.1", ""},
	} {
		got, err := changeServers(words(c.have), words(c.add), words(c.drop))
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, words(c.want)) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func TestLinesGetOtherServers(t *testing.T) {
	f := namesFile{header: "10.0.0.1", lines: []string{"a 10.0.0.2  a.default,a", "b 10.0.0.3 fd00::3 b 9.9.9.9", "c 10.0.0.4  c 8.8.8.8"}}
	want := []string{"a 10.0.0.2  a.default,a 1.1.1.1,::1", "b 10.0.0.3 fd00::3 b 1.1.1.1,::1", "c 10.0.0.4  c 8.8.8.8"}
	got := f.asking([]string{"9.9.9.9"}, []string{"1.1.1.1", "::1"})
	if !slices.Equal(got.lines, want) || got.header != f.header {
		t.Errorf("%q", got.lines)
	}
	want = []string{"a 10.0.0.2  a.default,a", "b 10.0.0.3 fd00::3 b", "c 10.0.0.4  c 8.8.8.8"}
	if got := got.asking([]string{"1.1.1.1", "::1"}, nil); !slices.Equal(got.lines, want) {
		t.Errorf("%q", got.lines)
	}
}

func TestUpdateKeepsTheRest(t *testing.T) {
	m := testManager(t, nil)
	if _, err := m.Create(t.Context(), Network{Name: "back", DNS: true, Labels: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Create(t.Context(), Network{Name: "mute"}); err != nil {
		t.Fatal(err)
	}
	made, _ := m.Inspect(t.Context(), "back")
	if _, err := m.Update(t.Context(), "back", []string{"9.9.9.9"}, nil); err != nil {
		t.Fatal(err)
	}
	now, err := m.Inspect(t.Context(), "back")
	if err != nil || !slices.Equal(now.DNSServers, []string{"9.9.9.9"}) || now.Labels["a"] != "b" || now.Interface != made.Interface {
		t.Errorf("%+v, %v", now, err)
	}
	for name, want := range map[string]string{"nothing": "no such object", "mute": "no name server"} {
		if _, err := m.Update(t.Context(), name, []string{"9.9.9.9"}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
