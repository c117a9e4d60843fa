package storage_test

import (
	"context"
	"errors"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

// A driver is found by its kind; of two for one kind the later counts.
func TestRegister(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	for _, err := range []error{first, second} {
		storage.Register("made-up", func(context.Context, string, storage.Options) (storage.Store, error) { return nil, err })
	}
	open, known := storage.Driver("made-up")
	if !known {
		t.Fatal("the driver is not known")
	}
	if _, err := open(t.Context(), "", storage.Options{}); !errors.Is(err, second) {
		t.Errorf("opened by another driver: %v", err)
	}
	if _, known := storage.Driver("nobody's"); known {
		t.Error("there is a driver that nobody registered")
	}
}
