package option

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// image is where the container's root file system comes from.
type image struct {
	pull, retryDelay, authFile, certDir, creds, platform, os, arch, variant string
	imageVolume                                                             string
	retries                                                                 uint
	tlsVerify, quiet, rootfs, removeImage, contentTrust                     bool
	decryptionKeys                                                          []string
}

func (i *image) register(f *pflag.FlagSet) {
	f.StringVar(&i.pull, "pull", "missing", "`when` the image is fetched: always, missing, never, newer")
	f.UintVar(&i.retries, "retry", 3, "`number` of times to try again when fetching the image fails")
	f.StringVar(&i.retryDelay, "retry-delay", "", "`time` between these tries, such as 2s (default: longer each time)")
	f.BoolVarP(&i.quiet, "quiet", "q", false, "print no progress while the image is fetched")
	f.StringVar(&i.authFile, "authfile", "", "take credentials from this `file` (default: $REGISTRY_AUTH_FILE, then containers-auth.json(5))")
	f.StringVar(&i.creds, "creds", "", "`user:password` for the registry")
	f.StringVar(&i.certDir, "cert-dir", "", "`folder` of certificates and keys for the registry")
	f.BoolVar(&i.tlsVerify, "tls-verify", true, "require HTTPS and a valid certificate")
	f.StringVar(&i.platform, "platform", "", "fetch the image for this `os/arch[/variant]`")
	f.StringVar(&i.os, "os", "", "fetch the image for this operating `system`")
	f.StringVar(&i.arch, "arch", "", "fetch the image for this `architecture`")
	f.StringVar(&i.variant, "variant", "", "fetch the image for this `variant` of the architecture")
	f.BoolVar(&i.rootfs, "rootfs", false, "the first argument is a folder, the container's root; with :O what is written there is thrown away")
	f.StringVar(&i.imageVolume, "image-volume", "anonymous", "`what` the volumes that the image declares become: anonymous (volumes without a name), tmpfs, ignore")
	f.BoolVar(&i.removeImage, "rmi", false, "also remove the image once the container has ended, unless another one uses it")
	f.BoolVar(&i.contentTrust, "disable-content-trust", false, "nothing: it is there for Docker's sake")
	f.StringArrayVar(&i.decryptionKeys, "decryption-key", nil, "open an encrypted image with this `key[:passphrase]`, a file; pass its passphrase as file=PATH or fd=N to keep it to yourself")
	_ = f.MarkHidden("disable-content-trust")
}

func (i *image) apply(m *maker) {
	i.policy(m)
	i.fetch(m)
	m.made.Quiet, m.made.RemoveImage = i.quiet, i.removeImage
	if i.removeImage {
		if m.given("rm") && !m.hand.Remove {
			m.note(errors.New("--rmi removes the container, too, as its image is removed: drop --rm=false"))
		}
		m.hand.Remove = true // as podman's does
		if i.rootfs {
			m.note(errors.New("--rmi cannot be honoured with --rootfs: there is no image to remove"))
		}
	}
	switch i.imageVolume {
	case "anonymous", "bind", "": // bind is podman's former name
	case "tmpfs", "ignore":
		m.hand.ImageVolumes = spec.ImageVolumes(i.imageVolume)
	default:
		m.failf("image-volume", i.imageVolume, "not a way with volumes%s", oneOf(i.imageVolume, []string{"anonymous", "tmpfs", "ignore"}))
	}
	if i.rootfs {
		i.tree(m)
	}
}

func (i *image) policy(m *maker) {
	policies := map[string]spec.PullPolicy{
		"always": spec.PullAlways, "true": spec.PullAlways, "missing": spec.PullMissing, "ifnotpresent": spec.PullMissing, "false": spec.PullMissing,
		"never": spec.PullNever, "newer": spec.PullNewer, "ifnewer": spec.PullNewer,
	}
	policy, ok := policies[strings.ToLower(i.pull)]
	if !ok {
		m.failf("pull", i.pull, "unknown policy%s", oneOf(i.pull, []string{"always", "missing", "never", "newer"}))
	}
	m.c.PullPolicy = policy
}

func (i *image) fetch(m *maker) {
	p := &m.made.Pull
	p.Authfile, p.CertDir = m.file(i.authFile), m.file(i.certDir)
	p.Creds, p.Quiet = i.creds, i.quiet
	for _, key := range i.decryptionKeys {
		if file, passphrase, locked := strings.Cut(key, ":"); file != "provider" {
			if key = m.file(file); locked {
				key += ":" + passphrase
			}
		}
		p.DecryptionKeys = append(p.DecryptionKeys, key)
	}
	p.OS, p.Arch, p.Variant = i.os, i.arch, i.variant
	if m.given("tls-verify") {
		p.TLSVerify = &i.tlsVerify
	}
	if i.creds != "" && i.creds[0] == ':' {
		m.note(errors.New("--creds: write user:password"))
	}
	if m.given("platform") {
		parts := strings.Split(i.platform, "/")
		switch {
		case i.os+i.arch+i.variant != "":
			m.note(errors.New("--platform says what --os, --arch and --variant say: give one or the others"))
		case len(parts) > 3 || parts[0] == "":
			m.failf("platform", i.platform, "write os/arch[/variant], such as linux/arm64")
		default:
			parts = append(parts, "", "")
			p.OS, p.Arch, p.Variant = parts[0], parts[1], parts[2]
		}
	}
	p.Retries = &i.retries
	if i.retryDelay != "" {
		d, err := parseTime(i.retryDelay)
		m.noteFlag("retry-delay", i.retryDelay, err)
		p.RetryDelay = d
	}
}

// tree makes the first argument the root, path[:O][:idmap[=…]].
func (i *image) tree(m *maker) {
	path, rest, _ := strings.Cut(m.c.Image, ":")
	m.c.Image = ""
	m.hand.Rootfs = &spec.Rootfs{Path: m.host.Abs(path)}
	if rest == "" {
		return
	}
	for word := range strings.SplitSeq(strings.ReplaceAll(rest, ":", ","), ",") {
		name, _, _ := strings.Cut(word, "=")
		switch name {
		case "O":
			m.hand.Rootfs.Overlay = true
		case "idmap":
			ids, err := parseIDMapOption(word)
			m.noteFlag("rootfs", path+":"+rest, err)
			m.hand.Rootfs.IDMap = ids
		default:
			m.failf("rootfs", path+":"+rest, "unknown option %q%s", word, oneOf(word, []string{"O", "idmap"}))
		}
	}
}

// parseTime reads a duration; a number alone is of seconds.
func parseTime(s string) (time.Duration, error) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errors.New("not a time such as 10s or 1m30s")
	}
	return d, nil
}
