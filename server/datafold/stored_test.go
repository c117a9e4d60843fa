package datafold

import (
	"testing"

	"github.com/understudy-api/understudy/storage/storagetest"
)

// What an earlier release stored is read.
func TestStored(t *testing.T) {
	storagetest.Stored(t, biIntegrations.records)
	storagetest.Stored(t, sourceRecords)
	storagetest.Stored(t, diffRecords)
	storagetest.Stored(t, outcomes)
	storagetest.Stored(t, compatibilities)
	storagetest.Stored(t, ciConfigRecords)
	storagetest.Stored(t, pullRequests)
	storagetest.Stored(t, ciRunRecords)
	storagetest.Stored(t, ciPlans)
	storagetest.Stored(t, artifactRecords)
}
