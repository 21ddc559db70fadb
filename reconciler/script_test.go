package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
	"berth/translate"
)

// TestScripts runs testdata/script/*.txtar on the fake engine, in fake time.
// A script is the comment of the archive, one command a line:
//
//	put NAME [AS]            write a file of the archive into the watched folder, under another name
//	rm NAME, mv OLD NEW      remove or rename one
//	unreadable, readable     the folder cannot, or can again, be read
//	serve, kill, reboot      start the loop; end it as kill -9 does; restart the machine
//	play NAME [input=NAME] [replace] [nostart] [supervised], down NAME, start POD, stop POD [GRACE]
//	stopone POD CONTAINER [GRACE], startone POD CONTAINER
//	renew POD                make it anew, and wait until it has shown that it works
//	play NAME unit=UNIT, service UNIT none|any|all  as a systemd unit that plays it; what stands for its pods
//	make NAME WORD… -- COMMAND…  a container by hand: see script.byHand; makepod NAME WORD…
//	drop POD CONTAINER [depend], droppod POD [depend]  remove it by hand
//	rename POD CONTAINER NEW  call it otherwise by hand
//	signal POD SIGNAL [CONTAINER]  send it to what runs of it, or to one, by hand
//	pause POD N [CONTAINER], unpause POD N [CONTAINER]  halt what runs of it, or one, by hand, or have it go on: these are N
//	abandon POD              begin to remove it, and be killed before anything was done
//	update POD CONTAINER WORD…   set cpu=N (thousandths), memory=N, pids=N or restart=POLICY of it by hand
//	run COMMAND CODE|hang|missing  how a command ends that a probe or hook runs in a container: else well, at once
//	background COMMAND, join it goes on beside what follows; wait for its end
//	image NAME [ID], noimage NAME  there is such an image, for pulls too, now of that ID; there is none
//	program PATH             an absent or denied program is there from now on
//	exit POD CONTAINER CODE, lose POD CONTAINER, losesandbox POD
//	fail VERB N MESSAGE      the n-th call of an engine's verb from now fails
//	break VERB MESSAGE, mend VERB  all calls of it fail from now on; they work again
//	advance TIME             let time go by
//	left, split, uses, stock, dead   what the host has left (tightHost.command)
//	images NAME…             exactly these images are left
//	expect POD STATE…        gone, or for each container (init containers first) its state,
//	                         then words of form restarts=N, owner=O, phase=P, file:VOLUME/PATH=TEXT,
//	                         ends=GRACE (it is being removed) or ends= (it is not),
//	                         size:CONTAINER=CPU/MEMORY, set:CONTAINER=PIDS/POLICY,
//	                         end:CONTAINER=REASON/CODE, image:CONTAINER=ID
//	status POD WORD…         reason=R, retry=TIME (from now), message=TEXT-WITH-_-FOR-SPACE
//	mark POD, same POD, other POD   remember its containers; they are the same; they are others
//	pods N                   there are so many pods
//	waits N                  of so many pods it is remembered that they could not be made
//	stored KIND/NAME…        what kube play was given and is kept
//	health POD STATE [STREAK [RESULTS]]   what its health check says of a container made by hand
//	ready POD CONTAINER…     exactly these are ready; started likewise
//	event TYPE REASON TEXT   the supervisor has told of that
//	took TIME                so long took the last command that was not an expectation
//	inorder TEXT | TEXT…     the log has lines with these, one after another; signal and kill CONTAINER are told there
//	quiet                    nothing was changed and nothing logged since the last command that was not an expectation
//	renewunit SERVICE        have the supervisor make a Quadlet unit anew
//	unit NAME STATUS [restarts=N] [result=R]  how a Quadlet unit does; put and rm take unit files, too
//	log TEXT                 the log has a line with TEXT
//	! COMMAND                the command fails; fails TEXT says with what
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { newScript(t, archive).run(string(archive.Comment)) })
		})
	}
}

type script struct {
	*testing.T
	files  map[string][]byte
	engine *enginetest.Fake
	host   *tightHost
	folder *memory
	store  *memory
	units  *unitFiles
	log    *lines

	loop    *reconciler.Loop
	cancel  context.CancelFunc
	done    chan error
	marks   map[string][]spec.ContainerID
	lastErr error
	writes  int
	logged  int
	began   time.Time // when the last command that was no expectation did
	lasted  time.Duration
	beside  chan error

	mu   sync.Mutex
	runs map[string]string // how commands end
}

func newScript(t *testing.T, archive *txtar.Archive) *script {
	s := &script{
		T: t, files: map[string][]byte{}, engine: enginetest.NewFake("localhost/app:1", "localhost/app:2"), log: &lines{},
		units: newUnitFiles(), folder: newMemory("folder:/m"), store: newMemory("play"), marks: map[string][]spec.ContainerID{}, runs: map[string]string{},
	}
	s.engine.OnRun(s.runInContainer)
	s.host = newTightHost(s.engine, s.log)
	for _, f := range archive.Files {
		s.files[f.Name] = f.Data
	}
	return s
}

func (s *script) run(text string) {
	defer s.kill()
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		err := s.command(strings.Fields(line))
		synctest.Wait()
		if err != nil {
			s.Fatalf("line %d: %s: %v\npods:\n%s\nlog:\n%s", i+1, line, err, s.engine, strings.Join(s.log.all(), "\n"))
		}
	}
}

func (s *script) command(words []string) error {
	if words[0] == "!" {
		if check, ok := s.checks()[words[1]]; ok {
			s.lastErr = check(words[2:])
		} else {
			s.lastErr = s.act(words[1], words[2:])
		}
		if s.lastErr == nil {
			return errors.New("it did not fail")
		}
		return nil
	}
	if check, ok := s.checks()[words[0]]; ok {
		return check(words[1:])
	}
	s.writes, s.logged, s.began = s.engine.Writes(), len(s.log.all()), time.Now()
	defer func() { s.lasted = time.Since(s.began) }()
	if words[0] == "background" {
		s.beside = make(chan error, 1)
		go func() { s.beside <- s.act(words[1], words[2:]) }()
		return nil
	}
	return s.act(words[0], words[1:])
}

// runInContainer is how a command in a container ends.
func (s *script) runInContainer(ctx context.Context, key, container string, command []string) (spec.ExecResult, error) {
	line := strings.Join(command, " ")
	fmt.Fprintf(s.log, "ran %s %s: %s\n", key, container, line)
	s.mu.Lock()
	how := s.runs[line]
	s.mu.Unlock()
	switch {
	case how == "hang":
		st, _ := s.engine.Pod(key)
		_, err := s.engine.Open().WaitContainer(ctx, st.Pod.ID, container)
		return spec.ExecResult{ExitCode: spec.ExitUnknown}, err
	case command[0] == "sleep":
		d, err := time.ParseDuration(command[1] + "s")
		if err != nil {
			return spec.ExecResult{}, err
		}
		select {
		case <-time.After(d):
			return spec.ExecResult{}, nil
		case <-ctx.Done():
			return spec.ExecResult{}, ctx.Err()
		}
	case how == "":
		return spec.ExecResult{}, nil
	case how == "missing":
		return spec.ExecResult{}, fmt.Errorf("%q: %w", line, spec.ErrCommand)
	}
	code, err := strconv.Atoi(how)
	return spec.ExecResult{ExitCode: code, Output: []byte("it said so")}, err
}

// act carries out a command that does something.
func (s *script) act(verb string, args []string) error {
	ctx := s.Context()
	switch verb {
	case "put":
		if isUnit(args[0]) {
			s.units.set(args[len(args)-1], s.files[args[0]])
			return nil
		}
		s.folder.put(args[len(args)-1], s.files[args[0]])
	case "rm":
		if isUnit(args[0]) {
			s.units.set(args[0], nil)
			return nil
		}
		s.folder.remove(args[0])
	case "mv":
		s.folder.rename(args[0], args[1])
	case "unreadable", "readable":
		s.folder.setUnreadable(verb == "unreadable")
	case "serve":
		s.serve()
	case "kill":
		s.kill()
	case "reboot":
		s.kill()
		s.engine.Reboot()
	case "renewunit":
		if !s.loop.RenewUnit(args[0]) {
			return errors.New("no such unit")
		}
	case "play":
		return s.play(ctx, args)
	case "down":
		_, err := s.applier().Down(ctx, s.load(args[0]), reconciler.DownOptions{Grace: -1})
		return err
	case "start", "stop", "abandon", "renew":
		st, ok := s.engine.Pod(args[0])
		if !ok {
			return errors.New("no such pod")
		}
		switch verb {
		case "renew":
			return s.renew(ctx, &st)
		case "start":
			return s.applier().Start(ctx, st.Pod.ID, nil)
		case "abandon":
			return s.engine.SaveRemoval(ctx, st.Pod.ID, &spec.Removal{Since: time.Now(), Grace: st.Pod.TerminationGrace})
		}
		grace, err := graceIn(args[1:])
		if err != nil {
			return err
		}
		return s.applier().Stop(ctx, st.Pod.ID, grace)
	case "run":
		s.mu.Lock()
		s.runs[strings.Join(args[:len(args)-1], " ")] = args[len(args)-1]
		s.mu.Unlock()
	case "join":
		return <-s.beside
	case "wake":
		s.loop.Wake()
	case "service":
		_, err := s.applier().Create(ctx, reconciler.NewService("service", spec.UnitOwner(args[0]), reconciler.Propagation(args[1]),
			"/pause", []string{"sh", "-c", `trap "exit 0" TERM; sleep 100000`}), reconciler.CreateOptions{Replace: true})
		return err
	case "make", "makepod", "drop", "droppod", "rename", "signal", "pause", "unpause":
		return s.byHand(ctx, verb, args)
	case "stopone", "startone", "update":
		return s.oneContainer(ctx, verb, args)
	case "exit":
		code, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return s.engine.Exit(args[0], args[1], code)
	case "lose":
		return s.engine.Lose(args[0], args[1])
	case "losesandbox":
		return s.engine.LoseSandbox(args[0])
	case "fail":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		s.engine.Fail(args[0], n, errors.New(strings.Join(args[2:], " ")))
	case "break":
		s.engine.Break(args[0], errors.New(strings.Join(args[1:], " ")))
	case "mend":
		s.engine.Mend(args[0])
	case "program":
		s.engine.AddProgram(args[0])
	case "image":
		if len(args) > 1 {
			s.engine.RenewImage(args[0], args[1])
		} else {
			s.engine.AddImage(args[0])
		}
	case "noimage":
		s.engine.RemoveImage(args[0])
	case "advance":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			return err
		}
		time.Sleep(d)
	case "left", "split", "uses", "stock", "dead":
		return s.host.command(verb, args)
	default:
		return errors.New("unknown command")
	}
	return nil
}

// renew makes a pod anew, and what was there before where that does not work.
func (s *script) renew(ctx context.Context, st *spec.PodStatus) error {
	id, err := s.applier().Renew(ctx, st, nil)
	if err != nil {
		return err
	}
	if err := s.applier().AwaitProof(ctx, id); err != nil {
		return errors.Join(err, s.applier().Restore(ctx, st, nil))
	}
	return nil
}

// oneContainer is what a person does with one container.
func (s *script) oneContainer(ctx context.Context, verb string, args []string) error {
	st, ok := s.engine.Pod(args[0])
	if !ok {
		return errors.New("no such pod")
	}
	switch verb {
	case "startone":
		return s.applier().StartContainer(ctx, st.Pod.ID, args[1], reconciler.StartOptions{})
	case "update":
		_, err := s.applier().UpdateContainer(ctx, st.Pod.ID, args[1], func(_ *spec.Pod, c *spec.Container) error { return set(c, args[2:]) })
		return err
	}
	grace, err := graceIn(args[2:])
	if err != nil {
		return err
	}
	return s.applier().StopContainer(ctx, st.Pod.ID, args[1], grace)
}

// set sets of a container what the words say.
func set(c *spec.Container, words []string) error {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch name {
		case "cpu":
			c.Resources.CPURequest, c.Resources.CPULimit = n, n
		case "memory":
			c.Resources.MemoryRequest, c.Resources.MemoryLimit = n, n
		case "pids":
			c.Resources.PidsLimit = n
		case "restart":
			c.RestartPolicy, err = spec.RestartPolicy(value), nil
		default:
			err = fmt.Errorf("unknown word %q", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// graceIn reads a grace; none is the pod's own.
func graceIn(args []string) (time.Duration, error) {
	if len(args) == 0 {
		return -1, nil
	}
	return time.ParseDuration(args[0])
}

// telling is an engine that tells in the log what it does to containers that end.
type telling struct {
	*enginetest.Fake
	log *lines
}

func (s *script) open() reconciler.Engine { return &telling{s.engine.Open(), s.log} }

func (e *telling) SignalContainer(ctx context.Context, id spec.PodID, name string) error {
	fmt.Fprintln(e.log, "signal", name)
	return e.Fake.SignalContainer(ctx, id, name)
}

func (e *telling) StopContainer(ctx context.Context, id spec.PodID, name string, grace time.Duration) error {
	fmt.Fprintln(e.log, "kill", name)
	return e.Fake.StopContainer(ctx, id, name, grace)
}

func (s *script) serve() {
	ctx, cancel := context.WithCancel(s.Context())
	s.loop = reconciler.NewLoop(reconciler.LoopOptions{
		Engine: s.open(), Source: pair{s.folder, s.store}, Translate: toPods,
		Log:      slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{ReplaceAttr: dropTime})),
		Pressure: s.host.options(), Units: s.unitOptions(),
	})
	s.cancel, s.done = cancel, make(chan error, 1)
	go func() { s.done <- s.loop.Run(ctx) }()
}

func (s *script) kill() {
	if s.cancel == nil {
		return
	}
	s.cancel()
	if err := <-s.done; err != nil {
		s.Error(err)
	}
	s.cancel = nil
}

func (s *script) applier() *reconciler.Applier {
	return &reconciler.Applier{Engine: s.open(), Translate: toPods, Store: s.store}
}

func (s *script) play(ctx context.Context, args []string) error {
	set, applier, owner := s.load(args[0]), s.applier(), spec.OwnerPlay
	for _, word := range args[1:] {
		if unit, ok := strings.CutPrefix(word, "unit="); ok {
			applier.Store, owner = nil, spec.UnitOwner(unit)
			for _, o := range set.Objects {
				o.Owner = string(owner)
			}
		}
		if name, ok := strings.CutPrefix(word, "input="); ok {
			inputs := s.load(name)
			for _, o := range inputs.Objects {
				o.Input = true
			}
			set.Objects = append(set.Objects, inputs.Objects...)
		}
	}
	result, err := applier.Apply(ctx, set, reconciler.ApplyOptions{
		Owner: owner, Replace: slices.Contains(args, "replace"), NoStart: slices.Contains(args, "nostart"), Supervised: slices.Contains(args, "supervised"),
	})
	for _, p := range result.Pods {
		fmt.Fprintf(s.log, "played %s %s\n", p.Action, p.Key)
	}
	return err
}

func (s *script) load(name string) kube.Set {
	objects, diags := kube.Decode(name, s.files[name])
	for _, o := range objects {
		o.Owner = "play"
	}
	return kube.Set{Objects: objects, Diagnostics: diags}
}

func toPods(set *kube.Set) translate.Result {
	return translate.Pods(set, translate.Host{}, translate.Options{})
}

func dropTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(l.text.String())
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// pair is two sources as one.
type pair [2]*memory

func (p pair) Owners() []string { return []string{p[0].owner, p[1].owner} }

func (p pair) Outdated(owner string, key kube.Key, known bool) bool {
	for _, m := range p {
		if m.owner == owner {
			return m.has(key) != known
		}
	}
	return false
}

func (p pair) Run(ctx context.Context, emit func(kube.Set)) error {
	for {
		a, b := p[0].Read(ctx), p[1].Read(ctx)
		emit(kube.Set{
			Objects: append(a.Objects, b.Objects...), Unknown: append(a.Unknown, b.Unknown...),
			Diagnostics: append(a.Diagnostics, b.Diagnostics...),
		})
		select {
		case <-p[0].changed:
		case <-p[1].changed:
		case <-ctx.Done():
			return nil
		}
	}
}
