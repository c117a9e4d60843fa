package app

import (
	"io"
	"net/http"
	"strings"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/decision/script"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/verify"
	"github.com/understudy-api/understudy/storage"
)

// api is one of the APIs that are stood in for, with its resources in a seed and the
// jobs it has done.
type api interface {
	seed.API
	site.API
}

// hasJobs is an API whose operations begin jobs.
type hasJobs interface{ Jobs() []job.Handler }

// hasDatabases is an API that reaches databases of its users'.
type hasDatabases interface {
	Execute(databases datafold.Databases)
	io.Closer
}

// served is the registry of the APIs that are stood in for, in the order of reports;
// of two that a request may belong to the first answers. All else about which APIs
// there are follows from it, and a test holds the documents to it.
var served = []struct {
	new    func(means) api
	scheme string        // of the credential, which tells the APIs apart where paths do not
	yaml   func() []byte // the document, as people read it
	exempt []verify.Exemption
}{
	{
		new: func(m means) api {
			version, _ := versions()
			options := []brms.Option{brms.WithKey(m.key), brms.WithVersion(version)}
			if m.outgoing != nil {
				options = append(options, brms.WithOutgoing(m.outgoing), brms.WithFunctions(script.New(script.WithHTTP(m.outgoing))))
			}
			return brms.New(m.store, m.keys, options...)
		},
		scheme: "bearer", yaml: genbrms.YAML,
		exempt: []verify.Exemption{{
			Check: verify.CheckPositiveData, Operation: "POST /api/projects/{projectId}/releases/multipart",
			Reason: "no schema says what a ZIP archive is",
		}},
	},
	{
		new: func(m means) api {
			a := datafold.New(m.store, m.keys)
			_ = a.Encrypt(m.key) // a key of 32 bytes is one
			return a
		},
		scheme: "key", yaml: gendatafold.YAML,
		// What the vendor's prose says and no keyword does.
		exempt: []verify.Exemption{{
			Check: verify.CheckRoundTrip, Operation: "PUT /api/v1/lineage/bi/*",
			Reason: "the vendor documents that most updates change the schedule, and nothing else",
		}, {
			Check: verify.CheckRoundTrip, Operation: "POST /api/v1/data_sources",
			Reason: "a source is asked for in the form in which it is answered: its id and what its test came to are the service's to say",
		}, {
			Check: verify.CheckPositiveData, Operation: "POST /api/v1/datadiffs",
			Reason: "the vendor's prose says which members go together, and sources have to be there",
		}, {
			Check: verify.CheckPositiveData, Operation: "POST /api/v1/data_sources/*/query",
			Reason: "a text is not SQL, and a database says so",
		}, {
			Check: verify.CheckPositiveData, Operation: "POST /api/v1/data_sources/*/dataset_schema",
			Reason: "its body was seen only in clients, and what they leave out is refused",
		}, {
			Check: verify.CheckPositiveData, Operation: "POST /api/v1/data_sources/*/guess_pk",
			Reason: "its body was seen only in clients, and what they leave out is refused",
		}, {
			Check: verify.CheckListReflects, Operation: "GET /api/v1/data_sources",
			Reason: "the vendor documents that sources which are hidden are not listed",
		}},
	},
}

// means are what the APIs work with. For their documents alone they need none, to read
// and plant seeds a store and keys.
type means struct {
	store    storage.Store
	keys     site.Keyring
	key      []byte            // of the store; nil for one of the process
	outgoing http.RoundTripper // of the requests that decisions make
}

// apis makes every served API.
func apis(m means) []api {
	made := make([]api, len(served))
	for i := range served {
		made[i] = served[i].new(m)
	}
	return made
}

// APIs are the names of the APIs that are stood in for.
func APIs() []string {
	var names []string
	for _, a := range apis(means{}) {
		names = append(names, a.Source().API)
	}
	return names
}

// sources are the documents of the served APIs, and the control API's after them.
func sources() []contract.Source {
	var all []contract.Source
	for _, a := range apis(means{}) {
		all = append(all, a.Source())
	}
	return append(all, new(control.API).Source())
}

// documents are the documents as the control API shows them, by API.
func documents() map[string]control.Document {
	texts := map[string]control.Document{}
	for i, source := range sources() {
		yaml := understudy.YAML
		if i < len(served) {
			yaml = served[i].yaml
		}
		texts[source.API] = control.Document{YAML: yaml(), JSON: source.JSON}
	}
	return texts
}

// VerifyDocuments lists the names of the documents that are built in.
func VerifyDocuments() []string {
	var names []string
	for _, source := range sources() {
		names = append(names, source.API)
	}
	return names
}

// VerifyDocument loads the document of that name; false if none has it.
func VerifyDocument(name string) (*verify.Document, bool, error) {
	for i, source := range sources() {
		if !strings.EqualFold(source.API, name) {
			continue
		}
		// Open mode lets every credential in, also one that is made up.
		exempt := []verify.Exemption{{Check: verify.CheckSecret, Operation: "*", Reason: "open mode"}}
		if i < len(served) {
			exempt = append(exempt, served[i].exempt...)
		}
		d, err := verify.FromSource(source, exempt...)
		return d, true, err
	}
	return nil, false, nil
}
