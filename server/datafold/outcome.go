package datafold

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// outcome is a rule that says what diffs come to that are never made: for tests that
// have no database. The first rule that holds of a diff counts.
type outcome struct {
	Name string `json:"name,omitempty"`
	// Sources and Tables say of which diffs the rule holds; nothing is any.
	Sources []int      `json:"sources,omitempty"`
	Tables  [][]string `json:"tables,omitempty"`
	// Call is which of these diffs is meant, from 1; 0 is each.
	Call int64 `json:"call,omitempty"`

	Result *scriptedResult `json:"result,omitempty"`
	Error  *diffError      `json:"error,omitempty"`
	State  string          `json:"state,omitempty"`

	// Seen is of how many diffs the rule's sources and tables were.
	Seen int64 `json:"seen,omitempty"`
	Rank int64 `json:"rank,omitempty"` // rules are tried in this order
}

// scriptedResult is a result by its numbers, from which the others follow.
type scriptedResult struct {
	Rows       datadiff.Pair `json:"rows"`
	Nulls      datadiff.Pair `json:"nulls,omitzero"`
	Duplicates datadiff.Pair `json:"duplicates,omitzero"` // rows whose key is not unique
	// DuplicatedKeys are the keys of those rows; without them, two rows have one.
	DuplicatedKeys datadiff.Pair `json:"duplicatedKeys,omitzero"`
	Exclusives     datadiff.Pair `json:"exclusives,omitzero"`
	// Columns are the compared columns with how many of their values differ, and
	// DifferentRows the rows these are in; without it, as few as can be.
	Columns       map[string]int64 `json:"columns,omitempty"`
	DifferentRows *int64           `json:"differentRows,omitempty"`
	Key           []string         `json:"key,omitempty"`
	// TypeDiffers and ExclusiveColumns are the columns that are not compared.
	TypeDiffers      []string   `json:"typeDiffers,omitempty"`
	ExclusiveColumns [][]string `json:"exclusiveColumns,omitempty"`
}

// diffError is why a diff failed, in the vendor's words.
type diffError struct {
	Type      string `json:"error_type"`
	Value     string `json:"error_value"`
	Retryable *bool  `json:"is_retryable,omitempty"`
}

// script is what one diff comes to by a rule.
type script struct {
	Rule   string      `json:"rule"`
	Result *diffResult `json:"result,omitempty"`
	Error  *diffError  `json:"error,omitempty"`
	State  string      `json:"state,omitempty"`
}

// outcome is what the job of the diff comes to.
func (s *script) outcome() (*diffResult, *job.Failure) {
	if s.Error != nil {
		return nil, &job.Failure{Code: s.Error.Type, Message: s.Error.Value, Permanent: true}
	}
	return s.Result, nil
}

var outcomes = storage.Collection[outcome]{Kind: "datafold.outcome"}

const sequenceOutcome = "datafold.outcome"

// scriptFor finds the rule that holds of a diff, and counts the diff with all whose
// sources and tables it is of.
func scriptFor(tx storage.Tx, asked *diffRequest) (*script, error) {
	rules, err := rulesOf(tx)
	if err != nil {
		return nil, err
	}
	var found *script
	for _, rule := range rules {
		if !rule.of(asked) {
			continue
		}
		rule.Seen++
		if err := amend(outcomes, tx, rule.Name, func(r *outcome) error {
			r.Seen = rule.Seen
			return nil
		}); err != nil {
			return nil, err
		}
		if found == nil && (rule.Call == 0 || rule.Call == rule.Seen) {
			found = &script{Rule: rule.Name, Error: rule.Error, State: rule.State}
			if rule.Result != nil {
				if found.Result, err = rule.Result.result(asked); err != nil {
					return nil, err
				}
			}
		}
	}
	return found, nil
}

// rulesOf are the rules of a workspace in their order.
func rulesOf(tx storage.ReadTx) (rules []outcome, err error) {
	err = every(outcomes, tx, false, func(item storage.Item[outcome]) error {
		rules = append(rules, item.Value)
		return nil
	})
	slices.SortFunc(rules, func(a, b outcome) int { return cmp.Compare(a.Rank, b.Rank) })
	return rules, err
}

// of says whether a diff is of the sources and tables of the rule.
func (o *outcome) of(asked *diffRequest) bool {
	for i, id := range []int{asked.Source1, asked.Source2} {
		if i < len(o.Sources) && o.Sources[i] != 0 && o.Sources[i] != id {
			return false
		}
	}
	for i, table := range [][]string{asked.Table1, asked.Table2} {
		if i < len(o.Tables) && len(o.Tables[i]) > 0 && !slices.Equal(o.Tables[i], table) {
			return false
		}
	}
	return true
}

// counts are the numbers as the library counts them. An error says in a sentence what
// no two tables have.
func (s *scriptedResult) counts() (datadiff.Counts, error) {
	c := datadiff.Counts{KeyColumns: max(1, len(s.Key))}
	k := &c.Keys
	var common [2]int64
	keys := s.DuplicatedKeys
	for i, side := range []string{"A", "B"} {
		if min(s.Rows[i], s.Nulls[i], s.Duplicates[i], keys[i], s.Exclusives[i]) < 0 {
			return c, fmt.Errorf("No number is negative, and one of %s is.", side) //nolint:staticcheck,revive // a sentence for people
		}
		if keys[i] == 0 {
			keys[i] = s.Duplicates[i] / 2
		}
		if s.Duplicates[i] < 2*keys[i] || s.Duplicates[i] > 0 && keys[i] == 0 {
			return c, fmt.Errorf("%d rows of %s cannot be of %d duplicated keys: each has two at least.", s.Duplicates[i], side, keys[i]) //nolint:staticcheck,revive // the same
		}
		k.TotalRows[i], k.Nulls[i], k.Dupes[i], k.Exclusives[i] = s.Rows[i], s.Nulls[i], s.Duplicates[i], s.Exclusives[i]
		k.Distincts[i] = s.Rows[i] - s.Nulls[i] - s.Duplicates[i] + keys[i]
		if s.Rows[i] < s.Nulls[i]+s.Duplicates[i] || k.Distincts[i] < s.Exclusives[i] {
			return c, fmt.Errorf("%d rows of %s are too few for its nulls, duplicates and exclusives.", s.Rows[i], side) //nolint:staticcheck,revive // the same
		}
		common[i] = k.Distincts[i] - s.Exclusives[i]
	}
	if common[0] != common[1] {
		return c, fmt.Errorf("A would have %d keys in common with B, and B %d with A: rows, nulls, duplicates and exclusives have to agree.", common[0], common[1]) //nolint:staticcheck,revive // the same
	}
	c.Compared = max(0, common[0]-keys[0]-keys[1])
	c.ColumnNames = slices.Sorted(maps.Keys(s.Columns))
	most, sum := int64(0), int64(0)
	for _, name := range c.ColumnNames {
		n := s.Columns[name]
		if n < 0 || n > c.Compared {
			return c, fmt.Errorf("Of the column %q, %d values cannot differ: %d rows are compared.", name, n, c.Compared) //nolint:staticcheck,revive // the same
		}
		c.Differences = append(c.Differences, n)
		most, sum = max(most, n), sum+n
	}
	c.RowsDifferent = most
	if s.DifferentRows != nil {
		if n := *s.DifferentRows; n < most || n > min(sum, c.Compared) {
			return c, fmt.Errorf("%d rows cannot hold these differences: from %d to %d can.", n, most, min(sum, c.Compared)) //nolint:staticcheck,revive // the same
		}
		c.RowsDifferent = *s.DifferentRows
	}
	var alone [2][]string
	for i := range min(2, len(s.ExclusiveColumns)) {
		alone[i] = s.ExclusiveColumns[i]
	}
	shared := int64(c.KeyColumns + len(c.ColumnNames) + len(s.TypeDiffers))
	c.Columns = datadiff.Pair{shared + int64(len(alone[0])), shared + int64(len(alone[1]))}
	differs := int64(len(s.TypeDiffers))
	c.Schema = &datadiff.Schema{
		ColumnCounts: c.Columns, Mismatched: datadiff.Pair{differs + int64(len(alone[0])), differs + int64(len(alone[1]))},
		TypeDiffers: s.TypeDiffers, TypeMismatches: len(s.TypeDiffers) * datadiff.MismatchesPerColumn, ExclusiveColumns: alone,
	}
	return c, nil
}

// result is what the library makes of the numbers for a diff.
func (s *scriptedResult) result(asked *diffRequest) (*diffResult, error) {
	c, err := s.counts()
	if err != nil {
		return nil, err // it was checked when the rule was made
	}
	if !asked.inDB() {
		c.Schema = nil
	}
	r := c.Result()
	r.Algorithm, r.InDB, r.Key = datadiff.Algorithm(asked.algorithm()), asked.inDB(), s.Key
	return resultOf(r), nil
}

// stayable are the states in which a diff can be left.
var stayable = []string{"needs_confirmation", "needs_authentication", "waiting", "queued", "processing"}

// check says what is wrong with a rule, in a sentence.
func (o *outcome) check() error {
	n := 0
	for _, given := range []bool{o.Result != nil, o.Error != nil, o.State != ""} {
		if given {
			n++
		}
	}
	switch {
	case n != 1:
		return errors.New("An outcome is one of result, error and state.") //nolint:staticcheck,revive // a sentence for people
	case o.State != "" && !slices.Contains(stayable, o.State):
		return fmt.Errorf("No diff stays in the state %q.", o.State) //nolint:staticcheck,revive // the same
	case o.Error != nil && o.Error.Type == "":
		return errors.New("An error has an error_type.") //nolint:staticcheck,revive // the same
	case o.Call < 0:
		return errors.New("Calls are counted from 1.") //nolint:staticcheck,revive // the same
	case o.Result != nil:
		_, err := o.Result.counts()
		return err
	}
	return nil
}

// outcomeView is a rule as it is shown.
type outcomeView struct {
	outcome

	Rank *int64 `json:"rank,omitempty"` // nobody's business
	Seen int64  `json:"seen"`
}

// Outcomes lists the rules of a workspace, as JSON, in their order.
func (a *API) Outcomes(ctx context.Context, workspace string) (json.RawMessage, error) {
	list := []outcomeView{}
	if err := a.peek(ctx, workspace, func(tx storage.ReadTx) error {
		rules, err := rulesOf(tx)
		list = list[:0]
		for _, rule := range rules {
			list = append(list, outcomeView{outcome: rule, Seen: rule.Seen})
		}
		return err
	}); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"outcomes": list})
}

// SetOutcome makes a rule, or another one in its place; the diffs that it holds of are
// counted anew.
func (a *API) SetOutcome(ctx context.Context, workspace, name string, text json.RawMessage) (json.RawMessage, error) {
	rule := outcome{}
	if err := json.Unmarshal(text, &rule); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: "The body cannot be read."}
	}
	rule.Name, rule.Seen, rule.Rank = name, 0, 0
	if err := rule.check(); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: err.Error()}
	}
	if err := a.alter(ctx, workspace, func(tx storage.Tx) error { return plantOutcome(tx, rule) }); err != nil {
		return nil, err
	}
	return json.Marshal(outcomeView{outcome: rule})
}

// plantOutcome keeps a rule: in its old place if there is one of its name, else last.
func plantOutcome(tx storage.Tx, rule outcome) error {
	old, err := held(outcomes, tx, rule.Name)
	switch {
	case err == nil:
		rule.Rank = old.Value.Rank
	case !storage.IsNotFound(err):
		return err
	default:
		if rule.Rank, err = tx.Next(sequenceOutcome); err != nil {
			return err
		}
	}
	return stow(outcomes, tx, rule.Name, rule)
}

// RemoveOutcome forgets a rule.
func (a *API) RemoveOutcome(ctx context.Context, workspace, name string) error {
	err := a.alter(ctx, workspace, func(tx storage.Tx) error { return drop(outcomes, tx, name) })
	if storage.IsNotFound(err) {
		return site.NotFound("", "There is no outcome of this name")
	}
	return err
}
