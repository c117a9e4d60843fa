package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/verify"
)

// maxDocument bounds an OpenAPI document that is no file.
const maxDocument = 64 << 20

// fetchTimeout is how long a document may take to come.
const fetchTimeout = 60 * time.Second

// readDocument finds the OpenAPI document: one that is built in, a file, a URL, or what
// standard input has.
func (v *verifying) readDocument(ctx context.Context) (*verify.Document, error) {
	name := v.document
	if name == "" {
		return nil, usageError("--document: want %s, a file, a URL, or - for standard input", strings.Join(app.VerifyDocuments(), ", "))
	}
	if d, known, err := app.VerifyDocument(name); known {
		return d, err
	}
	var data []byte
	var err error
	switch {
	case name == "-":
		name = "stdin"
		data, err = bounded(name, v.in)
	case isURL(name):
		data, err = fetch(ctx, name)
	default:
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("--document: %w", err)
	}
	short := filepath.Base(name)
	return verify.ReadDocument(ctx, strings.TrimSuffix(short, filepath.Ext(short)), name, data, verify.DocumentOptions{
		Strict: v.strictDocument, Allow: v.allowReferences, Fetch: fetchPart,
	})
}

func isURL(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

var errElsewhere = errors.New("it is redirected to another origin")

// fetchPart reads a URL that a document refers to. It does not follow redirects to other
// origins, from which parts of a document do not come.
func fetchPart(ctx context.Context, address string) ([]byte, error) {
	return fetchBy(ctx, address, &http.Client{CheckRedirect: func(next *http.Request, before []*http.Request) error {
		if !sameOrigin(next.URL, before[0].URL) {
			return errElsewhere
		}
		if len(before) > maxRedirects {
			return errors.New("it is redirected too often")
		}
		return nil
	}})
}

func fetch(ctx context.Context, address string) ([]byte, error) {
	return fetchBy(ctx, address, http.DefaultClient)
}

func fetchBy(ctx context.Context, address string, client *http.Client) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, response.Status)
	}
	return bounded(address, response.Body)
}

func bounded(name string, from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxDocument+1))
	if err == nil && len(data) > maxDocument {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxDocument)
	}
	return data, err
}

const maxRedirects = 5

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}
