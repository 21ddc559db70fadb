package image

import (
	"errors"
	"fmt"
	"strings"

	encconfig "github.com/containers/ocicrypt/config"
	"github.com/containers/ocicrypt/helpers"
)

// decryption reads the keys that open encrypted images, each key[:passphrase] or
// provider:name; nil without any. No error tells a passphrase.
func decryption(keys []string) (*encconfig.DecryptConfig, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	given := make([]string, len(keys))
	for i, key := range keys {
		file, passphrase, _ := strings.Cut(key, ":")
		switch {
		case file == "":
			return nil, errors.New("decryption key: no file: want key[:passphrase]")
		case file == "provider":
		case strings.Contains(passphrase, ":"): // ocicrypt would go on without the passphrase
			return nil, fmt.Errorf("decryption key %s: a passphrase with a colon cannot be given so: write it to a file and give %s:file=PATH", file, file)
		case strings.HasPrefix(passphrase, "fd="): // ocicrypt would close what may be another's by then
			key = file + ":file=/dev/fd/" + strings.TrimPrefix(passphrase, "fd=")
		}
		given[i] = key
	}
	config, err := helpers.CreateDecryptCryptoConfig(given, nil)
	if err != nil {
		return nil, fmt.Errorf("decryption key: %w", err)
	}
	if config.DecryptConfig == nil || len(config.DecryptConfig.Parameters) == 0 {
		return nil, errors.New("decryption key: there is no private key in what was given")
	}
	return config.DecryptConfig, nil
}
