package network

import "context"

// EnsureNameServer has aardvark-dns running again where it has ended although
// there are names to serve, and says whether it had to start it.
func (m *Manager) EnsureNameServer(ctx context.Context) (started bool, err error) {
	files, err := m.namesFiles()
	if err != nil || len(files) == 0 {
		return false, err
	}
	s, err := m.findServer()
	if err != nil {
		return false, err
	}
	if s != nil {
		s.close()
		return false, nil
	}
	err = m.editNames(ctx, func() (bool, error) {
		files, err := m.namesFiles()
		if err != nil || len(files) == 0 {
			return false, err
		}
		started, err = m.ensureServer(ctx)
		return false, err
	})
	return started, err
}
