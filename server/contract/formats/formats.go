// Package formats is the one list of the formats that are enforced. Documents that
// are served ask for no other.
package formats

import (
	"errors"
	"maps"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// texts are the formats of strings that served documents ask for, as the frameworks of
// their services read them. A nil check asks nothing of the value: "password" marks a
// secret and "binary" bytes.
var texts = map[string]func(string) error{
	"uuid":      checkUUID,
	"date-time": func(s string) error { _, err := time.Parse(time.RFC3339Nano, s); return err },
	"date":      func(s string) error { _, err := time.Parse(time.DateOnly, s); return err },
	"time":      checkTime,
	"email":     checkEmail,
	"uri":       checkURI,
	"password":  nil,
	"binary":    nil,
}

// numbers are the formats of numbers, which validation itself holds.
var numbers = []string{"int32", "int64", "float", "double"}

// Judged reports whether a format is judged in a document of others, by the standard
// that OpenAPI or JSON Schema names for it.
func Judged(name string) bool {
	_, ok := standards[name]
	return ok || Numeric(name)
}

// Standards lists the formats of strings that are judged by their standards, sorted.
func Standards() []string { return slices.Sorted(maps.Keys(standards)) }

// CheckStandard is [Check] by the standard of the format.
func CheckStandard(name, text string) error {
	if check := standards[name]; check != nil && !check(text) {
		return errStandard
	}
	return nil
}

// annotations are the formats of which nothing follows for a text: how it is written on
// a page, in which encoding its bytes are.
var annotations = []string{"markdown", "commonmark", "html", "multiline", "textarea", "code"}

// Names lists the formats, sorted.
func Names() []string {
	return slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(texts)), numbers)))
}

// Known reports whether a format is enforced.
func Known(name string) bool {
	_, ok := texts[name]
	return ok || Numeric(name)
}

// Annotation reports whether a format tells how a value is meant and rules none out.
func Annotation(name string) bool { return slices.Contains(annotations, name) }

// Numeric reports whether a format is one of numbers.
func Numeric(name string) bool { return slices.Contains(numbers, name) }

// Texts lists the formats of strings, sorted.
func Texts() []string { return slices.Sorted(maps.Keys(texts)) }

// Check says what keeps a text from being of a format of strings. Other formats ask
// nothing of texts.
func Check(name, text string) error {
	if check := texts[name]; check != nil {
		return check(text)
	}
	return nil
}

var (
	errUUID  = errors.New("not a UUID")
	errTime  = errors.New("not a time of day")
	errEmail = errors.New("not a bare address")
	errURI   = errors.New("not an absolute URI")
	errPort  = errors.New("not a port")
)

// checkUUID accepts RFC 9562's text form, any version and variant, as Ajv's "uuid"
// and pydantic's UUID accept it in their canonical form.
func checkUUID(s string) error {
	if len(s) != 36 {
		return errUUID
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return errUUID
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return errUUID
			}
		}
	}
	return nil
}

// timeOfDay is what pydantic writes and reads: seconds, their fraction and the
// offset may be left out. RFC 3339 asks for seconds and offset; no document of ours
// has the format but the one that pydantic stands behind.
var timeOfDay = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?([zZ]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?$`)

func checkTime(s string) error {
	if !timeOfDay.MatchString(s) {
		return errTime
	}
	return nil
}

func checkEmail(s string) error {
	a, err := mail.ParseAddress(s)
	if err == nil && a.Address != s {
		return errEmail
	}
	return err
}

func checkURI(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return err
	}
	if u.Scheme == "" || (u.Host == "" && u.Opaque == "" && u.Path == "") {
		return errURI
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return errPort
		}
	}
	return nil
}
