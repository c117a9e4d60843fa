package app

import (
	"log/slog"
	"strconv"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
)

// unmet says why a run against ourselves does not meet a declared status. What is
// met by no operation for a reason of its own stands below; docs/verify.md says the
// same in words.
var (
	unmet = map[int]string{
		403: "every credential is let in, and nearly all may do everything",
		413: "it takes a body beyond --max-body",
		415: "it takes a body where no operation has one, or a type that is not JSON beside one that is",
		429: "it takes a fault",
		500: "it takes a mistake of our own",
		503: "it takes a store out of reach",
	}
	unmetBy = map[string]string{
		"advanceClock 422":                "it takes a move by more than 292 years",
		"getClock 400":                    "there is nothing in the request to break",
		"getDocument 404":                 "the document lists the documents that there are",
		"getExchange 200":                 "nobody guesses the id of an exchange",
		"moveDocuments 409":               "it takes a document of the same name in the other folder, which chance rarely draws",
		"publishDocument 409":             "it takes a folder, which what makes documents rarely is",
		"evaluateEnvironmentDecision 200": "it takes a release that is deployed",
		"httpProxy 200":                   "it takes requests that may go out",
		"restoreDocuments 409":            "it takes a document that has taken the path",
		"updateDocument 409":              "it takes another document's name, which chance rarely draws",
		"updateEnvironment 409":           "it takes a group of another project, or another environment's key, which chance rarely draws",
		"undeployEnvironment 200":         "it takes a deployment, which takes the ids of a release and an environment of one project",
		"undeployEnvironment 202":         "likewise",
		"deployRelease 202":               "likewise",
		"deployRelease 409":               "likewise",
		"applyRelease 409":                "it takes a release with a file where a folder is",
		"uploadRelease 404":               "what is no archive is refused before the project is looked for",
		"uploadRelease 409":               "it takes a project of version v2",
		"getReleaseFile 200":              "it takes a file, which only a release of published documents has",
		"getRun 200":                      "it takes a deployment",
		"getRulesArtifact 200":            "nobody guesses the address of an artifact",
		"getRulesArtifact 400":            "there is nothing in the request to break",
		"getRulesArtifact 404":            "it takes the address of an artifact that the workspace has lost",
		"getCommitRulesDocument 200":      "it takes the project's key or id and what is in it, by addresses that no operation makes",
		"getEnvironmentRulesDocument 200": "likewise",
		"evaluateEnvironmentRule 200":     "likewise",
		"evaluateReleaseRule 200":         "likewise",
		"publishDocument 202":             "it takes a project that wants approval, which only a seed makes",
		"getRulesDocument 200":            "likewise",
		"getDatafoldCompatibility 400":    "there is nothing in the request to break",
		"listDatafoldOutcomes 400":        "likewise",
		"putDatafoldCompatibility 422":    "what can be wrong with it is refused by its schema",
		"putDatafoldOutcome 404":          "nothing has to be there",
		"deleteDatafoldSource 204":        "no operation of the control API makes a source",
		"deleteDatafoldBacking 204":       "likewise",
		"getDatafoldBacking 200":          "likewise",
		"putDatafoldBacking 200":          "likewise",
		"check_pks_in_dbt_manifest 401":   "no body is made for any type",
		"check_pks_in_dbt_manifest 404":   "likewise",
		"check_pks_in_dbt_manifest 422":   "likewise",
		"submit_dbt_artifacts 200":        "it takes an archive with a manifest of dbt",
		"listDatafoldCIConfigs 400":       "there is nothing in the request to break",
		"putDatafoldCIConfig 404":         "nothing has to be there",
		"putDatafoldCIConfig 200":         "it takes a data source, which no operation of the control API makes",
		"deleteDatafoldCIConfig 204":      "it takes a CI configuration, which takes one",
		"putDatafoldPullRequest 200":      "likewise",
		"getDatafoldCIRun 200":            "it takes a run of Datafold",
		"confirmDatafoldCIRun 200":        "likewise",
		"getDatafoldCISummary 200":        "likewise",
		"downloadDatafoldArtifacts 200":   "it takes an upload to Datafold",
		"listEntrypoints 400":             "there is nothing in the request to break",
		"listWebhooks 400":                "there is nothing in the request to break",
		"getDelivery 200":                 "it takes an event of BRMS",
		"redeliver 200":                   "it takes an event of BRMS",
		"getReleaseRulesDocument 200":     "likewise",
		"updateProject 409":               "it takes another project's key, which chance rarely draws",
		"putClock 422":                    "it takes a running clock centuries away",
		"exportSeed 400":                  "there is nothing in the request to break",
		"getIds 400":                      "there is nothing in the request to break",
		"listJobModes 400":                "there is nothing in the request to break",
		"listSnapshots 400":               "there is nothing in the request to break",
	}
)

// explain requires a reason for every declared status that a run did not meet.
func explain(t *testing.T, result *verify.Result) {
	t.Helper()
	met, missed := 0, 0
	for _, op := range result.Report("").Operations {
		statuses := map[int]bool{}
		for _, row := range op.Rows {
			statuses[row.Status] = statuses[row.Status] || row.Requests > 0
		}
		for status, reached := range statuses {
			if reached {
				met++
				continue
			}
			missed++
			if unmet[status] == "" && unmetBy[op.ID+" "+strconv.Itoa(status)] == "" {
				t.Errorf("%s is never answered %d, and nobody says why", op.ID, status)
			}
		}
	}
	t.Logf("%d declared statuses met, %d not", met, missed)
}

// Every document that we serve is kept by what we serve, in all phases.
func TestVerifyOurselves(t *testing.T) {
	for name, authorization := range map[string]string{
		"brms": "Bearer verify-brms-1", "datafold": "Key verify-datafold", "understudy": "Bearer verify-control-1",
	} {
		t.Run(name, func(t *testing.T) {
			a, err := New(t.Context(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = a.Close() })
			if _, err := a.Seed(t.Context(), "testdata/verify.yaml", "", slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			document, known, err := VerifyDocument(name)
			if err != nil || !known {
				t.Fatal(known, err)
			}
			result, err := verify.Run(t.Context(), verify.Options{Document: document, Handler: a, Authorization: authorization, Seed: 7, MaxExamples: 40})
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Phases) != len(verify.Phases()) || result.Requests < 500 {
				t.Errorf("%d requests in %v", result.Requests, result.Phases)
			}
			for _, w := range result.Warnings {
				t.Log("warning:", w)
			}
			explain(t, result)
			for _, f := range result.Findings {
				t.Errorf("%s %s [%s] x%d (%s)\n  %s\n  got %s want %s %s:%d\n  %s", f.Check, f.Operation, f.Rule, f.Count, f.Phase, f.Message, f.Got, f.Accepted, f.Where.Pointer, f.Where.Line, f.Curl)
			}
		})
	}
}
