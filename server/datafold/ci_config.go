package datafold

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/understudy-api/understudy/server/dbt"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// ciConfig is a CI configuration. No public operation makes one: the vendor's users do
// that in the settings of the product, which name what is named here.
type ciConfig struct {
	Name       string `json:"name,omitempty"`
	Repository string `json:"repository,omitempty"`
	// DataSource is what production and pull requests are in.
	DataSource int  `json:"dataSource"`
	Slim       bool `json:"slim,omitempty"`
	// DiffThreshold is how many diffs a run begins by itself at most; nil for any number.
	DiffThreshold   *int        `json:"diffThreshold,omitempty"`
	FailOnKeys      bool        `json:"failOnPrimaryKeyIssues,omitempty"`
	PrimaryKeyTag   string      `json:"primaryKeyTag,omitempty"`
	ColumnsToIgnore []string    `json:"columnsToIgnore,omitempty"`
	BaseBranch      string      `json:"baseBranch,omitempty"`
	RequireLabel    bool        `json:"requireLabel,omitempty"`
	Sampling        *ciSampling `json:"sampling,omitempty"`
}

type ciSampling struct {
	Tolerance  *float64 `json:"tolerance,omitempty"`
	Confidence *float64 `json:"confidence,omitempty"` // in percent
	Threshold  *int64   `json:"threshold,omitempty"`
}

var ciConfigRecords = storage.Collection[ciConfig]{Kind: "datafold.ci.config"}

var ciConfigs = resource[ciConfig, struct{}]{noun: "CI configuration", records: ciConfigRecords}

// pullRequest is what the host of a repository knows of a pull request.
type pullRequest struct {
	Labels         []string `json:"labels,omitempty"`
	CommitMessages []string `json:"commitMessages,omitempty"`
}

var pullRequests = storage.Collection[pullRequest]{Kind: "datafold.ci.pr"}

// The labels that mean something, and the words in a commit message. Basis: the vendor's
// documentation.
const (
	labelRun           = "datafold"
	labelAllDownstream = "datafold:diff-all-downstream"
	wordsSkip          = "datafold-skip-ci"
)

// pullRequestOf is what is known of a pull request, which may be nothing.
func pullRequestOf(tx storage.ReadTx, config, pr string) (pullRequest, error) {
	item, err := held(pullRequests, tx, config+"/"+pr)
	if storage.IsNotFound(err) {
		err = nil
	}
	return item.Value, err
}

// ciConfigView is a configuration as the control API shows it.
type ciConfigView struct {
	ID int `json:"id"`
	ciConfig
}

func viewCIConfig(item storage.Item[ciConfig]) (ciConfigView, error) {
	id, err := strconv.Atoi(item.ID)
	return ciConfigView{id, item.Value}, err
}

// CIConfigs lists the configurations of a workspace by their numbers, as JSON.
func (a *API) CIConfigs(ctx context.Context, workspace string) (json.RawMessage, error) {
	list := []ciConfigView{}
	if err := a.peek(ctx, workspace, func(tx storage.ReadTx) error {
		list = list[:0]
		return every(ciConfigRecords, tx, false, func(item storage.Item[ciConfig]) error {
			view, err := viewCIConfig(item)
			list = append(list, view)
			return err
		})
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b ciConfigView) int { return a.ID - b.ID })
	return json.Marshal(map[string]any{"configs": list})
}

// check says what is wrong with a configuration, in a sentence.
func (c *ciConfig) check() error {
	if s := c.Sampling; s != nil {
		for _, m := range []struct {
			name string
			n    *float64
			most float64
		}{{"tolerance", s.Tolerance, 1}, {"confidence", s.Confidence, 100}} {
			if m.n != nil && !(*m.n > 0 && *m.n < m.most) {
				return fmt.Errorf("The %s of a sample is greater than 0 and less than %g.", m.name, m.most) //nolint:staticcheck,revive // a sentence for people
			}
		}
	}
	return nil
}

// SetCIConfig makes a configuration, or another one in its place.
func (a *API) SetCIConfig(ctx context.Context, workspace string, id int, text json.RawMessage) (json.RawMessage, error) {
	var c ciConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: "The body cannot be read."}
	}
	if err := c.check(); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: err.Error()}
	}
	if err := a.alter(ctx, workspace, func(tx storage.Tx) error {
		if _, err := dataSources.at(tx, c.DataSource); err != nil {
			if refusal, ok := errors.AsType[*site.Refusal](err); ok && refusal.Kind == site.KindNotFound {
				return &site.Refusal{Kind: site.KindUnprocessable, Message: fmt.Sprintf("There is no data source %d.", c.DataSource)}
			}
			return err
		}
		return stow(ciConfigRecords, tx, strconv.Itoa(id), c)
	}); err != nil {
		return nil, err
	}
	return json.Marshal(ciConfigView{id, c})
}

// RemoveCIConfig removes a configuration with what it has.
func (a *API) RemoveCIConfig(ctx context.Context, workspace string, id int) error {
	return a.alter(ctx, workspace, func(tx storage.Tx) error {
		config, err := ciConfigs.at(tx, id)
		if err != nil {
			return err
		}
		var runs []storage.Item[ciRun]
		if err := below(ciRunRecords, tx, config.ID, func(item storage.Item[ciRun]) error {
			runs = append(runs, item)
			return nil
		}); err != nil {
			return err
		}
		for i := range runs {
			if err := abandon(&work{Tx: tx}, &runs[i]); err != nil {
				return err
			}
		}
		if err := errors.Join(dropBelow(ciRunRecords, tx, config.ID), dropBelow(artifactRecords, tx, config.ID), dropBelow(pullRequests, tx, config.ID)); err != nil {
			return err
		}
		return drop(ciConfigRecords, tx, config.ID)
	})
}

// SetPullRequest says what the host of the repository knows of a pull request.
func (a *API) SetPullRequest(ctx context.Context, workspace string, id, pr int, text json.RawMessage) (json.RawMessage, error) {
	var known pullRequest
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: "The body cannot be read."}
	}
	if err := a.alter(ctx, workspace, func(tx storage.Tx) error {
		config, err := ciConfigs.at(tx, id)
		if err != nil {
			return err
		}
		if err := stowIn(pullRequests, tx, config.ID+"/"+strconv.Itoa(pr), config.ID, known); err != nil {
			return err
		}
		run, err := latestOf(tx, config.ID, strconv.Itoa(pr))
		if err != nil || run == nil {
			return err
		}
		state, err := ciStateOf(tx, looking(tx), run)
		if err != nil || state.ended() {
			return err
		}
		return settle(&work{Tx: tx}, config, run)
	}); err != nil {
		return nil, err
	}
	return json.Marshal(known)
}

// plan is how the configuration wants runs of a pull request to be planned.
func (c *ciConfig) plan(known pullRequest) dbt.PlanOptions {
	return dbt.PlanOptions{
		KeyTag: c.PrimaryKeyTag, Slim: c.Slim && !slices.Contains(known.Labels, labelAllDownstream),
		Ignore: c.ColumnsToIgnore, Renames: dbt.RenamesIn(known.CommitMessages),
	}
}
