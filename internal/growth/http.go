package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/app"
	_ "github.com/understudy-api/understudy/server/drivers"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
)

const (
	// maxUnpaged is the longest list that is asked for whole.
	maxUnpaged = 10_000
	// perTenant is how many projects a workspace has where the workspaces grow, and
	// callers how many fill them at a time.
	perTenant = 8
	callers   = 8
)

// server is a server of this process, which listens.
type server struct {
	app  *app.App
	http *http.Server
	addr string
	done chan error
}

func newServer(ctx context.Context, where string) (*server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	limits := site.DefaultLimits()
	limits.Body = seed.MaxBytes
	a, err := app.New(ctx, app.Options{Store: where, Limits: &limits})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &server{app: a, http: &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}, addr: listener.Addr().String(), done: make(chan error, 1)}
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

func (s *server) close() error {
	err := s.http.Close()
	if ended := <-s.done; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return errors.Join(err, s.app.Close())
}

// client is one connection to a server. It reads answers without net/http's client,
// which costs more than some of them.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
}

func (s *server) dial(ctx context.Context) (*client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// call makes a request, which must be answered with 200.
func (c *client) call(ctx context.Context, method, path, authorization, body string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	head := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + authorization + "\r\n"
	if body != "" {
		head += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	if _, err := io.WriteString(c.conn, head+"\r\n"+body); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, path, response.Status, text)
	}
	return text, nil
}

// into is call with the answer decoded.
func (c *client) into(ctx context.Context, v any, method, path, authorization, body string) error {
	text, err := c.call(ctx, method, path, authorization, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

const integrationBody = `{"name":"Rates %[1]d","type":"http","kind":"rates-%[1]d","config":{"url":"https://example.com/quote"}}`

// httpFiller makes the filler of a server that holds so many records.
func httpFiller(fill func(ctx context.Context, c *client, size int) ([]operation, error)) filler {
	return func(ctx context.Context, where string, size int) (*bed, error) {
		s, err := newServer(ctx, where)
		if err != nil {
			return nil, err
		}
		c, err := s.dial(ctx)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		operations, err := fill(ctx, c, size)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		return &bed{operations: operations, close: s.close}, nil
	}
}

// plant makes a workspace what a seed says, of which it is the only one.
func (c *client) plant(ctx context.Context, authorization, workspace string) error {
	_, err := c.call(ctx, http.MethodPut, "/_understudy/seed", authorization, `{"workspaces":[`+workspace+`]}`)
	return err
}

// entries is so many members of a list of a seed.
func entries(n int, one func(b *bytes.Buffer, i int)) string {
	var b bytes.Buffer
	for i := range n {
		if i > 0 {
			b.WriteString(",\n") // places are counted by line
		}
		one(&b, i)
	}
	return b.String()
}

const (
	projectsPath = "/api/projects"
	projectBody  = `{"name":"New %[1]d","key":"new-%[1]d"}`
	oneCaller    = "Bearer growth"
)

// projectsOf is a workspace with so many projects.
func projectsOf(ctx context.Context, c *client, size int) ([]operation, error) {
	list := entries(size, func(b *bytes.Buffer, i int) {
		fmt.Fprintf(b, `{"id":%q,"name":"Project %07d","key":"p-%d"}`, idOf(i), i, i)
	})
	if err := c.plant(ctx, oneCaller, `{"brms":{"projects":[`+list+`]}}`); err != nil {
		return nil, err
	}
	operations := resource{c, "project", projectsPath, func(int) string { return oneCaller }, projectBody}.operations(ctx, size)
	return append(operations, operation{name: "search projects", times: reads, run: func(int) error {
		_, err := c.call(ctx, http.MethodGet, projectsPath+"?search=project%200000003", oneCaller, "")
		return err
	}}), nil
}

// integrationsOf is a workspace with so many integrations of one project.
func integrationsOf(ctx context.Context, c *client, size int) ([]operation, error) {
	parent := idOf(-1)
	list := entries(size, func(b *bytes.Buffer, i int) {
		fmt.Fprintf(b, `{"id":%q,`, idOf(i))
		fmt.Fprintf(b, integrationBody[1:], i)
	})
	if err := c.plant(ctx, oneCaller, `{"brms":{"projects":[{"id":"`+parent+`","name":"One","integrations":[`+list+`]}]}}`); err != nil {
		return nil, err
	}
	path := projectsPath + "/" + parent + "/integrations"
	return resource{c, "integration", path, func(int) string { return oneCaller }, integrationBody}.operations(ctx, size), nil
}

// documentsOf is a workspace with so many documents in the folders of one project.
func documentsOf(ctx context.Context, c *client, size int) ([]operation, error) {
	if size > maxUnpaged {
		return nil, nil
	}
	const perFolder, content = 100, `{"nodes":[],"edges":[]}`
	parent := idOf(-1)
	list := entries(size, func(b *bytes.Buffer, i int) {
		fmt.Fprintf(b, `{"id":%q,"name":"folder %d/rule %07d","content":%s}`, idOf(i), i/perFolder, i, content)
	})
	if err := c.plant(ctx, oneCaller, `{"brms":{"projects":[{"id":"`+parent+`","name":"One","documents":[`+list+`]}]}}`); err != nil {
		return nil, err
	}
	path := projectsPath + "/" + parent + "/documents"
	version := 0
	asked := func(name, query string) operation {
		return operation{name: name, times: reads, run: func(int) error {
			_, err := c.call(ctx, http.MethodGet, path+query, oneCaller, "")
			return err
		}}
	}
	return []operation{
		asked("list documents, first page", "?perPage=10"), asked("search documents", "?search=rule%200000003"),
		{name: "POST document version", times: writes, run: func(int) error {
			version++
			_, err := c.call(ctx, http.MethodPost, path+"/"+idOf(draw(min(hot, size)))+"/versions", oneCaller, fmt.Sprintf(`{"content":{"nodes":[],"edges":[],"n":%d}}`, version))
			return err
		}},
	}, nil
}

// biOf is a workspace with so many BI integrations, which are listed whole.
func biOf(ctx context.Context, c *client, size int) ([]operation, error) {
	const caller = "Key growth"
	if size > maxUnpaged {
		return nil, nil
	}
	list := entries(size, func(b *bytes.Buffer, _ int) { b.WriteString(`{"type":"dbt","ci_config_id":1}`) })
	if err := c.plant(ctx, caller, `{"datafold":{"bi":[`+list+`]}}`); err != nil {
		return nil, err
	}
	return []operation{{name: "list BI integrations, which is not paged", apart: true, times: 1, run: func(int) error {
		_, err := c.call(ctx, http.MethodGet, "/api/v1/lineage/bi/", caller, "")
		return err
	}}}, nil
}

// ciRunsOf is a workspace with so many CI runs of Datafold, each of a pull request of its
// own.
func ciRunsOf(ctx context.Context, c *client, size int) ([]operation, error) {
	const caller, trigger = "Key growth-ci", `{"pr_number":%[1]d,"pr_branch":"b","base_branch":"main","pr_sha":"sha-%[1]d","base_sha":"base"}`
	if size > maxUnpaged {
		return nil, nil
	}
	if err := c.plant(ctx, caller, `{"datafold":{"dataSources":[{"id":1,"type":"duckdb","name":"n"}],"ciConfigs":[{"id":1,"dataSource":1}]}}`); err != nil {
		return nil, err
	}
	for i := range size {
		if _, err := c.call(ctx, http.MethodPost, "/api/v1/ci/1/trigger", caller, fmt.Sprintf(trigger, i)); err != nil {
			return nil, err
		}
	}
	list := func(name, query string) operation {
		return operation{name: name, times: reads, run: func(int) error {
			_, err := c.call(ctx, http.MethodGet, "/api/v1/ci/1/runs?"+query, caller, "")
			return err
		}}
	}
	return []operation{list("list CI runs, the newest ten", "limit=10"), list("find the CI run of a commit", "limit=1&pr_sha=sha-7")}, nil
}

// resource is a resource of BRMS that is measured.
type resource struct {
	*client

	name, path string
	caller     func(among int) string // the credential of one of so many
	body       string                 // of a create, with a number that differs from all others
}

func (c resource) operations(ctx context.Context, size int) []operation {
	number := size
	type made struct{ caller, id string }
	var touched []made
	create := func(caller string) (string, error) {
		number++
		var it struct {
			ID      string              `json:"id"`
			Project struct{ ID string } `json:"project"`
		}
		err := c.into(ctx, &it, http.MethodPost, c.path, caller, fmt.Sprintf(c.body, number))
		return it.ID + it.Project.ID, err
	}
	remove := func() error {
		for _, m := range touched {
			if _, err := c.call(ctx, http.MethodDelete, c.path+"/"+m.id, m.caller, ""); err != nil {
				return err
			}
		}
		return nil
	}
	get := func(name string, among int) operation {
		return operation{name: name, times: reads, run: func(int) error {
			_, err := c.call(ctx, http.MethodGet, c.path+"/"+idOf(draw(min(among, size))), c.caller(among), "")
			return err
		}}
	}
	return []operation{
		get("GET "+c.name+", one of ten", hot),
		get("GET "+c.name+", any", all),
		{
			name: "POST " + c.name, times: writes,
			before: func() error {
				touched = touched[:0]
				return nil
			},
			run: func(int) error {
				caller := c.caller(all)
				id, err := create(caller)
				touched = append(touched, made{caller, id})
				return err
			},
			after: remove,
		},
		{
			name: "DELETE " + c.name, times: writes,
			before: func() error {
				touched = touched[:0]
				for range writes {
					caller := c.caller(all)
					id, err := create(caller)
					if err != nil {
						return err
					}
					touched = append(touched, made{caller, id})
				}
				return nil
			},
			run: func(i int) error {
				_, err := c.call(ctx, http.MethodDelete, c.path+"/"+touched[i].id, touched[i].caller, "")
				return err
			},
		},
		{name: "list " + c.name + "s, first page", times: reads, run: func(int) error {
			var page struct {
				Results  []struct{}          `json:"results"`
				Paginate struct{ Total int } `json:"paginate"`
			}
			if err := c.into(ctx, &page, http.MethodGet, c.path, c.caller(all), ""); err != nil {
				return err
			}
			if page.Paginate.Total < size || len(page.Results) == 0 {
				return fmt.Errorf("a page of %d of %d, want %d", len(page.Results), page.Paginate.Total, size)
			}
			return nil
		}},
	}
}

// httpWorkspaces is a server with so many workspaces, each with a few projects.
func httpWorkspaces(ctx context.Context, where string, size int) (*bed, error) {
	s, err := newServer(ctx, where)
	if err != nil {
		return nil, err
	}
	c, err := s.dial(ctx)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	caller := func(n int) string { return fmt.Sprintf("Bearer tenant-%d", n) }
	var body strings.Builder
	body.WriteString(`{"workspaces":[{"brms":{"projects":[`)
	for i := range perTenant {
		fmt.Fprintf(&body, `{"id":%q,"name":"Project %07d","key":"p-%d"},`, idOf(i), i, i)
	}
	text := strings.TrimSuffix(body.String(), ",") + `]}}]}`
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for w := range callers {
		wg.Go(func() {
			own, err := s.dial(ctx)
			if err != nil {
				errs[w] = err
				return
			}
			defer func() { _ = own.conn.Close() }()
			for n := w; n < size && errs[w] == nil; n += callers {
				_, errs[w] = own.call(ctx, http.MethodPut, "/_understudy/seed", caller(n), text)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, s.close())
	}
	projects := resource{c, "project", projectsPath, func(among int) string { return caller(draw(min(among, size))) }, projectBody}
	return &bed{operations: projects.operations(ctx, perTenant), close: s.close}, nil
}
