package quadlet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitBundle(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]string
		bad        string
	}{
		{"three", "# FileName=web\n[Container]\nImage=a\n\n---\n\n# FileName=data.volume\n[Volume]\n--- \n[Network]\n#FileName = no\n# FileName=net@\n",
			map[string]string{"web.container": "# FileName=web\n[Container]\nImage=a\n", "data.volume": "# FileName=data.volume\n[Volume]\n", "net@.network": "[Network]\n#FileName = no\n# FileName=net@\n"}, ""},
		{"no name", "[Volume]\n---\n# FileName=a\n[Volume]\n", map[string]string{"a.volume": "# FileName=a\n[Volume]\n"}, `b.quadlets:1: has no comment "# FileName=NAME", which names the file`},
		{"no kind", "\n---\n# FileName=a\n[Unit]\n", nil, "b.quadlets:3: a has no section such as [Container], which says what it is"},
		{"a path", "# FileName=../a\n[Volume]\n", nil, `b.quadlets:1: FileName="../a.volume" is no unit's name`},
		{"twice", "# FileName=a\n[Volume]\n---\n# FileName=a\n[Volume]\n", map[string]string{"a.volume": "# FileName=a\n[Volume]\n"}, "b.quadlets:4: a.volume is already the name of the part at line 1"},
		{"empty", "---\n\n---\n", nil, "b.quadlets: has no unit files in it"},
		{"big", strings.Repeat("#", MaxSize+1), nil, "b.quadlets: has more than 1024 KiB"},
	} {
		files, problems := SplitBundle("b.quadlets", []byte(c.text))
		var got map[string]string
		for _, f := range files {
			if got == nil {
				got = map[string]string{}
			}
			got[f.Name] = string(f.Data)
		}
		said := ""
		if err := problems.Err(); err != nil {
			said = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" || said != c.bad {
			t.Errorf("%s: %s\nsaid %s\nwant %s", c.name, diff, said, c.bad)
		}
	}
}
