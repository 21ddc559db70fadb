package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/internal/source"
	"berth/translate"
)

// generateFlags say what becomes of what is named.
type generateFlags struct {
	file, kind, namespace        string
	replicas                     int
	service, podmanOnly, noTrunc bool
	kindGiven, replicasGiven     bool
}

func (a *app) kubeGenerate() *cobra.Command {
	var f generateFlags
	kinds := generateKinds()
	cmd := &cobra.Command{
		Use:   "generate [flags] POD|CONTAINER|VOLUME [...]",
		Short: "Write Kubernetes YAML of what is on this host",
		Long: `Writes the Kubernetes YAML of pods, of containers and of volumes, which become PersistentVolumeClaims. A pod
that was played from YAML is given back as it was given: ConfigMaps, Secrets and claims by reference, replicas as
pods or, named by their Deployment or with --type deployment, as that. Of other pods all is said that Kubernetes
has a field for.

What Kubernetes has no field for is told on standard error. A container stands for its pod, of which the
containers that are not named are left out.`,
		Example: `  berth kube generate web > web.yaml
  berth kube generate -f web.yaml --service web data
  berth kube generate --type deployment --replicas 3 web`,
		Args: minArgs(1, "the name or ID of a pod, a container or a volume"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.kindGiven, f.replicasGiven = cmd.Flags().Changed("type"), cmd.Flags().Changed("replicas")
			return a.runGenerate(cmd, &f, args)
		},
		ValidArgsFunction: a.completing(joinNames(podNames, containerNames, volumeNames)),
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "filename", "f", "", "write to this new `file` instead of standard output")
	flags.VarP(newChoice(&f.kind, "pod", kinds), "type", "t", "make a "+orList(kinds)+" of each pod")
	complete(cmd, "type", kinds...)
	flags.IntVarP(&f.replicas, "replicas", "r", 1, "with --type deployment: how many pods are to be (default: as many as there are)")
	flags.BoolVarP(&f.service, "service", "s", false, "also write a Service for the ports of each pod")
	flags.BoolVar(&f.podmanOnly, "podman-only", false, "write podman's annotations for what Kubernetes has no field for")
	flags.BoolVar(&f.noTrunc, "no-trunc", false, "nothing: annotations are never shortened")
	_ = flags.MarkHidden("no-trunc")
	a.namespaceFlag(cmd, &f.namespace)
	return cmd
}

// generateKinds are the words of --type.
func generateKinds() []string {
	var words []string
	for _, kind := range translate.GenerateKinds() {
		words = append(words, strings.ToLower(kind))
	}
	return words
}

func (a *app) runGenerate(cmd *cobra.Command, f *generateFlags, names []string) error {
	switch {
	case f.replicasGiven && f.kindGiven && f.kind != "deployment", f.replicasGiven && !f.kindGiven:
		return errors.New("--replicas can only be set when --type is set to deployment")
	case f.replicas < 1:
		return fmt.Errorf("--replicas %d: want one or more", f.replicas)
	}
	if _, err := os.Lstat(f.file); f.file != "" && err == nil {
		return fmt.Errorf("cannot write to %q; file exists", f.file)
	}
	return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
		objects, ds, err := a.generated(ctx, e, f, names)
		for _, d := range ds.Warnings() {
			a.warn("%s", d.Error())
		}
		if err = errors.Join(err, ds.Err()); err != nil {
			return err
		}
		text, err := translate.YAML(objects)
		if err != nil {
			return err
		}
		return a.writeGenerated(f.file, append([]byte(a.generatedHeader()), text...))
	})
}

// generatedHeader is podman's, so that whoever finds the file knows what to do.
func (a *app) generatedHeader() string {
	return fmt.Sprintf(`# Save the output of this file and use kubectl create -f to import
# it into Kubernetes.
#
# Created with berth-%s
`, a.build.Version)
}

// writeGenerated writes to standard output or to a file that is not there yet.
func (a *app) writeGenerated(path string, text []byte) error {
	if path == "" {
		_, err := a.out.Write(text)
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot write to %q; file exists", path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// generated is the objects that stand for names, each once, or the errors about
// all that cannot be generated.
func (a *app) generated(ctx context.Context, e *engine.Engine, f *generateFlags, names []string) ([]translate.Generated, source.Diagnostics, error) {
	var all []translate.Generated
	var ds source.Diagnostics
	var errs []error
	add := func(objects []translate.Generated, more source.Diagnostics) {
		ds = append(ds, more...)
		for _, o := range objects {
			if !slices.ContainsFunc(all, func(other translate.Generated) bool { return other.Key == o.Key }) {
				all = append(all, o)
			}
		}
	}
	pods, claims, err := findSources(ctx, e, f.namespace, names)
	errs = append(errs, err)
	played := objectsOf(ctx, e, spec.OwnerPlay)
	for _, v := range claims {
		if object, ok := givenClaim(&played, v.Volume); ok {
			add([]translate.Generated{object}, nil)
			continue
		}
		object, more := translate.GenerateClaim(v)
		add([]translate.Generated{object}, more)
	}
	for _, p := range pods {
		options := translate.GenerateOptions{Service: f.service, PodmanOnly: f.podmanOnly, Containers: p.containers}
		for _, kind := range translate.GenerateKinds() {
			if strings.EqualFold(kind, f.kind) || p.deployment && !f.kindGiven && kind == "Deployment" {
				options.Kind = kind
			}
		}
		if options.Kind == "Deployment" {
			if options.Replicas = f.replicas; !f.replicasGiven {
				options.Replicas = p.siblings
			}
		}
		objects, more := translate.Generate(&p.pod, options)
		if options.Kind == p.pod.Origin.Kind && options.Kind != "Pod" && len(objects) > 0 && len(p.containers) == 0 {
			giveBack(ctx, e, &p.pod, objects[0], options.Replicas)
		}
		add(objects, more)
	}
	return all, ds, errors.Join(errs...)
}

// giveBack puts the object a pod was made from in place of what was made of it.
func giveBack(ctx context.Context, e *engine.Engine, pod *spec.Pod, made translate.Generated, replicas int) {
	fields, ok := givenController(ctx, e, pod)
	if !ok {
		return
	}
	if body, ok := fields["spec"].(map[string]any); ok && (replicas != 1 || body["replicas"] != nil) {
		body["replicas"] = int64(replicas)
	}
	maps.Copy(made.Fields, fields)
}

// generateSource is a pod that something is generated of.
type generateSource struct {
	pod        spec.Pod
	containers []string // those that were named; none: the pod was
	deployment bool     // it was named by its Deployment
	siblings   int      // pods of the object that made it, itself included
}

// findSources finds what names stand for: pods, containers, volumes,
// Deployments. Containers of one pod make one source.
func findSources(ctx context.Context, e *engine.Engine, namespace string, names []string) (pods []*generateSource, volumes []spec.NamedVolume, err error) {
	all, observing := e.Observe(ctx)
	if ctx.Err() != nil {
		return nil, nil, observing
	}
	var errs []error
	for _, name := range names {
		s, v, err := findSource(ctx, e, all, namespace, name)
		switch {
		case err != nil:
			errs = append(errs, err)
		case v != nil:
			volumes = append(volumes, *v)
		default:
			pods = addSource(pods, s)
		}
	}
	for _, s := range pods {
		for i := range all {
			if all[i].Pod.Namespace == s.pod.Namespace && all[i].Pod.Origin.Kind == s.pod.Origin.Kind && all[i].Pod.Origin.Name == s.pod.Origin.Name {
				s.siblings++
			}
		}
	}
	return pods, volumes, errors.Join(errs...)
}

// addSource adds a source, or its containers to those of the same pod.
func addSource(list []*generateSource, s *generateSource) []*generateSource {
	i := slices.IndexFunc(list, func(o *generateSource) bool { return o.pod.ID == s.pod.ID })
	switch {
	case i < 0:
		return append(list, s)
	case s.containers == nil || list[i].containers == nil:
		list[i].containers = nil
	default:
		list[i].containers = append(list[i].containers, s.containers...)
	}
	return list
}

func findSource(ctx context.Context, e *engine.Engine, all []spec.PodStatus, namespace, name string) (*generateSource, *spec.NamedVolume, error) {
	p, err := e.FindPod(ctx, namespace, name)
	if err == nil {
		return &generateSource{pod: p.Pod}, nil, nil
	}
	if !errors.Is(err, spec.ErrNotFound) {
		return nil, nil, err
	}
	p, c, err := e.FindContainer(ctx, namespace, name)
	if err == nil {
		s := &generateSource{pod: p.Pod}
		if c.ID != p.Infra.ID {
			s.containers = []string{c.Name}
		}
		return s, nil, nil
	}
	if !errors.Is(err, spec.ErrNotFound) {
		return nil, nil, err
	}
	v, err := e.Volumes().Inspect(ctx, name)
	if err == nil {
		return nil, &spec.NamedVolume{Volume: v.Name, Labels: v.Labels, Options: v.Options}, nil
	}
	if !errors.Is(err, spec.ErrNotFound) {
		return nil, nil, err
	}
	if s := findDeployment(all, namespace, name); s != nil {
		return s, nil, nil
	}
	return nil, nil, fmt.Errorf("no pod, container, volume or Deployment is called %q: %w", name, spec.ErrNotFound)
}

// findDeployment finds a pod of a Deployment by the Deployment's name, which may
// have "deployment/" before it.
func findDeployment(all []spec.PodStatus, namespace, name string) *generateSource {
	name = strings.TrimPrefix(name, "deployment/")
	for i := range all {
		o := all[i].Pod.Origin
		if o.Kind == "Deployment" && o.Name == name && (namespace == "" || o.Namespace == namespace) {
			return &generateSource{pod: all[i].Pod, deployment: true}
		}
	}
	return nil
}
