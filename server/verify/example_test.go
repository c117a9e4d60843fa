package verify_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/understudy-api/understudy/server/verify"
)

const clock = `
openapi: 3.1.0
info: {title: Clock, version: "1"}
paths:
  /time:
    get:
      operationId: getTime
      responses:
        "200":
          description: The time
          content:
            application/json:
              schema:
                type: object
                required: [hour]
                properties:
                  hour: {type: integer, minimum: 0, maximum: 23}
`

// A server is held against its document. In a test of its own, [verify.Test] does
// this and fails for every finding.
func ExampleRun() {
	document, err := verify.ParseDocument("clock", "clock.yaml", []byte(clock))
	if err != nil {
		fmt.Println(err)
		return
	}
	midnight := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"hour": 24}`))
	})
	result, err := verify.Run(context.Background(), verify.Options{
		Document: document, Handler: midnight, Seed: 1,
		Checks: []string{verify.CheckResponseSchema},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range result.Findings {
		f := &result.Findings[i]
		fmt.Printf("%s: %s (%s:%d)\n", f.Operation, f.Message, f.Where.File, f.Where.Line)
	}
	// Output:
	// getTime: The answer's body member /hour must be an integer from 0 to 23, not 24. (clock.yaml:17)
}
