package workspace

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/storage"
)

// declared lists the statuses that an operation declares.
func declared(t *testing.T, id string) string {
	t.Helper()
	var texts []string
	for _, status := range operationOf(t, id).DeclaredStatuses() {
		texts = append(texts, strconv.Itoa(status))
	}
	return listed(texts)
}

// idsOf lists the operations of an API.
func idsOf(t *testing.T, api string) []string {
	t.Helper()
	all, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range all {
		if d.API == api {
			ids = names(d.Operations(), func(op *contract.Operation) string { return op.ID })
		}
	}
	return ids
}

// Every mistake of a fault is told, with its member and how to mend it.
func TestCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for text, wanted := range map[string][]string{
		`{"do":{"status":503}}`: nil,
		`{"match":{"operation":"createProject"},"when":{"from":2,"times":1},"do":{"status":503}}`:                               nil,
		`{"match":{"method":"HEAD","path":"/api/projects"},"do":{"delay":{"fixed":0}}}`:                                         nil,
		`{"match":{"operation":"deleteProject"},"do":{"status":200,"body":{"status":"ok"},"headers":{"X-A":"b"},"truncate":0}}`: nil,
		`{"do":{"status":418,"undeclared":true,"body":[1]}}`:                                                                    nil,
		`{"match":{"operation":"deleteProject"},"do":{"status":200,"undeclared":true,"body":{"status":5}}}`:                     nil,
		`{"do":{"rateLimit":{"requests":0,"seconds":1},"delay":{"uniform":{"from":1,"to":1}}}}`:                                 nil,
		`{"do":{"connection":"reset","delay":{"logNormal":{"median":1,"sigma":0}}}}`:                                            nil,
		`{"do":{"truncate":10}}`: nil,

		`{"do":{}}`: {"do: it says nothing to do: give a status, a delay, a rateLimit, a connection or truncate"},
		`{"do":{"status":503,"rateLimit":{"requests":1,"seconds":1}}}`: {
			"do: of status and rateLimit only one can be done",
		},
		`{"do":{"status":503,"rateLimit":{"requests":1,"seconds":1},"connection":"reset"}}`: {
			"do: of status, rateLimit and connection only one can be done",
		},
		`{"do":{"delay":{"fixed":1},"undeclared":true,"example":"a","headers":{"A":"b"},"body":1}}`: {
			"do.undeclared: it is for a forced answer: give its status too",
			"do.example: it is for a forced answer: give its status too",
			"do.headers: it is for a forced answer: give its status too",
			"do.body: it is for a forced answer: give its status too",
			"do: of example and body only one can be the answer's body",
		},
		`{"do":{"status":99,"undeclared":true}}`:  {"do.status: it must be from 200 to 599, not 99"},
		`{"do":{"status":600,"undeclared":true}}`: {"do.status: it must be from 200 to 599, not 600"},
		`{"do":{"status":204,"undeclared":true,"body":{}}}`: {
			"do.body: an answer with status 204 has none",
		},
		`{"do":{"status":500,"headers":{"content-length":"3","a b":"c","X-D":"e\nf"}}}`: {
			"do.headers.X-D: the value of a header holds no control characters",
			"do.headers.a b: this is no name of a header",
			"do.headers.content-length: the server sets it itself",
		},
		`{"do":{"delay":{}}}`: {"do.delay: give one of fixed, uniform and logNormal"},
		`{"do":{"delay":{"fixed":-1,"uniform":{"from":2,"to":1}}}}`: {
			"do.delay: give one of fixed, uniform and logNormal",
			"do.delay.fixed: it must be from 0 to 300000, not -1",
			"do.delay.uniform: from is 2 and to is 1: from must not be the larger",
		},
		`{"do":{"delay":{"logNormal":{"median":1e9,"sigma":9}}}}`: {
			"do.delay.logNormal.median: it must be from 0 to 300000, not 1000000000",
			"do.delay.logNormal.sigma: it must be from 0 to 5, not 9",
		},
		`{"do":{"rateLimit":{"requests":-1,"seconds":0}}}`: {
			"do.rateLimit.requests: it must be from 0 to 1000000000, not -1",
			"do.rateLimit.seconds: it must be from 1 to 86400, not 0",
		},
		`{"do":{"connection":"cut"}}`:                     {`do.connection: it can be reset or resetAfter, not "cut"`},
		`{"do":{"truncate":-1}}`:                          {"do.truncate: it must be at least 0, not -1"},
		`{"do":{"truncate":1,"connection":"resetAfter"}}`: {"do.truncate: where the connection is reset, there is no answer to truncate"},
		`{"do":{"truncate":1,"rateLimit":{"requests":1,"seconds":1}}}`: {
			"do.truncate: a rateLimit cannot be truncated: make it a fault of its own",
		},
		`{"when":{"from":0,"every":-1,"times":0,"probability":1.5},"do":{"status":503}}`: {
			"when.from: it must be at least 1, not 0",
			"when.every: it must be at least 1, not -1",
			"when.times: it must be at least 1, not 0",
			"when.probability: it must be from 0 to 1, not 1.5",
		},

		`{"match":{"api":"other"},"do":{"status":503}}`: {`match.api: there is no API "other": there are brms and datafold`},
		`{"match":{"operation":"createProjct"},"do":{"status":503}}`: {
			`match.operation: no operation of brms and datafold is called "createProjct": is createProject meant?`,
		},
		`{"match":{"api":"brms","operation":"somethingElse"},"do":{"status":503}}`: {
			`match.operation: no operation of brms is called "somethingElse": ` + closest("somethingElse", idsOf(t, "brms")),
		},
		`{"match":{"api":"datafold","operation":"createProject"},"do":{"status":503}}`: {
			"match.operation: createProject is an operation of brms, not of datafold",
		},
		`{"match":{"operation":"getHealth"},"do":{"status":503}}`: {
			"match: only requests with a credential are met, and none goes with getHealth",
		},
		`{"match":{"operation":"createProject","path":"/api/projects/*"},"do":{"status":503}}`: {
			"match.path: createProject has another path: /api/projects",
		},
		`{"match":{"path":"/api/project"},"do":{"status":503}}`: {
			"match.path: no operation of brms and datafold has this path: is /api/projects meant?",
		},
		`{"match":{"path":"/api/**/x"},"do":{"status":503}}`: {
			`match.path: "**" stands for all that follows, and so at the end only; "*" stands for one segment`,
		},
		`{"match":{"path":"api"},"do":{"status":503}}`: {"match.path: a path begins with a slash"},
		`{"match":{"path":"/api/projects","method":"PATCH"},"do":{"status":503}}`: {
			"match.method: no operation that it else fits has the method PATCH: GET and POST",
		},
		`{"match":{"operation":"getProject","method":"POST"},"do":{"status":503}}`: {
			"match.method: no operation that it else fits has the method POST: GET",
		},
		`{"match":{"operation":"getProject"},"do":{"status":418}}`: {
			`do.status: getProject does not declare 418; it declares ` + declared(t, "getProject") + `; give "undeclared": true to answer it all the same`,
		},
		`{"match":{"operation":"getProject"},"do":{"status":404,"example":"no such"}}`: {
			`do.example: no answer 404 of getProject has an example "no such": there are none`,
		},
		`{"match":{"operation":"deleteProject"},"do":{"status":200,"body":{"status":5}}}`: {
			`do.body: it is not what deleteProject answers with 200: The answer's body member /status must be a string, not 5; give "undeclared": true to answer it all the same`,
		},
		`{"match":{"operation":"listProjects"},"do":{"status":401,"body":{"statusCode":401,"error":"x"}}}`: {
			`do.body: it is not what listProjects answers with 401: The answer's body member /message is missing: send it, as a string; give "undeclared": true to answer it all the same`,
		},
		`{"match":{"operation":"updateProject"},"when":{"times":0},"do":{"status":418}}`: {
			"when.times: it must be at least 1, not 0",
			`do.status: updateProject does not declare 418; it declares ` + declared(t, "updateProject") + `; give "undeclared": true to answer it all the same`,
		},
	} {
		problems, err := b.Check(t.Context(), new(faultFrom(t, "f", text)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range problems {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// A fault with mistakes is refused with all of them in one line.
func TestInvalidError(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.PutFault(t.Context(), "w", faultFrom(t, "-f", `{"when":{"times":0},"do":{}}`))
	invalid, ok := errors.AsType[*InvalidError](err)
	if !ok || len(invalid.Problems) != 3 {
		t.Fatal(err)
	}
	const wanted = "name: a name is made of at most 64 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit; " +
		"when.times: it must be at least 1, not 0; " +
		"do: it says nothing to do: give a status, a delay, a rateLimit, a connection or truncate"
	if diff := cmp.Diff(wanted, err.Error()); diff != "" {
		t.Error(diff)
	}
}

// A workspace holds so many faults and no more; those it holds can be replaced.
func TestTooManyFaults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	faults := make([]Fault, MaxFaults)
	for i := range faults {
		faults[i] = faultFrom(t, "f"+number(float64(i)), `{"do":{"status":500}}`)
	}
	if err := b.store.Update(t.Context(), "w", func(tx storage.Tx) error { return SetFaults(tx, faults) }); err != nil {
		t.Fatal(err)
	}
	b.put("w", "f7", `{"do":{"status":503}}`)
	_, err := b.PutFault(t.Context(), "w", faultFrom(t, "one-more", `{"do":{"status":503}}`))
	if _, ok := errors.AsType[*InvalidError](err); !ok || err.Error() != "a workspace holds at most 1000 faults" {
		t.Error(err)
	}
}

// The name that was meant is found if it is near.
func TestNearest(t *testing.T) {
	t.Parallel()
	among := []string{"createProject", "createIntegration", "getProject"}
	for text, wanted := range map[string]string{
		"createproject": "createProject", "create_project": "createProject", "getProjct": "getProject",
		"deleteEverything": "", "": "", "x": "", strings.Repeat("createProject", 20): "",
	} {
		if got := nearest(text, among); got != wanted {
			t.Errorf("%q: %q, want %q", text, got, wanted)
		}
	}
}
