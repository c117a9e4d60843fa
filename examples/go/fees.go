// Package fees asks GoRules what shipping costs, and Datafold whether a migration has kept
// the orders.
package fees

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Fallback is what shipping costs where no decision can be had.
const Fallback = 4.90

// Client asks both services.
type Client struct {
	HTTP                      *http.Client
	GoRules, Datafold         string // base URLs
	GoRulesToken, DatafoldKey string
}

// Fee is what shipping an order costs.
func (c *Client) Fee(ctx context.Context, total float64) float64 {
	var answer struct {
		Result struct {
			Fee float64 `json:"fee"`
		} `json:"result"`
	}
	err := c.call(ctx, http.MethodPost, c.GoRules+"/api/projects/pricing/evaluate/fees.json", "Bearer "+c.GoRulesToken, evaluation(total), &answer)
	if err != nil {
		return Fallback
	}
	return answer.Result.Fee
}

// Same reports whether two tables of a source hold the same rows by their ids.
func (c *Client) Same(ctx context.Context, source int, before, after string) (bool, error) {
	var diff struct {
		ID int `json:"id"`
	}
	err := c.call(ctx, http.MethodPost, c.Datafold+"/api/v1/datadiffs", "Key "+c.DatafoldKey, map[string]any{
		"data_source1_id": source, "data_source2_id": source, "table1": []string{before}, "table2": []string{after}, "pk_columns": []string{"id"},
	}, &diff)
	if err != nil {
		return false, err
	}
	for {
		var summary struct {
			Status string `json:"status"`
			Values struct {
				Differing int `json:"rows_with_differences"`
			} `json:"values"`
			PKs struct {
				Exclusives []int `json:"exclusives"`
			} `json:"pks"`
		}
		address := fmt.Sprintf("%s/api/v1/datadiffs/%d/summary_results", c.Datafold, diff.ID)
		if err := c.call(ctx, http.MethodGet, address, "Key "+c.DatafoldKey, nil, &summary); err != nil {
			return false, err
		}
		switch summary.Status {
		case "success":
			same := summary.Values.Differing == 0
			for _, n := range summary.PKs.Exclusives {
				same = same && n == 0
			}
			return same, nil
		case "failed":
			return false, fmt.Errorf("the diff %d failed", diff.ID)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
}

func (c *Client) call(ctx context.Context, method, address, credential string, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", credential)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := c.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, address, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
