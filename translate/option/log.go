package option

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	units "github.com/docker/go-units"

	"berth/engine/spec"
)

// ParseLog reads --log-driver and the values of --log-opt: path=, max-size=,
// tag= and label=NAME=value. Sizes are as podman's: 10mb is ten million bytes.
func ParseLog(driver string, list []string) (spec.Log, error) {
	log := spec.Log{Driver: driver}
	var errs []error
	known := []string{"k8s-file", "journald", "none", "passthrough"}
	switch {
	case driver == "json-file": // podman's other name for it
		log.Driver = "k8s-file"
	case driver != "" && !slices.Contains(known, driver):
		errs = append(errs, fmt.Errorf("--log-driver %q: unknown driver%s", driver, oneOf(driver, known)))
	}
	isFile := log.Driver == "" || log.Driver == "k8s-file"
	for _, s := range list {
		key, value, _ := strings.Cut(s, "=")
		var err error
		switch {
		case key == "path" && isFile:
			log.Path = value
			if !path.IsAbs(value) {
				err = errors.New("give an absolute path")
			}
		case key == "max-size" && isFile:
			log.MaxSize, err = parseSize(value)
		case key == "tag" && log.Driver == "journald":
			log.Tag = value
		case key == "label" && log.Driver == "journald":
			log.Labels = append(log.Labels, value)
			if !journalField().MatchString(value) {
				err = errors.New("write label=NAME=value, the name in capitals, digits and _, beginning with a letter")
			}
		case key == "path", key == "max-size":
			err = fmt.Errorf("only driver k8s-file has this option, not %s", log.Driver)
		case key == "tag", key == "label":
			err = errors.New("only driver journald has this option: add --log-driver journald")
		default:
			err = fmt.Errorf("unknown option%s", oneOf(key, []string{"path", "max-size", "tag", "label"}))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--log-opt %q: %w", s, err))
		}
	}
	return log, errors.Join(errs...)
}

// journalField is a field of the journal and its value. The journal drops names
// that are otherwise.
var journalField = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}=[^\n]*$`)
})

// parseSize reads a number of bytes; -1 is no limit.
func parseSize(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	n, err := units.FromHumanSize(s)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a size such as 10mb (-1: no limit)", s)
	}
	return n, nil
}
