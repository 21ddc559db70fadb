package image

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestChange(t *testing.T) {
	type set = map[string]struct{}
	for _, c := range []struct {
		line string
		want ociv1.ImageConfig
	}{
		{`CMD ["sh", "-c", "x y"]`, ociv1.ImageConfig{Cmd: []string{"sh", "-c", "x y"}}},
		{`CMD=["sh"]`, ociv1.ImageConfig{Cmd: []string{"sh"}}},
		{`cmd sleep 10`, ociv1.ImageConfig{Cmd: []string{"/bin/sh", "-c", "sleep 10"}}},
		{`ENTRYPOINT ["/x"]`, ociv1.ImageConfig{Entrypoint: []string{"/x"}}},
		{`ENV A=b`, ociv1.ImageConfig{Env: []string{"A=b"}}},
		{`ENV=A=b=c`, ociv1.ImageConfig{Env: []string{"A=b=c"}}},
		{`ENV A=b B="c \"d\"" C='e f' D=`, ociv1.ImageConfig{Env: []string{"A=b", `B=c "d"`, "C=e f", "D="}}},
		{`ENV A b c`, ociv1.ImageConfig{Env: []string{"A=b c"}}},
		{`LABEL a=b c=d`, ociv1.ImageConfig{Labels: map[string]string{"a": "b", "c": "d"}}},
		{`EXPOSE 80 53/udp`, ociv1.ImageConfig{ExposedPorts: set{"80/tcp": {}, "53/udp": {}}}},
		{`EXPOSE 80-82`, ociv1.ImageConfig{ExposedPorts: set{"80/tcp": {}, "81/tcp": {}, "82/tcp": {}}}},
		{`STOPSIGNAL term`, ociv1.ImageConfig{StopSignal: "term"}},
		{`STOPSIGNAL 9`, ociv1.ImageConfig{StopSignal: "9"}},
		{`STOPSIGNAL SIGRTMIN+3`, ociv1.ImageConfig{StopSignal: "SIGRTMIN+3"}},
		{`VOLUME /a /b`, ociv1.ImageConfig{Volumes: set{"/a": {}, "/b": {}}}},
		{`VOLUME ["/a b"]`, ociv1.ImageConfig{Volumes: set{"/a b": {}}}},
		{`STOPSIGNAL SIGINT`, ociv1.ImageConfig{StopSignal: "SIGINT"}},
		{` USER  7:8 `, ociv1.ImageConfig{User: "7:8"}},
		{`WORKDIR /srv`, ociv1.ImageConfig{WorkingDir: "/srv"}},
	} {
		var got ociv1.ImageConfig
		if err := Change(&got, []string{c.line}); err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.line, diff)
		}
	}
	for line, want := range map[string]string{
		"CMD":           "want an instruction",
		"":              "want an instruction",
		"RUN x":         "cannot be changed by RUN",
		"ONBUILD RUN x": "cannot be changed by ONBUILD",
		"ENV A":         "want key=value",
		"LABEL a=b c":   "want key=value",
		"EXPOSE http":   "want ports",
		"EXPOSE 82-80":  "want ports",
		"EXPOSE 70000":  "want ports",
		"STOPSIGNAL x":  "no such signal",
		"STOPSIGNAL 65": "no such signal",
	} {
		if err := Change(&ociv1.ImageConfig{}, []string{line}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	env := ociv1.ImageConfig{Env: []string{"A=1", "B=2"}}
	if err := Change(&env, []string{"ENV A=3"}); err != nil || strings.Join(env.Env, " ") != "B=2 A=3" {
		t.Errorf("%v, %v", env.Env, err)
	}
}
