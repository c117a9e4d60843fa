package command

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"

	"github.com/understudy-api/understudy/server/verify"
)

// clienting is the flags of "verify" that say how the server is reached, and with which
// values.
type clienting struct {
	ca, cert, key, proxy string
	set                  texts
	dictionary           string
}

func (c *clienting) declare(fs *flag.FlagSet) {
	fs.StringVar(&c.ca, "ca", "", "`FILE` of the certificates in PEM that the server's is trusted by, beside the system's")
	fs.StringVar(&c.cert, "client-cert", "", "`FILE` of the certificate in PEM that is shown to the server")
	fs.StringVar(&c.key, "client-key", "", "`FILE` of the key in PEM of --client-cert")
	fs.StringVar(&c.proxy, "proxy", "", "`URL` of the proxy that requests go by; that of the environment if not given")
	fs.Var(&c.set, "set", "`NAME=VALUE` for parameters and members of bodies of that name, as customerId=42; may be repeated")
	fs.StringVar(&c.dictionary, "dictionary", "", "`FILE` of such names with a value or a list of values each, in YAML or JSON")
}

// apply puts what the flags say into the options of a run.
func (c *clienting) apply(o *verify.Options) error {
	var err error
	if o.Values, err = c.values(); err != nil {
		return err
	}
	if c.proxy != "" {
		if o.Proxy, err = url.Parse(c.proxy); err != nil || o.Proxy.Host == "" {
			return usageError("--proxy: want a URL as http://HOST:PORT") // not shown: it may hold a password
		}
	}
	if c.ca == "" && c.cert == "" && c.key == "" {
		return nil
	}
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.ca != "" {
		data, err := os.ReadFile(c.ca)
		if err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(data) {
			return usageError("--ca %s: holds no certificate in PEM", c.ca)
		}
		o.TLS.RootCAs = pool
	}
	if (c.cert == "") != (c.key == "") {
		return usageError("--client-cert and --client-key: want both")
	}
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return fmt.Errorf("--client-cert: %w", err)
		}
		o.TLS.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// values reads --set and --dictionary.
func (c *clienting) values() (map[string][]string, error) {
	values := map[string][]string{}
	if c.dictionary != "" {
		file, err := os.Open(c.dictionary)
		if err != nil {
			return nil, fmt.Errorf("--dictionary: %w", err)
		}
		defer file.Close()
		if values, err = verify.ReadDictionary(file); err != nil {
			return nil, usageError("--dictionary %s: %v", c.dictionary, err)
		}
	}
	given := map[string][]string{}
	for _, pair := range c.set {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, usageError("--set: want NAME=VALUE")
		}
		given[name] = append(given[name], value)
	}
	maps.Copy(values, given) // the command line says more than the file
	return values, nil
}
