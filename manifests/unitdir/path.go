package unitdir

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Who is asking for units.
type Who struct {
	User bool // a user's systemd, not the host's
	UID  int
	// Getenv looks the environment up, Home is the folder ~ stands for.
	Getenv func(string) string
	Home   string
}

// Path is where unit files are looked for, in order of precedence:
// podman-systemd.unit(5), and berth's own folder before podman's of the same
// rank. QUADLET_UNIT_DIRS replaces all of them.
func Path(w Who) []string {
	if dirs := w.Getenv("QUADLET_UNIT_DIRS"); dirs != "" {
		var all []string
		for _, dir := range strings.Split(dirs, ":") {
			if abs, err := filepath.Abs(dir); dir != "" && err == nil {
				all = append(all, abs)
			}
		}
		return all
	}
	if !w.User {
		return []string{"/run/containers/systemd", "/etc/berth/quadlet", "/etc/containers/systemd", "/usr/share/containers/systemd"}
	}
	var all []string
	if run := w.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		all = append(all, run+"/containers/systemd")
	}
	if config := w.config(); config != "" {
		all = append(all, config+"/berth/quadlet", config+"/containers/systemd")
	}
	for _, users := range []string{"/etc/containers/systemd/users", "/usr/share/containers/systemd/users"} {
		all = append(all, users+"/"+strconv.Itoa(w.UID), users)
	}
	return all
}

// Own says whether a folder of the search path is read by berth alone.
func Own(dir string) bool { return strings.HasSuffix(dir, "/berth/quadlet") }

// config is the user's folder of settings, "" if there is none.
func (w Who) config() string {
	config := w.Getenv("XDG_CONFIG_HOME")
	switch {
	case filepath.IsAbs(config):
		return config
	case filepath.IsAbs(w.Home):
		return w.Home + "/.config"
	}
	return ""
}

// ofOthers says whether a folder on the way is not for who walks there: those
// of users, for the host; those of one user, for all.
func ofOthers(parent, name string) bool {
	switch parent {
	case "/etc/containers/systemd", "/usr/share/containers/systemd":
		return name == "users"
	case "/etc/containers/systemd/users", "/usr/share/containers/systemd/users":
		_, err := strconv.Atoi(name)
		return err == nil
	}
	return false
}
