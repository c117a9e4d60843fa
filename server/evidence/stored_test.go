package evidence

import (
	"testing"

	"github.com/understudy-api/understudy/storage/storagetest"
)

// What an earlier release stored is read.
func TestStored(t *testing.T) {
	storagetest.Stored(t, tallies)
	storagetest.Stored(t, storedGroups)
	storagetest.Stored(t, storedExchanges)
	storagetest.Stored(t, storedMessages)
	storagetest.Stored(t, chunks)
	storagetest.Stored(t, chunkMessages)
	storagetest.Stored(t, totals)
	storagetest.Stored(t, exchangeIDs)
}
