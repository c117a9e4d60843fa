package edge

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Listener takes connections, at most so many of one address, and gives up those whose
// other side does not take what it asked for.
type Listener struct {
	net.Listener

	perAddress int
	progress   time.Duration

	mutex sync.Mutex
	open  map[netip.Addr]int
	conns map[*Conn]struct{}
	hurry atomic.Int64 // nanoseconds, instead of progress; 0 until Hurry

	timer   *time.Timer  // calls look
	looking atomic.Bool  // it is going to
	looks   atomic.Int64 // how often it did
}

// NewListener wraps a TCP listener. perAddress bounds the connections of one address; 0
// for no bound. progress is in what time a part of an answer, of at most 64 KiB, has to
// be taken.
func NewListener(inner net.Listener, perAddress int, progress time.Duration) *Listener {
	l := &Listener{
		Listener: inner, perAddress: perAddress, progress: progress, open: map[netip.Addr]int{}, conns: map[*Conn]struct{}{},
	}
	l.timer = time.AfterFunc(math.MaxInt64, l.look)
	return l
}

// tooMany is what a connection beyond the bound is told: nothing of it is read.
const tooMany = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 39\r\n\r\n" +
	"Too many connections from this address\n"

// Accept waits for a connection that may be.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := inner.(*net.TCPConn)
		if !ok {
			return inner, nil
		}
		c := &Conn{TCPConn: tcp, listener: l, reads: readDeadline{from: time.Now()}, watch: make(chan struct{}, 1)}
		c.reads.wanted.Store(never)
		c.reads.told.Store(never)
		if peer, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
			c.peer, _ = netip.AddrFromSlice(peer.IP)
			c.peer = c.peer.Unmap()
		}
		if l.add(c) {
			return c, nil
		}
		// The socket is new: a few bytes find room in it.
		_, _ = tcp.Write([]byte(tooMany))
		_ = tcp.Close()
	}
}

func (l *Listener) add(c *Conn) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.perAddress > 0 && l.open[c.peer] >= l.perAddress {
		return false
	}
	l.open[c.peer]++
	l.conns[c] = struct{}{}
	return true
}

func (l *Listener) remove(c *Conn) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.conns, c)
	if l.open[c.peer]--; l.open[c.peer] == 0 {
		delete(l.open, c.peer)
	}
}

// Hurry gives the other sides of all connections only so long from now on to send the
// rest of a request or to take the rest of an answer. Requests that are being carried
// out go on.
func (l *Listener) Hurry(patience time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.hurry.Store(int64(patience))
	until := time.Now().Add(patience)
	for c := range l.conns {
		_ = c.TCPConn.SetWriteDeadline(until)
		if c.filling.Load() {
			_ = c.SetReadDeadline(until)
		}
	}
}

// Conn is a connection of a Listener.
type Conn struct {
	*net.TCPConn

	listener *Listener
	peer     netip.Addr
	closed   atomic.Bool
	cut      atomic.Bool  // nothing more is written
	filling  atomic.Bool  // a part of a request is waited for
	length   atomic.Bool  // a line began with Content-Length
	matched  int          // bytes of lengthName that the last read ended with
	armed    atomic.Int64 // when the deadline of writing was set, in nanoseconds since 1970; 0 for never
	reads    readDeadline
	// Of the reading of a single byte: since when it is put off, and what ends that.
	since atomic.Int64  // one more than the looks of the listener were; 0 if it is not
	watch chan struct{} // takes one
}

// putOff is how long a request lasts, at least, before its connection is watched for who
// hangs up. Most are over by then, and watching costs as much as some of them.
const putOff = 20 * time.Millisecond

// putOffRead waits until the request has lasted for a while, or a deadline is set: the
// server sets one that has passed when the request is over. It reports whether that is so.
func (c *Conn) putOffRead() (over bool) {
	r := &c.reads
	select {
	case <-c.watch: // of a read before
	default:
	}
	c.since.Store(c.listener.looks.Load() + 1)
	c.listener.lookLater()
	if r.wanted.Load() == never && !c.closed.Load() {
		<-c.watch
	}
	c.since.Store(0)
	return r.passed() && !c.closed.Load()
}

// endPutOff ends the waiting of putOffRead.
func (c *Conn) endPutOff() {
	if c.since.Load() > 0 {
		select {
		case c.watch <- struct{}{}:
		default:
		}
	}
}

// lookLater sees to it that those who put off their reading now are looked for.
func (l *Listener) lookLater() {
	if !l.looking.Load() && l.looking.CompareAndSwap(false, true) {
		l.timer.Reset(putOff)
	}
}

// look lets those read who have put it off for long enough.
func (l *Listener) look() {
	l.looking.Store(false) // before it looks: who comes later has it called again
	now := l.looks.Add(1)
	more := false
	l.mutex.Lock()
	for c := range l.conns {
		switch since := c.since.Load(); {
		case since == 0:
		case since < now:
			c.endPutOff()
		default:
			more = true
		}
	}
	l.mutex.Unlock()
	if more {
		l.lookLater()
	}
}

// readDeadline is the deadline of reading. net/http sets it six times for a request, most
// of them later than the one before: of a later one the connection is told when the one
// that it knows has passed. Times are in nanoseconds since from.
type readDeadline struct {
	from    time.Time
	waits   atomic.Bool // somebody reads
	wanted  atomic.Int64
	telling sync.Mutex   // held while told changes
	told    atomic.Int64 // what the connection knows
}

// never is no deadline.
const never = math.MaxInt64

// part is how much of an answer has to be taken in the time for progress, in bytes.
const part = 64 << 10

// Write sends in parts, each of which has its time.
func (c *Conn) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		if c.cut.Load() {
			return n, os.ErrDeadlineExceeded
		}
		progress := c.listener.progress
		if hurry := time.Duration(c.listener.hurry.Load()); hurry > 0 {
			progress = hurry
		}
		// Telling the connection costs, telling the time nearly nothing.
		if now := time.Now(); now.UnixNano()-c.armed.Load() > int64(progress/16) {
			if err := c.TCPConn.SetWriteDeadline(now.Add(progress)); err != nil {
				return n, err
			}
			c.armed.Store(now.UnixNano())
		}
		var sent int
		sent, err = c.TCPConn.Write(p[:min(len(p), part)])
		p, n = p[sent:], n+sent
	}
	return n, err
}

// Read notes what a request is framed with. The server reads a single byte while a
// request is carried out, to learn who hangs up, which can wait; else it waits for a
// request.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) > 1 {
		c.filling.Store(true)
		defer c.filling.Store(false)
		if hurry := time.Duration(c.listener.hurry.Load()); hurry > 0 {
			_ = c.SetReadDeadline(time.Now().Add(hurry))
		}
	} else if c.putOffRead() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := c.readInTime(p)
	if n > 0 && !c.length.Load() && c.sawLength(p[:n]) {
		c.length.Store(true)
	}
	return n, err
}

// readInTime reads until the deadline that is wanted, also while it changes.
func (c *Conn) readInTime(p []byte) (int, error) {
	r := &c.reads
	r.waits.Store(true)
	defer r.waits.Store(false)
	// One that passed before the connection was there was to end a read, not to hold.
	again := r.told.Load() < 0
	for {
		if again || r.wanted.Load() < r.told.Load() {
			if err := c.tell(again); err != nil {
				return 0, err
			}
		}
		n, err := c.TCPConn.Read(p)
		if err == nil || n > 0 || r.passed() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		again = true
	}
}

// passed reports whether the deadline that is wanted has passed.
func (r *readDeadline) passed() bool {
	wanted := r.wanted.Load()
	return wanted != never && (wanted < 0 || int64(time.Since(r.from)) >= wanted)
}

// tell tells the connection of the deadline that is wanted: if it is sooner than the one
// that it knows, or later too.
func (c *Conn) tell(later bool) error {
	r := &c.reads
	r.telling.Lock()
	defer r.telling.Unlock()
	for {
		wanted, told := r.wanted.Load(), r.told.Load()
		if wanted == told || wanted > told && !later {
			return nil
		}
		r.told.Store(wanted)
		var t time.Time
		if wanted != never {
			t = r.from.Add(time.Duration(wanted))
		}
		if err := c.TCPConn.SetReadDeadline(t); err != nil {
			return err
		}
		later = false // who wants a sooner one meanwhile may have looked at told before
	}
}

// SetReadDeadline sets the deadline of reading.
func (c *Conn) SetReadDeadline(t time.Time) error {
	r := &c.reads
	wanted := int64(never)
	if !t.IsZero() {
		wanted = int64(t.Sub(r.from))
	}
	r.wanted.Store(wanted)
	if wanted != never {
		c.endPutOff()
	}
	if r.waits.Load() && wanted < r.told.Load() {
		return c.tell(false)
	}
	return nil
}

// SetWriteDeadline sets a deadline that holds until the next part is written. It is never
// cleared, though the server would between two requests: each part has its time. One that
// has passed is the end of writing.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	if !t.After(time.Now()) {
		c.cut.Store(true)
	}
	c.armed.Store(0)
	return c.TCPConn.SetWriteDeadline(t)
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// Close closes the connection.
func (c *Conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.listener.remove(c)
	}
	c.endPutOff()
	return c.TCPConn.Close()
}

const lengthName = "\ncontent-length"

// sawLength reports whether a line begins with Content-Length, in whatever case and
// however it is cut into reads. A body may hold such a line too.
func (c *Conn) sawLength(p []byte) bool {
	for len(p) > 0 {
		if c.matched == 0 {
			i := bytes.IndexByte(p, '\n')
			if i < 0 {
				return false
			}
			p, c.matched = p[i+1:], 1
			continue
		}
		b := p[0]
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		if b != lengthName[c.matched] {
			c.matched = 0
			continue
		}
		p = p[1:]
		if c.matched++; c.matched == len(lengthName) {
			return true
		}
	}
	return false
}

type connKey struct{}

// Context makes the connection known to its requests; it is for http.Server.ConnContext.
func Context(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*Conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// Ambiguous reports whether a request may have been framed in two ways, by a length and
// in chunks: who sent it may have been made to by somebody between, and its connection
// has to end with it (RFC 9112, section 6.1). net/http forgets the length, so that all of
// the connection counts.
func Ambiguous(r *http.Request) bool {
	if len(r.TransferEncoding) == 0 {
		return false
	}
	c, ok := r.Context().Value(connKey{}).(*Conn)
	return ok && c.length.Load()
}
