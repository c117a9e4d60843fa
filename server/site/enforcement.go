package site

// Enforcement says what becomes of a request that breaks a published or
// documented rule.
type Enforcement string

// The two ways to enforce. Both record every violation.
const (
	EnforceStrict Enforcement = "strict" // the request is refused
	EnforceReport Enforcement = "report" // the request is served if the real service would convert it
)

// ParseEnforcement reads an Enforcement by its name.
func ParseEnforcement(name string) (Enforcement, bool) {
	switch e := Enforcement(name); e {
	case EnforceStrict, EnforceReport:
		return e, true
	}
	return "", false
}
