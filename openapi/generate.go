// Package openapi holds the contract: the documents that Understudy serves,
// the vendored documents that they extend, and the recipe by which everything
// under gen/ is made from them.
//
// brms/, datafold/ and understudy/ are kept by hand and are the only source of what
// exists. Each folder is one document: a file for each tag, and _document.yaml with
// what they share. A file names its own components as if it stood in the whole
// (#/components/...). Refusals are written by the rule in _document.yaml
// (x-understudy-refusals); an operation declares those that are its own, and lists
// under x-understudy-without those of the rule that it never answers. upstream/ holds what the vendors published, byte for byte; the tests
// of this package prove that the served documents keep all of it and that
// every addition says what it rests on (x-understudy-basis).
//
// "go generate ./openapi" rebuilds gen/. The result depends on nothing but the
// documents, the *.codegen.yaml files beside them and the tool versions that
// go.mod pins.
package openapi

//go:generate go run ../internal/gendoc -document brms -config brms.codegen.yaml -out ../gen/brms -root openapi/brms
//go:generate go run ../internal/gendoc -document datafold -config datafold.codegen.yaml -out ../gen/datafold -root openapi/datafold
//go:generate go run ../internal/gendoc -document understudy -config understudy.codegen.yaml -out ../gen/understudy -root openapi/understudy
