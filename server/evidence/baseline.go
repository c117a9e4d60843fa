package evidence

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// BaselineSchemaURI names the form of a Baseline.
const BaselineSchemaURI = "urn:understudy:baseline:2"

// Baseline names the violations that a team knows of and has not mended yet: they
// do not break the verdict. It is a file kept beside the client.
type Baseline struct {
	Schema     string           `json:"$schema"` // BaselineSchemaURI
	Violations []KnownViolation `json:"violations"`
}

// KnownViolation is a violation of a baseline. The fingerprint names it, the rest
// is for readers. Secrets are redacted, as everywhere.
type KnownViolation struct {
	Fingerprint string `json:"fingerprint"`
	Operation   string `json:"operation"` // "api:operationId"
	Method      string `json:"method,omitempty"`
	Path        string `json:"path,omitempty"`
	Near        string `json:"near,omitempty"` // the declared path that one of no operation is nearest to
	Rule        string `json:"rule"`
	Cause       string `json:"cause,omitempty"`
	Name        string `json:"name,omitempty"`
	Pointer     string `json:"pointer,omitempty"`
	Message     string `json:"message"`
}

// NewBaseline names all violations of a report, in an order that is the same for
// the same violations.
func NewBaseline(r *Report) *Baseline {
	b := &Baseline{Schema: BaselineSchemaURI, Violations: []KnownViolation{}}
	for i := range r.Violations {
		v := &r.Violations[i]
		b.Violations = append(b.Violations, KnownViolation{
			Fingerprint: v.Fingerprint, Operation: v.API + ":" + v.Operation, Method: v.Method, Path: v.Path, Rule: v.Rule, Cause: v.Cause,
			Name: v.Name, Pointer: v.Pointer, Message: v.Message,
		})
		if v.Operation == "" {
			b.Violations[len(b.Violations)-1].Near = v.Near()
		}
	}
	b.sort()
	return b
}

// Keep adds what another baseline names and this one does not, if its operation was not
// called in the run of the report: nobody knows whether it is mended.
func (b *Baseline) Keep(other *Baseline, r *Report) {
	named := map[string]bool{}
	for _, v := range b.Violations {
		named[v.Fingerprint] = true
	}
	called := calledIn(r)
	for _, v := range other.Violations {
		if !named[v.Fingerprint] && !called(&v) {
			b.Violations = append(b.Violations, v)
		}
	}
	b.sort()
}

// calledIn tells of a known violation whether its operation was called.
func calledIn(r *Report) func(*KnownViolation) bool {
	operations, paths := map[string]bool{}, map[string]bool{}
	for i := range r.Operations {
		if op := &r.Operations[i]; op.Requests > 0 {
			operations[op.API+":"+op.ID] = true
			paths[op.API+":"+op.Path] = true
		}
	}
	return func(v *KnownViolation) bool {
		return operations[v.Operation] || v.Near != "" && paths[v.Operation+v.Near]
	}
}

// sort puts the same violations into the same order, always.
func (b *Baseline) sort() {
	slices.SortFunc(b.Violations, func(x, y KnownViolation) int {
		return cmp.Or(cmp.Compare(x.Operation, y.Operation), cmp.Compare(x.Path, y.Path), cmp.Compare(x.Method, y.Method), cmp.Compare(x.Pointer, y.Pointer),
			cmp.Compare(x.Name, y.Name), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
}

// ReadBaseline reads what Write wrote.
func ReadBaseline(r io.Reader) (*Baseline, error) {
	var b Baseline
	if err := json.NewDecoder(r).Decode(&b); err != nil {
		return nil, fmt.Errorf("not a baseline: %w", err)
	}
	if b.Schema == "urn:understudy:baseline:1" {
		return nil, errors.New("a baseline of an earlier version, which hid more than it names: write it anew with --write-baseline")
	}
	if b.Schema != BaselineSchemaURI {
		return nil, fmt.Errorf("not a baseline: $schema is %q, want %q", b.Schema, BaselineSchemaURI)
	}
	for i, v := range b.Violations {
		if v.Fingerprint == "" {
			return nil, fmt.Errorf("not a baseline: violation %d has no fingerprint", i)
		}
	}
	return &b, nil
}

// Write writes the baseline as JSON, one line per member, so that a change of it
// can be reviewed.
func (b *Baseline) Write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(b); err != nil {
		return fmt.Errorf("write the baseline: %w", err)
	}
	return nil
}

// Filter keeps what the globs name, as Report.Filter does.
func (b *Baseline) Filter(globs []string) error {
	if len(globs) == 0 {
		return nil
	}
	match, err := operationMatcher(globs)
	if err != nil {
		return err
	}
	b.Violations = slices.DeleteFunc(b.Violations, func(v KnownViolation) bool {
		api, operation, _ := strings.Cut(v.Operation, ":")
		return !match(api, operation) && operation != "" // what has no operation is not met, and not told
	})
	return nil
}

// Apply marks the violations of a report that the baseline names as known, and
// gives those of the baseline that the report does not have though their operation was
// called.
func (b *Baseline) Apply(r *Report) (fixed []KnownViolation) {
	met := map[string]bool{}
	for i := range r.Violations {
		met[r.Violations[i].Fingerprint] = true
	}
	known, called := map[string]bool{}, calledIn(r)
	for _, v := range b.Violations {
		known[v.Fingerprint] = true
		if !met[v.Fingerprint] && called(&v) {
			fixed = append(fixed, v)
		}
	}
	for i := range r.Violations {
		r.Violations[i].Known = r.Violations[i].Known || known[r.Violations[i].Fingerprint]
	}
	return fixed
}

// ReadReport reads the JSON of a report.
func ReadReport(r io.Reader) (*Report, error) {
	var report Report
	if err := json.NewDecoder(r).Decode(&report); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	if report.Schema != SchemaURI {
		return nil, fmt.Errorf("not a report: $schema is %q, want %q", report.Schema, SchemaURI)
	}
	if report.Operations == nil {
		return nil, errors.New("not a report: it has no operations")
	}
	return &report, nil
}
