package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Operations are chosen by what names them in one way or another.
func TestSelectors(t *testing.T) {
	d, err := ParseDocument("t", "t.yaml", []byte(`openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /a:
    get: {operationId: listA, tags: [alpha, common], responses: {'200': {description: d}}}
    post: {operationId: addA, tags: [alpha], deprecated: true, responses: {'200': {description: d}}}
  /a/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    delete: {operationId: removeA, responses: {'200': {description: d}}}
  /b/list:
    get: {operationId: listB, tags: [beta, common], responses: {'200': {description: d}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		only, without []string
		want          string // "!" is a mistake
	}{
		{nil, nil, "listA addA removeA listB"},
		{[]string{"tag:alpha"}, nil, "listA addA"},
		{[]string{"tag:*a"}, nil, "listA addA listB"},
		{[]string{"tag:common"}, []string{"tag:beta"}, "listA"},
		{[]string{"path:/a*"}, nil, "listA addA removeA"},
		{[]string{"path:/a"}, []string{"method:post"}, "listA"},
		{[]string{"method:GET", "method:DELETE"}, nil, "listA removeA listB"},
		{[]string{"re:^(list|remove)[A-Z]$"}, nil, "listA removeA listB"},
		{[]string{"re:^GET /b"}, nil, "listB"},
		{nil, []string{"deprecated"}, "listA removeA listB"},
		{[]string{"deprecated"}, nil, "addA"},
		{[]string{"GET /a"}, nil, "listA"},
		{[]string{"re:("}, nil, "!"},
		{[]string{"tag:gamma"}, nil, "!"},
		{[]string{"method:PATCH"}, nil, "!"},
	} {
		ops := d.operations()
		err := choose(ops, &Options{Operations: c.only, Exclude: c.without})
		var got []string
		for _, op := range slices.DeleteFunc(ops, func(op *operation) bool { return !op.selected }) {
			got = append(got, op.ID)
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = "!"
		}
		if text != c.want {
			t.Errorf("%v without %v: %q, %v; want %q", c.only, c.without, text, err, c.want)
		}
	}
}

// Members and parameters that hold the ids of things are known by their names.
func TestThingWord(t *testing.T) {
	for text, want := range map[string]string{
		"customerId": "customer", "customer_id": "customer", "customer-id": "customer", "customerID": "customer", "customerUuid": "customer",
		"customerIds/0": "customer", "customer_ids/3": "customer", "order/customerId": "customer", "lines/0/product_id": "product",
		"customer/id": "customer", "customers/2/id": "customer", "boxes/0/uuid": "box", "projectKey": "project",
		"id": "", "ids": "", "paid": "", "valid": "", "grid": "", "monkey": "", "name": "", "customer": "", "androids/0": "", "": "",
	} {
		if got := thingWord(strings.Split(text, "/"), nil); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// A made-up secret looks like the right one, and tells nothing of it.
func TestLikeness(t *testing.T) {
	for _, secret := range []string{"", "a", "Abc-123_xyz.", strings.Repeat("aB3", 40), "pässword 9", "пароль", "$!$!$!", "----", "秘密-秘密"} {
		made := likeness(secret)
		if len([]rune(made)) != len([]rune(secret)) || len(secret) > 3 && made == secret || made != likeness(secret) {
			t.Errorf("%q: %q", secret, made)
		}
		other := strings.Map(func(r rune) rune {
			if r >= 'a' && r < 'z' {
				return r + 1
			}
			return r
		}, secret)
		if diff := cmp.Diff(likeness(other), made); diff != "" {
			t.Errorf("%q: the form alone does not say it: %s", secret, diff)
		}
	}
}
