package contract_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/understudy-api/understudy/server/contract"
)

const petshop = `{"openapi": "3.1.0", "info": {"title": "Pets", "version": "1"}, "paths": {"/pets": {"post": {
  "operationId": "createPet",
  "requestBody": {"required": true, "content": {"application/json": {"schema": {
    "type": "object", "required": ["name"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}}}}}},
  "responses": {"201": {"description": "made", "content": {"application/json": {"schema": {
    "type": "object", "required": ["id"], "properties": {"id": {"type": "string", "format": "uuid"}}}}}}}}}}}`

// A document judges requests and answers, and says what is wrong with them so that it
// can be mended.
func Example() {
	document, err := contract.Load(contract.Source{API: "pets", File: "pets.json", JSON: []byte(petshop)})
	if err != nil {
		fmt.Println(err)
		return
	}
	operation := document.Operation(http.MethodPost, "/pets")
	header := http.Header{"Content-Type": {"application/json"}}

	judged := operation.JudgeRequest(context.Background(), &contract.Message{
		Method: http.MethodPost, URL: &url.URL{Path: "/pets"}, Header: header, Body: []byte(`{"name": 7, "age": -1}`),
	})
	for i := range judged.Violations {
		v := &judged.Violations[i]
		fmt.Println(v.Rule, "at", v.Pointer()+":", v.Explain().Message)
	}

	for _, v := range operation.JudgeResponse(context.Background(), http.MethodPost, http.StatusCreated, header, []byte(`{"id": "seven"}`)) {
		fmt.Println(v.Rule, "at", v.Pointer()+":", v.Explain().Message)
	}
	// Output:
	// type at /name: The body member /name must be a string, not 7.
	// minimum at /age: The body member /age must be an integer of at least 0, not -1.
	// format at /id: The answer's body member /id must be a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", not "seven".
}
