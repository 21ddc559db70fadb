package spec

import "time"

// Image is one image of the host's store.
type Image struct {
	ID          string            `json:"id"`              // 64 hex digits
	Names       []string          `json:"names,omitempty"` // fully qualified, with tags
	Digest      string            `json:"digest,omitempty"`
	RepoDigests []string          `json:"repoDigests,omitempty"`
	Created     time.Time         `json:"created"`
	Size        int64             `json:"size"` // bytes
	Labels      map[string]string `json:"labels,omitempty"`
	Health      *Health           `json:"health,omitempty"` // what Docker's HEALTHCHECK says; nil: nothing
}

// ImageRequest asks for an image.
type ImageRequest struct {
	Ref    string // short name, docker reference, ID, or transport:reference
	Policy PullPolicy
	Pull   PullOptions
}

// PullOptions say how an image is fetched. The zero value is what registries.conf,
// auth.json and certs.d say, for this host's platform.
type PullOptions struct {
	Authfile  string
	Creds     string // user[:password]; never logged
	CertDir   string
	TLSVerify *bool
	OS        string
	Arch      string
	Variant   string
	Quiet     bool // no progress

	// DecryptionKeys open an encrypted image: key[:passphrase], a file each, where the
	// passphrase may be file=PATH or fd=N; or provider:name. Never logged.
	DecryptionKeys []string

	Retries    *uint         // so many further tries after a failure that may pass; nil: none
	RetryDelay time.Duration // before each; 0: longer each time
}
