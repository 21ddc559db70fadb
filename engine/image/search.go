package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/pkg/sysregistriesv2"

	"berth/engine/spec"
)

// Found is an image that a registry has.
type Found struct {
	Registry    string
	Name        string // with the registry
	Description string
	Stars       int
	Official    bool
	Automated   bool
}

// hub is where names without a registry are looked for, on a host that has no
// registries.conf.
const hub = "docker.io"

// searchRegistries are those that names without a registry are looked for in.
func (s *Store) searchRegistries() ([]string, error) {
	sys, err := s.system(spec.PullOptions{})
	if err != nil {
		return nil, err
	}
	if noRegistriesConf(sys) {
		return []string{hub}, nil
	}
	list, err := sysregistriesv2.UnqualifiedSearchRegistries(sys)
	if err != nil {
		return nil, fmt.Errorf("read registries.conf: %w", err)
	}
	if len(list) == 0 {
		return nil, errors.New("registries.conf lists no unqualified-search-registries: write the registry's name, too")
	}
	return list, nil
}

// Search asks registries for images whose name or description has a term: the one
// that the term begins with, or else those of registries.conf, at the same time. Of
// each at most so many are listed. Those found come with the errors of others.
func (s *Store) Search(ctx context.Context, term string, most int, o spec.PullOptions) ([]Found, error) {
	term = strings.TrimPrefix(term, "docker://")
	registries := []string(nil)
	if host, rest, ok := strings.Cut(term, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		registries, term = []string{host}, rest
	} else {
		var err error
		if registries, err = s.searchRegistries(); err != nil {
			return nil, err
		}
	}
	sys, err := s.system(o)
	if err != nil {
		return nil, err
	}
	found, errs := make([][]Found, len(registries)), make([]error, len(registries))
	var group errgroup.Group
	group.SetLimit(8)
	for i, registry := range registries {
		group.Go(func() error {
			list, err := docker.SearchRegistry(ctx, sys, registry, term, most)
			if err != nil {
				errs[i] = fmt.Errorf("search %s: %w", registry, err)
			}
			for _, r := range list[:min(len(list), most)] {
				found[i] = append(found[i], asFound(registry, r))
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return slices.Concat(found...), errors.Join(errs...)
}

func asFound(registry string, r docker.SearchResult) Found {
	name := r.Name
	if registry == hub && !strings.Contains(name, "/") {
		name = "library/" + name
	}
	if !strings.HasPrefix(name, registry+"/") {
		name = registry + "/" + name
	}
	return Found{Registry: registry, Name: name, Description: r.Description, Stars: r.StarCount, Official: r.IsOfficial, Automated: r.IsAutomated}
}
