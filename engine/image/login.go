package image

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"

	"berth/engine/spec"
)

// ErrNotLoggedIn says that there are no credentials for a registry.
var ErrNotLoggedIn = errors.New("not logged in")

// loginTo is what containers/image wants to know to keep credentials: their file may
// be one that is yet to be made.
func (s *Store) loginTo(o spec.PullOptions) (*types.SystemContext, error) {
	return s.systemWith(o, authFile(o))
}

// registryKey is what credentials are kept under: a registry, or a repository in
// one; host is the registry.
func registryKey(name string) (key, host string, err error) {
	key = strings.TrimRight(strings.TrimPrefix(strings.TrimPrefix(name, "https://"), "http://"), "/")
	host, path, repository := strings.Cut(key, "/")
	if host == "" || strings.ContainsAny(key, " \t@?#") {
		return "", "", fmt.Errorf("%q is no registry: write its name, such as quay.io or localhost:5000", name)
	}
	if repository && !strings.EqualFold(host, "localhost") && path != "" {
		if _, err := reference.ParseNamed(key); err != nil {
			return "", "", fmt.Errorf("%q is no registry: %w", name, err)
		}
	}
	return key, host, nil
}

// DefaultRegistry is the first of those that names without one are looked for in.
func (s *Store) DefaultRegistry() (string, error) {
	list, err := s.searchRegistries()
	if err != nil {
		return "", err
	}
	return list[0], nil
}

// Username is who is logged in at a registry; ErrNotLoggedIn if nobody is.
func (s *Store) Username(registry string, o spec.PullOptions) (string, error) {
	user, _, err := s.credentials(registry, o)
	return user, err
}

func (s *Store) credentials(registry string, o spec.PullOptions) (user, password string, err error) {
	key, _, err := registryKey(registry)
	if err != nil {
		return "", "", err
	}
	sys, err := s.loginTo(o)
	if err != nil {
		return "", "", err
	}
	have, err := config.GetCredentials(sys, key)
	if err != nil {
		return "", "", fmt.Errorf("read the credentials for %s: %w", key, err)
	}
	if have.Username == "" {
		return "", "", fmt.Errorf("%w at %s", ErrNotLoggedIn, key)
	}
	return have.Username, have.Password, nil
}

// Login asks a registry whether it takes a user and a password, and keeps them; it
// says where. With an empty user those are asked for again that it has.
func (s *Store) Login(ctx context.Context, registry, user, password string, o spec.PullOptions) (where string, err error) {
	key, host, err := registryKey(registry)
	if err != nil {
		return "", err
	}
	if user == "" {
		if user, password, err = s.credentials(registry, o); err != nil {
			return "", err
		}
	}
	sys, err := s.loginTo(o)
	if err != nil {
		return "", err
	}
	err = docker.CheckAuth(ctx, sys, user, password, host)
	var refused docker.ErrUnauthorizedForCredentials
	if errors.As(err, &refused) {
		return "", fmt.Errorf("log in at %s: it does not take this user and password", key)
	}
	if err != nil {
		return "", fmt.Errorf("log in at %s: %w", key, err)
	}
	if where, err = config.SetCredentials(sys, key, user, password); err != nil {
		return "", fmt.Errorf("keep the credentials for %s: %w", key, err)
	}
	return where, nil
}

// Logout forgets the credentials for a registry; ErrNotLoggedIn if there are none.
func (s *Store) Logout(registry string, o spec.PullOptions) error {
	key, _, err := registryKey(registry)
	if err != nil {
		return err
	}
	sys, err := s.loginTo(o)
	if err != nil {
		return err
	}
	err = config.RemoveAuthentication(sys, key)
	if errors.Is(err, config.ErrNotLoggedIn) {
		return fmt.Errorf("%w at %s", ErrNotLoggedIn, key)
	}
	if err != nil {
		return fmt.Errorf("forget the credentials for %s: %w", key, err)
	}
	return nil
}

// LogoutAll forgets the credentials for all registries.
func (s *Store) LogoutAll(o spec.PullOptions) error {
	sys, err := s.loginTo(o)
	if err != nil {
		return err
	}
	if err := config.RemoveAllAuthentication(sys); err != nil {
		return fmt.Errorf("forget all credentials: %w", err)
	}
	return nil
}
