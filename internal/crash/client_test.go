package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// connection is how a server is spoken to.
type connection struct {
	url string
	web *http.Client
	// killed is set before the server is killed, outage before its database is.
	killed, outage atomic.Bool
	acknowledged   chan struct{} // a token for every one that was, as far as there is room
	unavailable    atomic.Int64  // answers 503
}

func connect(s *server) *connection {
	return &connection{
		url: s.url, acknowledged: make(chan struct{}, 1024),
		web: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: patience},
	}
}

// call sends a request and reads its answer to the end.
func (c *connection) call(secret, method, path, body string) (status int, header http.Header, text []byte, err error) {
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, c.url+path, sent)
	if err != nil {
		return 0, nil, nil, err
	}
	scheme := "Bearer "
	if strings.HasPrefix(path, "/api/v1/") {
		scheme = "Key "
	}
	r.Header.Set("Authorization", scheme+secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.web.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, text, err
}

// recovered waits until the server is ready again, and tells whether it is.
func (c *connection) recovered() bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _, _, err := c.call("", http.MethodGet, "/_understudy/health/ready", "")
		if err != nil {
			return false
		}
		if status == http.StatusOK {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// most bounds how many projects and how many BI integrations a client has.
const most = 8

// client makes, changes and deletes what is its own, one operation after the other.
type client struct {
	*ledger

	name   string
	random *rand.Rand
	made   int // names that were given
	saved  map[string]dump
	conn   *connection
}

// work goes on until the server is gone.
func (c *client) work(conn *connection) {
	c.conn = conn
	for c.step() {
		// Nobody else may have begun anything when a dump is replaced.
		if c.rewinds && c.hangs() {
			return
		}
	}
}

// ask does one operation. It reports whether to go on.
func (c *client) ask(method, path, body string, change *change, learn func(answer []byte) error) bool {
	change.what = method + " " + path
	c.begin(change)
	status, header, text, err := c.conn.call(c.secret, method, path, body)
	switch {
	case err != nil:
		if !c.conn.killed.Load() {
			c.fail("%s: %v, with nobody killed", change.what, err)
		}
		return false
	case status == http.StatusOK || status == http.StatusNoContent:
		c.acknowledge(change, func() {
			if learn == nil {
				return
			}
			if err := learn(text); err != nil {
				c.report(otherwise, fmt.Sprintf("%s: %s: %v", change.what, text, err))
			}
		})
		select {
		case c.conn.acknowledged <- struct{}{}:
		default:
		}
		return true
	case status == http.StatusServiceUnavailable && c.conn.outage.Load():
		c.conn.unavailable.Add(1)
		if seconds, err := strconv.Atoi(header.Get("Retry-After")); err != nil || seconds < 1 {
			c.fail("%s: 503 with Retry-After %q", change.what, header.Get("Retry-After"))
		}
		return c.conn.recovered()
	}
	c.fail("%s %s: %d %s", change.what, body, status, text)
	return false
}

// workers has the synchronisations of a workspace done by workers.
func (c *connection) workers(secret string) error {
	status, _, text, err := c.call(secret, http.MethodPut, "/_understudy/jobs/modes/datafold.bi.sync", `{"mode":"auto"}`)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the mode of jobs: %d %s", status, text)
	}
	return err
}

// synced waits until every synchronisation has ended, and counts them.
func (c *connection) synced(secret string) (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var bis []struct{ Sync *struct{ Status string } }
		if err := c.get(secret, biPath, &bis); err != nil {
			return 0, err
		}
		n = 0
		open := 0
		for _, bi := range bis {
			switch {
			case bi.Sync == nil:
			case bi.Sync.Status == "done":
				n++
			default:
				open++
			}
		}
		if open == 0 {
			return n, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return n, fmt.Errorf("%d synchronisations do not end", open)
		}
	}
}

const (
	projectsPath  = "/api/projects"
	biPath        = "/api/v1/lineage/bi/"
	snapshotsPath = "/_understudy/snapshots/"
)

// step does something.
func (c *client) step() bool {
	projects, deleted, bis := c.pick(aProject, c.name), c.pick(aDeleted, c.name), c.pick(aBIIntegration, c.name)
	n := c.random.IntN(20)
	if c.rewinds && n < 5 {
		return c.rewind(n)
	}
	switch {
	case n < 6 && len(bis) < most || len(bis) == 0:
		name := c.fresh()
		return c.set(http.MethodPost, biPath+"powerbi/", key{kind: aBIIntegration, name: name}, `{"name":%q}`)
	case n == 6: // which changes nothing that is known, and must end
		k := c.one(bis)
		return c.ask(http.MethodGet, biPath+c.at(k).id+"/sync/", "", &change{sets: map[key]entry{k: c.at(k)}}, nil)
	case n < 8:
		k := c.one(bis)
		return c.set(http.MethodPut, biPath+"powerbi/"+c.at(k).id+"/", k, `{"name":%q}`)
	case n < 10:
		k := c.one(bis)
		return c.ask(http.MethodDelete, biPath+c.at(k).id+"/", "", &change{drops: []key{k}}, nil)
	case n < 12 && len(projects) < most || len(projects) == 0:
		k := key{kind: aProject, name: c.fresh()}
		if n == 10 && len(projects) > 0 {
			return c.duplicate(c.one(projects), k)
		}
		return c.set(http.MethodPost, projectsPath, k, `{"name":%q,"key":"`+k.name+`"}`)
	case n == 12:
		k := c.one(projects)
		return c.set(http.MethodPut, projectsPath+"/"+c.at(k).id, k, `{"name":%q,"key":"`+k.name+`"}`)
	case n == 13 && len(projects) > 2:
		k := c.one(projects)
		was := c.at(k)
		return c.ask(http.MethodDelete, projectsPath+"/"+was.id, "",
			&change{drops: []key{k}, sets: map[key]entry{{kind: aDeleted, name: k.name}: was}}, nil)
	case n == 14 && len(deleted) > 0 && len(projects) < most:
		k := c.one(deleted)
		was := c.at(k)
		return c.ask(http.MethodPut, projectsPath+"/"+was.id+"/restore", "",
			&change{drops: []key{k}, sets: map[key]entry{{kind: aProject, name: k.name}: was}}, nil)
	}
	project := c.one(projects)
	path := projectsPath + "/" + c.at(project).id + "/integrations"
	held := c.content(project.name)
	switch {
	case n < 17 && len(held) < most || len(held) == 0:
		k := key{kind: anIntegration, name: project.name}
		for used := true; used; { // kinds come again when they have become free
			k.sub = "k" + strconv.Itoa(c.random.IntN(2*most))
			used = c.at(k) != entry{}
		}
		return c.set(http.MethodPost, path, k, `{"name":%q,"type":"http","kind":"`+k.sub+`","config":{"url":"https://example.com"}}`)
	case n < 19:
		k := c.one(held)
		return c.set(http.MethodPut, path+"/"+c.at(k).id, k, `{"name":%q,"config":{"url":"https://example.com"}}`)
	}
	k := c.one(held)
	return c.ask(http.MethodDelete, path+"/"+c.at(k).id, "", &change{drops: []key{k}}, nil)
}

// fresh is a name that was never given.
func (c *client) fresh() string {
	c.made++
	return fmt.Sprintf("%s-%d", c.name, c.made)
}

func (c *client) one(keys []key) key { return keys[c.random.IntN(len(keys))] }

// set creates or changes something: body has a place for its text, which begins
// with its name.
func (c *client) set(method, path string, k key, body string) bool {
	e := entry{id: c.at(k).id, text: fmt.Sprintf("%s %08x", k.name, c.random.Uint32())}
	change := &change{sets: map[key]entry{k: e}}
	return c.ask(method, path, fmt.Sprintf(body, e.text), change, func(answer []byte) error {
		var told struct {
			ID      any
			Name    string
			Project struct{ ID, Name string }
		}
		if err := json.Unmarshal(answer, &told); err != nil {
			return err
		}
		id, name := idText(told.ID), told.Name
		if told.Project.ID != "" {
			id, name = told.Project.ID, told.Project.Name
		}
		if id == "" || name != e.text || e.id != "" && id != e.id {
			return fmt.Errorf("want the name %q and the id %q", e.text, e.id)
		}
		change.sets[k] = entry{id: id, text: e.text}
		return nil
	})
}

func idText(id any) string {
	switch id := id.(type) {
	case string:
		return id
	case float64:
		return strconv.FormatFloat(id, 'f', -1, 64)
	}
	return ""
}

// duplicate makes a project with the content of another, all at once.
func (c *client) duplicate(source, k key) bool {
	e := entry{text: k.name + " copy"}
	change := &change{sets: map[key]entry{k: e}}
	for _, held := range c.content(source.name) {
		change.sets[key{kind: anIntegration, name: k.name, sub: held.sub}] = entry{text: c.at(held).text}
	}
	body := fmt.Sprintf(`{"name":%q,"key":%q,"copyContentRef":%q}`, e.text, k.name, c.at(source).id)
	id := ""
	if !c.ask(http.MethodPost, projectsPath, body, change, func(answer []byte) error {
		var told struct{ Project struct{ ID string } }
		if err := json.Unmarshal(answer, &told); err != nil || told.Project.ID == "" {
			return fmt.Errorf("without an id: %w", err)
		}
		id = told.Project.ID
		change.sets[k] = entry{id: id, text: e.text}
		return nil
	}) {
		return false
	}
	if id == "" {
		return true // not answered
	}
	// The ids of what is in it are learnt by looking.
	found := dump{}
	for c.conn.integrations(c.secret, k.name, id, found) != nil {
		if !c.conn.recovered() {
			return false
		}
		clear(found)
	}
	c.learn(found)
	return true
}

// rewind keeps, forgets, restores or resets the dump.
func (c *client) rewind(n int) bool {
	name := c.name + "-" + strconv.Itoa(c.random.IntN(3))
	k, now := key{kind: aSnapshot, name: name}, c.copied()
	path, kept := snapshotsPath+name, c.at(k).text != ""
	switch {
	case n < 2 || n < 4 && !kept:
		change := &change{sets: map[key]entry{k: {}}, then: func() { c.saved[name] = now }}
		return c.ask(http.MethodPut, path, `{}`, change, func(answer []byte) error {
			var told struct{ Taken string }
			if err := json.Unmarshal(answer, &told); err != nil || told.Taken == "" {
				return fmt.Errorf("without a time: %w", err)
			}
			change.sets[k] = entry{text: told.Taken}
			return nil
		})
	case n == 2 && c.random.IntN(4) == 0:
		return c.ask(http.MethodDelete, path, "", &change{drops: []key{k}}, nil)
	}
	goal, path := c.saved[name], path+"/restore"
	if n == 4 {
		if c.random.IntN(3) > 0 {
			return true
		}
		goal, path = dump{}, "/_understudy/reset"
	}
	change := &change{sets: map[key]entry{}}
	for k := range now {
		if _, stays := goal[k]; !stays {
			change.drops = append(change.drops, k)
		}
	}
	maps.Copy(change.sets, goal)
	return c.ask(http.MethodPost, path, "", change, nil)
}

// page is a page of a BRMS list.
type page struct {
	Results  []struct{ ID, Key, Kind, Name string }
	Paginate struct{ Total, PageSize int }
}

// get reads JSON that must be there.
func (c *connection) get(secret, path string, into any) error {
	status, _, text, err := c.call(secret, http.MethodGet, path, "")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: %d %s", path, status, text)
	}
	return json.Unmarshal(text, into)
}

// list reads a BRMS list to its end. What is in it twice, or not counted, is an
// error.
func (c *connection) list(secret, path string, add func(id, key, kind, name string) error) error {
	total, seen := -1, 0
	for n := 1; total < 0 || seen < total; n++ {
		var p page
		if err := c.get(secret, fmt.Sprintf("%s&perPage=200&page=%d", path, n), &p); err != nil {
			return err
		}
		if total >= 0 && p.Paginate.Total != total || seen+len(p.Results) > p.Paginate.Total || len(p.Results) == 0 && seen < p.Paginate.Total {
			return fmt.Errorf("GET %s: page %d holds %d after %d, and counts %d after %d", path, n, len(p.Results), seen, p.Paginate.Total, total)
		}
		total = p.Paginate.Total
		seen += len(p.Results)
		for _, r := range p.Results {
			if err := add(r.ID, r.Key, r.Kind, r.Name); err != nil {
				return fmt.Errorf("GET %s: %w", path, err)
			}
		}
	}
	return nil
}

func (c *connection) integrations(secret, project, id string, w dump) error {
	return c.list(secret, projectsPath+"/"+id+"/integrations?", func(id, _, kind, name string) error {
		return w.add(key{anIntegration, project, kind}, entry{id, name})
	})
}

// add notes something that is in a list.
func (w dump) add(k key, e entry) error {
	if there, twice := w[k]; twice {
		return fmt.Errorf("%w: %v, as %+v and as %+v", errTwice, k, there, e)
	}
	w[k] = e
	return nil
}

// look reads all that is to be seen of a workspace.
func (c *connection) look(secret string) (dump, error) {
	w := dump{}
	for kind, query := range map[string]string{aProject: "?", aDeleted: "?deleted=true"} {
		if err := c.list(secret, projectsPath+query, func(id, key, _, name string) error {
			return w.add(keyOf(kind, key), entry{id, name})
		}); err != nil {
			return nil, err
		}
	}
	for k, e := range w {
		if k.kind == aProject {
			if err := c.integrations(secret, k.name, e.id, w); err != nil {
				return nil, err
			}
		}
	}
	var bis []struct {
		ID   any
		Name string
	}
	if err := c.get(secret, biPath, &bis); err != nil {
		return nil, err
	}
	for _, bi := range bis {
		name, _, _ := strings.Cut(bi.Name, " ")
		if err := w.add(keyOf(aBIIntegration, name), entry{idText(bi.ID), bi.Name}); err != nil {
			return nil, err
		}
	}
	var kept struct {
		Snapshots []struct{ Name, Taken string }
	}
	if err := c.get(secret, strings.TrimSuffix(snapshotsPath, "/"), &kept); err != nil {
		return nil, err
	}
	for _, s := range kept.Snapshots {
		if err := w.add(keyOf(aSnapshot, s.Name), entry{text: s.Taken}); err != nil {
			return nil, err
		}
	}
	return w, w.unique()
}

func keyOf(kind, name string) key { return key{kind: kind, name: name} }

// unique tells which id two things have.
func (w dump) unique() error {
	ids := map[string]key{}
	for k, e := range w {
		if e.id == "" {
			continue
		}
		of := strings.TrimPrefix(k.kind, "deleted ") + " " + e.id
		if other, twice := ids[of]; twice {
			return fmt.Errorf("%w: the id %s, of %v and of %v", errTwice, e.id, other, k)
		}
		ids[of] = k
	}
	return nil
}

// reread asks for what was touched one by one: what the lists showed is what is
// found by id and by search, and what they did not show is not found.
func (c *connection) reread(l *ledger) error {
	l.mu.Lock()
	touched := l.touched
	l.touched = map[key]string{}
	known := l.sure.visible()
	l.mu.Unlock()
	asked := 0
	for k, id := range touched {
		e, there := known[k]
		if there {
			id = e.id
		} else if l.rewinds { // whose ids come again
			continue
		}
		if id == "" {
			continue
		}
		var path string
		switch k.kind {
		case aProject:
			path = projectsPath + "/" + id
		case anIntegration:
			project, living := known[keyOf(aProject, k.name)]
			if !living {
				continue
			}
			path = projectsPath + "/" + project.id + "/integrations/" + id
		case aBIIntegration:
			path = biPath + id + "/"
		default:
			continue
		}
		if asked++; asked > 60 {
			return nil
		}
		status, _, text, err := c.call(l.secret, http.MethodGet, path, "")
		if err != nil {
			return err
		}
		var told struct{ Name string }
		if there && (status != http.StatusOK || json.Unmarshal(text, &told) != nil || told.Name != e.text) || !there && status != http.StatusNotFound {
			return fmt.Errorf("GET %s: %d %s; the lists show %v as %+v", path, status, text, k, e)
		}
		if k.kind != aProject || !there {
			continue
		}
		var p page
		if err := c.get(l.secret, projectsPath+"?search="+url.QueryEscape(e.text), &p); err != nil {
			return err
		}
		if len(p.Results) != 1 || p.Paginate.Total != 1 || p.Results[0].ID != e.id {
			return fmt.Errorf("searched for %q: %+v", e.text, p)
		}
	}
	return nil
}
