package datadiff_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/file"
)

const (
	yesterday = "id,name,amount\n1,Ada,10.00\n2,Grace,20.50\n3,Edsger,7.25\n"
	today     = "id,name,amount\n1,Ada,10.00\n2,Grace,21.50\n4,Barbara,3.00\n"
)

// Two tables are compared by their key, here two files. Sources that are databases
// stand in the packages postgres, mysql and sqlite.
func ExampleRun() {
	ctx := context.Background()
	left, err := file.CSV(ctx, strings.NewReader(yesterday), file.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer left.Close()
	right, err := file.CSV(ctx, strings.NewReader(today), file.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer right.Close()

	result, err := datadiff.Run(ctx, datadiff.Spec{
		Left: datadiff.Input{Table: file.Table}, Right: datadiff.Input{Table: file.Table}, Key: []string{"id"},
	}, left, right, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Outcome)
	fmt.Println("rows", result.Keys.TotalRows, "keys of one side alone", result.Keys.Exclusives)
	for _, c := range result.Values.Columns {
		fmt.Println(c.Name, "differs in", c.Different)
	}
	// Output:
	// different
	// rows [3 3] keys of one side alone [1 1]
	// name differs in 0
	// amount differs in 1
}
