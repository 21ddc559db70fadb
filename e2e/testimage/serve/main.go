// Command serve is a server of scripts' own, for what is fetched from URLs and
// registries:
//
//	serve [-cert FILE -key FILE] [-to URL] [-stall BYTES] ADDRESS FOLDER
//
// serves the files of FOLDER by http or, with a certificate, https. The path
// /redirect/URL redirects to that URL, /endless never stops. With -to it hands
// what is no file on to another server. With -stall a body longer than that stops
// there, until the client has gone; "stalled PATH" and "gone PATH" are printed.
//
//	serve -new FILE FILE
//
// makes a certificate for 127.0.0.1, and its key.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run() error {
	cert := flag.String("cert", "", "")
	key := flag.String("key", "", "")
	to := flag.String("to", "", "")
	stall := flag.Int64("stall", 0, "")
	create := flag.Bool("new", false, "")
	flag.Parse()
	if flag.NArg() != 2 {
		return errors.New("usage: serve [FLAGS] ADDRESS FOLDER, or serve -new CERTIFICATE KEY")
	}
	if *create {
		return newCertificate(flag.Arg(0), flag.Arg(1))
	}
	handler, err := newHandler(flag.Arg(1), *to)
	if err != nil {
		return err
	}
	if *stall > 0 {
		handler = stalling(handler, *stall)
	}
	if *cert != "" {
		return http.ListenAndServeTLS(flag.Arg(0), *cert, *key, handler)
	}
	return http.ListenAndServe(flag.Arg(0), handler)
}

func newHandler(folder, to string) (http.Handler, error) {
	files := http.FileServer(http.Dir(folder))
	next := http.Handler(files)
	if to != "" {
		target, err := url.Parse(to)
		if err != nil {
			return nil, err
		}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
		next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if info, err := os.Stat(filepath.Join(folder, filepath.Clean(r.URL.Path))); err == nil && info.Mode().IsRegular() {
				files.ServeHTTP(w, r)
				return
			}
			proxy.ServeHTTP(w, r)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if where, ok := strings.CutPrefix(r.URL.Path, "/redirect/"); ok {
			http.Redirect(w, r, where, http.StatusFound)
			return
		}
		if r.URL.Path == "/endless" {
			for { // ends with the connection
				if _, err := io.WriteString(w, "# and so on\n"); err != nil {
					return
				}
			}
		}
		next.ServeHTTP(w, r)
	}), nil
}

func stalling(next http.Handler, most int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&stalled{ResponseWriter: w, left: most, request: r}, r)
	})
}

// stalled lets through what is left, and the rest never.
type stalled struct {
	http.ResponseWriter
	left    int64
	request *http.Request
}

func (s *stalled) Write(b []byte) (int, error) {
	if int64(len(b)) <= s.left {
		s.left -= int64(len(b))
		return s.ResponseWriter.Write(b)
	}
	n, err := s.ResponseWriter.Write(b[:s.left])
	if err != nil {
		return n, err
	}
	if err := http.NewResponseController(s.ResponseWriter).Flush(); err != nil {
		return n, err
	}
	fmt.Println("stalled", s.request.URL.Path)
	<-s.request.Context().Done()
	fmt.Println("gone", s.request.URL.Path)
	return n, s.request.Context().Err()
}

// Unwrap gives the writer to http.ResponseController.
func (s *stalled) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func newCertificate(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a script's server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
