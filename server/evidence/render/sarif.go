package render

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
)

// The part of SARIF 2.1.0 that is written. Names are the standard's.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
		Properties  sarifRunFacts     `json:"properties"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string             `json:"id"`
		ShortDescription sarifMessage       `json:"shortDescription"`
		FullDescription  sarifMessage       `json:"fullDescription"`
		Help             sarifMessage       `json:"help"`
		HelpURI          string             `json:"helpUri,omitempty"`
		Configuration    sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful bool   `json:"executionSuccessful"`
		Start      string `json:"startTimeUtc,omitempty"`
		End        string `json:"endTimeUtc,omitempty"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifMessage       `json:"message"`
		Locations    []sarifLocation    `json:"locations,omitempty"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints,omitempty"`
		Occurrences  int64              `json:"occurrenceCount,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   *sarifFacts        `json:"properties,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifMessage  `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name          string `json:"name"`
		QualifiedName string `json:"fullyQualifiedName"`
		Kind          string `json:"kind"`
	}
	sarifFacts struct {
		API         string         `json:"api,omitempty"`
		Side        contract.Side  `json:"side,omitempty"`
		Basis       contract.Basis `json:"basis,omitempty"`
		In          contract.In    `json:"in,omitempty"`
		Name        string         `json:"name,omitempty"`
		Pointer     string         `json:"pointer,omitempty"`
		Got         string         `json:"got,omitempty"`
		Accepted    string         `json:"accepted,omitempty"`
		Document    string         `json:"documentPointer,omitempty"`
		Occurrences int64          `json:"occurrences"`
		Exchanges   []string       `json:"exchanges"`
		Known       bool           `json:"known,omitempty"`
		Check       string         `json:"check,omitempty"`
		Curl        string         `json:"curl,omitempty"`
		Method      string         `json:"method,omitempty"`
		Path        string         `json:"path,omitempty"`
		Values      []string       `json:"values,omitempty"`
		Tests       []string       `json:"tests,omitempty"`

		First *evidence.FirstRequest `json:"first,omitempty"`
	}
	sarifRunFacts struct {
		Verdict    string            `json:"verdict"`
		OK         bool              `json:"ok"`
		Requests   int64             `json:"requests"`
		Workspaces int               `json:"workspaces"`
		Coverage   evidence.Coverage `json:"coverage"`
		Threshold  float64           `json:"coverageThreshold"`
		Command    string            `json:"command,omitempty"` // how it ended, if not well
	}
)

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

func writeSARIF(b *bytes.Buffer, v *view) error {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "Understudy", Version: v.Version,
			InformationURI: "https://github.com/understudy-api/understudy", Rules: []sarifRule{},
		}},
		Invocations: []sarifInvocation{{Successful: true, Start: utc(v.From), End: utc(v.To)}},
		ColumnKind:  "utf16CodeUnits",
		Results:     []sarifResult{},
		Properties: sarifRunFacts{
			Verdict: v.headline(), OK: v.ok(), Requests: v.Requests, Workspaces: v.Workspaces,
			Coverage: v.Coverage, Threshold: v.o.MinCoverage, Command: v.o.Ended,
		},
	}
	indices := map[string]int{}
	rule := func(id, level string) int {
		index, ok := indices[id]
		if !ok {
			index = len(run.Tool.Driver.Rules)
			indices[id] = index
			help := sarifMessage{helpFor(id)}
			first, _, _ := strings.Cut(help.Text, ". ")
			page := ""
			if _, known := ruleTexts[id]; known {
				page = pages + id + ".md"
			}
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
				HelpURI: page, ID: id, ShortDescription: sarifMessage{strings.TrimSuffix(first, ".") + "."}, FullDescription: help, Help: help,
				Configuration: sarifConfiguration{level},
			})
		}
		return index
	}
	for _, group := range []struct {
		level      string
		violations []evidence.RecordedViolation
	}{{"error", v.verdict.Failures}, {"warning", v.verdict.Warnings}, {"note", v.verdict.Unserved}} {
		for _, c := range evidence.Causes(group.violations) {
			run.Results = append(run.Results, sarifCause(&c, rule(c.Rule, group.level), group.level))
		}
	}
	if v.verdict.Idle {
		run.Results = append(run.Results, sarifResult{
			RuleID: ruleRequests, RuleIndex: rule(ruleRequests, "error"), Level: "error", Message: sarifText(sentence(v.idle())),
			Fingerprints: map[string]string{sarifFingerprint: ruleRequests},
		})
	}
	if v.verdict.Short {
		result := sarifResult{
			RuleID: ruleCoverage, RuleIndex: rule(ruleCoverage, "error"), Level: "error",
			Message:      sarifText(sentence(v.shortfall())),
			Fingerprints: map[string]string{sarifFingerprint: ruleCoverage},
		}
		if len(v.Operations) > 0 {
			if at := physical(contract.Location{File: v.Operations[0].Document.File, Line: 1}); at != nil {
				result.Locations = []sarifLocation{{Physical: at}}
			}
		}
		run.Results = append(run.Results, result)
	}
	return encode(b, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// sarifFingerprint names our kind of fingerprint, with its version.
const sarifFingerprint = "understudyViolation/v1"

// sarifCause is a result for all violations of one cause: the first of them, and where
// the others are.
func sarifCause(c *evidence.Cause, rule int, level string) sarifResult {
	r := sarifViolation(&c.RecordedViolation, rule, level)
	r.Occurrences = c.Met()
	for i := range c.Others {
		x := &c.Others[i]
		at := sarifPlace(x)
		message := sarifText(operation(x) + ", " + field(x) + ", met " + times(x.Requests))
		at.Message = &message
		r.Related = append(r.Related, at)
	}
	if len(c.Others) > 0 {
		r.Message = sarifText(operation(&c.RecordedViolation) + ", " + field(&c.RecordedViolation) + ": " + c.Message + " (" + sentence(shared(c, maxPlaces)) + ")")
	}
	return r
}

func sarifViolation(x *evidence.RecordedViolation, rule int, level string) sarifResult {
	r := sarifResult{
		RuleID: x.Rule, RuleIndex: rule, Level: level, Message: sarifText(operation(x) + ", " + field(x) + ": " + x.Message), Occurrences: x.Requests,
		Properties: &sarifFacts{
			API: x.API, Side: x.Side, Basis: x.Basis, In: x.In, Name: x.Name, Pointer: x.Pointer, Got: x.Got, Accepted: x.Accepted,
			Document: x.Document.Pointer, Occurrences: x.Requests, Exchanges: list(x.Exchanges), Known: x.Known,
			Check: x.Check, Curl: x.Curl, Method: x.Method, Path: x.Path, Values: x.Values, Tests: x.Tests, First: x.First,
		},
	}
	if x.Fingerprint != "" {
		r.Fingerprints = map[string]string{sarifFingerprint: x.Fingerprint}
	}
	if x.Known {
		r.Suppressions = []sarifSuppression{{"external", "The baseline names this violation."}}
	}
	if at := sarifPlace(x); at.Physical != nil || at.Logical != nil {
		r.Locations = []sarifLocation{at}
	}
	return r
}

// sarifPlace is where the rule of a violation stands, and for which operation.
func sarifPlace(x *evidence.RecordedViolation) (at sarifLocation) {
	at.Physical = physical(x.Document)
	if x.Operation != "" {
		name := x.Operation
		if x.API != "" {
			name = x.API + "/" + name
		}
		at.Logical = []sarifLogical{{x.Operation, name, "operation"}}
	}
	return at
}

func physical(l contract.Location) *sarifPhysical {
	if l.File == "" {
		return nil
	}
	p := &sarifPhysical{Artifact: sarifArtifact{(&url.URL{Path: strings.TrimPrefix(l.File, "./")}).String()}}
	if l.Line > 0 {
		p.Region = &sarifRegion{l.Line}
	}
	return p
}

// In a message, [text](target) is a link and {0} is replaced: both are written as
// the standard escapes them.
var (
	sarifLink  = regexp.MustCompile(`\[[^\]]*\]\(`)
	sarifBrace = regexp.MustCompile(`\{\d+\}`)
)

func sarifText(s string) sarifMessage {
	if s == "" {
		s = "The contract was not kept."
	}
	if sarifLink.MatchString(s) {
		s = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`).Replace(s)
	}
	return sarifMessage{sarifBrace.ReplaceAllString(s, "{$0}")}
}

func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
