// Package openapi holds the contract: the documents that Understudy serves,
// the vendored documents that they extend, and the recipe by which everything
// under gen/ is made from them.
//
// brms.yaml and datafold.yaml are kept by hand and are the only source of what
// exists. upstream/ holds what the vendors published, byte for byte; the tests
// of this package prove that the served documents keep all of it and that
// every addition says what it rests on (x-understudy-basis).
//
// "go generate ./openapi" rebuilds gen/. The result depends on nothing but the
// documents, the *.codegen.yaml files beside them and the tool versions that
// go.mod pins.
package openapi

//go:generate go run ../internal/gendoc -document brms.yaml -config brms.codegen.yaml -out ../gen/brms -file openapi/brms.yaml
//go:generate go run ../internal/gendoc -document datafold.yaml -config datafold.codegen.yaml -out ../gen/datafold -file openapi/datafold.yaml
//go:generate go run ../internal/gendoc -document understudy.yaml -config understudy.codegen.yaml -out ../gen/understudy -file openapi/understudy.yaml
