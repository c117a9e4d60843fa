package fastapi

import (
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

// A branch of a union has the name that pydantic gives it, whatever it is a list of: unions,
// tagged ones, lists of unions. All of it is what pydantic 2.13 says of the same models.
func TestLabelsOfBranches(t *testing.T) {
	d, err := contract.Load(contract.Source{API: "t", File: "t.json", Lines: []byte("{}"), JSON: []byte(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},
		"paths":{"/t":{"post":{"operationId":"t","responses":{"200":{"description":"ok"}},"requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","properties":{
		"a":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"type":"array"},{"type":"boolean"}]},
		"b":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"null"}]},"type":"array"},{"type":"boolean"}]},
		"c":{"anyOf":[{"items":{"discriminator":{"mapping":{"cat":"#/components/schemas/Cat","dog":"#/components/schemas/Dog"},"propertyName":"kind"},"oneOf":[{"$ref":"#/components/schemas/Cat"},{"$ref":"#/components/schemas/Dog"}]},"type":"array"},{"type":"boolean"}]},
		"d":{"anyOf":[{"items":{"$ref":"#/components/schemas/Pair"},"type":"array"},{"items":{"anyOf":[{"$ref":"#/components/schemas/Pair"},{"type":"integer"}]},"type":"array"},{"type":"boolean"}]},
		"e":{"anyOf":[{"additionalProperties":{"anyOf":[{"type":"integer"},{"$ref":"#/components/schemas/Pair"}]},"type":"object"},{"type":"boolean"}]},
		"f":{"anyOf":[{"items":{"items":{"anyOf":[{"type":"integer"},{"type":"boolean"}]},"type":"array"},"type":"array"},{"type":"boolean"}]},
		"g":{"items":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"type":"array"},{"type":"boolean"}]},"type":"array"},
		"h":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"minItems":2,"type":"array"},{"type":"boolean"}]},
		"k":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"string"},{"type":"null"}]},"type":"array"},{"type":"boolean"}]},
		"l":{"anyOf":[{"items":{"minimum":1,"type":"integer"},"type":"array"},{"items":{"minLength":2,"type":"string"},"type":"array"}]},
		"m":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"type":"array","uniqueItems":true},{"type":"boolean"}]},
		"n":{"anyOf":[{"items":{"enum":["a","b"],"type":"string"},"type":"array"},{"type":"boolean"}]},
		"o":{"anyOf":[{"items":{"format":"date-time","type":"string"},"type":"array"},{"items":{"format":"uuid","type":"string"},"type":"array"},{"type":"boolean"}]},
		"p":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"$ref":"#/components/schemas/Pair"}]},"type":"array"},{"$ref":"#/components/schemas/Pair"}]},
		"q":{"anyOf":[{"items":{"additionalProperties":{"anyOf":[{"type":"integer"},{"type":"boolean"}]},"type":"object"},"type":"array"},{"type":"boolean"}]},
		"r":{"anyOf":[{"additionalProperties":{"items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"type":"array"},"type":"object"},{"type":"boolean"}]},
		"s":{"anyOf":[{"items":{},"type":"array"},{"type":"boolean"}]},
		"t":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"type":"array"},{"type":"null"}]},
		"u":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"type":"array"},{"type":"integer"},{"type":"null"}]},
		"v":{"anyOf":[{"items":{"anyOf":[{"items":{"anyOf":[{"type":"integer"},{"type":"boolean"}]},"type":"array"},{"type":"string"}]},"type":"array"},{"type":"boolean"}]}}}}}}}}},
		"components":{"schemas":{"Cat":{"properties":{"kind":{"const":"cat","type":"string"},"n":{"type":"integer"}},"required":["kind","n"],"type":"object","title":"Cat"},"Dog":{"properties":{"kind":{"const":"dog","type":"string"},"m":{"type":"integer"}},"required":["kind","m"],"type":"object","title":"Dog"},"Pair":{"properties":{"a":{"type":"string"}},"required":["a"],"type":"object","title":"Pair"}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ body, want string }{
		{`{"a":["x",{}]}`, "int_type a list[union[int,str]] 1 int, string_type a list[union[int,str]] 1 str, bool_type a bool"},
		{`{"a":5}`, "list_type a list[union[int,str]], bool_parsing a bool"},
		{`{"b":[{}]}`, "int_type b list[nullable[int]] 0, bool_type b bool"},
		{`{"b":[null,"x"]}`, "int_parsing b list[nullable[int]] 1, bool_type b bool"},
		{`{"c":[{"kind":"x"},5,{"kind":"cat"},{}]}`, "union_tag_invalid c list[tagged-union[Cat,Dog]] 0, model_attributes_type c list[tagged-union[Cat,Dog]] 1, missing c list[tagged-union[Cat,Dog]] 2 cat n, union_tag_not_found c list[tagged-union[Cat,Dog]] 3, bool_type c bool"},
		{`{"d":[{}]}`, "missing d list[Pair] 0 a, missing d list[union[Pair,int]] 0 Pair a, int_type d list[union[Pair,int]] 0 int, bool_type d bool"},
		{`{"d":[5,"x"]}`, "model_attributes_type d list[Pair] 0, model_attributes_type d list[Pair] 1, model_attributes_type d list[union[Pair,int]] 1 Pair, int_parsing d list[union[Pair,int]] 1 int, bool_type d bool"},
		{`{"e":{"q":"x"}}`, "int_parsing e dict[str,union[int,Pair]] q int, model_attributes_type e dict[str,union[int,Pair]] q Pair, bool_type e bool"},
		{`{"f":[["x"]]}`, "int_parsing f list[list[union[int,bool]]] 0 0 int, bool_parsing f list[list[union[int,bool]]] 0 0 bool, bool_type f bool"},
		{`{"f":[5]}`, "list_type f list[list[union[int,bool]]] 0, bool_type f bool"},
		{`{"g":[[{}],"x"]}`, "int_type g 0 list[union[int,str]] 0 int, string_type g 0 list[union[int,str]] 0 str, bool_type g 0 bool, list_type g 1 list[union[int,str]], bool_parsing g 1 bool"},
		{`{"g":[5,[null]]}`, "list_type g 0 list[union[int,str]], bool_parsing g 0 bool, int_type g 1 list[union[int,str]] 0 int, string_type g 1 list[union[int,str]] 0 str, bool_type g 1 bool"},
		{`{"h":["x"]}`, "too_short h list[union[int,str]], bool_type h bool"},
		{`{"h":[[],[]]}`, "int_type h list[union[int,str]] 0 int, string_type h list[union[int,str]] 0 str, int_type h list[union[int,str]] 1 int, string_type h list[union[int,str]] 1 str, bool_type h bool"},
		{`{"k":[{}]}`, "int_type k list[nullable[union[int,str]]] 0 int, string_type k list[nullable[union[int,str]]] 0 str, bool_type k bool"},
		{`{"l":[0]}`, "greater_than_equal l list[constrained-int] 0, string_type l list[constrained-str] 0"},
		{`{"l":["x"]}`, "int_parsing l list[constrained-int] 0, string_too_short l list[constrained-str] 0"},
		{`{"m":[{}]}`, "int_type m set[union[int,str]] 0 int, string_type m set[union[int,str]] 0 str, bool_type m bool"},
		{`{"n":["c"]}`, "literal_error n list[literal['a','b']] 0, bool_type n bool"},
		{`{"o":["x"]}`, "datetime_from_date_parsing o list[datetime] 0, uuid_parsing o list[uuid] 0, bool_type o bool"},
		{`{"p":[{}]}`, "int_type p list[union[int,Pair]] 0 int, missing p list[union[int,Pair]] 0 Pair a, model_attributes_type p Pair"},
		{`{"p":5}`, "list_type p list[union[int,Pair]], model_attributes_type p Pair"},
		{`{"q":[{"k":{}}]}`, "int_type q list[dict[str,union[int,bool]]] 0 k int, bool_type q list[dict[str,union[int,bool]]] 0 k bool, bool_type q bool"},
		{`{"q":[5]}`, "dict_type q list[dict[str,union[int,bool]]] 0, bool_type q bool"},
		{`{"r":{"k":[{}]}}`, "int_type r dict[str,list[union[int,str]]] k 0 int, string_type r dict[str,list[union[int,str]]] k 0 str, bool_type r bool"},
		{`{"r":{"k":5}}`, "list_type r dict[str,list[union[int,str]]] k, bool_type r bool"},
		{`{"s":{}}`, "list_type s list[any], bool_type s bool"},
		{`{"t":[{}]}`, "int_type t 0 int, string_type t 0 str"},
		{`{"t":5}`, "list_type t"},
		{`{"u":[{}]}`, "int_type u list[union[int,str]] 0 int, string_type u list[union[int,str]] 0 str, int_type u int"},
		{`{"u":"x"}`, "list_type u list[union[int,str]], int_parsing u int"},
		{`{"v":[[{}]]}`, "int_type v list[union[list[union[int,bool]],str]] 0 list[union[int,bool]] 0 int, bool_type v list[union[list[union[int,bool]],str]] 0 list[union[int,bool]] 0 bool, string_type v list[union[list[union[int,bool]],str]] 0 str, bool_type v bool"},
		{`{"v":[5]}`, "list_type v list[union[list[union[int,bool]],str]] 0 list[union[int,bool]], string_type v list[union[list[union[int,bool]],str]] 0 str, bool_type v bool"},
	} {
		if got := told(t, d, c.body); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}
