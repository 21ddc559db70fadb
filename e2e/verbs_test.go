package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"berth/e2e/testimage"
	"berth/internal/ociarchive"
)

// pollEvery is how often wait-for looks: berth tells nobody outside when it is done.
const pollEvery = 50 * time.Millisecond

func noNeg(ts *testscript.TestScript, neg bool) {
	if neg {
		ts.Fatalf("this command takes no !")
	}
}

func rebootCmd(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	if len(args) > 0 {
		ts.Fatalf("usage: reboot")
	}
	ts.Check(hostOf(ts).Reboot(context.Background()))
}

func powerCutCmd(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	if len(args) > 0 {
		ts.Fatalf("usage: power-cut")
	}
	ts.Check(hostOf(ts).PowerCut(context.Background()))
}

func leaksCmd(ts *testscript.TestScript, neg bool, _ []string) {
	leaks, err := hostOf(ts).Leaks(context.Background())
	ts.Check(err)
	ts.Logf("%s", describe(leaks, nil))
	if (len(leaks) > 0) != neg {
		ts.Fatalf("%d leaks", len(leaks))
	}
}

// kill9Cmd waits for the end of what it kills: a kill is done when the kernel says so.
func kill9Cmd(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: kill9 NAME")
	}
	_, err := hostOf(ts).Run(context.Background(), "sh", "-c",
		`pkill -KILL -x "$0" || exit 1; i=0; while pgrep -x "$0" -r R,S,D,T >/dev/null; do i=$((i+1)); [ $i -lt 500 ] || exit 2; sleep 0.01; done`, args[0])
	ts.Check(err)
}

// sameCmd compares files as sets of lines.
func sameCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same FILE FILE")
	}
	lines := func(file string) []string {
		all := strings.Fields(ts.ReadFile(file))
		slices.Sort(all)
		return all
	}
	a, b := lines(args[0]), lines(args[1])
	if slices.Equal(a, b) == neg {
		ts.Fatalf("%s: %v\n%s: %v", args[0], a, args[1], b)
	}
}

func waitForCmd(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	limit := time.Minute
	if len(args) > 1 && args[0] == "-in" {
		var err error
		limit, err = time.ParseDuration(args[1])
		ts.Check(err)
		args = args[2:]
	}
	not := len(args) > 0 && args[0] == "!"
	if not {
		args = args[1:]
	}
	if len(args) < 2 {
		ts.Fatalf("usage: wait-for [-in DURATION] [!] REGEXP CMD ARG…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.Now().Add(limit)
	for {
		out, err := waitForOnce(ts, args[1:])
		if (err == nil && want.Match(out)) != not {
			_, _ = ts.Stdout().Write(out) // a builder: cannot fail
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not so within %s; last: %v\n%s", limit, err, out)
		}
		time.Sleep(pollEvery)
	}
}

func waitForOnce(ts *testscript.TestScript, args []string) ([]byte, error) {
	switch args[0] {
	case "berth":
		args = append([]string{"/usr/local/bin/berth"}, args[1:]...)
	case "host":
		args = args[1:]
	case "http":
		args = append([]string{"curl", "-fsS", "--max-time", "5"}, args[1:]...)
	}
	h := hostOf(ts)
	cmd := h.Command(context.Background(), args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(cmd.Env, "PATH="+hostPath(), "HOME=/root")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.Bytes(), err
}

// list is a flag that may be given again.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func (l *list) set() map[string]struct{} {
	if len(*l) == 0 {
		return nil
	}
	set := map[string]struct{}{}
	for _, s := range *l {
		set[s] = struct{}{}
	}
	return set
}

func imageCmd(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: image BASE FILE [FLAGS]")
	}
	var entrypoint, cmd, env, volumes, ports, files, labels list
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	name := flags.String("name", "", "")
	user := flags.String("user", "", "")
	dir := flags.String("workdir", "", "")
	stop := flags.String("stop-signal", "", "")
	for key, l := range map[string]*list{"entrypoint": &entrypoint, "cmd": &cmd, "env": &env, "volume": &volumes,
		"expose": &ports, "file": &files, "label": &labels} {
		flags.Var(l, key, "")
	}
	ts.Check(flags.Parse(args[2:]))
	o := testimage.Options{Name: *name, Config: ociv1.ImageConfig{
		User: *user, WorkingDir: *dir, StopSignal: *stop, Entrypoint: entrypoint, Cmd: cmd, Env: env,
		Volumes: volumes.set(), ExposedPorts: ports.set(),
	}}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		if o.Config.Labels == nil {
			o.Config.Labels = map[string]string{}
		}
		o.Config.Labels[key] = value
	}
	for _, f := range files {
		path, text, ok := strings.Cut(f, "=")
		if !ok {
			ts.Fatalf("-file %q is not PATH=TEXT", f)
		}
		file := ociarchive.File{Path: path, Content: []byte(text), Mode: 0o755}
		if source, ok := strings.CutPrefix(text, "@"); ok {
			file = ociarchive.File{Path: path, Source: ts.MkAbs(source)}
		}
		o.Files = append(o.Files, file)
	}
	ts.Check(buildOnce(ts.MkAbs(args[1]), args[0], o))
}

// buildOnce builds an image, or copies what another script built.
func buildOnce(path, base string, o testimage.Options) error {
	key, err := json.Marshal([]any{base, o})
	if err != nil {
		return err
	}
	kept := filepath.Join(os.Getenv(imagesEnv), fmt.Sprintf("%x.tar", sha256.Sum256(key)))
	if _, err := os.Stat(kept); err != nil {
		if err := testimage.Build(kept, base, o); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(kept)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// canRaiseLimits says whether this machine lets root raise resource limits.
func canRaiseLimits() bool {
	var header unix.CapUserHeader
	var data [2]unix.CapUserData
	header.Version = unix.LINUX_CAPABILITY_VERSION_3
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	const sysResource = unix.CAP_SYS_RESOURCE
	return data[0].Effective&(1<<sysResource) != 0
}
