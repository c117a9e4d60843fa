package brms

import (
	"maps"
	"regexp"
	"strconv"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/seed"
)

var projectSeeds = seeded[project, brms.Project, brms.CreateProjectRequest]{
	resource: &projects, list: "projects", path: "/api/projects",
	value: newProject,
	body: func(p project) brms.CreateProjectRequest {
		return brms.CreateProjectRequest{Name: p.Name, Key: p.Key, Protected: &p.Protected, Version: &p.Version}
	},
	check:   completeProjects,
	planted: copyContent,
	own: []seed.Member{{
		Name: "decisionsApprovalMode", Kind: seed.Pattern, Example: "require_any", Form: regexp.MustCompile(`^(none|none_create_request|require_any|require_one_per_team)$`),
		About: "Whose approval it takes to publish a decision",
	}},
	fill: func(e *seed.Entry, p *project) { p.ApprovalMode = e.Own.Text("decisionsApprovalMode") },
	show: func(p project, own seed.Values) {
		if p.ApprovalMode != "" {
			own["decisionsApprovalMode"] = p.ApprovalMode
		}
	},
	within: []*seed.Resource{integrationSeeds.seed(), documentSeeds(), testEventSeeds.seed(), projectTokenSeeds.seed(), groupSeeds.seed(), releaseSeeds(), environmentSeeds(), runSeeds()},
}

// maxCopied bounds what the projects of one list copy: each may copy all that those
// above it copied.
const maxCopied = 100_000

// completeProjects makes the keys that are not given of the names, as CreateProject
// does, and finds content that cannot be copied.
func completeProjects(entries []*seed.Entry, report seed.Report) {
	taken := map[string]bool{}
	for _, e := range entries {
		if key, given := e.Text("key"); given && living(e) {
			taken[key] = true
		}
	}
	for _, e := range entries {
		withinReleases(e, report)
		checkRuns(e, report)
	}
	content := map[string]map[string]bool{} // kinds of the projects met so far, by id
	copied := 0
	for _, e := range entries {
		body, ok := e.Body.(*brms.CreateProjectRequest)
		if !ok {
			continue
		}
		if _, given := e.Text("key"); !given {
			body.Key = firstFree(keyFrom(body.Name, 2, "project"), func(key string) bool { return taken[key] })
			if living(e) {
				taken[body.Key] = true
			}
		}
		kinds := map[string]bool{}
		if ref := body.CopyContentRef; ref != nil {
			source, known := content[ref.String()]
			if !known {
				report(e, "copyContentRef", "No project above has this id and is not deleted. Put the project whose content is copied first.")
			}
			if copied += len(source); copied > maxCopied {
				report(e, "copyContentRef", "The projects of this seed copy more than "+strconv.Itoa(maxCopied)+" integrations. Copy less.")
				return
			}
			maps.Copy(kinds, source)
		}
		for _, i := range e.Within["integrations"] {
			kind, given := i.Text("kind")
			if !given || !living(i) || i.Body == nil { // what is no kind is told already
				continue
			}
			if body.CopyContentRef != nil && content[body.CopyContentRef.String()][kind] {
				report(i, "kind", "An integration of this kind is copied from the other project. Give this one its own.")
			}
			kinds[kind] = true
		}
		if id := e.Own.Text("id"); id != "" && living(e) {
			content[id] = kinds
		}
	}
}
