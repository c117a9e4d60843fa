package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// fiveNodes is a graph of five nodes: input, a decision table, two expression nodes,
// output.
const fiveNodes = `{"nodes":[{"id":"in","name":"request","type":"inputNode"},` +
	`{"id":"t","name":"fees","type":"decisionTableNode","content":{"hitPolicy":"first","passThrough":true,` +
	`"inputs":[{"id":"c","name":"country","field":"customer.country"},{"id":"a","name":"total","field":"cart.total"}],` +
	`"outputs":[{"id":"f","name":"percent","field":"percent"}],"rules":[` +
	`{"_id":"r1","c":"'US'","a":"> 1000","f":"1.5"},{"_id":"r2","c":"'US','CA'","a":"[100..1000]","f":"2"},{"_id":"r3","c":"","a":"","f":"3"}]}},` +
	`{"id":"e","name":"fee","type":"expressionNode","content":{"expressions":[` +
	`{"id":"x1","key":"fee","value":"cart.total * percent / 100"},{"id":"x2","key":"total","value":"cart.total + $.fee"}],"passThrough":true}},` +
	`{"id":"g","name":"grade","type":"expressionNode","content":{"expressions":[` +
	`{"id":"x3","key":"fee","value":"fee"},{"id":"x4","key":"total","value":"total"},{"id":"x5","key":"grade","value":"total > 1000 ? 'gold' : 'plain'"}]}},` +
	`{"id":"out","name":"response","type":"outputNode"}],` +
	`"edges":[{"id":"e1","sourceId":"in","targetId":"t"},{"id":"e2","sourceId":"t","targetId":"e"},` +
	`{"id":"e3","sourceId":"e","targetId":"g"},{"id":"e4","sourceId":"g","targetId":"out"}]}`

//go:embed vendor.mjs
var vendorScript []byte

const vendorPackage = "@gorules/zen-engine@0.54.0"

// inputs are different inputs of the graph.
func inputs(n int) []string {
	countries := []string{"US", "CA", "DE", "FR", "JP"}
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"context":{"cart":{"total":%d.%02d},"customer":{"country":"%s","tier":"gold"}},"trace":false}`,
			50+i*3, i%100, countries[i%len(countries)])
	}
	return list
}

// vendor starts a server on the vendor's engine, which npm fetches into a folder; nil
// where there is no node.
func vendor(ctx context.Context, dir, modules string) (*server, error) {
	if _, err := exec.LookPath("node"); err != nil {
		fmt.Fprintln(os.Stderr, "load: no node: the vendor's engine is left out")
		return nil, nil //nolint:nilnil,nilerr // no server is no error
	}
	if _, err := os.Stat(filepath.Join(modules, "node_modules", "@gorules", "zen-engine")); errors.Is(err, os.ErrNotExist) {
		npm := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", modules, vendorPackage)
		npm.Stdout, npm.Stderr = os.Stderr, os.Stderr
		if err := npm.Run(); err != nil {
			return nil, fmt.Errorf("npm: %w", err)
		}
	}
	script, graph := filepath.Join(dir, "vendor.mjs"), filepath.Join(dir, "graph.json")
	if err := errors.Join(os.WriteFile(script, vendorScript, 0o600), os.WriteFile(graph, []byte(fiveNodes), 0o600)); err != nil {
		return nil, err
	}
	return start(ctx, "vendor", "node", script, filepath.Join(modules, "node_modules")+"/", graph)
}

// compareEvaluation measures the evaluation of a graph of five nodes by a thousand
// different inputs: a constant, Understudy (a token of the project, both ways judged and
// recorded) and a bare server on the vendor's engine.
func compareEvaluation(binary, modules string, rounds int, length time.Duration, connections int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "understudy-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bare, err := start(ctx, "bare", self, "-role", "bare")
	if err != nil {
		return err
	}
	us, err := start(ctx, "us", binary, "serve", "--addr", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(dir, "load.db"), "--log-level", "error")
	if err != nil {
		return err
	}
	servers := []*server{us}
	theirs, err := vendor(ctx, dir, modules)
	if err != nil {
		return err
	}
	if theirs != nil {
		servers = append(servers, theirs)
	}
	defer func() {
		for _, s := range append(slices.Clone(servers), bare) {
			_ = s.cmd.Process.Kill()
		}
	}()
	token, err := published(us)
	if err != nil {
		return err
	}
	var requests [][]byte
	for _, body := range inputs(1000) {
		r := request("POST", "/api/projects/load/evaluate/fees/shipping", "Bearer "+token, body)
		requests = append(requests, r)
	}
	next := func() func() []byte {
		var i atomic.Int64
		return func() []byte { return requests[int(i.Add(1))%len(requests)] }
	}
	speed, cpu := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		for _, s := range servers {
			before, err := load(bare, connections, length/2, http.StatusOK, next())
			if err != nil {
				return err
			}
			got, err := load(s, connections, length, http.StatusOK, next())
			if err != nil {
				return err
			}
			after, err := load(bare, connections, length/2, http.StatusOK, next())
			if err != nil {
				return err
			}
			speed[s.name] = append(speed[s.name], got.perSecond/((before.perSecond+after.perSecond)/2))
			cpu[s.name] = append(cpu[s.name], float64(got.cpu)/(float64(before.cpu+after.cpu)/2))
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "evaluation of five nodes, 1000 inputs, %d connections, %d rounds of %s; medians, of bare\n", connections, rounds, length)
	fmt.Fprintln(w, "server\trate\tCPU")
	for _, s := range servers {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\n", s.name, median(speed[s.name]), median(cpu[s.name]))
	}
	if theirs != nil {
		fmt.Fprintf(w, "us of vendor\t%.1f\t%.2f\n", median(speed["us"])/median(speed["vendor"]), median(cpu["us"])/median(cpu["vendor"]))
	}
	return w.Flush()
}

// published puts the graph into a project, and gives a token of the project.
func published(us *server) (string, error) {
	text, err := post(us, "/api/projects", bearer, `{"name":"Load","key":"load"}`)
	if err != nil {
		return "", err
	}
	project := "/api/projects/" + idIn(text)
	if text, err = post(us, project+"/documents", bearer, `{"name":"fees/shipping","content":`+fiveNodes+`}`); err != nil {
		return "", err
	}
	if err := put(us, project+"/documents/"+idIn(text)+"/publish", `{"type":"publish"}`); err != nil {
		return "", err
	}
	if text, err = post(us, project+"/security/tokens", bearer, `{"name":"load"}`); err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(text, `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token, nil
}

func put(s *server, path, body string) error {
	r, err := http.NewRequest(http.MethodPut, "http://"+s.addr+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", bearer)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("PUT %s: %s: %s", path, answer.Status, text)
	}
	return err
}
