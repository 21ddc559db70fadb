package manifests

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/source"
	"berth/internal/web"
	"berth/kube"
)

// fetchTime limits one URL.
const fetchTime = 30 * time.Second

// LoadOptions are what a single reading may be told.
type LoadOptions struct {
	Stdin io.Reader // what "-" stands for
	Owner string    // of the objects; empty: StoreOwner
	// Inputs are read, too; their objects are there only for the pods that read them.
	Inputs []string
	// Insecure accepts any certificate of an https server.
	Insecure bool
}

// Load reads files, folders, "-" and http or https URLs, once. All that is wrong
// with any of them is in the set's diagnostics: an object without errors is
// there even if another is broken.
func Load(ctx context.Context, args []string, o LoadOptions) kube.Set {
	if o.Owner == "" {
		o.Owner = StoreOwner
	}
	var set kube.Set
	for i, arg := range slices.Concat(args, o.Inputs) {
		objects, diags := loadOne(ctx, arg, o)
		for _, obj := range objects {
			obj.Owner, obj.Input = o.Owner, i >= len(args)
		}
		set.Objects = append(set.Objects, objects...)
		set.Diagnostics = append(set.Diagnostics, diags...)
	}
	set.Diagnostics = append(set.Diagnostics, kube.Duplicates(set.Objects)...)
	return set
}

func loadOne(ctx context.Context, arg string, o LoadOptions) ([]*kube.Object, source.Diagnostics) {
	name, read := arg, func() ([]byte, error) { return readNamed(arg) }
	switch {
	case arg == "-":
		name, read = "<stdin>", func() ([]byte, error) {
			if o.Stdin == nil {
				return nil, fmt.Errorf("there is no standard input")
			}
			return readBounded(o.Stdin)
		}
	case web.IsURL(arg):
		name = web.Shown(arg) // it stands in messages, and in the store
		read = func() ([]byte, error) { return fetch(ctx, arg, o.Insecure) }
	default:
		if info, err := os.Stat(arg); err == nil && info.IsDir() {
			return loadDir(arg)
		}
	}
	data, err := read()
	if err != nil {
		return nil, source.Diagnostics{{Pos: source.Pos{File: name}, Message: err.Error()}}
	}
	return kube.Decode(name, data)
}

// loadDir reads a folder and what is below it.
func loadDir(dir string) ([]*kube.Object, source.Diagnostics) {
	found := walk(dir, isManifest)
	diags := found.problems
	var objects []*kube.Object
	if len(found.files) == 0 && len(diags) == 0 {
		return nil, source.Diagnostics{{Pos: source.Pos{File: dir}, Message: "there is no *.yaml, *.yml or *.json file in this folder"}}
	}
	for _, path := range sortedPaths(found.files) {
		data, err := readRegular(path, false)
		if err != nil {
			diags = append(diags, source.Diagnostic{Pos: source.Pos{File: path}, Message: err.Error()})
			continue
		}
		more, problems := kube.Decode(path, data)
		objects, diags = append(objects, more...), append(diags, problems...)
	}
	return objects, diags
}

// readNamed reads a file that was named, which may be a pipe: <(kustomize build).
// A fifo nobody writes to reads as empty instead of holding us up.
func readNamed(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f)
}

// fetch reads a URL.
func fetch(ctx context.Context, address string, insecure bool) ([]byte, error) {
	body, err := web.Open(ctx, address, web.Options{Time: fetchTime, Insecure: insecure})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return readBounded(body)
}

// Fetch reads an http or https URL, of bounded size and in bounded time.
func Fetch(ctx context.Context, address string) ([]byte, error) {
	data, err := fetch(ctx, address, false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", web.Shown(address), err)
	}
	return data, nil
}
