package image

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containers/ocicrypt/helpers"
	"go.podman.io/image/v5/copy"
	ocilayout "go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/transports"
	"go.podman.io/image/v5/types"

	"berth/engine/spec"
)

const passphrase = "open sesame"

// keyPair writes a private key, the same one locked by passphrase, and their public one.
func keyPair(t *testing.T) (private, locked, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, block *pem.Block) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	raw := x509.MarshalPKCS1PrivateKey(key)
	//lint:ignore SA1019 it is the kind of locked key that ocicrypt reads
	lock, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", raw, []byte(passphrase), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return write("key", &pem.Block{Type: "RSA PRIVATE KEY", Bytes: raw}), write("locked", lock), write("public", &pem.Block{Type: "PUBLIC KEY", Bytes: pub})
}

// encrypted makes an image whose layers only the holder of a key can read.
func encrypted(t *testing.T, image recipe, public string) types.ImageReference {
	t.Helper()
	plain, dir := t.TempDir(), t.TempDir()
	layout(t, plain, image)
	src, err := ocilayout.NewReference(plain, "")
	if err != nil {
		t.Fatal(err)
	}
	dest, err := ocilayout.NewReference(dir, image.name)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := helpers.CreateCryptoConfig([]string{"jwe:" + public}, nil)
	if err != nil {
		t.Fatal(err)
	}
	copyImage(t, dest, src, copy.Options{OciEncryptConfig: lock.EncryptConfig, OciEncryptLayers: &[]int{}})
	return dest
}

func TestEncryptedImage(t *testing.T) {
	private, locked, public := keyPair(t)
	other, _, _ := keyPair(t)
	ref := transports.ImageName(encrypted(t, simple("sealed:1"), public))
	file := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(file, []byte(passphrase), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	byFD := locked + ":fd=" + fmt.Sprint(opened.Fd())

	for _, keys := range [][]string{
		{private}, {other, private}, {locked + ":" + passphrase}, {locked + ":pass=" + passphrase}, {locked + ":file=" + file},
		{byFD}, {byFD}, // it stays open
	} {
		s := testStore(t)
		img, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: ref, Pull: spec.PullOptions{DecryptionKeys: keys}})
		if err != nil {
			t.Errorf("%q: %v", keys, err)
			continue
		}
		if got := filesOf(t, s, img.ID)["hello"]; got != "hello from sealed:1" {
			t.Errorf("%q: the image holds %q", keys, got)
		}
	}

	for _, c := range []struct {
		keys []string
		want string
	}{
		{nil, "missing private key"},
		{[]string{other}, "no suitable key"},
		{[]string{locked}, "decryption key"},
		{[]string{locked + ":wrong-" + passphrase}, "decryption key"},
		{[]string{locked + ":pass=" + passphrase + ":more"}, ":file=PATH"},
		{[]string{private + ".not"}, "key.not"},
		{[]string{":" + passphrase}, "want key[:passphrase]"},
		{[]string{file}, "there is no private key"},
		{[]string{locked + ":fd=9999"}, "/dev/fd/9999"},
	} {
		s := testStore(t)
		_, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: ref, Pull: spec.PullOptions{DecryptionKeys: c.keys}})
		if !errors.Is(err, spec.ErrPull) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), passphrase) {
			t.Errorf("%q: error %v, want one with %q and no passphrase", c.keys, err, c.want)
		}
		nothingLeft(t, s)
	}
}

func TestEncryptedImageOfARegistry(t *testing.T) {
	private, _, public := keyPair(t)
	r := startRegistry(t)
	r.pushFrom(t, "sealed:1", encrypted(t, simple("sealed:1"), public))
	s := testStore(t)
	o := pullInsecure()
	o.DecryptionKeys = []string{private}
	for _, policy := range []spec.PullPolicy{spec.PullMissing, spec.PullAlways, spec.PullNewer} {
		img, err := s.Ensure(t.Context(), spec.ImageRequest{Ref: r.addr + "/sealed:1", Policy: policy, Pull: o})
		if err != nil {
			t.Fatalf("%s: %v", policy, err)
		}
		if got := filesOf(t, s, img.ID)["hello"]; got != "hello from sealed:1" {
			t.Errorf("%s: the image holds %q", policy, got)
		}
	}
}
