package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/spec"
)

func (a *app) secret() *cobra.Command {
	return newGroup("secret", "Manage secrets",
		`Makes, lists and removes secrets that containers are given by --secret. They are kept in files that only
root can read. The Secrets of Kubernetes manifests are others: see 'berth get secrets'.`,
		a.secretCreate(), a.secretLs(), a.secretInspect(), a.secretRm(), a.secretExists())
}

func (a *app) secretLs() *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List secrets",
		Long:    "Lists the secrets made by 'berth secret create'. Filters are name and id.",
		Example: `  berth secret ls
  berth secret ls --filter name=password --format "{{.Name}} {{.UpdatedAt}}"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := parseFilters(l.filters, filter.Secrets())
			if err != nil {
				return err
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			all, err := e.Secrets().List()
			if err != nil {
				return err
			}
			list, err := filter.Apply(report.Secrets(a.now(), all), set, filter.Secrets())
			if err != nil {
				return err
			}
			if l.quiet {
				for _, s := range list {
					fmt.Fprintln(a.out, s.ID)
				}
				return nil
			}
			const table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}"
			return output.Print(a.out, l.list(table, report.SecretHeadings()), list, list)
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.format, "format", "", "print as json, or by a Go `template`; \"table …\" adds headings")
	f.StringArrayVarP(&l.filters, "filter", "f", nil, "list only what matches (`key=value`); values of one key are alternatives")
	f.BoolVarP(&l.quiet, "quiet", "q", false, "print IDs only")
	f.BoolVarP(&l.noHeading, "noheading", "n", false, "leave the headings out")
	return cmd
}

func (a *app) secretInspect() *cobra.Command {
	var f inspectFlags
	var pretty, show bool
	cmd := &cobra.Command{
		Use:   "inspect [flags] SECRET [SECRET...]",
		Short: "Show all that is known of a secret",
		Long: `Prints what is known of each secret as a JSON list, or by a template. What it holds is only shown with
--showsecret.`,
		Example: `  berth secret inspect password
  berth secret inspect --showsecret --format "{{.SecretData}}" password`,
		Args: minArgs(1, "the name or ID of a secret"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if pretty {
				f.format = prettySecret
			}
			find := func(_ context.Context, e *engine.Engine, _, name string) (any, error) {
				s, data, err := e.Secrets().Read(name)
				if !show {
					data = nil
				}
				return report.InspectSecret(s, data), err
			}
			return a.runInspect(cmd.Context(), []inspector{{"secret", find}}, &f, args)
		},
		ValidArgsFunction: a.completeSecrets,
	}
	a.inspectFlags(cmd, &f, "secret")
	cmd.Flags().BoolVar(&pretty, "pretty", false, "print it for people to read")
	cmd.Flags().BoolVar(&show, "showsecret", false, "show what the secret holds, too")
	return cmd
}

// prettySecret is what --pretty prints.
const prettySecret = `ID:              {{.ID}}
Name:            {{.Spec.Name}}
{{- if .Spec.Labels}}
Labels:
{{- range $key, $value := .Spec.Labels}}
 - {{$key}}{{if $value}}={{$value}}{{end}}
{{- end}}
{{- end}}
Driver:          {{.Spec.Driver.Name}}
Created at:      {{.CreatedAt}}
Updated at:      {{.UpdatedAt}}
{{- if .SecretData}}
Secret Data:     {{.SecretData}}
{{- end}}`

func (a *app) secretRm() *cobra.Command {
	var all, ignore bool
	cmd := &cobra.Command{
		Use:   "rm [flags] SECRET [SECRET...]",
		Short: "Remove secrets",
		Long:  "Removes secrets and prints their IDs. Containers that were given one keep what it held when they were made.",
		Example: `  berth secret rm password
  berth secret rm --all`,
		Args: func(cmd *cobra.Command, args []string) error { return namesOrWide(cmd, args, "a secret", "all") },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if all {
					var err error
					if args, err = secretNames(ctx, e); err != nil {
						return err
					}
				}
				return forEach(ctx, a.out, args, func(_ context.Context, name string) (string, error) {
					id, err := e.Secrets().Remove(name)
					if ignore && errors.Is(err, spec.ErrNotFound) {
						return "", nil
					}
					return id, err
				})
			})
		},
		ValidArgsFunction: a.completeSecrets,
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "remove all secrets")
	cmd.Flags().BoolVarP(&ignore, "ignore", "i", false, "say nothing of secrets that are not there")
	return cmd
}

func (a *app) secretExists() *cobra.Command {
	return a.newExists("secret", "SECRET", "  berth secret exists password || berth secret create password -", a.completeSecrets,
		func(_ context.Context, e *engine.Engine, _, name string) error {
			_, err := e.Secrets().Find(name)
			return err
		})
}
