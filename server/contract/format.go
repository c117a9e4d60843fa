package contract

import (
	"errors"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

func itoa(i int) string { return strconv.Itoa(i) }

// isUUID accepts RFC 9562's text form, any version and variant, as Ajv's "uuid" and
// pydantic's UUID accept it in their canonical form.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}

// stringFormats are the formats enforced for strings. They are handed to every
// visit, never registered globally.
var stringFormats = map[string]openapi3.StringFormatValidator{
	"uuid": openapi3.NewCallbackValidator(func(s string) error {
		if !isUUID(s) {
			return errors.New("not a UUID")
		}
		return nil
	}),
	"date-time": openapi3.NewCallbackValidator(func(s string) error {
		_, err := time.Parse(time.RFC3339Nano, s)
		return err
	}),
	"date": openapi3.NewCallbackValidator(func(s string) error {
		_, err := time.Parse(time.DateOnly, s)
		return err
	}),
	"email": openapi3.NewCallbackValidator(func(s string) error {
		a, err := mail.ParseAddress(s)
		if err == nil && a.Address != s {
			return errors.New("not a bare address")
		}
		return err
	}),
	"uri": openapi3.NewCallbackValidator(func(s string) error {
		u, err := url.Parse(s)
		if err == nil && (u.Scheme == "" || (u.Host == "" && u.Opaque == "" && u.Path == "")) {
			return errors.New("not an absolute URI")
		}
		if err == nil && len(u.Port()) > 0 {
			if _, err = strconv.ParseUint(u.Port(), 10, 16); err != nil {
				return errors.New("not a port")
			}
		}
		return err
	}),
	"password": openapi3.NewCallbackValidator(func(string) error { return nil }),
}

// numericFormats are enforced by kin-openapi itself for integers and numbers.
var numericFormats = map[string]bool{"int32": true, "int64": true, "float": true, "double": true}

func knownFormat(s *Schema) bool {
	if _, ok := stringFormats[s.Format]; ok {
		return true
	}
	return numericFormats[s.Format] || s.Format == "binary"
}

func compilePattern(expr string) (openapi3.RegexMatcher, error) { return regexp.Compile(expr) }
