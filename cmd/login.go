package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/terminal"
	"berth/engine"
	"berth/engine/image"
	"berth/engine/spec"
)

type loginFlags struct {
	authfile, certDir, user, password, secret string
	stdin, get, verbose, tlsVerify            bool
}

func (a *app) login() *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login [flags] [REGISTRY]",
		Short: "Log in at a registry",
		Long: `Asks a registry whether it takes a user and a password, and keeps them for pull, push and search: in auth.json, where
podman, buildah and skopeo find them too, or wherever registries.conf says. Without a registry it is the first of
registries.conf's. What is not given is asked for on a terminal; where somebody is logged in already, the registry is
asked about him.

A password in --password is seen by everybody on this host: use --password-stdin or --secret.`,
		Example: `  berth login quay.io
  printf %s "$TOKEN" | berth login --username robot --password-stdin registry.example.com
  berth login --get-login quay.io`,
		Args: func(cmd *cobra.Command, args []string) error {
			given := 0
			for _, is := range []bool{f.stdin, f.password != "", f.secret != ""} {
				if is {
					given++
				}
			}
			switch {
			case len(args) > 1:
				return usageError(cmd, "'%s' takes one registry, not %d", cmd.CommandPath(), len(args))
			case given > 1:
				return usageError(cmd, "--password, --password-stdin and --secret cannot be used together")
			case f.stdin && f.user == "":
				return usageError(cmd, "--password-stdin needs --username")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				o := spec.PullOptions{Authfile: f.authfile, CertDir: f.certDir}
				if cmd.Flags().Changed("tls-verify") {
					o.TLSVerify = &f.tlsVerify
				}
				return a.logIn(ctx, e, &f, args, o)
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.authfile, "authfile", "", "keep the credentials in this `file` (default: $REGISTRY_AUTH_FILE, then containers-auth.json(5))")
	flags.StringVar(&f.certDir, "cert-dir", "", "`folder` of certificates and keys for the registry")
	flags.BoolVar(&f.get, "get-login", false, "print who is logged in, and ask the registry nothing")
	flags.StringVarP(&f.password, "password", "p", "", "`password` for the registry; everybody on this host sees it")
	flags.BoolVar(&f.stdin, "password-stdin", false, "read the password from standard input")
	flags.StringVar(&f.secret, "secret", "", "take the password from this stored `secret`")
	mustComplete(cmd, "secret", a.completeSecrets)
	flags.BoolVar(&f.tlsVerify, "tls-verify", true, "require HTTPS and a valid certificate")
	flags.StringVarP(&f.user, "username", "u", "", "`user` to log in as")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "say where the credentials are kept")
	return cmd
}

// registryOf is the registry that is named, or the first of registries.conf.
func registryOf(e *engine.Engine, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	return e.Images().DefaultRegistry()
}

func (a *app) logIn(ctx context.Context, e *engine.Engine, f *loginFlags, args []string, o spec.PullOptions) error {
	registry, err := registryOf(e, args)
	if err != nil {
		return err
	}
	if f.get {
		user, err := e.Images().Username(registry, o)
		if err == nil {
			fmt.Fprintln(a.out, user)
		}
		return err
	}
	user, password, err := a.askCredentials(ctx, e, f, registry, o)
	if err != nil {
		return err
	}
	where, err := e.Images().Login(ctx, registry, user, password, o)
	if err != nil {
		return err
	}
	if f.verbose {
		fmt.Fprintln(a.out, "Used:", where)
	}
	fmt.Fprintln(a.out, "Login Succeeded!")
	return nil
}

// maxPassword bounds a password that is read, in bytes.
const maxPassword = 64 << 10

// askCredentials gathers user and password; both are empty where those are to be
// used that are kept.
func (a *app) askCredentials(ctx context.Context, e *engine.Engine, f *loginFlags, registry string, o spec.PullOptions) (user, password string, err error) {
	user = f.user
	if user == "" && f.password == "" && f.secret == "" {
		_, err := e.Images().Username(registry, o)
		if err == nil {
			fmt.Fprintf(a.err, "Asking %s about who is logged in there\n", registry)
			return "", "", nil
		}
		if !errors.Is(err, image.ErrNotLoggedIn) {
			return "", "", err
		}
	}
	asks := isTerminal(a.in)
	if user == "" {
		if !asks {
			return "", "", errors.New("who is to log in: give --username")
		}
		fmt.Fprint(a.err, "Username: ")
		line, err := terminal.ReadLine(ctx, a.in)
		if user = strings.TrimSpace(line); user == "" {
			return "", "", errors.Join(err, errors.New("a user is needed"))
		}
	}
	if password, err = a.askPassword(ctx, e, f); err == nil && password == "" {
		err = errors.New("a password is needed: give --password-stdin or --secret")
	}
	return user, password, err
}

// askPassword is the password that flags give, or a person at a terminal; it may be
// empty.
func (a *app) askPassword(ctx context.Context, e *engine.Engine, f *loginFlags) (string, error) {
	in, _ := a.in.(*os.File)
	switch {
	case f.password != "":
		return f.password, nil
	case f.secret != "":
		_, data, err := e.Secrets().Read(f.secret)
		return strings.TrimRight(string(data), "\r\n"), err
	case f.stdin:
		data, err := io.ReadAll(io.LimitReader(a.in, maxPassword+1))
		if err != nil || len(data) > maxPassword {
			return "", errors.Join(err, fmt.Errorf("no password, or one of more than %d bytes, is on standard input", maxPassword))
		}
		return strings.TrimRight(string(data), "\r\n"), nil
	case isTerminal(in):
		fmt.Fprint(a.err, "Password: ")
		password, err := terminal.ReadHidden(ctx, in)
		fmt.Fprintln(a.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return password, nil
	}
	return "", nil
}

func (a *app) logout() *cobra.Command {
	var all bool
	var o spec.PullOptions
	cmd := &cobra.Command{
		Use:   "logout [flags] [REGISTRY]",
		Short: "Forget the credentials for a registry",
		Long: `Forgets the user and the password that are kept for a registry, by "berth login" or by podman. Without a registry it is
the first of registries.conf's.`,
		Example: "  berth logout quay.io\n  berth logout --all",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || all && len(args) > 0 {
				return usageError(cmd, "'%s' takes one registry, or --all", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(_ context.Context, e *engine.Engine) error {
				if all {
					if err := e.Images().LogoutAll(o); err != nil {
						return err
					}
					fmt.Fprintln(a.out, "Removed login credentials for all registries")
					return nil
				}
				registry, err := registryOf(e, args)
				if err == nil {
					err = e.Images().Logout(registry, o)
				}
				if err == nil {
					fmt.Fprintln(a.out, "Removed login credentials for", registry)
				}
				return err
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "forget all credentials")
	cmd.Flags().StringVar(&o.Authfile, "authfile", "", "`file` the credentials are in (default: $REGISTRY_AUTH_FILE, then containers-auth.json(5))")
	return cmd
}
