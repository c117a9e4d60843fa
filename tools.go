//go:build tools

// Package tools pins, through go.mod, the programs that development runs and
// that no package imports.
package tools

import (
	_ "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"
	_ "mvdan.cc/gofumpt"
)
