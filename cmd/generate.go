package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/translate/specgen"
)

// generate is what podman has under that name.
func (a *app) generate() *cobra.Command {
	kubeCmd := a.kubeGenerate()
	kubeCmd.Use = strings.Replace(kubeCmd.Use, "generate", "kube", 1)
	kubeCmd.Example = strings.ReplaceAll(kubeCmd.Example, "kube generate", "generate kube")
	return newGroup("generate", "Write what is on this host in other forms",
		"Writes pods and containers as Kubernetes YAML (the same as kube generate) or as specs for podman's API.",
		kubeCmd, a.generateSpec(), a.generateSystemd())
}

// generateSystemd says what to do instead.
func (a *app) generateSystemd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "systemd [flags] CONTAINER|POD",
		Short: "Not there: unit files are written by hand, for Quadlet",
		Long: `Is refused. podman itself has given it up: what it wrote had to be written again with each change. Write a
.container or .pod file instead, which is as long as the command line, and put it in place with "berth quadlet
install". docs/quadlet.md lists the keys; most are called like the flag they stand for.`,
		Example:            "  berth generate systemd --new web",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				if arg == "--help" || arg == "-h" {
					return cmd.Help()
				}
			}
			return errors.New("generate systemd is not there: write a Quadlet file (web.container, web.pod) and use berth quadlet install, see berth quadlet --help")
		},
	}
	return cmd
}

// specFlags are those of generate spec.
type specFlags struct {
	compact, rename bool
	file, namespace string
}

func (a *app) generateSpec() *cobra.Command {
	var f specFlags
	cmd := &cobra.Command{
		Use:   "spec [flags] CONTAINER|POD",
		Short: "Write what podman's API takes to make such a container or pod",
		Long: `Writes a container, or a pod without its containers, as JSON in the form of podman's SpecGenerator: what its API
takes to make another one. What podman has no field for is told on standard error, and so are values that come from
Secrets, which are left out. Variables that the image sets are the image's.

Another is to have another name: -clone is added, unless --name=false.`,
		Example: `  berth generate spec web
  berth generate spec --compact --name=false web | curl --unix-socket /run/podman/podman.sock -d @- \
    -H 'Content-Type: application/json' http://podman/v5.0.0/libpod/containers/create`,
		Args: exactArgs(1, "the name or ID of a container or a pod"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.runGenerateSpec(ctx, e, &f, args[0]) })
		},
		ValidArgsFunction: a.completing(joinNames(containerNames, podNames)),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.compact, "compact", "c", false, "write it on one line")
	flags.StringVarP(&f.file, "filename", "f", "", "write to this `file` instead of standard output")
	flags.BoolVarP(&f.rename, "name", "n", true, "add -clone to the name")
	flags.StringVar(&f.namespace, "namespace", "", "look in this `namespace` only") // -n is the name's, as in podman
	mustComplete(cmd, "namespace", a.completeNamespaces)
	return cmd
}

func (a *app) runGenerateSpec(ctx context.Context, e *engine.Engine, f *specFlags, name string) error {
	v, warnings, err := specOf(ctx, e, f, name)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		a.warn("%s: podman's spec cannot say %s", name, w)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if !f.compact {
		encoder.SetIndent("", " ")
	}
	if err := encoder.Encode(v); err != nil {
		return err
	}
	if f.file == "" {
		_, err := a.out.Write(out.Bytes())
		return err
	}
	// For this user alone, whatever was there: variables may hold what is nobody's business.
	return writeWhole(f.file, func(w io.Writer) error {
		_, err := w.Write(out.Bytes())
		return err
	})
}

// specOf is the spec of what has a name.
func specOf(ctx context.Context, e *engine.Engine, f *specFlags, name string) (v any, warnings []string, err error) {
	suffix := ""
	if f.rename {
		suffix = "-clone"
	}
	names := func(ref spec.ContainerRef) string {
		st, err := e.ObservePod(ctx, ref.Pod)
		if err != nil {
			return ref.Name // it is gone
		}
		return st.Pod.ContainerName(ref.Name)
	}
	st, c, err := e.FindContainer(ctx, f.namespace, name)
	if err == nil {
		made, ok := st.Pod.Container(c.Name)
		if !ok {
			return nil, nil, fmt.Errorf("%s is an infra container: name its pod, %s", name, st.Pod.Name)
		}
		out, warnings := specgen.Container(&st.Pod, made, names)
		out.Name += suffix
		return out, warnings, nil
	}
	if !errors.Is(err, spec.ErrNotFound) {
		return nil, nil, err
	}
	st, err = e.FindPod(ctx, f.namespace, name)
	if errors.Is(err, spec.ErrNotFound) {
		return nil, nil, fmt.Errorf("could not find a pod or container with the id %s: %w", name, spec.ErrNotFound)
	}
	if err != nil {
		return nil, nil, err
	}
	out, warnings := specgen.Pod(&st.Pod, names)
	out.Name += suffix
	return out, warnings, nil
}
