package command

import (
	"cmp"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/understudy-api/understudy/server/app"
)

// place is where a server is that a command asks.
type place struct {
	url     string
	urlFile string
}

func (p *place) declare(fs *flag.FlagSet) {
	fs.StringVar(&p.url, "url", "http://127.0.0.1:8080", "`BASE` URL of the server")
	fs.StringVar(&p.urlFile, "url-file", "", "`PATH` of the file that \"serve --url-file\" wrote: the server's URL is in it, and its administrator's secret beside it")
}

func (p *place) validate() error {
	if p.urlFile != "" {
		text, err := os.ReadFile(p.urlFile)
		if err != nil {
			return usageError("--url-file: %v", err)
		}
		p.url = strings.TrimSpace(string(text))
	}
	base, err := url.Parse(p.url)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil {
		// Not shown: it may hold a password.
		return usageError("--url: want a URL as http://HOST:PORT, without a user")
	}
	p.url = strings.TrimSuffix(p.url, "/")
	return nil
}

// admin is the administrator's secret: the one that was given, or the one that the server
// made at its start and wrote for its own user.
func (p *place) admin(given, other string) (string, error) {
	if given != "" {
		return given, nil
	}
	name := app.AdminFile(p.urlFile, p.url)
	made, err := app.ReadSecret(name)
	if token := cmp.Or(made, other); token != "" {
		return token, nil
	}
	return "", fmt.Errorf("--admin-token: want the administrator's secret of the server; the one it made at its start is not to be had: %w", err)
}
