package kube

import "math"

// Limits on what is read, so that no file can exhaust the host. Kubernetes
// stores objects of at most 1.5 MiB.
const (
	maxFile      = 4 << 20  // bytes of one file
	maxDocuments = 10_000   // documents of one file
	maxDepth     = 100      // mappings and lists within one another
	maxNodes     = 500_000  // values of one document after its aliases are expanded
	maxExpanded  = 16 << 20 // bytes of text of one document after its aliases are expanded
	maxProblems  = 200      // errors told of one file; the rest is counted
	maxQuantity  = 64       // characters of a quantity
)

// Limits of Kubernetes' own.
const (
	maxAnnotations   = 256 << 10 // bytes of all annotations of an object
	maxObjectData    = 1 << 20   // bytes of the values of a ConfigMap or Secret
	maxNameservers   = 3
	maxSearchDomains = 32
	maxSearchChars   = 2048
	maxRestartRules  = 20
	maxExitCodes     = 255           // of one restart rule
	maxGrace         = math.MaxInt32 // seconds
)

// maxReplicas is more pods than one host can run.
const maxReplicas = 5000
