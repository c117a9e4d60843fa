package app

import (
	"strings"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/verify"
)

// served are the documents that a server can be verified by under a name, with what
// their prose says and no keyword does.
var served = []struct {
	source func() contract.Source
	exempt []verify.Exemption
}{
	{func() contract.Source { return new(brms.API).Source() }, nil},
	{func() contract.Source { return new(datafold.API).Source() }, []verify.Exemption{
		{
			Check: verify.CheckRoundTrip, Operation: "PUT /api/v1/lineage/bi/*",
			Reason: "the vendor documents that most updates change the schedule, and nothing else",
		},
	}},
	{func() contract.Source { return new(control.API).Source() }, nil},
}

// VerifyDocuments lists the names of the documents that are built in.
func VerifyDocuments() []string {
	names := make([]string, len(served))
	for i, s := range served {
		names[i] = s.source().API
	}
	return names
}

// VerifyDocument loads the document of that name; false if none has it.
func VerifyDocument(name string) (*verify.Document, bool, error) {
	for _, s := range served {
		if src := s.source(); strings.EqualFold(src.API, name) {
			d, err := verify.FromSource(src, s.exempt...)
			return d, true, err
		}
	}
	return nil, false, nil
}
