package cmd

import (
	"strings"
	"testing"

	"berth/cmd/kubectl"
)

// What kubectl says, and ends with, where there is nothing or a mistake.
func TestKubectlsWords(t *testing.T) {
	for args, want := range map[string]result{
		"get pods":                                 {err: "No resources found in default namespace.\n"},
		"get pods -n shop":                         {err: "No resources found in shop namespace.\n"},
		"get pods -A":                              {err: "No resources found\n"},
		"get cm,secrets":                           {err: "No resources found in default namespace.\n"},
		"get ns --no-headers":                      {out: "default   Active   <unknown>\n"},
		"get pods -o name":                         {},
		"get pods -o jsonpath={.items}":            {out: "[]"},
		"get pod web":                              {err: "Error from server (NotFound): pods \"web\" not found\n", code: 1},
		"get pod web --ignore-not-found":           {},
		"get pod/web deploy/shop":                  {err: "Error from server (NotFound): pods \"web\" not found\nError from server (NotFound): deployments.apps \"shop\" not found\n", code: 1},
		"get pod/web db":                           {err: "error: arguments in resource/name form must have a single resource and name\n", code: 1},
		"get pods pod/web":                         {err: "error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form\n", code: 1},
		"get things":                               {err: "error: the server doesn't have a resource type \"things\"\n", code: 1},
		"get pods -l a=b,,":                        {code: 1},
		"get pods,cm -w":                           {err: "error: you may only specify a single resource type\n", code: 1},
		"describe pod web":                         {err: "Error from server (NotFound): pods \"web\" not found\n", code: 1},
		"describe pods":                            {err: "No resources found in default namespace.\n"},
		"describe cm words":                        {err: "error: only pods can be described: berth get configmaps -o yaml shows them\n", code: 1},
		"events":                                   {err: "No events found in default namespace.\n"},
		"events -A":                                {err: "No events found.\n"},
		"events --types Odd":                       {err: "error: valid --types are Normal or Warning\n", code: 1},
		"events --for cm/web":                      {err: "error: --for must be in resource/name form, such as pod/web\n", code: 1},
		"wait --for=condition=Ready pod/x":         {err: "Error from server (NotFound): pods \"x\" not found\n", code: 1},
		"wait --for=condition=Ready pods":          {err: "error: resource(s) were provided, but no name was specified\n", code: 1},
		"wait --for=condition=Ready":               {err: "error: you must specify what to wait for, such as pod/web\n", code: 1},
		"wait --for=condition=Ready --all pods":    {err: "error: no matching resources found\n", code: 1},
		"wait --for=condition=Ready pods -l app=x": {err: "error: no matching resources found\n", code: 1},
		"wait --for=soon pod/x":                    {err: "error: unrecognized condition: \"soon\"\n", code: 1},
		"wait --for=delete pod/x":                  {},
		"wait --for=create --timeout 0 pod/x":      {err: "error: timed out waiting for the condition on pods/x\n", code: 1},
		"wait --for=create --timeout 1ms pod/x":    {err: "error: timed out waiting for the condition on pods/x\n", code: 1},
	} {
		r := run(t, t.TempDir(), "", strings.Fields(args)...)
		if want.err == "" && want.code != 0 {
			want.err = r.err
		}
		if r != want {
			t.Errorf("berth %s: %+v\nwant %+v", args, r, want)
		}
	}
	for args, want := range map[string]string{
		"get":                        "'berth get' needs a kind of objects",
		"wait --timeout 1s web":      "--timeout is only for --for",
		"logs --previous --follow x": "--previous and --follow cannot be used together",
	} {
		if r := run(t, t.TempDir(), "", strings.Fields(args)...); r.code != 125 || !strings.Contains(r.err, want) {
			t.Errorf("berth %s: %+v", args, r)
		}
	}
}

func TestCompletionOfObjects(t *testing.T) {
	for args, want := range map[string]string{
		"get p":            "pods\ndeployments\nconfigmaps\nsecrets\npersistentvolumeclaims\nnamespaces\nquadlets\n",
		"get ns d":         "default\n",
		"get ns/d":         "ns/default\n",
		"describe pod x":   "",
		"get pods -o ":     strings.Join(kubectl.Formats(), "\n") + "\n",
		"wait --for=":      "condition=Ready\ncondition=\njsonpath=\ndelete\ncreate\n",
		"events --types W": "Normal\nWarning\n",
	} {
		words := strings.Fields(args)
		if strings.HasSuffix(args, " ") {
			words = append(words, "")
		}
		r := run(t, t.TempDir(), "", append([]string{"__completeNoDesc"}, words...)...)
		lines, _, _ := strings.Cut(r.out, ":")
		if lines != want {
			t.Errorf("%s: %q, want %q", args, lines, want)
		}
	}
}
