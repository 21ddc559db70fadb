package quadlet

import "berth/internal/source"

// Found is what a look at folders of unit files came to.
type Found struct {
	Results  []Result
	Problems source.Diagnostics // of reading, not of what was read
	// Unknown are paths of files and folders that could not be read: what lies
	// there, or below, is neither gone nor known.
	Unknown []string
	// Contents tells contents apart of the files that units name, by path: Kubernetes
	// objects of .kube units, variables of services.
	Contents map[string]string
}
