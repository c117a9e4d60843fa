package command

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// locked is a document whose one operation asks for a certificate.
const locked = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /vault: {get: {operationId: vault, security: [{mutual: []}], responses: {'204': {description: d}, default: {description: d}}}}
components: {securitySchemes: {mutual: {type: mutualTLS}}}
`

// A server that asks for a certificate of an authority of its own is verified with one
// over HTTP/2, and does not answer without.
func TestVerifyCertificate(t *testing.T) {
	dir := t.TempDir()
	authority, signer, _ := certificate(t, "authority", nil, nil)
	_, key, der := certificate(t, "client", authority, signer)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	known := x509.NewCertPool()
	known.AddCert(authority)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.ProtoMajor != 2 || r.TLS.PeerCertificates[0].Subject.CommonName != "client":
			w.WriteHeader(http.StatusInternalServerError)
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", "GET")
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	for name, data := range map[string][]byte{
		"t.yaml": []byte(locked), "cert.pem": block("CERTIFICATE", der), "key.pem": block("PRIVATE KEY", secret), "ca.pem": block("CERTIFICATE", server.Certificate().Raw),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		flags []string
		code  int
		says  string
	}{
		{"with the certificate", []string{"--client-cert", "cert.pem", "--client-key", "key.pem", "--require-calls"}, 0, ""},
		{"without one", nil, 2, "is not answered"},
		{"no key", []string{"--client-cert", "cert.pem", "--client-key", "cert.pem"}, 2, "--client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := understudy(t, dir, append([]string{"verify", "--document", "t.yaml", "--url", server.URL, "--ca", "ca.pem", "--seed", "1", "--max-examples", "2"}, c.flags...)...)
			if code := p.does(t); code != c.code {
				t.Errorf("exit code %d, want %d:\n%s%s", code, c.code, p.stdout.String(), p.stderr.String())
			}
			wants(t, p.stderr.String(), c.says)
		})
	}
}

func block(kind string, data []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})
}

// certificate makes a certificate that another signs; itself if there is none.
func certificate(t *testing.T, name string, by *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(name))), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if by == nil {
		by, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key, der
}
