package site

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// transit is what is being sent of all answers that are more than a few kilobytes: their
// memory stays taken until the clients have them. Beyond its bound, clients that have
// taken longer than their time are cut off, and at twice as much one of the owner that
// has the most, whoever takes how long.
type transit struct {
	mutex   sync.Mutex
	bytes   int64
	parcels []*parcel // the oldest first
}

// parcel is an answer in transit.
type parcel struct {
	owner string
	size  int64
	due   time.Time
	cut   func()
}

const (
	// The most bytes in transit before slow clients are cut off.
	sendingInFlight = 64 << 20
	// smallAnswer is up to which size an answer is not counted, in bytes.
	smallAnswer = 64 << 10
	// What a client has to take of an answer in a second when others wait, in bytes,
	// after a while in which it need not.
	sendingRate  = 1 << 20
	sendingGrace = 2 * time.Second
)

// depart counts an answer whose client is cut off by a call of cut. It is nil for one
// that is not counted.
func (t *transit) depart(owner string, size int64, cut func()) *parcel {
	if size <= smallAnswer {
		return nil
	}
	p := &parcel{owner, size, time.Now().Add(sendingGrace + time.Duration(size)*time.Second/sendingRate), cut}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.parcels = append(t.parcels, p)
	t.bytes += size
	t.relieve()
	return p
}

// arrive is called when an answer was sent, or was not to be.
func (t *transit) arrive(p *parcel) {
	if p == nil {
		return
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.remove(p)
}

// roomy reports whether the next answer may be made while those in transit are sent.
func (t *transit) roomy() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.relieve()
	return t.bytes <= sendingInFlight
}

// relieve cuts off whom it has to. The mutex is held.
func (t *transit) relieve() {
	now := time.Now()
	for _, p := range slices.Clone(t.parcels) {
		if t.bytes > sendingInFlight && now.After(p.due) {
			p.cut()
			t.remove(p)
		}
	}
	for t.bytes > 2*sendingInFlight && len(t.parcels) > 1 {
		held := map[string]int64{}
		for _, p := range t.parcels {
			held[p.owner] += p.size
		}
		oldest := slices.MaxFunc(t.parcels, func(a, b *parcel) int { return int(held[a.owner] - held[b.owner]) })
		oldest.cut()
		t.remove(oldest)
	}
}

// remove forgets an answer, if it is still counted. The mutex is held.
func (t *transit) remove(p *parcel) {
	if i := slices.Index(t.parcels, p); i >= 0 {
		t.parcels = slices.Delete(t.parcels, i, i+1)
		t.bytes -= p.size
	}
}

// deliver sends the answer, if it was held, and ends what the request took for it.
func (v *visit) deliver(w http.ResponseWriter) {
	defer v.guest().leave()
	v.sending(w, len(v.answer.body), v.answer.send)
}

// sending counts what is in memory while it is sent. A request that was let into the room
// leaves it if that takes long and there is space for more in transit.
func (v *visit) sending(w http.ResponseWriter, bytes int, send func()) {
	t, g := &v.site.gate.transit, v.guest()
	defer t.arrive(t.depart(g.owner, int64(bytes), cutter(w)))
	if g.isInside() && g.leaving.CompareAndSwap(false, true) {
		patience := sendingLarge
		if v.site.life.Err() != nil { // the server ends, and others wait to be served before
			patience = 0
		}
		time.AfterFunc(patience, func() { t.leave(g) })
	}
	send()
}

// cutter cuts off the client of an answer.
func cutter(w http.ResponseWriter) func() {
	return func() {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now()) // or there is no connection
	}
}

// unburden gives back what the body of a request takes of the gate, since its answer is a
// stream, of which the client says how long it lasts. What memory holds of the body until
// arrived is called is in transit instead.
func (v *visit) unburden(w http.ResponseWriter) (arrived func()) {
	t, g := &v.site.gate.transit, v.site.gate
	held := v.taken
	if v.pass.large {
		held += v.pass.weight
	}
	p := t.depart(v.guest().owner, held, cutter(w))
	v.pass.leave()
	g.release(v.taken)
	v.taken = 0
	return func() { t.arrive(p) }
}

// leave has a guest leave the room before its answer is sent, once there is space for
// what the next one makes.
func (t *transit) leave(g *guest) {
	switch {
	case t.roomy():
		g.leaving.Store(false)
		g.out(false)
	case g.isInside():
		time.AfterFunc(sendingLarge/4, func() { t.leave(g) })
	}
}
