package workspace

import (
	"context"
	"time"

	"github.com/understudy-api/understudy/storage"
)

// Clock is the time in a workspace, and whether it stands still.
type Clock struct {
	Now    time.Time
	Frozen bool
	Offset time.Duration // of a running clock from the real one
}

func (w *Manager) clockOf(c storage.Clock) Clock {
	return Clock{Now: c.Now(w.now()), Frozen: c.Frozen, Offset: c.Offset}
}

// Clock reads the clock of a workspace.
func (w *Manager) Clock(ctx context.Context, workspace string) (Clock, error) {
	settings, err := w.settingsOf(ctx, workspace)
	return w.clockOf(settings.Clock), err
}

// SetClock sets the clock to a time, or leaves it where it is if at is nil, and
// freezes it or lets it run. A time that no clock can show is an [*InvalidError].
func (w *Manager) SetClock(ctx context.Context, workspace string, frozen bool, at *time.Time) (Clock, error) {
	return w.changeClock(ctx, workspace, "/now", func(c storage.Clock, wall time.Time) (storage.Clock, string) {
		switch {
		case at != nil:
			c = storage.Clock{}.Freeze(*at)
		case frozen && !c.Frozen:
			c = c.Freeze(c.Now(wall))
		}
		if frozen || !c.Frozen {
			return c, ""
		}
		running := c.Run(wall)
		if !running.Now(wall).Equal(c.At) {
			return c, "a running clock is within 292 years of the real one: freeze it at such a time"
		}
		return running, ""
	})
}

// AdvanceClock moves the clock by a duration, which may be negative. A time that
// no clock can show is an [*InvalidError].
func (w *Manager) AdvanceClock(ctx context.Context, workspace string, by time.Duration) (Clock, error) {
	return w.changeClock(ctx, workspace, "/by", func(c storage.Clock, _ time.Time) (storage.Clock, string) {
		moved := c.Advance(by)
		if !moved.Frozen && moved.Offset-c.Offset != by {
			return c, "a running clock stays within 292 years of the real one"
		}
		return moved, ""
	})
}

// changeClock changes the clock; a problem of the member at pointer refuses.
func (w *Manager) changeClock(ctx context.Context, workspace, pointer string,
	fn func(c storage.Clock, wall time.Time) (changed storage.Clock, problem string),
) (Clock, error) {
	var clock storage.Clock
	err := w.store.Update(ctx, workspace, func(tx storage.Tx) error {
		settings, err := tx.Settings()
		if err != nil {
			return err
		}
		var problem string
		settings.Clock, problem = fn(settings.Clock, w.now())
		if problem == "" && settings.Clock.Frozen && (settings.Clock.At.Year() < 1 || settings.Clock.At.Year() > 9999) {
			problem = "a clock shows the years 1 to 9999"
		}
		if problem != "" {
			return &InvalidError{Problems: []Problem{{Pointer: pointer, Message: problem}}}
		}
		clock = settings.Clock
		return tx.SetSettings(settings)
	})
	if err != nil {
		return Clock{}, err
	}
	return w.clockOf(clock), nil
}

// IDs says where the ids of a workspace come from.
func (w *Manager) IDs(ctx context.Context, workspace string) (storage.IDs, error) {
	settings, err := w.settingsOf(ctx, workspace)
	return settings.IDs, err
}

// SetIDs says where the ids of a workspace come from, from now on.
func (w *Manager) SetIDs(ctx context.Context, workspace string, ids storage.IDs) error {
	return w.store.Update(ctx, workspace, func(tx storage.Tx) error {
		settings, err := tx.Settings()
		if err != nil {
			return err
		}
		settings.IDs = ids
		return tx.SetSettings(settings)
	})
}
