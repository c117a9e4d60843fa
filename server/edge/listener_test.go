package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// serving serves a handler on a Listener of its own and gives its address.
func serving(t *testing.T, perAddress int, progress time.Duration, handler http.HandlerFunc) (*Listener, string) {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(inner, perAddress, progress)
	server := &http.Server{Handler: handler, ConnContext: Context, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l, inner.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// An answer that nobody takes ends the connection, also after ones that were taken; one
// that is taken slowly does not.
func TestProgress(t *testing.T) {
	failed := make(chan error, 2)
	large := make([]byte, 16<<20)
	_, address := serving(t, 0, 50*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			_, err := w.Write(large)
			failed <- err
		}
	})
	conn := dial(t, address)
	_, _ = io.WriteString(conn, strings.Repeat("GET /small HTTP/1.1\r\nHost: h\r\n\r\n", 3)+"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
	if err := <-failed; err == nil {
		t.Error("an answer of 16 MiB that nobody takes was sent")
	}

	_, slow := serving(t, 0, 30*time.Second, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(large)
		failed <- err
	})
	conn = dial(t, slow)
	_, _ = io.WriteString(conn, "GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if n, err := io.Copy(io.Discard, conn); n < int64(len(large)) {
		t.Errorf("%d bytes (%v)", n, err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// served is a connection of a listener, from both its sides.
type served struct {
	t      *testing.T
	c      *Conn
	client net.Conn
	read   chan error
}

func accepted(t *testing.T) *served {
	t.Helper()
	conns := make(chan *Conn, 1)
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(inner, 0, time.Hour)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		c, _ := l.Accept()
		conns <- c.(*Conn)
	}()
	client := dial(t, inner.Addr().String())
	c := <-conns
	t.Cleanup(func() { _ = c.Close() })
	return &served{t: t, c: c, client: client, read: make(chan error)}
}

func (s *served) begin(bytes int) {
	go func() {
		_, err := s.c.Read(make([]byte, bytes))
		s.read <- err
	}()
}

func (s *served) set(times ...time.Time) {
	for _, at := range times {
		if err := s.c.SetReadDeadline(at); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *served) ends(what string, with error) {
	s.t.Helper()
	if err := <-s.read; !errors.Is(err, with) {
		s.t.Errorf("%s: %v", what, err)
	}
}

func (s *served) reads(what string) {
	s.t.Helper()
	_, _ = io.WriteString(s.client, "x")
	s.ends(what, nil)
}

func until(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}

func in(d time.Duration) time.Time { return time.Now().Add(d) }

var past = time.Unix(1, 0)

// A deadline holds that was set before a read, while it waits, and after others: sooner,
// later, and none.
func TestReadDeadline(t *testing.T) {
	s := accepted(t)
	c, set, reads := s.c, s.set, s.reads
	begin := func() { s.begin(2) }
	wait := func() {
		begin()
		until(c.reads.waits.Load)
	}
	passes := func(what string) {
		t.Helper()
		s.ends(what, os.ErrDeadlineExceeded)
	}
	const soon = 5 * time.Millisecond
	for range 50 {
		set(in(time.Hour))
		wait()
		set(past)
		passes("ended while it waits")

		begin()
		passes("ended before")

		set(time.Time{}, in(time.Hour))
		wait()
		reads("later again")

		wait()
		set(in(soon), time.Time{})
		reads("none instead of one")

		set(in(soon))
		begin()
		passes("soon")

		set(in(time.Hour))
		wait()
		set(in(soon), in(2*time.Hour))
		until(func() bool { return c.reads.told.Load() > int64(time.Since(c.reads.from)+90*time.Minute) })
		reads("later while it waits, when the sooner has passed")

		set(in(time.Hour))
		go set(past)
		begin()
		passes("ended as it begins")
	}
	_ = c.Close()
	begin()
	s.ends("closed", net.ErrClosed)
}

// A single byte is not read at once, and as soon as anything ends that: the request being
// over, a deadline, time, and the end of the connection, from either side.
func TestPutOff(t *testing.T) {
	s := accepted(t)
	begin := func() { s.begin(1) }
	wait := func() {
		begin()
		until(func() bool { return s.c.since.Load() > 0 })
	}
	for range 50 {
		wait()
		s.set(past)
		s.ends("over while it waits", os.ErrDeadlineExceeded)
		begin()
		s.ends("over before", os.ErrDeadlineExceeded)
		s.set(time.Time{})
		go s.set(past)
		begin()
		s.ends("over as it begins", os.ErrDeadlineExceeded)
		if s.c.reads.told.Load() < 0 {
			t.Fatal("the connection was told of a deadline that nobody waits for")
		}
		s.set(time.Time{})

		wait()
		s.set(in(time.Millisecond))
		s.ends("a deadline while it waits", os.ErrDeadlineExceeded)
		s.set(in(time.Hour))
		begin()
		s.reads("a deadline before")
		s.set(time.Time{}, past, time.Time{}) // and the connection knows of none
		s.begin(2)
		s.reads("none again")
	}
	for range 5 {
		wait()
		until(s.c.reads.waits.Load)
		s.reads("time")
		_, _ = io.WriteString(s.client, "x")
		begin()
		s.ends("what was sent before", nil)
	}
	wait()
	_ = s.client.Close()
	s.ends("the other side hangs up", io.EOF)

	s = accepted(t)
	wait()
	_ = s.c.Close()
	s.ends("closed while it waits", net.ErrClosed)
	begin()
	s.ends("closed before", net.ErrClosed)
}

// Hurried, a connection that only hangs ends, and one whose request is carried out does
// not.
func TestHurry(t *testing.T) {
	begun, end := make(chan struct{}, 2), make(chan struct{})
	l, address := serving(t, 0, time.Hour, func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		if r.URL.Path == "/wait" {
			<-end
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
	waiting, half, body := dial(t, address), dial(t, address), dial(t, address)
	_, _ = io.WriteString(waiting, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
	_, _ = io.WriteString(half, "GET /half HTTP/1.1\r\n")
	_, _ = io.WriteString(body, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{")
	<-begun
	<-begun
	l.Hurry(20 * time.Millisecond)
	for _, conn := range []net.Conn{half, body} {
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("it is not ended: %v", err)
		}
	}
	close(end)
	if resp, err := http.ReadResponse(bufio.NewReader(waiting), nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
}

// An address has so many connections, and another when one ends; a closed one counts
// once.
func TestPerAddress(t *testing.T) {
	l, address := serving(t, 2, time.Minute, func(http.ResponseWriter, *http.Request) {})
	ask := func(conn net.Conn) int {
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil { // a reset may overtake the answer
			return http.StatusServiceUnavailable
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	first, second := dial(t, address), dial(t, address)
	if a, b := ask(first), ask(second); a != 200 || b != 200 {
		t.Fatalf("%d %d", a, b)
	}
	third := dial(t, address)
	resp, err := http.ReadResponse(bufio.NewReader(third), nil)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%v %v", resp, err)
	}
	if text, err := io.ReadAll(resp.Body); err != nil || int64(len(text)) != resp.ContentLength {
		t.Errorf("%q %v", text, err)
	}
	_ = resp.Body.Close()
	_ = first.Close()
	for ask(dial(t, address)) != 200 {
		if t.Context().Err() != nil {
			t.Fatal("there is no room again")
		}
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if n := len(l.conns); n > 2 {
		t.Errorf("%d connections are counted", n)
	}
}

// FuzzLength finds a line that begins with Content-Length, however it is cut, and no other.
func FuzzLength(f *testing.F) {
	for _, seed := range []string{"POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\n", "\ncontent-\ncontent-lengtH", "X-Content-Length: 1\n", "content-length", "\n\ncontent-length"} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		c, seen := &Conn{}, false
		size := 1 + (cut%7+7)%7
		for i := 0; i < len(text) && !seen; i += size {
			seen = c.sawLength(text[i:min(i+size, len(text))])
		}
		lower := bytes.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				return r | 0x20
			}
			return r
		}, text)
		if want := bytes.Contains(lower, []byte(lengthName)); seen != want {
			t.Errorf("%q in pieces of %d: %v", text, size, seen)
		}
	})
}

// Only of a connection that is ours can be told how a request was framed.
func TestAmbiguous(t *testing.T) {
	c := &Conn{}
	for _, text := range []string{"POST / HTTP/1.1\r\nConte", "NT-LENGTH: 5\r\n"} {
		if c.sawLength([]byte(text)) {
			c.length.Store(true)
		}
	}
	r := (&http.Request{TransferEncoding: []string{"chunked"}}).WithContext(Context(context.Background(), c))
	plain := (&http.Request{}).WithContext(r.Context())
	other := &http.Request{TransferEncoding: []string{"chunked"}}
	if !Ambiguous(r) || Ambiguous(plain) || Ambiguous(other) {
		t.Errorf("%v %v %v", Ambiguous(r), Ambiguous(plain), Ambiguous(other))
	}
}
