package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/engine"
	"berth/engine/spec"
)

// registryFlags say how images are fetched.
type registryFlags struct {
	authfile, creds, certDir string
	tlsVerify, quiet         bool
}

func (r *registryFlags) register(f *pflag.FlagSet) {
	r.registerAccess(f)
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print no progress")
}

// registerAccess adds those of a command that has no progress to print.
func (r *registryFlags) registerAccess(f *pflag.FlagSet) {
	f.StringVar(&r.authfile, "authfile", "", "take credentials from this `file` (default: $REGISTRY_AUTH_FILE, then containers-auth.json(5))")
	f.StringVar(&r.creds, "creds", "", "`user:password` for the registry")
	f.StringVar(&r.certDir, "cert-dir", "", "`folder` of certificates and keys for the registry")
	f.BoolVar(&r.tlsVerify, "tls-verify", true, "require HTTPS and a valid certificate")
}

func (r *registryFlags) options(f *pflag.FlagSet) spec.PullOptions {
	o := spec.PullOptions{Authfile: r.authfile, Creds: r.creds, CertDir: r.certDir, Quiet: r.quiet}
	if f.Changed("tls-verify") {
		o.TLSVerify = &r.tlsVerify
	}
	return o
}

// pullFlags are those of pull alone.
type pullFlags struct {
	registryFlags
	platform, os, arch, variant, policy string
	retry                               uint
	delay                               time.Duration
	allTags                             bool
	keys                                []string
}

func (a *app) newPull(command string) *cobra.Command {
	var p pullFlags
	cmd := &cobra.Command{
		Use:   "pull [flags] IMAGE [IMAGE...]",
		Short: "Fetch images",
		Long: `Fetches images and prints their IDs. An image is a name, completed as registries.conf says, or
transport:reference, where the transport is docker, oci, oci-archive, docker-archive, dir or containers-storage.
With --all-tags, all images that the registry has under the name.`,
		Example: fmt.Sprintf(`  %[1]s docker.io/library/nginx:1.27
  %[1]s --tls-verify=false localhost:5000/web
  %[1]s oci-archive:web.tar`, command),
		Args: minArgs(1, "the name of an image"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := p.options(cmd)
			if err != nil {
				return err
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			if p.allTags {
				if args, err = allTags(cmd.Context(), e, args, o); err != nil {
					return err
				}
			}
			return forEach(cmd.Context(), a.out, args, func(ctx context.Context, ref string) (string, error) {
				image, err := e.EnsureImage(ctx, spec.ImageRequest{Ref: ref, Policy: pullPolicy(p.policy), Pull: o})
				return image.ID, err
			})
		},
		ValidArgsFunction: a.completeImages,
	}
	p.register(cmd)
	return cmd
}

func (p *pullFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	p.registryFlags.register(f)
	f.StringVar(&p.platform, "platform", "", "fetch the image of another `os/arch[/variant]`")
	f.StringVar(&p.os, "os", "", "fetch the image of another operating `system`")
	f.StringVar(&p.arch, "arch", "", "fetch the image of another `architecture`")
	f.StringVar(&p.variant, "variant", "", "fetch the image of another `variant` of the architecture")
	f.BoolVarP(&p.allTags, "all-tags", "a", false, "fetch all images of the name")
	f.UintVar(&p.retry, "retry", 3, "`number` of times to try again when fetching fails")
	f.DurationVar(&p.delay, "retry-delay", 0, "`time` between these tries, such as 2s (default: longer each time)")
	f.StringArrayVar(&p.keys, "decryption-key", nil, "open an encrypted image with this `key[:passphrase]`, a file; pass its passphrase as file=PATH or fd=N to keep it to yourself")
	policies := []string{"always", "missing", "never", "newer"}
	f.Var(newChoice(&p.policy, "always", policies), "policy", "when to fetch: "+orList(policies))
	complete(cmd, "policy", policies...)
}

// options are the flags as the engine takes them.
func (p *pullFlags) options(cmd *cobra.Command) (spec.PullOptions, error) {
	f := cmd.Flags()
	o := p.registryFlags.options(f)
	o.OS, o.Arch, o.Variant = p.os, p.arch, p.variant
	if p.platform != "" {
		if p.os+p.arch+p.variant != "" {
			return o, usageError(cmd, "--platform cannot be used together with --os, --arch or --variant")
		}
		parts := strings.SplitN(p.platform+"//", "/", 4)
		o.OS, o.Arch, o.Variant = parts[0], parts[1], parts[2]
	}
	o.Retries, o.RetryDelay = &p.retry, p.delay
	o.DecryptionKeys = p.keys
	return o, nil
}

func allTags(ctx context.Context, e *engine.Engine, names []string, o spec.PullOptions) ([]string, error) {
	var all []string
	for _, name := range names {
		tags, err := e.Images().RemoteTags(ctx, name, o)
		if err != nil {
			return nil, err
		}
		all = append(all, tags...)
	}
	return all, nil
}

func pullPolicy(word string) spec.PullPolicy {
	switch word {
	case "missing":
		return spec.PullMissing
	case "never":
		return spec.PullNever
	case "newer":
		return spec.PullNewer
	}
	return spec.PullAlways
}
