package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	ocilayout "go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// registry is a Docker registry behind a proxy that counts, refuses and holds
// requests. Tests pull through the proxy.
type registry struct {
	addr string // host:port of the proxy
	back string // host:port of the registry itself

	mu    sync.Mutex
	asked map[string]int // by method and the last parts of the path
	auth  string         // "user:password" that is demanded, or ""
	blobs func(w http.ResponseWriter, r *http.Request) (handled bool)
}

func (r *registry) count(what string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[what]
}

func (r *registry) set(auth string, blobs func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.auth, r.blobs = auth, blobs
	clear(r.asked)
}

func (r *registry) serve(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		what := "other"
		for _, kind := range []string{"manifests", "blobs"} {
			if strings.Contains(req.URL.Path, "/"+kind+"/") {
				what = kind
			}
		}
		r.mu.Lock()
		r.asked[what]++
		auth, blobs := r.auth, r.blobs
		r.mu.Unlock()
		if user, password, _ := req.BasicAuth(); auth != "" && user+":"+password != auth {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		if what == "blobs" && blobs != nil && blobs(w, req) {
			return
		}
		next.ServeHTTP(w, req)
	}
}

// startRegistry starts a registry on loopback, with what it keeps in memory's
// place: a folder that goes with the test.
func startRegistry(t *testing.T) *registry {
	t.Helper()
	program, err := hostexec.Find("docker-registry", nil)
	if err != nil {
		t.Skip(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{back: free.Addr().String(), asked: map[string]int{}}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n", filepath.Join(dir, "data"), r.back)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	cmd, err := hostexec.Start(hostexec.Cmd{Path: program, Args: []string{"serve", config}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	awaitAnswer(t, r.back, cmd)
	back, err := url.Parse("http://" + r.back)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(r.serve(httputil.NewSingleHostReverseProxy(back)))
	t.Cleanup(front.Close)
	r.addr = strings.TrimPrefix(front.URL, "http://")
	return r
}

// awaitAnswer waits until somebody listens. A refused connection is all there
// is to observe before.
func awaitAnswer(t *testing.T, addr string, cmd *exec.Cmd) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", cmd.Path, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

var insecure = false

// pullInsecure are the options every pull from the test registry needs.
func pullInsecure() spec.PullOptions { return spec.PullOptions{TLSVerify: &insecure} }

// push puts an image into the registry, behind the proxy's back.
func (r *registry) push(t *testing.T, name string, image recipe) {
	t.Helper()
	dir := t.TempDir()
	layout(t, dir, image)
	src, err := ocilayout.NewReference(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	r.pushFrom(t, name, src)
}

// pushFrom pushes what lies elsewhere.
func (r *registry) pushFrom(t *testing.T, name string, src types.ImageReference) {
	t.Helper()
	dest, err := docker.ParseReference("//" + r.back + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	copyImage(t, dest, src, copy.Options{DestinationCtx: &types.SystemContext{DockerInsecureSkipTLSVerify: types.OptionalBoolTrue}})
}

// big is an image of two layers, larger than any buffer on the way.
func big(name string) recipe {
	noise := func(seed string) string {
		var b strings.Builder
		for i := range 100_000 {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s%d", seed, i))
			b.Write(sum[:]) // does not compress
		}
		return b.String()
	}
	r := simple(name)
	r.layers = []map[string]string{{"a": noise("a")}, {"b": noise("b")}}
	return r
}

func TestPull(t *testing.T) {
	ctx := context.Background()
	r := startRegistry(t)
	r.push(t, "team/app:1", simple("app"))
	ref := r.addr + "/team/app:1"

	t.Run("by tag, then by digest, then not at all", func(t *testing.T) {
		s := testStore(t)
		r.set("", nil)
		img, err := s.Ensure(ctx, spec.ImageRequest{Ref: ref, Pull: pullInsecure()})
		if err != nil {
			t.Fatal(err)
		}
		if img.Names[0] != ref || img.Digest == "" || len(img.RepoDigests) != 1 || img.RepoDigests[0] != r.addr+"/team/app@"+img.Digest {
			t.Errorf("image %+v", img)
		}
		r.set("", nil)
		for _, again := range []string{ref, "docker://" + ref, img.RepoDigests[0], ref + "@" + img.Digest, "team/app:1"} {
			if got, err := s.Ensure(ctx, spec.ImageRequest{Ref: again, Policy: spec.PullMissing}); err != nil || got.ID != img.ID {
				t.Errorf("%s: %v, %v", again, got.ID, err)
			}
		}
		if n := r.count("manifests") + r.count("blobs") + r.count("other"); n != 0 {
			t.Errorf("%d requests for an image that is here", n)
		}
		fresh := testStore(t)
		got, err := fresh.Ensure(ctx, spec.ImageRequest{Ref: ref + "@" + img.Digest, Pull: pullInsecure()})
		if err != nil || got.ID != img.ID || got.Digest != img.Digest || len(got.Names) != 0 {
			t.Errorf("by digest: %+v, %v", got, err)
		}
		noScratch(t)
	})

	t.Run("Always asks for the manifest, and fetches what has changed", func(t *testing.T) {
		s := testStore(t)
		r.push(t, "team/moving:1", simple("before"))
		moving := r.addr + "/team/moving:1"
		before, err := s.Ensure(ctx, spec.ImageRequest{Ref: moving, Pull: pullInsecure()})
		if err != nil {
			t.Fatal(err)
		}
		r.set("", nil)
		same, err := s.Ensure(ctx, spec.ImageRequest{Ref: moving, Policy: spec.PullAlways, Pull: pullInsecure()})
		if err != nil || same.ID != before.ID || r.count("manifests") == 0 || r.count("blobs") != 0 {
			t.Errorf("unchanged: %v, %d manifests and %d blobs asked for", err, r.count("manifests"), r.count("blobs"))
		}
		r.push(t, "team/moving:1", simple("after"))
		for _, policy := range []spec.PullPolicy{spec.PullNewer, spec.PullAlways} {
			after, err := s.Ensure(ctx, spec.ImageRequest{Ref: moving, Policy: policy, Pull: pullInsecure()})
			if err != nil || after.ID == before.ID || after.Names[0] != moving {
				t.Errorf("%s: %+v, %v", policy, after, err)
			}
		}
		if old, err := s.Lookup(ctx, before.ID); err != nil || len(old.Names) != 0 {
			t.Errorf("the old image: %+v, %v", old, err)
		}
	})

	t.Run("Newer asks, and fetches nothing", func(t *testing.T) {
		s := testStore(t)
		r.push(t, "team/watched:latest", simple("before"))
		watched := r.addr + "/team/watched"
		if newer, err := s.Newer(ctx, watched, pullInsecure()); err != nil || !newer {
			t.Errorf("not here yet: %v, %v", newer, err)
		}
		before, err := s.Ensure(ctx, spec.ImageRequest{Ref: watched, Pull: pullInsecure()})
		if err != nil {
			t.Fatal(err)
		}
		if newer, err := s.Newer(ctx, "docker://"+watched, pullInsecure()); err != nil || newer {
			t.Errorf("unchanged: %v, %v", newer, err)
		}
		r.push(t, "team/watched:latest", simple("after"))
		r.set("", nil)
		if newer, err := s.Newer(ctx, watched, pullInsecure()); err != nil || !newer || r.count("blobs") != 0 {
			t.Errorf("changed: %v, %v, %d blobs asked for", newer, err, r.count("blobs"))
		}
		if now, err := s.Lookup(ctx, watched); err != nil || now.ID != before.ID {
			t.Errorf("the store has %+v, %v", now, err)
		}
		conf := filepath.Join(t.TempDir(), "registries.conf")
		mirrored := fmt.Sprintf("[[registry]]\nprefix = \"far.example/watched\"\nlocation = %q\ninsecure = true\n", watched)
		if err := os.WriteFile(conf, []byte(mirrored), 0o644); err != nil {
			t.Fatal(err)
		}
		s.host.SystemRegistriesConfPath = conf
		if newer, err := s.Newer(ctx, "far.example/watched", pullInsecure()); err != nil || !newer {
			t.Errorf("elsewhere: %v, %v", newer, err)
		}
		for _, name := range []string{"watched", "team/watched:latest", before.ID, "NO/NAME"} {
			if _, err := s.Newer(ctx, name, pullInsecure()); !errors.Is(err, spec.ErrImageName) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.Newer(ctx, r.addr+"/team/absent:1", pullInsecure()); !errors.Is(err, spec.ErrPull) {
			t.Errorf("absent: %v", err)
		}
	})

	t.Run("a policy that has become stricter holds for what is here", func(t *testing.T) {
		s := testStore(t)
		r.set("", nil)
		req := spec.ImageRequest{Ref: ref, Policy: spec.PullAlways, Pull: pullInsecure()}
		if _, err := s.Ensure(ctx, req); err != nil {
			t.Fatal(err)
		}
		s.opts.SignaturePolicy = filepath.Join(t.TempDir(), "policy.json")
		writeJSON(t, s.opts.SignaturePolicy, map[string]any{"default": []any{map[string]string{"type": "reject"}}})
		if _, err := s.Ensure(ctx, req); !errors.Is(err, spec.ErrPull) || !strings.Contains(err.Error(), "reject") {
			t.Errorf("error %v", err)
		}
	})

	t.Run("credentials", func(t *testing.T) {
		s := testStore(t)
		r.set("me:secret", nil)
		for creds, want := range map[string]error{"": spec.ErrPull, "me:wrong": spec.ErrPull, "me:secret": nil} {
			o := pullInsecure()
			o.Creds = creds
			_, err := s.Ensure(ctx, spec.ImageRequest{Ref: ref, Policy: spec.PullAlways, Pull: o})
			if !errors.Is(err, want) || err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong")) {
				t.Errorf("%q: %v", creds, err)
			}
		}
		file := filepath.Join(t.TempDir(), "auth.json")
		writeJSON(t, file, map[string]any{"auths": map[string]any{r.addr: map[string]string{"auth": "bWU6c2VjcmV0"}}})
		o := pullInsecure()
		o.Authfile = file
		if _, err := s.Ensure(ctx, spec.ImageRequest{Ref: ref, Policy: spec.PullAlways, Pull: o}); err != nil {
			t.Errorf("auth file: %v", err)
		}
		o.Authfile = file + ".not"
		if _, err := s.Ensure(ctx, spec.ImageRequest{Ref: ref, Policy: spec.PullAlways, Pull: o}); !errors.Is(err, spec.ErrPull) || !strings.Contains(err.Error(), "auth.json.not") {
			t.Errorf("missing auth file: %v", err)
		}
		r.set("", nil)
	})

	t.Run("what is not there", func(t *testing.T) {
		s := testStore(t)
		for _, ref := range []string{r.addr + "/team/none:1", r.addr + "/team/app:none", r.addr + "/team/app@sha256:" + strings.Repeat("0", 64)} {
			if _, err := s.Ensure(ctx, spec.ImageRequest{Ref: ref, Pull: pullInsecure()}); !errors.Is(err, spec.ErrPull) || !strings.Contains(err.Error(), ref) {
				t.Errorf("%s: %v", ref, err)
			}
		}
		if _, err := s.Ensure(ctx, spec.ImageRequest{Ref: ref}); !errors.Is(err, spec.ErrPull) {
			t.Errorf("plain HTTP without being told: %v", err)
		}
		nothingLeft(t, s)
	})
}

func TestParallelRequestsPullOnce(t *testing.T) {
	r := startRegistry(t)
	r.push(t, "app:1", big("app"))
	s := testStore(t)
	r.set("", nil)
	if _, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: r.addr + "/app:1", Pull: pullInsecure()}); err != nil {
		t.Fatal(err)
	}
	once := r.count("blobs")
	s = testStore(t)
	r.set("", nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: r.addr + "/app:1", Pull: pullInsecure()}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := r.count("blobs"); n != once {
		t.Errorf("20 requests fetched %d blobs, one fetches %d", n, once)
	}
}

func TestNoMorePullsThanSlots(t *testing.T) {
	r := startRegistry(t)
	s := testStore(t)
	const images = maxPulls + 3
	for i := range images {
		r.push(t, fmt.Sprintf("app%d:1", i), simple(fmt.Sprint("app", i)))
	}
	var mu sync.Mutex
	active, most := map[string]bool{}, 0
	release := make(chan struct{})
	full := make(chan struct{})
	var once sync.Once
	r.set("", func(_ http.ResponseWriter, req *http.Request) bool {
		mu.Lock()
		active[strings.Split(req.URL.Path, "/")[2]] = true
		most = max(most, len(active))
		reached := len(active) == maxPulls
		mu.Unlock()
		if reached {
			once.Do(func() { close(full) })
		}
		<-release
		return false
	})
	var all sync.WaitGroup
	for i := range images {
		all.Go(func() {
			if _, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: fmt.Sprintf("%s/app%d:1", r.addr, i), Pull: pullInsecure()}); err != nil {
				t.Error(err)
			}
		})
	}
	<-full // all slots are taken, and held
	mu.Lock()
	if most > maxPulls {
		t.Errorf("%d pulls at a time, at most %d are allowed", most, maxPulls)
	}
	mu.Unlock()
	close(release)
	all.Wait()
}

// halfway answers requests for blobs with a part of them, says so, and hangs.
func halfway(t *testing.T, r *registry) (reached <-chan struct{}) {
	t.Helper()
	half := make(chan struct{})
	var once sync.Once
	r.set("", func(w http.ResponseWriter, req *http.Request) bool {
		res, err := http.Get("http://" + r.back + req.URL.Path)
		if err != nil || res.ContentLength < 1<<20 {
			return false // the configuration may pass
		}
		defer res.Body.Close()
		w.Header().Set("Content-Length", fmt.Sprint(res.ContentLength))
		part := make([]byte, 1<<19)
		if _, err := res.Body.Read(part); err == nil {
			_, _ = w.Write(part)
		}
		_ = http.NewResponseController(w).Flush()
		once.Do(func() { close(half) })
		<-req.Context().Done()
		return true
	})
	return half
}

func TestCancelledPullLeavesNothing(t *testing.T) {
	r := startRegistry(t)
	r.push(t, "app:1", big("app"))
	var bars bytes.Buffer // drawn while the pull is given up
	s := testStoreIn(t, testFolder(t), Options{Progress: &bars, ProgressTTY: true})
	half := halfway(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Ensure(ctx, spec.ImageRequest{Ref: r.addr + "/app:1", Pull: pullInsecure()})
		ended <- err
	}()
	select {
	case <-half:
	case err := <-ended:
		t.Fatalf("it ended without being held: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	nothingLeft(t, s)
	r.set("", nil)
	if _, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: r.addr + "/app:1", Pull: pullInsecure()}); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

// TestPullerProcess is no test: TestKilledPull runs it as a process to kill.
func TestPullerProcess(t *testing.T) {
	ref, root := os.Getenv("BERTH_TEST_PULL"), os.Getenv("BERTH_TEST_ROOT")
	if ref == "" {
		t.Skip("run by TestKilledPull only")
	}
	s := testStoreIn(t, root, Options{})
	_, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: ref, Pull: pullInsecure()})
	t.Fatalf("the pull ended: %v", err)
}

func TestKilledPull(t *testing.T) {
	r := startRegistry(t)
	r.push(t, "app:1", big("app"))
	half := halfway(t, r)
	dir := testFolder(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ref := r.addr + "/app:1"
	cmd, err := hostexec.Start(hostexec.Cmd{
		Path: self, Args: []string{"-test.run=^TestPullerProcess$"},
		Env: append(os.Environ(), "BERTH_TEST_PULL="+ref, "BERTH_TEST_ROOT="+dir),
	})
	if err != nil {
		t.Fatal(err)
	}
	<-half
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if entries, err := os.ReadDir(scratchOf(dir)); err != nil || len(entries) == 0 {
		t.Fatalf("nothing was left to clean up: %v, %v", entries, err)
	}

	r.set("", nil)
	s := testStoreIn(t, dir, Options{})
	if _, err := s.Lookup(t.Context(), ref); !errors.Is(err, spec.ErrImageMissing) {
		t.Errorf("half an image is there: %v", err)
	}
	img, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: ref, Pull: pullInsecure()})
	if err != nil {
		t.Fatal(err)
	}
	noScratch(t)
	if _, err := s.Remove(t.Context(), img.ID, false); err != nil {
		t.Error(err)
	}
	nothingLeft(t, s)
}
