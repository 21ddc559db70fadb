package cmd

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"berth/engine"
	"berth/engine/spec"
	"berth/kube"
	"berth/manifests"
	"berth/reconciler"
	"berth/translate"
)

// applier makes one pass of the reconciler, with what kube play was given kept
// in the engine's state.
func (a *app) applier(e *engine.Engine) *reconciler.Applier {
	log, err := a.logger("text")
	if err != nil { // the engine is open, so --log-level was read before
		log = slog.New(slog.DiscardHandler)
	}
	return &reconciler.Applier{
		Engine: e, Translate: translator(), Store: newObjectStore(e), Log: log, Events: &a.seen,
		Wished: func(ctx context.Context) { a.wake(ctx, e) },
	}
}

// objectStore opens the store of objects when it is first needed: most commands
// that act on a pod never do. Read again, it decodes what changed.
type objectStore struct {
	open func() (*manifests.Store, error)
}

func newObjectStore(e *engine.Engine) objectStore {
	return objectStore{sync.OnceValues(func() (*manifests.Store, error) {
		return manifests.NewStore(e.Paths().Objects(), manifests.FolderOptions{})
	})}
}

// Read is the objects stored.
func (s objectStore) Read(ctx context.Context, given ...*kube.Object) kube.Set {
	store, err := s.open()
	if err != nil {
		return kube.Set{Unknown: []string{manifests.StoreOwner}}
	}
	return store.Read(ctx, given...)
}

// Put stores objects.
func (s objectStore) Put(ctx context.Context, objects []*kube.Object) error {
	store, err := s.open()
	if err != nil {
		return err
	}
	return store.Put(ctx, objects)
}

// Delete forgets objects.
func (s objectStore) Delete(ctx context.Context, keys []kube.Key) error {
	store, err := s.open()
	if err != nil {
		return err
	}
	return store.Delete(ctx, keys)
}

// translator turns objects into pods on this host.
func translator() reconciler.Translator {
	host := hostFacts()
	return func(set *kube.Set) translate.Result { return translate.Pods(set, host, translate.Options{}) }
}

func hostFacts() translate.Host {
	host := translate.Host{CPUs: int64(runtime.NumCPU()) * 1000}
	host.NodeName, _ = os.Hostname() // empty where it cannot be read
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err == nil {
		host.Memory = int64(s.Totalram) * int64(s.Unit)
	}
	return host
}

// desired is the pod as its object says it today, nil if that is not known. It
// has what the pod's record leaves out: the contents of ConfigMaps and Secrets.
func (a *app) desired(ctx context.Context, e *engine.Engine, pod *spec.Pod) *spec.Pod {
	if !pod.UsesSecrets() && !slices.ContainsFunc(pod.Volumes, func(v spec.Volume) bool { return v.Files != nil }) {
		return nil
	}
	set := objectsOf(ctx, e, pod.Owner)
	for _, p := range translator()(&set).Pods {
		if p.Key() == pod.Key() {
			return p
		}
	}
	return nil
}

// objectsOf is what there is beside an object of that owner: its folder, or all
// that kube play was given.
func objectsOf(ctx context.Context, e *engine.Engine, owner spec.Owner) kube.Set {
	if dir, ok := owner.Folder(); ok {
		folder, err := manifests.NewFolder(dir, manifests.FolderOptions{})
		if err != nil {
			return kube.Set{Unknown: []string{string(owner)}}
		}
		return folder.Read(ctx)
	}
	return newObjectStore(e).Read(ctx)
}

// wake tells the supervisor, if there is one, that something changed.
func (a *app) wake(ctx context.Context, e *engine.Engine) {
	// Without a supervisor there is nobody to tell; it would look by itself, too.
	ctx = context.WithoutCancel(ctx)
	a.tell(ctx, e)
	_ = reconciler.NewClient(e.Paths().Run).Wake(ctx)
}

// tell hands over what this command did to pods: to the supervisor, before that is
// woken and may find nothing left to supervise, or to the next one.
func (a *app) tell(ctx context.Context, e *engine.Engine) {
	events := a.seen.Take()
	if len(events) == 0 || reconciler.NewClient(e.Paths().Run).Tell(ctx, events) == nil {
		return
	}
	if err := reconciler.LeaveEvents(e.Paths().Run, events); err != nil {
		a.warn("%v", err)
	}
}

// supervised reports whether a supervisor is awake.
func supervised(ctx context.Context, e *engine.Engine) bool {
	_, err := reconciler.NewClient(e.Paths().Run).Version(ctx)
	return err == nil
}
