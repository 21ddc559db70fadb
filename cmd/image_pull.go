package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// registryFlags say how images are fetched.
type registryFlags struct {
	authfile, creds, certDir string
	tlsVerify, quiet         bool
}

func (r *registryFlags) register(f *pflag.FlagSet) {
	f.StringVar(&r.authfile, "authfile", "", "take credentials from this `file` (default: $REGISTRY_AUTH_FILE, then containers-auth.json(5))")
	f.StringVar(&r.creds, "creds", "", "`user:password` for the registry")
	f.StringVar(&r.certDir, "cert-dir", "", "`folder` of certificates and keys for the registry")
	f.BoolVar(&r.tlsVerify, "tls-verify", true, "require HTTPS and a valid certificate")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print no progress")
}

func (r *registryFlags) options(f *pflag.FlagSet) spec.PullOptions {
	o := spec.PullOptions{Authfile: r.authfile, Creds: r.creds, CertDir: r.certDir, Quiet: r.quiet}
	if f.Changed("tls-verify") {
		o.TLSVerify = &r.tlsVerify
	}
	return o
}

func (a *app) newPull(command string) *cobra.Command {
	var r registryFlags
	var platform, osName, arch, variant, policy string
	policies := []string{"always", "missing", "never", "newer"}
	cmd := &cobra.Command{
		Use:   "pull [flags] IMAGE [IMAGE...]",
		Short: "Fetch images",
		Long: `Fetches images and prints their IDs. An image is a name, completed as registries.conf says, or
transport:reference, where the transport is docker, oci, oci-archive, docker-archive, dir or containers-storage.`,
		Example: fmt.Sprintf(`  %[1]s docker.io/library/nginx:1.27
  %[1]s --tls-verify=false localhost:5000/web
  %[1]s oci-archive:web.tar`, command),
		Args: minArgs(1, "the name of an image"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := r.options(cmd.Flags())
			o.OS, o.Arch, o.Variant = osName, arch, variant
			if platform != "" {
				if osName+arch+variant != "" {
					return usageError(cmd, "--platform cannot be used together with --os, --arch or --variant")
				}
				parts := strings.SplitN(platform+"//", "/", 4)
				o.OS, o.Arch, o.Variant = parts[0], parts[1], parts[2]
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			return forEach(cmd.Context(), a.out, args, func(ctx context.Context, ref string) (string, error) {
				image, err := e.EnsureImage(ctx, spec.ImageRequest{Ref: ref, Policy: pullPolicy(policy), Pull: o})
				return image.ID, err
			})
		},
		ValidArgsFunction: a.completeImages,
	}
	f := cmd.Flags()
	r.register(f)
	f.StringVar(&platform, "platform", "", "fetch the image of another `os/arch[/variant]`")
	f.StringVar(&osName, "os", "", "fetch the image of another operating `system`")
	f.StringVar(&arch, "arch", "", "fetch the image of another `architecture`")
	f.StringVar(&variant, "variant", "", "fetch the image of another `variant` of the architecture")
	f.Var(newChoice(&policy, "always", policies), "policy", "when to fetch: "+orList(policies))
	complete(cmd, "policy", policies...)
	return cmd
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
