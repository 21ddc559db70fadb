package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/engine/spec"
)

func store(t *testing.T) *Store {
	t.Helper()
	dir := t.TempDir()
	s, err := NewStore(Dirs{State: filepath.Join(dir, "state"), Run: filepath.Join(dir, "run")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pod(name string) *spec.Pod {
	return &spec.Pod{ID: spec.NewPodID(), Namespace: "default", Name: name, Containers: []spec.Container{{Name: "c", Image: "i"}},
		Volumes: []spec.Volume{{Name: "s", Files: &spec.FilesVolume{Content: "x", Files: []spec.File{{Path: "p", Data: []byte("hush")}}}}}}
}

func TestPodRecordsComeBackWithoutFileContents(t *testing.T) {
	s, p := store(t), pod("web")
	if err := s.CreatePod(p, Intent{}); err != nil {
		t.Fatal(err)
	}
	got, err := s.ReadPod(p.ID)
	if err != nil || got.Key() != p.Key() || !got.Volumes[0].Files.Omitted || got.Volumes[0].Files.Content != "x" {
		t.Errorf("read %+v, %v", got, err)
	}
	if len(p.Volumes[0].Files.Files) != 1 {
		t.Error("recording a pod emptied the pod itself")
	}
	raw, _ := os.ReadFile(filepath.Join(s.Pod(p.ID), "pod.json"))
	if strings.Contains(string(raw), "aHVzaA") || strings.Contains(string(raw), "hush") {
		t.Error("the record holds a secret's content")
	}
	if err := s.RemovePod(p.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadPod(p.ID); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("after removal: %v", err)
	}
}

func TestARecordOfANewerBerthIsRefusedNotGuessed(t *testing.T) {
	s, p := store(t), pod("web")
	if err := s.CreatePod(p, Intent{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Pod(p.ID), "pod.json"), []byte(`{"version":99,"value":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadPod(p.ID); !errors.Is(err, ErrNewer) {
		t.Errorf("err %v", err)
	}
	other := pod("ok")
	if err := s.CreatePod(other, Intent{}); err != nil {
		t.Fatal(err)
	}
	if list, _, err := s.ListPods(); !errors.Is(err, ErrNewer) || len(list) != 1 {
		t.Errorf("listed %d pods, %v: want the readable one and the error", len(list), err)
	}
}

func TestATornContainerRecordCountsAsNone(t *testing.T) {
	s, p := store(t), pod("web")
	if err := s.CreatePod(p, Intent{}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveContainer(p.ID, Container{Name: "whole", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.containerFile(p.ID, "torn"), []byte(`{"vers`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := s.Containers(p.ID)
	if err != nil || len(got) != 1 || got["whole"].ID != "1" {
		t.Errorf("containers %v, %v", got, err)
	}
	if c, err := s.ReadContainer(p.ID, "torn"); !errors.Is(err, spec.ErrNotFound) || c.ID != "" {
		t.Errorf("the torn one reads %+v, %v: want that there is none", c, err)
	}
	if err := os.WriteFile(s.containerFile(p.ID, "newer"), []byte(`{"version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Containers(p.ID); !errors.Is(err, ErrNewer) || len(got) != 1 {
		t.Errorf("containers %v, %v: want the readable one and the error", got, err)
	}
}

func TestATornPodRecordIsInNobodysWay(t *testing.T) {
	s, lost, p := store(t), pod("web"), pod("web")
	if err := s.CreatePod(lost, Intent{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Pod(lost.ID), "pod.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Find(p.Key()); ok || err != nil {
		t.Errorf("Find = %v, %v", ok, err)
	}
	if err := s.CreatePod(p, Intent{}); err != nil {
		t.Fatal(err)
	}
	if id, ok, err := s.Find(p.Key()); !ok || err != nil || id != p.ID {
		t.Errorf("Find = %s, %v, %v", id.Short(), ok, err)
	}
	if pods, torn, err := s.ListPods(); err != nil || len(pods) != 1 || !slices.Equal(torn, []string{lost.ID.UID()}) {
		t.Errorf("ListPods = %d pods, torn %v, %v", len(pods), torn, err)
	}
}

func TestIntentIsAFileOnlyWhileThereIsOne(t *testing.T) {
	s, p := store(t), pod("web")
	if err := s.CreatePod(p, Intent{}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveIntent(p.ID, Intent{Pod: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.ReadIntent(p.ID); err != nil || !got.Pod {
		t.Errorf("intent %+v, %v", got, err)
	}
	if err := s.SaveIntent(p.ID, Intent{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.Pod(p.ID), "intent.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

func TestLockIsExclusiveAndSurvivesRemovalOfItsFile(t *testing.T) {
	s, key := store(t), spec.PodKey{Namespace: "default", Name: "web"}
	first, err := s.Lock(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(short, key); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second holder: %v", err)
	}
	other, err := s.Lock(context.Background(), spec.PodKey{Namespace: "default", Name: "db"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Unlock(other, true)

	second := make(chan error, 1)
	go func() {
		f, err := s.Lock(context.Background(), key)
		if err == nil {
			err = s.Unlock(f, true)
		}
		second <- err
	}()
	if err := s.Unlock(first, true); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
}

func TestEveryNameThatKubernetesTakesCanBeLocked(t *testing.T) {
	s, long := store(t), strings.Repeat("x", 252)
	var held []*os.File
	for _, name := range []string{long + "a", long + "b"} {
		f, err := s.Lock(context.Background(), spec.PodKey{Namespace: "shop", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, f)
	}
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(short, spec.PodKey{Namespace: "shop", Name: long + "a"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second holder: %v", err)
	}
	for _, f := range held {
		if err := s.Unlock(f, true); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(s.locks()); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestWhatAnEarlierBootLeftInRunIsCleared(t *testing.T) {
	s := store(t)
	stale := filepath.Join(s.Run, "exits", "old")
	if err := os.WriteFile(stale, []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Open(s.Dirs); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); err != nil {
		t.Errorf("the same boot cleared it: %v", err)
	}
	if err := os.WriteFile(filepath.Join(s.Run, "boot"), []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Open(s.Dirs); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("another boot kept it: %v", err)
	}
}

func TestAPodAppearsWithItsRecord(t *testing.T) {
	s, p := store(t), pod("web")
	half := filepath.Join(s.Pods(), newPrefix+p.ID.UID())
	if err := os.MkdirAll(filepath.Join(half, "c"), 0o700); err != nil { // left by a killed one
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "pod.json"), []byte(`{"version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, _, err := s.ListPods(); err != nil || len(list) > 0 {
		t.Errorf("a pod that was being recorded is listed: %v, %v", list, err)
	}
	if left, err := s.HalfMade(); err != nil || !slices.Equal(left, []string{half}) {
		t.Errorf("HalfMade = %v, %v", left, err)
	}
	f, err := os.Open(half)
	if err != nil {
		t.Fatal(err)
	}
	if err := waitFlock(f); err != nil {
		t.Fatal(err)
	}
	if left, err := s.HalfMade(); err != nil || len(left) > 0 {
		t.Errorf("one that somebody is at: %v, %v", left, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.CreatePod(p, Intent{}); err != nil {
		t.Fatal(err)
	}
	if list, _, err := s.ListPods(); err != nil || len(list) != 1 {
		t.Errorf("listed %v, %v", list, err)
	}
	if left, err := s.HalfMade(); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestTheFirstOfABootDoNotClearEachOthersFiles(t *testing.T) {
	for range 20 {
		s := store(t)
		if err := os.WriteFile(filepath.Join(s.Run, "boot"), []byte("another\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for i := range 16 {
			group.Go(func() {
				if err := Open(s.Dirs); err != nil {
					t.Error(err)
				} else if err := os.WriteFile(filepath.Join(s.Exits(), strconv.Itoa(i)), nil, 0o600); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if left, err := os.ReadDir(s.Exits()); err != nil || len(left) != 16 {
			t.Fatalf("of 16 files %d are left, %v", len(left), err)
		}
	}
}

func TestClearingThatWasCutShortIsFinished(t *testing.T) {
	s := store(t)
	if err := os.WriteFile(filepath.Join(s.Run, "boot"), nil, 0o600); err != nil { // torn
		t.Fatal(err)
	}
	stale := filepath.Join(s.Run, "pods", "x", "sandbox.json")
	if err := os.MkdirAll(filepath.Dir(stale), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.make(true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.marker()); err != nil {
		t.Errorf("the marker went before all was cleared: %v", err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a sandbox of another boot is still recorded: %v", err)
	}
}

func TestFindGoesByWhatLiesOnDisk(t *testing.T) {
	s, p := store(t), pod("web")
	if err := s.CreatePod(p, Intent{}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // read, then remembered
		if id, ok, err := s.Find(p.Key()); err != nil || !ok || id != p.ID {
			t.Errorf("Find = %s, %v, %v", id.Short(), ok, err)
		}
	}
	if err := s.RemovePod(p.ID); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Find(p.Key()); err != nil || ok {
		t.Errorf("a removed pod is found: %v, %v", ok, err)
	}
	if _, err := s.ByUID(p.ID.UID()); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("ByUID: %v", err)
	}
}
