package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/understudy-api/understudy/storage"
)

// Options make a Room. What is zero is the default.
type Options struct {
	Store storage.Store
	// Shared says that other processes use the store. Then the room looks every Poll
	// for what they have left; else it is told of everything and never looks in vain.
	Shared bool
	// Workers is how many jobs run at a time, PerWorkspace how many of one workspace.
	Workers, PerWorkspace int
	// Lease is for how long, in real time, a job is its worker's if that gives no sign
	// of life; Beat is how often a worker looks whether the job is still its own.
	Lease, Beat time.Duration
	Poll        time.Duration
	Logger      *slog.Logger // nil for none
}

// The defaults.
const (
	defaultWorkers      = 16
	defaultPerWorkspace = 4
	defaultLease        = 15 * time.Second
	defaultBeat         = time.Second
	defaultPoll         = time.Second

	// rest is how long something is left alone that could not be begun, and how long
	// the room waits after the store failed.
	rest = time.Second
	// unknown is how long a job is left to other processes whose kind this one does
	// not know, and one for which the store has no room.
	unknown = 30 * time.Second
	// most is how many alarms are read at a time.
	most = 64
)

// Runner does the work of a job. Its context ends when the job is cancelled, taken
// over, or the process shuts down; what it returns then is dropped. The result is
// kept as JSON. An error that is a [*Failure] is kept as it is, any other is told to
// the log.
type Runner func(ctx context.Context, w *Work) (result any, err error)

// Handler is a kind and how its jobs are run.
type Handler struct {
	Kind *Kind
	Run  Runner
}

// Room runs the jobs of all workspaces of a store. It begins with Start and costs
// nothing but a sleeping goroutine as long as there is nothing to do.
type Room struct {
	o      Options
	worker string // the process, for people
	kinds  map[string]Handler

	mu      sync.Mutex
	running map[storage.Alarm]*Work // nil while it is taken
	resting map[storage.Alarm]time.Time
	failing bool // the store, when it was last asked

	wake    chan struct{}
	ctx     context.Context
	cancel  context.CancelCauseFunc
	started sync.Once
	loops   sync.WaitGroup
	works   sync.WaitGroup
}

// New makes a room.
func New(o Options) *Room {
	orDefault(&o.Workers, defaultWorkers)
	orDefault(&o.PerWorkspace, defaultPerWorkspace)
	orDefault(&o.Lease, defaultLease)
	orDefault(&o.Beat, min(defaultBeat, o.Lease/4))
	orDefault(&o.Poll, defaultPoll)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	host, _ := os.Hostname() // for people: "" does no harm
	r := &Room{
		o: o, worker: host + "/" + strconv.Itoa(os.Getpid()), kinds: map[string]Handler{},
		running: map[storage.Alarm]*Work{}, resting: map[storage.Alarm]time.Time{}, wake: make(chan struct{}, 1),
	}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	return r
}

func orDefault[T int | time.Duration](v *T, standard T) {
	if *v <= 0 {
		*v = standard
	}
}

// Handle says how the jobs of kinds are run, before Start. A name that is taken or
// cannot be one is an error.
func (r *Room) Handle(handlers ...Handler) error {
	for _, h := range handlers {
		if _, taken := r.kinds[h.Kind.Name]; taken || h.Kind.Name == "" || strings.Contains(h.Kind.Name, "/") {
			return fmt.Errorf("job: there can be no other kind %q", h.Kind.Name)
		}
		r.kinds[h.Kind.Name] = h
	}
	return nil
}

// Kinds lists the kinds by name.
func (r *Room) Kinds() []*Kind {
	kinds := make([]*Kind, 0, len(r.kinds))
	for _, name := range slices.Sorted(maps.Keys(r.kinds)) {
		kinds = append(kinds, r.kinds[name].Kind)
	}
	return kinds
}

// Start begins to look for what is due.
func (r *Room) Start() {
	r.started.Do(func() { r.loops.Go(r.loop) })
}

// Wake makes the room look now.
func (r *Room) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it will
	}
}

// errShutdown ends work when the process does.
var errShutdown = errors.New("the process shuts down")

// Close takes no more jobs and ends the contexts of those that run. They are another
// process's at once, or the next one's; the error is that of a context that ended
// before their work did.
func (r *Room) Close(ctx context.Context) error {
	r.cancel(errShutdown)
	r.loops.Wait()
	over := make(chan struct{})
	go func() {
		r.works.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("job: work goes on while the process shuts down: %w", ctx.Err())
	}
}

// loop waits for what is due and begins it.
func (r *Room) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Stop()
		if wait := r.begin(); wait > 0 {
			timer.Reset(wait)
		}
		select {
		case <-r.ctx.Done():
			return
		case <-r.o.Store.AlarmsChanged():
			r.nudge()
		case <-r.wake:
		case <-timer.C:
		}
	}
}

// nudge makes the workers look whether their jobs are still theirs.
func (r *Room) nudge() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.running {
		if w != nil {
			select {
			case w.nudged <- struct{}{}:
			default: // it will
			}
		}
	}
}

// begin begins what is due, as far as there are workers, and says how long to wait
// before the next look; 0 is until the room is told something.
func (r *Room) begin() (wait time.Duration) {
	found, next, err := r.due()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && r.ctx.Err() == nil {
		if !r.failing {
			r.o.Logger.Warn("jobs wait for the store", "error", err)
		}
		r.failing = true
		return rest
	}
	r.failing = false
	if r.o.Shared && (next == 0 || next > r.o.Poll) {
		next = r.o.Poll
	}
	now := time.Now()
	maps.DeleteFunc(r.resting, func(_ storage.Alarm, until time.Time) bool { return !until.After(now) })
	for _, a := range r.fairly(found) {
		r.running[a] = nil
		r.works.Go(func() { r.work(a) })
	}
	if len(r.resting) > 0 && (next == 0 || next > rest) {
		next = rest
	}
	return next
}

// due reads alarms that ring, of as many workspaces as there may be free workers for.
func (r *Room) due() (found []storage.Alarm, next time.Duration, err error) {
	r.mu.Lock()
	var except []string
	busy := len(r.running)
	for workspace, n := range r.busy() {
		if n >= r.o.PerWorkspace {
			except = append(except, workspace)
		}
	}
	r.mu.Unlock()
	if busy >= r.o.Workers {
		return nil, 0, nil // the end of one of them wakes the room
	}
	// One workspace with more than can be read at a time must not hide the others.
	for range r.o.Workers {
		page, after, err := r.o.Store.Alarms(r.ctx, most, except...)
		if err != nil {
			return nil, 0, err
		}
		found = append(found, page...)
		next = after
		if len(page) < most {
			break
		}
		for _, a := range page {
			if !slices.Contains(except, a.Workspace) {
				except = append(except, a.Workspace)
			}
		}
	}
	return found, next, nil
}

// busy counts what runs by workspace.
func (r *Room) busy() map[string]int {
	n := map[string]int{}
	for a := range r.running {
		n[a.Workspace]++
	}
	return n
}

// fairly chooses what is begun: each worker goes to the workspace that has the fewest.
func (r *Room) fairly(found []storage.Alarm) (chosen []storage.Alarm) {
	busy, total := r.busy(), len(r.running)
	for level := range r.o.PerWorkspace {
		for _, a := range found {
			if total >= r.o.Workers {
				return chosen
			}
			_, taken := r.running[a]
			_, rests := r.resting[a]
			ours := strings.HasPrefix(a.Name, alarmPrefix) || strings.HasPrefix(a.Name, schedulePrefix)
			if !ours || taken || rests || busy[a.Workspace] > level || slices.Contains(chosen, a) {
				continue
			}
			busy[a.Workspace]++
			total++
			chosen = append(chosen, a)
		}
	}
	return chosen
}

// work sees to an alarm.
func (r *Room) work(a storage.Alarm) {
	err := r.see(a)
	r.mu.Lock()
	delete(r.running, a)
	if err != nil {
		r.resting[a] = time.Now().Add(rest)
	}
	r.mu.Unlock()
	r.Wake()
	if err != nil && !errors.Is(err, errTaken) && r.ctx.Err() == nil {
		r.o.Logger.Warn("a job cannot be begun or ended", "workspace", a.Workspace, "alarm", a.Name, "error", err)
	}
}

func (r *Room) see(a storage.Alarm) error {
	if id, of := strings.CutPrefix(a.Name, schedulePrefix); of {
		return r.fire(a, id)
	}
	w, err := r.take(a)
	if storage.CodeOf(err) == storage.CodeFull {
		err = errors.Join(err, r.postpone(a))
	}
	if err != nil || w == nil {
		return err
	}
	r.mu.Lock()
	r.running[a] = w
	r.mu.Unlock()
	return w.run()
}

// postpone leaves an alarm alone that still rings.
func (r *Room) postpone(a storage.Alarm) error {
	return r.o.Store.Update(r.ctx, a.Workspace, func(tx storage.Tx) error {
		rings, err := tx.Rings(a.Name)
		if err != nil || !rings {
			return err
		}
		return tx.SetTimer(a.Name, unknown)
	})
}

// fire makes the job of a schedule.
func (r *Room) fire(a storage.Alarm, id string) error {
	return r.o.Store.Update(r.ctx, a.Workspace, func(tx storage.Tx) error {
		rings, err := tx.Rings(a.Name)
		if err != nil || !rings {
			return err
		}
		item, err := schedules.Get(tx, id)
		if storage.IsNotFound(err) {
			return tx.ClearAlarm(a.Name)
		}
		if err != nil {
			return err
		}
		h, known := r.kinds[item.Value.Kind]
		if !known {
			return tx.SetTimer(a.Name, unknown)
		}
		return h.Kind.fire(tx, item.Value)
	})
}
