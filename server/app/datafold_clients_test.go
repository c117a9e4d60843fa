package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// recorded is a client of Datafold whose calls are retyped from its source and its
// traffic.
type recorded struct {
	*standIn

	t      *testing.T
	header http.Header
	a, b   int // data sources
}

func newRecorded(t *testing.T, secret string) *recorded {
	t.Helper()
	c := &recorded{standIn: startServer(t, Options{}), t: t, header: key(secret)}
	c.header.Set("Content-Type", "application/json") // on GET too
	c.a, c.b = c.dataSource(t, secret, `{"type":"duckdb","name":"A"}`), c.dataSource(t, secret, `{"type":"snowflake","name":"B","options":{"account":"a"}}`)
	c.embed(t, secret, c.a, miniA+";"+miniB)
	c.embed(t, secret, c.b, miniB)
	return c
}

// call makes a request that is answered 200, and reads the answer.
func (c *recorded) call(method, path, body string) map[string]any {
	c.t.Helper()
	var members map[string]any
	text := c.expect(c.t, 200, method, path, c.header, body)
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		c.t.Fatalf("%s: %v", text, err)
	}
	return members
}

// polls asks for the results of a diff until they are of a status that the client ends
// with.
func (c *recorded) polls(id any, ends ...string) (results map[string]any) {
	c.t.Helper()
	eventually(c.t, "the results", func() bool {
		results = c.call("GET", fmt.Sprintf("/api/v1/datadiffs/%v/summary_results", id), "")
		status, _ := results["status"].(string)
		return slices.Contains(ends, status)
	})
	return results
}

// members fails unless an object has all these members and none of them is null: what a
// client reads without looking.
func members(t *testing.T, what string, value any, names ...string) map[string]any {
	t.Helper()
	object, ok := value.(map[string]any)
	for _, name := range names {
		if object[name] == nil {
			ok = false
		}
	}
	if !ok {
		t.Fatalf("%s: want %v in %v", what, names, value)
	}
	return object
}

var valueMembers = []string{"total_rows", "rows_with_differences", "total_values", "compared_columns", "columns_with_differences", "columns_diff_stats"}

// The clients read of a diff what they read of the real service, each in its way.
func TestDiffClients(t *testing.T) {
	t.Parallel()
	const unset = `"filter1":null,"filter2":null,"include_columns":null,"exclude_columns":null`
	within := func(c *recorded) string {
		return fmt.Sprintf(`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,"table1":["a"],"table2":["b"],"pk_columns":["id"],%[2]s}`, c.a, unset)
	}
	across := func(c *recorded) string {
		return fmt.Sprintf(`{"data_source1_id":%d,"data_source2_id":%d,"table1":["a"],"table2":["DB","S","b"],"pk_columns":["id"],%s}`, c.a, c.b, unset)
	}
	core := func(c *recorded, results map[string]any) {
		members(c.t, "pks", results["pks"], "total_rows", "nulls", "dupes", "exclusives", "distincts")
		values := members(c.t, "values", results["values"], valueMembers...)
		for _, column := range values["columns_diff_stats"].([]any) {
			members(c.t, "column", column, "column_name", "match")
		}
		for name, part := range results {
			if part == nil {
				c.t.Errorf("%s is null", name)
			}
		}
	}
	schema := func(c *recorded, results map[string]any) {
		s := members(c.t, "schema", results["schema"], "columns_mismatched", "column_type_mismatches", "column_reorders", "column_counts", "column_type_differs", "exclusive_columns")
		if pair, _ := s["exclusive_columns"].([]any); len(pair) != 2 {
			c.t.Errorf("exclusive_columns: %v", s["exclusive_columns"])
		}
	}
	deps := func(c *recorded, results map[string]any) {
		members(c.t, "dependencies", members(c.t, "dependencies", results["dependencies"], "deps")["deps"], "looker", "hightouch")
	}
	object := func(c *recorded) {
		c.expect(c.t, 200, "PUT", "/_understudy/datafold/compatibility", bearer("recorded"), `{"dependencies":"object","sourceTypes":"old"}`)
	}
	for name, client := range map[string]func(c *recorded){
		"data-diff 0.9.17": func(c *recorded) {
			core(c, c.polls(c.call("POST", "/api/v1/datadiffs", within(c))["id"], "success", "failed"))
		},
		"data-diff 0.10.1, --cloud": func(c *recorded) {
			members(c.t, "meta", c.call("GET", "/api/v1/organization/meta", ""), "org_id", "org_name", "user_id")
			results := c.polls(c.call("POST", "/api/v1/datadiffs", within(c))["id"], "success", "failed")
			core(c, results)
			schema(c, results)
			if list, ok := results["dependencies"].([]any); !ok || len(list) != 0 {
				c.t.Errorf("%v", results["dependencies"])
			}
		},
		"data-diff 0.10.1, across": func(c *recorded) {
			core(c, c.polls(c.call("POST", "/api/v1/datadiffs", across(c))["id"], "success", "failed"))
		},
		"data-diff 0.11.1, with the switch": func(c *recorded) {
			object(c)
			var types []struct {
				Type          string
				Configuration struct {
					Title      string
					Properties map[string]map[string]any
					Secret     []string
				} `json:"configuration_schema"`
			}
			if err := json.Unmarshal([]byte(c.expect(c.t, 200, "GET", "/api/v1/data_sources/types", c.header, "")), &types); err != nil || len(types) != 8 {
				c.t.Fatal(types, err)
			}
			for _, of := range types {
				for name, property := range of.Configuration.Properties {
					members(c.t, of.Type+" "+name, property, "title", "type")
				}
			}
			source := c.call("POST", "/api/v1/data_sources", `{"name":"m","type":"mysql","temp_schema":"tmp","float_tolerance":0.000001,`+
				`"options":{"host":"127.0.0.1","user":"u","db":"d","port":1,"passwd":"p"},"disable_schema_indexing":true,"disable_profiling":true}`)
			job := c.call("POST", fmt.Sprintf("/api/v1/data_sources/%v/test", source["id"]), `{}`)["job_id"]
			eventually(c.t, "the test", func() bool {
				test := c.call("GET", fmt.Sprintf("/api/v1/data_sources/test/%v", job), "")
				for _, step := range test["results"].([]any) {
					s := members(c.t, "step", step, "step", "status")
					result, there := s["result"]
					if !there {
						c.t.Fatal("a step without its result:", s)
					}
					if result != nil {
						members(c.t, "result", result, "code", "message", "outcome")
					}
				}
				return test["status"] == "done"
			})
			results := c.polls(c.call("POST", "/api/v1/datadiffs", within(c))["id"], "success", "failed")
			core(c, results)
			schema(c, results)
			deps(c, results)
		},
		"public-api-demos": func(c *recorded) {
			object(c)
			asked := fmt.Sprintf(`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,"table1":["a"],"table2":["b"],"pk_columns":["id"]}`, c.a)
			results := c.polls(c.call("POST", "/api/v1/datadiffs", asked)["id"], "success", "error")
			core(c, results)
			schema(c, results)
			deps(c, results)
		},
		"the MCP client": func(c *recorded) {
			members(c.t, "meta", c.call("GET", "/api/v1/organization/meta", ""), "org_id")
			if got := c.call("POST", fmt.Sprintf("/api/v1/data_sources/%d/query", c.a), `{"query":"SELECT id FROM b WHERE id = 1"}`); fmt.Sprint(got["rows"]) != "[map[id:1]]" && fmt.Sprint(got["rows"]) != "[[1]]" {
				c.t.Errorf("%v", got)
			}
			at := fmt.Sprintf("/api/v1/data_sources/%d/dataset_schema", c.a)
			task := c.call("POST", at, `{"table":["b"]}`)["task_id"]
			eventually(c.t, "the schema", func() bool {
				got := c.call("GET", fmt.Sprintf("%s/%v", at, task), "")
				return got["status"] == "done" && got["result"] != nil
			})
			guessed := c.call("POST", fmt.Sprintf("/api/v1/data_sources/%d/guess_pk", c.a), `{"table":["b"],"candidates":["id","name"],"sample_size":5000}`)
			if candidates, _ := guessed["candidates"].([]any); len(candidates) == 0 || members(c.t, "candidate", candidates[0], "pk") == nil {
				c.t.Errorf("%v", guessed)
			}
			id := c.call("POST", "/api/v1/datadiffs", fmt.Sprintf(`{"data_source1_id":%d,"data_source2_id":%d,"table1":["a"],"table2":["b"],"pk_columns":["id"],"algorithm":"fetch_and_join"}`, c.a, c.b))["id"]
			eventually(c.t, "the diff", func() bool {
				return c.call("GET", fmt.Sprintf("/api/v1/datadiffs/%v", id), "")["status"] == "done"
			})
			members(c.t, "summary", c.call("GET", fmt.Sprintf("/api/v1/datadiffs/%v/summary", id), ""), "result", "feedback")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newRecorded(t, "recorded")
			client(c)
			// What a client of the real service sends is at most warned of.
			if list := c.expect(t, 200, "GET", "/_understudy/violations", bearer("recorded"), ""); strings.Contains(list, `"basis":"published"`) || strings.Contains(list, `"basis":"documented"`) {
				t.Error(list)
			}
		})
	}
	t.Run("the scripts of 2023, with a bare key", func(t *testing.T) {
		t.Parallel()
		c := newRecorded(t, "recorded")
		c.header.Set("Authorization", "recorded")
		var more strings.Builder
		for _, name := range []string{"materialize_dataset1", "materialize_dataset2", "time_column", "time_travel_point1", "time_travel_point2", "query1", "query2", "sampling_ratio"} {
			fmt.Fprintf(&more, `,%q:null`, name)
		}
		asked := c.call("POST", "/api/v1/datadiffs", strings.Replace(within(c), "}", more.String()+"}", 1))
		if list, ok := asked["include_columns"].([]any); !ok || len(list) != 0 {
			t.Errorf("%v", asked["include_columns"])
		}
		core(c, c.polls(asked["id"], "success", "error"))
	})
}

// The states of a diff under a clock that stands, by its clock and by the number of
// reads; a snapshot that was taken half way goes on from there.
func TestDiffModes(t *testing.T) {
	t.Parallel()
	c := newRecorded(t, "modes")
	control := func(method, path, body string) {
		t.Helper()
		c.expect(t, 200, method, path, bearer("modes"), body)
	}
	control("PUT", "/_understudy/clock", `{"frozen":true,"now":"2026-01-01T00:00:00Z"}`)
	ask := func() string {
		t.Helper()
		asked := c.call("POST", "/api/v1/datadiffs", fmt.Sprintf(`{"data_source1_id":%d,"data_source2_id":%d,"table1":["a"],"table2":["b"],"pk_columns":["id"]}`, c.a, c.b))
		return fmt.Sprintf("/api/v1/datadiffs/%v", asked["id"])
	}
	// want waits for the work, beyond which no mode shows anything, and for nothing else.
	want := func(path, status string) {
		t.Helper()
		eventually(t, path+" to be "+status, func() bool {
			got, _ := c.call("GET", path, "")["status"].(string)
			if got < status { // the states are in the order of the alphabet, backwards
				t.Fatalf("%s: %s, want %s", path, got, status)
			}
			return got == status
		})
	}
	finished := func(path string) {
		t.Helper()
		want(path, "done")
		if results := c.call("GET", path+"/summary_results", ""); fmt.Sprint(results["pks"].(map[string]any)["exclusives"]) != "[1 1]" {
			t.Errorf("%v", results)
		}
	}
	const mode = "/_understudy/jobs/modes/datafold.datadiff"
	control("PUT", mode, `{"mode":"clock","durations":{"queued":"1m","running":"1h"}}`)
	by := ask()
	want(by, "queued")
	control("POST", "/_understudy/clock/advance", `{"by":"61s"}`)
	want(by, "processing")
	control("PUT", "/_understudy/snapshots/half", `{}`)
	for range 2 {
		control("POST", "/_understudy/clock/advance", `{"by":"59m"}`)
		want(by, "processing")
		control("POST", "/_understudy/clock/advance", `{"by":"1m"}`)
		finished(by)
		control("POST", "/_understudy/snapshots/half/restore", "")
		want(by, "processing")
	}
	control("PUT", mode, `{"mode":"polls","reads":{"queued":1,"running":2}}`)
	polled := ask()
	for reads := 1; ; reads++ {
		status, _ := c.call("GET", polled, "")["status"].(string)
		if reads == 1 && status != "queued" || reads <= 3 && status == "done" {
			t.Errorf("%s when it is read for the time %d", status, reads)
		}
		if reads > 3 {
			break
		}
	}
	finished(polled)
	// By real work, the clock does not matter.
	control("PUT", mode, `{"mode":"auto"}`)
	finished(ask())
}
