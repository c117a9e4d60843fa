package contract

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"slices"
	"strings"
)

// maxDecoded bounds a body that came compressed.
const maxDecoded = 64 << 20

// errCoding says that a body is not in the coding that its header names.
var errCoding = errors.New("not in the coding of Content-Encoding")

// decoded takes the codings off a body (RFC 9110, section 8.4). judged is false if it
// is in one that is not read here, or is larger than what is judged.
func decoded(encodings []string, body []byte) (plain []byte, judged bool, err error) {
	var codings []string
	for _, value := range encodings {
		for coding := range strings.SplitSeq(value, ",") {
			if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" && coding != "identity" {
				codings = append(codings, coding)
			}
		}
	}
	for _, coding := range slices.Backward(codings) {
		reader, err := decoder(coding, body)
		if err != nil {
			return nil, false, errCoding
		}
		if reader == nil {
			return nil, false, nil
		}
		switch body, err = io.ReadAll(io.LimitReader(reader, maxDecoded+1)); {
		case err != nil:
			return nil, false, errCoding
		case len(body) > maxDecoded:
			return nil, false, nil
		}
	}
	return body, true, nil
}

func decoder(coding string, body []byte) (io.Reader, error) {
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewReader(bytes.NewReader(body))
	case "deflate": // some servers leave the wrapping out
		if r, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			return r, nil
		}
		return flate.NewReader(bytes.NewReader(body)), nil
	}
	return nil, nil //nolint:nilnil // no reader, and nothing is wrong
}
