package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/cluster"
	"berth/engine"
	"berth/manifests"
	"berth/translate"
)

// applyFlags say what is sent to which cluster.
type applyFlags struct {
	files   []string
	service bool
	cluster cluster.Options
	options cluster.ApplyOptions
}

func (a *app) kubeApply() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply [flags] [POD|CONTAINER|VOLUME ...]",
		Short: "Send YAML, or what is on this host, to a Kubernetes cluster",
		Long: `Sends objects to the API server of a Kubernetes cluster, for the day one machine is not enough: those of YAML
files, and pods, containers and volumes of this host as kube generate writes them.

The server merges them with what is there (server-side apply). What it refuses is told for each object, and the
others are sent all the same. Data on volumes and images of this host stay here.`,
		Example: `  berth kube apply --kubeconfig cluster.yaml -f web.yaml
  berth kube apply --context prod --ns shop web data
  kustomize build . | berth kube apply -f -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && len(f.files) == 0 {
				return usageError(cmd, "'%s' needs --file, or the name or ID of a pod, a container or a volume", cmd.CommandPath())
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runApply(cmd.Context(), &f, args) },
		ValidArgsFunction: a.completing(joinNames(podNames, containerNames, volumeNames)),
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.files, "file", "f", nil, "send the objects of this `file`, folder or URL, or of standard input (-)")
	flags.StringVarP(&f.cluster.Kubeconfig, "kubeconfig", "k", "", "`file` that says where the cluster is (default: $KUBECONFIG, else ~/.kube/config)")
	flags.StringVar(&f.cluster.Context, "context", "", "`name` of a context of the kubeconfig (default: its current one)")
	flags.StringVar(&f.cluster.CAFile, "ca-cert-file", "", "`file` with the certificates that vouch for the server")
	flags.StringVar(&f.cluster.Namespace, "ns", "", "`namespace` of the cluster that the objects go to (default: the one they name, else the context's)")
	flags.StringVarP(&f.cluster.Namespace, "namespace", "n", "", "the same as --ns")
	flags.BoolVarP(&f.service, "service", "s", false, "also send a Service for the ports of each pod of this host")
	flags.BoolVar(&f.options.Force, "force-conflicts", false, "take over fields that somebody else has set")
	flags.BoolVar(&f.options.DryRun, "dry-run", false, "have the server check everything and change nothing")
	return cmd
}

func (a *app) runApply(ctx context.Context, f *applyFlags, names []string) error {
	objects, err := a.toApply(ctx, f, names)
	if err != nil {
		return err
	}
	f.cluster.UserAgent, f.cluster.Warnings = "berth/"+a.build.Version, a.err
	client, err := cluster.Connect(f.cluster)
	if err != nil {
		return err
	}
	slices.SortStableFunc(objects, func(x, y cluster.Object) int { return cmp.Compare(cluster.Rank(x.Kind), cluster.Rank(y.Kind)) })
	var errs []error
	for _, o := range objects {
		name, err := client.Apply(ctx, o, f.options)
		switch {
		case err == nil && f.options.DryRun:
			fmt.Fprintln(a.out, name, "serverside-applied (server dry run)")
		case err == nil:
			fmt.Fprintln(a.out, name, "serverside-applied")
		default:
			errs = append(errs, err)
		}
		if errors.Is(err, cluster.ErrUnreachable) || ctx.Err() != nil {
			break // it would not answer the others either
		}
	}
	return errors.Join(errs...)
}

// toApply is all that is to be sent: objects of files as they were written, then
// what is generated.
func (a *app) toApply(ctx context.Context, f *applyFlags, names []string) ([]cluster.Object, error) {
	objects, err := a.applyFiles(ctx, f)
	if err != nil || len(names) == 0 {
		return objects, err
	}
	err = a.withEngine(ctx, func(ctx context.Context, e *engine.Engine) error {
		generated, ds, err := a.generated(ctx, e, &generateFlags{service: f.service}, names)
		for _, d := range ds.Warnings() {
			a.warn("%s", d.Error())
		}
		for _, g := range generated {
			objects = append(objects, generatedObject(g, f.cluster.Namespace))
		}
		return errors.Join(err, ds.Err())
	})
	return objects, err
}

// generatedObject is what was generated, in the namespace asked for.
func generatedObject(g translate.Generated, namespace string) cluster.Object {
	meta := g.Fields["metadata"].(map[string]any)
	if namespace != "" {
		delete(meta, "namespace")
	}
	own, _ := meta["namespace"].(string)
	return cluster.Object{Kind: g.Kind, Namespace: own, Name: g.Name, Fields: g.Fields}
}

func (a *app) applyFiles(ctx context.Context, f *applyFlags) ([]cluster.Object, error) {
	set := manifests.Load(ctx, f.files, manifests.LoadOptions{Stdin: a.in})
	if err := set.Diagnostics.Err(); err != nil {
		return nil, err
	}
	if len(set.Objects) == 0 && len(f.files) > 0 {
		return nil, errors.New("there is no Kubernetes object in what was given")
	}
	var objects []cluster.Object
	var errs []error
	for _, o := range set.Objects {
		data, err := o.Given()
		if err != nil {
			return nil, err
		}
		out := cluster.Object{Kind: o.Kind, Name: o.Name}
		if err := json.Unmarshal(data, &out.Fields); err != nil {
			return nil, fmt.Errorf("read %s: %w", o.Key(), err)
		}
		if meta, ok := out.Fields["metadata"].(map[string]any); ok {
			out.Namespace, _ = meta["namespace"].(string)
		}
		if want := f.cluster.Namespace; want != "" && out.Namespace != "" && out.Namespace != want {
			errs = append(errs, diagnosticAt(o, fmt.Sprintf("the %s names namespace %s, --ns %s: drop one of them", strings.ToLower(o.Kind), out.Namespace, want)))
		}
		objects = append(objects, out)
	}
	return objects, errors.Join(errs...)
}
