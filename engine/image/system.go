package image

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/homedir"

	"berth/engine/spec"
)

// policyFile is where policy.json lies below /etc and, for one user, ~/.config.
const policyFile = "containers/policy.json"

// system turns pull options into what containers/image wants to know.
func (s *Store) system(o spec.PullOptions) (*types.SystemContext, error) {
	file := authFile(o)
	if file != "" {
		// A missing file would be taken for one without credentials.
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("read credentials: %w", err)
		}
	}
	return s.systemWith(o, file)
}

// authFile is where credentials are, if not where containers/image looks for them.
func authFile(o spec.PullOptions) string {
	// As podman and skopeo do; containers/image itself does not read the variable.
	return cmp.Or(o.Authfile, os.Getenv("REGISTRY_AUTH_FILE"))
}

// systemWith is system with this file of credentials, which need not be there.
func (s *Store) systemWith(o spec.PullOptions, file string) (*types.SystemContext, error) {
	sys := s.host
	sys.SignaturePolicyPath = s.opts.SignaturePolicy
	sys.DockerRegistryUserAgent = "berth"
	sys.AuthFilePath = file
	if o.Creds != "" {
		user, password, _ := strings.Cut(o.Creds, ":")
		if user == "" {
			return nil, errors.New("credentials: want user[:password], the user is empty")
		}
		sys.DockerAuthConfig = &types.DockerAuthConfig{Username: user, Password: password}
	}
	sys.DockerCertPath = o.CertDir
	if o.TLSVerify != nil {
		sys.DockerInsecureSkipTLSVerify = types.NewOptionalBool(!*o.TLSVerify)
		sys.OCIInsecureSkipTLSVerify = !*o.TLSVerify
	}
	sys.OSChoice, sys.ArchitectureChoice, sys.VariantChoice = o.OS, o.Arch, o.Variant
	return &sys, nil
}

// policy returns the signature policy. The caller destroys it.
func (s *Store) policy(sys *types.SystemContext) (*signature.PolicyContext, error) {
	policy, err := signature.DefaultPolicy(sys)
	if err != nil {
		if sys.SignaturePolicyPath != "" || s.havePolicy() {
			return nil, fmt.Errorf("read the signature policy: %w", err)
		}
		s.policyOnce.Do(func() {
			s.log.Warn("no policy.json on this host: signatures of images are not checked", "expected", "/etc/"+policyFile)
		})
		policy = &signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}}
	}
	return signature.NewPolicyContext(policy)
}

// havePolicy reports whether there is a policy.json, readable or not.
func (s *Store) havePolicy() bool {
	for _, path := range []string{
		filepath.Join(homedir.Get(), ".config", policyFile),
		filepath.Join(s.host.RootForImplicitAbsolutePaths, "/etc", policyFile),
	} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}
