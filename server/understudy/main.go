// Command understudy stands in for GoRules BRMS and Datafold.
package main

import (
	"os"

	"github.com/understudy-api/understudy/server/command"
	_ "github.com/understudy-api/understudy/server/drivers" // the program reaches them all
)

func main() { os.Exit(command.Main(os.Args[1:])) }
