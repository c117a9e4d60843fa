package brms

import (
	"testing"

	"github.com/understudy-api/understudy/storage/storagetest"
)

// What an earlier release stored is read.
func TestStored(t *testing.T) {
	storagetest.Stored(t, projects.records)
	storagetest.Stored(t, integrations.records)
	storagetest.Stored(t, documents.records)
	storagetest.Stored(t, versions.records)
	storagetest.Stored(t, projectTokens.records)
	storagetest.Stored(t, testEvents.records)
	storagetest.Stored(t, environments.records)
	storagetest.Stored(t, deployments.records)
	storagetest.Stored(t, releases.records)
	storagetest.Stored(t, runs.records)
	storagetest.Stored(t, groups.records)
	storagetest.Stored(t, changeRequests.records)
	storagetest.Stored(t, secrets.records)
}
