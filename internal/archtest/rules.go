package archtest

// Room is a place for code, and which of ours it may import besides itself. A
// package belongs to the room with the longest path that begins its own.
type Room struct {
	Path string
	May  []string // rooms or packages, with what is below them
	Why  string
}

// Rooms is the import table of ARCHITECTURE.md.
func Rooms() []Room {
	return []Room{
		{"cmd", []string{"engine", "internal", "kube", "manifests", "quadlet", "reconciler", "translate"},
			"it wires everything together, and nothing imports it"},
		{"manifests", []string{"kube", "quadlet", "internal"},
			"it says where desired state comes from; what is done about it is the reconciler's"},
		{"kube", []string{"internal/parallel", "internal/source"},
			"objects are plain data that can be read and checked without a host"},
		{"quadlet", []string{"internal/source"},
			"unit files are plain data that can be read and checked without a host"},
		{"translate", []string{"kube", "engine/spec", "internal/source"},
			"it is pure, so that every translation can be tested as a file; it knows what the engine is told, not the engine"},
		{"reconciler", []string{"kube", "quadlet", "translate", "engine/spec", "internal", "reconciler/autoupdate", "reconciler/probe", "reconciler/unit"},
			"it decides, and declares the engine it needs, so that it can be tested on a fake one"},
		{"reconciler/autoupdate", []string{"engine/spec", "internal"},
			"it says what is to be updated and in what order; how that is done, its caller knows"},
		{"reconciler/probe", []string{"engine/spec", "internal"},
			"it asks and tells; what an answer means for a pod is the reconciler's"},
		{"reconciler/unit", []string{"quadlet", "engine/spec"},
			"it decides what systemd would and does nothing: the reconciler does"},
		{"engine", []string{"engine/image", "engine/journal", "engine/network", "engine/oci", "engine/secret", "engine/spec", "engine/state", "engine/volume", "internal"},
			"it is mechanism: it knows neither Kubernetes nor units nor policy"},
		{"engine/enginetest", []string{"engine", "internal"},
			"it tests any engine, the fake and the real one"},
		{"engine/image", []string{"engine/spec", "internal"}, "parts of the engine do not know each other"},
		{"engine/journal", []string{"engine/spec", "internal"}, "parts of the engine do not know each other"},
		{"engine/network", []string{"engine/spec", "internal"}, "parts of the engine do not know each other"},
		{"engine/oci", []string{"engine/spec", "internal"}, "parts of the engine do not know each other"},
		{"engine/secret", []string{"engine/spec", "internal"}, "parts of the engine do not know each other"},
		{"engine/state", []string{"engine/spec", "internal"}, "parts of the engine do not know each other"},
		{"engine/volume", []string{"engine/spec", "internal"}, "parts of the engine do not know each other"},
		{"engine/spec", nil, "it is the vocabulary of every room, so it must be a leaf"},
		{"internal", []string{"internal/ctxio"}, "a helper of every room that imported one of them would tie them all to it; ctxio alone is a leaf"},
		{"e2e", []string{"cmd", "internal"},
			"it tests the binary from outside, and must not know what is inside"},
		{"docs", []string{"internal/source"}, "examples stand for themselves"},
	}
}

// Only says which rooms a package of others belongs to. Everywhere else its
// import is an error.
type Only struct {
	Package string // with what is below it
	Rooms   []string
	Tests   bool // whether any test may import it all the same
	Why     string
}

// Onlys are the packages of others that belong somewhere.
func Onlys() []Only {
	return []Only{
		{"os/exec", []string{"internal/hostexec", "internal/testhost", "e2e"}, true,
			"every program of the host is run through internal/hostexec, with its limit and its last words"},
		{"github.com/spf13/pflag", []string{"translate/option", "cmd"}, false,
			"podman's flags and what they mean are known in one place, for the command line and for Quadlet"},
		{"github.com/spf13/cobra", []string{"cmd"}, false, "commands are a face, and a face holds no logic"},
		{"go.podman.io/image", []string{"engine/image"}, true, "one room knows registries and image formats"},
		{"github.com/opencontainers/runtime-spec", []string{"engine/oci"}, true, "one room knows the runtime's configuration"},
		{"github.com/vishvananda", []string{"engine/network", "engine/oci"}, true, "one room knows links and namespaces"},
		{"github.com/fsnotify/fsnotify", []string{"manifests", "engine"}, true, "who watches says so here"},
	}
}

// Never says which packages a room must not import in what is not a test.
type Never struct {
	Room     string
	Packages []string // with what is below them
	Why      string
}

// Nevers are the rooms that keep something out.
func Nevers() []Never {
	impure := []string{"os", "log", "net/http", "math/rand", "crypto/rand"}
	const pure = "it is pure: what a flag or a field names is read by the caller, and nothing is logged"
	return []Never{
		{"engine", []string{"k8s.io", "sigs.k8s.io"}, "the engine has no Kubernetes types"},
		{"reconciler/probe", []string{"google.golang.org/grpc"}, "net/http asks gRPC's one question for half the price"},
		{"kube", impure, pure},
		{"quadlet", impure, pure},
		{"translate", impure, pure},
	}
}

// TopLevel is everything that may stand at the top of the repository.
func TopLevel() []string {
	return []string{"cmd", "engine", "kube", "manifests", "quadlet", "reconciler", "translate", "e2e", "internal", "docs", ".ci",
		"go.mod", "go.sum", "Makefile", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE", ".gitignore"}
}

// MaxFunctionLines is the length past which a function must become two.
const MaxFunctionLines = 100
