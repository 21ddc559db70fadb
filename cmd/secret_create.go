package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"berth/engine/secret"
	"berth/engine/spec"
)

type secretCreateFlags struct {
	driver               string
	options              map[string]string
	labels               []string
	env, replace, ignore bool
}

func (a *app) secretCreate() *cobra.Command {
	var f secretCreateFlags
	cmd := &cobra.Command{
		Use:   "create [flags] NAME FILE|-",
		Short: "Make a secret",
		Long: fmt.Sprintf(`Makes a secret of what a file, standard input ("-") or, with --env, an environment variable holds, and
prints its ID. Nothing is taken off or added, so mind a newline at the end. It holds at most %d bytes.

With --replace, a secret of that name gets the new data; containers keep what they were given until they are
made again.`, secret.MostData),
		Example: `  berth secret create certificate tls.key
  printf %s "$PASSWORD" | berth secret create --label app=web password -
  berth secret create --env --replace password PASSWORD`,
		Args: exactArgs(2, "a name and a file, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.replace && f.ignore {
				return usageError(cmd, "--replace and --ignore cannot be used together")
			}
			if err := f.check(); err != nil {
				return err
			}
			labels, err := keyValues("label", f.labels)
			if err != nil {
				return err
			}
			data, err := a.secretData(args[1], f.env)
			if err != nil {
				return err
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			made, err := e.Secrets().Create(secret.Secret{Name: args[0], Labels: labels, DriverOptions: f.options}, data, f.replace)
			if f.ignore && errors.Is(err, spec.ErrExists) {
				made, err = e.Secrets().Find(args[0])
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(a.out, made.ID)
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault // the file
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.driver, "driver", "d", "file", "`driver` that keeps the secret: file")
	complete(cmd, "driver", "file")
	flags.StringToStringVar(&f.options, "driver-opts", nil, "options of the driver (`key=value,…`); kept and shown")
	flags.BoolVar(&f.env, "env", false, "take the data from the environment variable of the name FILE")
	flags.StringArrayVarP(&f.labels, "label", "l", nil, "label of the secret (`key=value`)")
	flags.BoolVar(&f.replace, "replace", false, "give a secret of that name the new data")
	flags.BoolVar(&f.ignore, "ignore", false, "leave a secret of that name as it is, and print its ID")
	return cmd
}

// check refuses what podman's secrets can and ours cannot.
func (f *secretCreateFlags) check() error {
	if f.driver != "file" {
		return fmt.Errorf("--driver %q: secrets are kept by the driver file only, in files that root alone can read", f.driver)
	}
	if _, ok := f.options["path"]; ok {
		return errors.New("--driver-opts path: secrets are kept with the rest of berth's state, --root moves all of it")
	}
	return nil
}

// secretData reads what a secret is to hold. More than a secret may have is not
// read to its end.
func (a *app) secretData(from string, env bool) ([]byte, error) {
	if env {
		value, ok := os.LookupEnv(from)
		if !ok {
			return nil, fmt.Errorf("--env: the environment variable %s is not set", from)
		}
		return []byte(value), nil
	}
	in := a.in
	if from == "-" {
		if isTerminal(a.in) {
			return nil, errors.New("a secret is not read from a terminal: pipe it to standard input, or name a file")
		}
	} else {
		file, err := os.Open(from)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, secret.MostData+1))
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	return data, nil
}
