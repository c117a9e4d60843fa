package app

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/evidence/render"
	"github.com/understudy-api/understudy/server/site"
)

// requestLog prints a line for each request, and one below it for each rule that it
// broke. A request does not wait for the terminal: lines are gathered while the ones
// before are written and for a moment longer, so that many are written at once where many
// come, and what does not fit is left out and counted.
type requestLog struct {
	w      io.Writer
	json   bool
	colour bool

	mu      sync.Mutex
	waiting []byte
	lost    int
	writing bool
	idle    *sync.Cond // signalled when everything is written, or nobody waits for it any more

	ending chan struct{} // closed when nothing is gathered any more
	end    sync.Once
}

// What waits for the terminal at most, in bytes, and how many violations of a request are
// told.
const (
	maxWaiting     = 1 << 20
	maxToldOfOne   = 5
	maxPathInALine = 200
)

// gathering is how long after a line the next are gathered.
const gathering = 10 * time.Millisecond

func newRequestLog(w io.Writer, asJSON, colour bool) *requestLog {
	l := &requestLog{w: w, json: asJSON, colour: colour, ending: make(chan struct{})}
	l.idle = sync.NewCond(&l.mu)
	return l
}

// requestLog prints what a configuration asks for; nil for nothing.
func (c *Config) requestLog(w io.Writer) *requestLog {
	if !c.LogRequests {
		return nil
	}
	return newRequestLog(w, c.LogFormat == "json", Colours(w, os.Getenv))
}

// Colours tells whether to write in colours: on a terminal that has not said no.
func Colours(w io.Writer, getenv func(string) string) bool {
	file, ok := w.(*os.File)
	if !ok || getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// tell tells of an exchange.
func (l *requestLog) tell(x *site.Exchange) {
	if x.API == evidence.ControlAPI && len(x.Explained) == 0 {
		return // who looks at the stand-in does not want to see himself
	}
	var room [256]byte
	var line []byte
	if l.json {
		line = appendJSONLine(room[:0], x)
	} else {
		line = l.appendLine(room[:0], x)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > maxWaiting {
		l.lost++
		return
	}
	l.waiting = append(l.waiting, line...)
	if !l.writing {
		l.writing = true
		go l.write()
	}
}

// write writes what waits, until nothing does.
func (l *requestLog) write() {
	var text []byte
	for {
		l.mu.Lock()
		text, l.waiting = l.waiting, text[:0]
		if l.lost > 0 {
			text = append(text, strconv.Itoa(l.lost)+" requests are not told: they came faster than they could be written\n"...)
			l.lost = 0
		}
		if len(text) == 0 {
			l.writing = false
			l.idle.Broadcast()
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		_, _ = l.w.Write(text) // nobody is left to tell
		select {
		case <-time.After(gathering):
		case <-l.ending:
		}
	}
}

// flush waits until everything is written, or the context ends: the terminal may stand
// still. From then on nothing is gathered.
func (l *requestLog) flush(ctx context.Context) {
	l.end.Do(func() { close(l.ending) })
	defer context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.idle.Broadcast()
	})()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing && ctx.Err() == nil {
		l.idle.Wait()
	}
}

// shownPath is the path with its query, without secrets.
func shownPath(x *site.Exchange) string {
	path := x.Path
	if x.Query != "" && x.Document != nil {
		path += "?" + x.Document.MaskQuery(x.Query)
	}
	if len(path) > maxPathInALine {
		path = path[:maxPathInALine] + "..."
	}
	return render.Clean(path)
}

func (l *requestLog) appendLine(b []byte, x *site.Exchange) []byte {
	b = appendClock(b, x.Time)
	b = append(b, render.Clean(x.Method)...)
	b = append(b, ' ')
	b = append(b, shownPath(x)...)
	b = append(b, ' ')
	if x.Status == 0 {
		b = append(b, "reset"...)
	} else {
		b = strconv.AppendInt(b, int64(x.Status), 10)
	}
	b = append(b, ' ')
	b = append(b, x.Duration.Round(10*time.Microsecond).String()...)
	if x.Forced != nil {
		b = append(b, " (forced: "...)
		b = append(b, x.Forced.What...)
		b = append(b, ')')
	}
	b = append(b, '\n')
	for i := range x.Explained {
		if i == maxToldOfOne {
			b = append(b, "    and "+strconv.Itoa(len(x.Explained)-i)+" more: "+x.ID+"\n"...)
			break
		}
		e := &x.Explained[i]
		text := "    " + string(e.In)
		if e.Name != "" {
			text += " " + e.Name
		}
		text += e.Pointer + ": " + e.Rule + ": " + e.Message
		if e.Where.File != "" {
			text += " (" + e.Where.File + ":" + strconv.Itoa(e.Where.Line) + ")"
		}
		b = append(b, l.paint(e, render.Clean(text))...)
		b = append(b, '\n')
	}
	return b
}

// appendClock is AppendFormat by "15:04:05.000 ", which costs more than the rest of a line.
func appendClock(b []byte, t time.Time) []byte {
	hour, minute, second := t.Clock()
	for _, n := range [...]struct {
		n   int
		end byte
	}{{hour, ':'}, {minute, ':'}, {second, '.'}} {
		b = append(b, byte('0'+n.n/10), byte('0'+n.n%10), n.end)
	}
	ms := t.Nanosecond() / 1e6
	return append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), ' ')
}

// paint shows what fails in red, and what warns in yellow.
func (l *requestLog) paint(e *contract.Explained, text string) string {
	switch {
	case !l.colour:
		return text
	case e.Refused || e.Side == contract.SideServer:
		return "\x1b[31m" + text + "\x1b[0m"
	}
	return "\x1b[33m" + text + "\x1b[0m"
}

func appendJSONLine(b []byte, x *site.Exchange) []byte {
	type violation struct {
		Rule    string `json:"rule"`
		In      string `json:"in"`
		Name    string `json:"name,omitempty"`
		Pointer string `json:"pointer,omitempty"`
		Message string `json:"message"`
		Fails   bool   `json:"fails"`
		File    string `json:"file,omitempty"`
		Line    int    `json:"line,omitempty"`
	}
	line := struct {
		Time       time.Time   `json:"time"`
		Msg        string      `json:"msg"`
		Exchange   string      `json:"exchange"`
		API        string      `json:"api"`
		Workspace  string      `json:"workspace,omitempty"`
		Method     string      `json:"method"`
		Path       string      `json:"path"`
		Status     int         `json:"status"`
		Micros     int64       `json:"durationMicroseconds"`
		Forced     string      `json:"forced,omitempty"`
		Violations []violation `json:"violations,omitempty"`
	}{
		Time: x.Time.UTC(), Msg: "request", Exchange: x.ID, API: x.API, Workspace: x.Workspace, Method: strings.ToValidUTF8(x.Method, "\uFFFD"),
		Path: shownPath(x), Status: x.Status, Micros: x.Duration.Microseconds(),
	}
	if x.Forced != nil {
		line.Forced = x.Forced.What
	}
	for i := range x.Explained {
		if i == maxToldOfOne {
			break
		}
		e := &x.Explained[i]
		line.Violations = append(line.Violations, violation{
			e.Rule, string(e.In), e.Name, e.Pointer, e.Message, e.Refused || e.Side == contract.SideServer, e.Where.File, e.Where.Line,
		})
	}
	text, err := json.Marshal(line)
	if err != nil {
		return b
	}
	return append(append(b, text...), '\n')
}
