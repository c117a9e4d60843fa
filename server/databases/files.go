package databases

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/file"
	"github.com/understudy-api/understudy/server/datadiff/sqlite"
	"github.com/understudy-api/understudy/server/datafold"
)

// Bounds of a file that is one side of a diff.
const (
	maxFileBytes = 1 << 30
	fileTimeout  = 5 * time.Minute
)

// ParseFiles reads pairs ADDRESS=FOLDER, separated by commas.
func ParseFiles(text string) (folders map[string]string, bad string) {
	folders = map[string]string{}
	if text == "" {
		return folders, ""
	}
	for pair := range strings.SplitSeq(text, ",") {
		address, folder, found := strings.Cut(pair, "=")
		u, err := url.Parse(address)
		if !found || err != nil || u.Scheme == "" || folder == "" {
			return nil, pair
		}
		folders[strings.TrimSuffix(address, "/")+"/"] = folder
	}
	return folders, ""
}

// OpenFile reads a file: from the folder that stands for the beginning of its address,
// else over HTTP from a host that is allowed.
func (o *Opener) OpenFile(ctx context.Context, f datafold.File) (_ datafold.OpenSource, path []string, err error) {
	options := file.Options{SkipHeadRows: max(0, f.Head), SkipTailRows: max(0, f.Tail), MaxBytes: maxFileBytes, SQLite: sqlite.Options{Timeout: o.reach.Timeout}}
	if f.Delimiter != "" {
		r, size := utf8.DecodeRuneInString(f.Delimiter)
		if size != len(f.Delimiter) {
			return nil, nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "a delimiter is one character"}
		}
		options.Delimiter = r
	}
	read := readerOf(f.Type)
	if read == nil {
		return nil, nil, &datadiff.Error{Kind: datadiff.Unsupported, Value: "files of type " + f.Type + " cannot be read here"}
	}
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	content, err := o.content(ctx, f.URI)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = content.Close() }() // it was read
	table, err := read(ctx, content, f, options)
	if err != nil {
		return nil, nil, err
	}
	return table, file.Table, nil
}

// FileReader reads a file of a type that it is registered for.
type FileReader func(ctx context.Context, r io.Reader, f datafold.File, o file.Options) (*file.Source, error)

func readCSV(ctx context.Context, r io.Reader, _ datafold.File, o file.Options) (*file.Source, error) {
	return file.CSV(ctx, r, o)
}

// RegisterFile has files of a type read. It is called from init functions.
func RegisterFile(fileType string, read FileReader) {
	drivers.mutex.Lock()
	defer drivers.mutex.Unlock()
	if drivers.files == nil {
		drivers.files = map[string]FileReader{}
	}
	drivers.files[fileType] = read
}

func readerOf(fileType string) FileReader {
	if fileType == "csv" {
		return readCSV
	}
	drivers.mutex.RLock()
	defer drivers.mutex.RUnlock()
	return drivers.files[fileType]
}

// content opens what an address names.
func (o *Opener) content(ctx context.Context, address string) (io.ReadCloser, error) {
	longest := ""
	for prefix := range o.files {
		if strings.HasPrefix(address, prefix) && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	if longest != "" {
		rest, err := url.PathUnescape(strings.TrimPrefix(address, longest))
		name := strings.TrimPrefix(path.Clean("/"+rest), "/")
		if err != nil || name == "" {
			return nil, &datadiff.Error{Kind: datadiff.NoSuchTable, Value: address}
		}
		// A root lets no link lead out of it.
		root, err := os.OpenRoot(o.files[longest])
		if err != nil {
			return nil, &datadiff.Error{Kind: datadiff.Unreachable, Value: "the folder for " + longest + " cannot be opened"}
		}
		defer func() { _ = root.Close() }() // the file outlives it
		f, err := root.Open(name)
		if err != nil {
			return nil, &datadiff.Error{Kind: datadiff.NoSuchTable, Value: address}
		}
		return f, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the address of the file is malformed"}
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, datafold.NotAllowed("no folder stands for %s://%s: name one with --files", u.Scheme, u.Host)
	}
	if err := o.reach.allowed.Check(ctx, u.Hostname()); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the address of the file is malformed"}
	}
	client := &http.Client{Transport: &http.Transport{DialContext: o.reach.allowed.Dial, ResponseHeaderTimeout: 30 * time.Second, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return nil, &datadiff.Error{Kind: datadiff.Unreachable, Value: "the file cannot be fetched", Err: err}
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close() // nothing in it is wanted
		kind := datadiff.Unreachable
		if answer.StatusCode == http.StatusNotFound {
			kind = datadiff.NoSuchTable
		}
		return nil, &datadiff.Error{Kind: kind, Value: fmt.Sprintf("%s (status %d)", address, answer.StatusCode)}
	}
	return answer.Body, nil
}
