package volume

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// What keeps a volume's data, in podman's words.
const (
	DriverLocal = "local" // a folder, or what mount(8) mounts on it
	DriverImage = "image" // a writable layer on top of an image
)

// Drivers are all drivers.
func Drivers() []string { return []string{DriverLocal, DriverImage} }

// checkOptions refuses what is not known or could not be kept.
func checkOptions(driver string, options map[string]string) error {
	known := []string{"device", "type", "o", "uid", "gid", "copy", "nocopy"}
	if driver == DriverImage {
		known = []string{"image"}
	}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(known, key) {
			return fmt.Errorf("option %q is not known: the driver %s has %s", key, driver, strings.Join(known, ", "))
		}
	}
	if driver == DriverImage {
		if options["image"] == "" {
			return errors.New("the driver image needs the option image=NAME")
		}
		return nil
	}
	if mounts(options) {
		if owned(options) && binds(options) {
			return errors.New("uid and gid of a folder of the host are the host's: use chown, or leave the options out")
		}
	} else if err := checkWords(options["o"]); err != nil {
		return err
	}
	for _, key := range []string{"uid", "gid"} {
		if _, err := ownerID(options, key); err != nil {
			return err
		}
	}
	return nil
}

// checkWords refuses options of a mount where nothing is mounted: they would
// mean nothing.
func checkWords(o string) error {
	for word := range strings.SplitSeq(o, ",") {
		switch key, _, _ := strings.Cut(word, "="); key {
		case "", "uid", "gid", "noquota", "copy", "nocopy":
		case "size", "inodes":
			return fmt.Errorf("option o=%s: a folder has no limit of its own; a tmpfs (type=tmpfs, device=tmpfs) or a device has", word)
		default:
			return fmt.Errorf("option o=%s is of a mount, and nothing is mounted: give device or type, too", word)
		}
	}
	return nil
}

// mounts reports whether mount(8) is needed for the data to be there.
func mounts(options map[string]string) bool { return options["device"] != "" || options["type"] != "" }

// binds reports whether the volume is a folder of the host.
func binds(options map[string]string) bool {
	words := strings.Split(options["o"], ",")
	return options["type"] == "bind" || options["type"] == "none" || slices.Contains(words, "bind") || slices.Contains(words, "rbind")
}

// owned reports whether an owner is said.
func owned(options map[string]string) bool {
	return options["uid"] != "" || options["gid"] != "" || wordOf(options["o"], "uid") != "" || wordOf(options["o"], "gid") != ""
}

// wordOf is the value of a word among those of a mount.
func wordOf(o, key string) string {
	for word := range strings.SplitSeq(o, ",") {
		if value, ok := strings.CutPrefix(word, key+"="); ok {
			return value
		}
	}
	return ""
}

// ownerID is the uid or gid a volume is said to have, 0 if none: an option of its
// own, or a word in o.
func ownerID(options map[string]string, key string) (int, error) {
	text := cmp.Or(options[key], wordOf(options["o"], key))
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("option %s=%q: want a number", key, text)
	}
	return int(id), nil
}

// mountWords are the words for mount(8). An owner is passed on: what has one
// file system of its own knows what to do with it, or refuses.
func mountWords(options map[string]string) string {
	var words []string
	for word := range strings.SplitSeq(options["o"], ",") {
		switch word {
		case "", "noquota", "copy", "nocopy": // podman's, not mount's
		default:
			words = append(words, word)
		}
	}
	for _, key := range []string{"uid", "gid"} {
		if id := options[key]; id != "" {
			words = append(words, key+"="+id)
		}
	}
	if t := options["type"]; (t == "bind" || t == "none") && !slices.Contains(words, "bind") && !slices.Contains(words, "rbind") {
		words = append([]string{"bind"}, words...)
	}
	return strings.Join(words, ",")
}
