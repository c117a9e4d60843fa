package contract

import "testing"

// A member that nothing declares is told, at any depth, and only where the schema did
// not mean to let any come.
func TestUnknownMembers(t *testing.T) {
	const thing = `{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"self":{"$ref":"#/components/schemas/Thing"},"of":{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}}}`
	const components = `{"Thing":` + thing + `,"Other":{"type":"object","properties":{"weight":{"type":"number"},"kind":{"type":"string"}}}}`
	ref := func(name string) string { return `{"$ref":"#/components/schemas/` + name + `"}` }
	for schema, bodies := range map[string]map[string]string{
		ref("Thing"): {
			`{"name":"a","naem":"b"}`: "unknownMember /naem",
			`{"naem":"b"}`:            "required /name", // which names it
			`{"name":"a","self":{"name":"b","self":{"name":"c","z":1}}}`: "unknownMember /self/self/z",
			`{"name":"a","of":[{"name":"b"},{"name":"c","Name":"d"}]}`:   "unknownMember /of/1/Name",
			`{"name":"a","x":{"name":"not looked into"},"y":1}`:          "unknownMember /x, unknownMember /y",
			`{"name":7,"x":1}`: "type /name, unknownMember /x",
		},
		`{"type":"object"}`: {`{"x":{"y":1}}`: ""},
		`{}`:                {`{"x":1}`: ""},
		`{"additionalProperties":{"type":"integer"},"properties":{"a":{"type":"string"}}}`:    {`{"b":1}`: ""},
		`{"type":"object","additionalProperties":true,"properties":{"a":{"type":"string"}}}`:  {`{"b":1}`: ""},
		`{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}}`: {`{"b":1}`: "additionalProperties /b"},
		`{"anyOf":[` + ref("Thing") + `,` + ref("Other") + `]}`: {
			`{"name":"a","weight":1}`:                     "", // of another branch
			`{"name":"a","wieght":1}`:                     "unknownMember /wieght",
			`{"name":"a","self":{"name":"b","weight":1}}`: "unknownMember /self/weight",
		},
		`{"anyOf":[` + ref("Thing") + `,{"type":"object"}]}`: {`{"x":1}`: ""},
		`{"allOf":[` + ref("Thing") + `,{"required":["self"]}]}`: {
			`{"name":"a","self":{"name":"b"},"x":1}`: "unknownMember /x",
		},
		`{"oneOf":[` + ref("Thing") + `,` + ref("Other") + `],"discriminator":{"propertyName":"kind_of"}}`: {
			`{"weight":1,"kind_of":"x"}`: "", // decided by no branch
		},
		`{"type":"array","items":{"type":"object","properties":{"p":{"type":"object","properties":{}}}}}`: {`[{"p":{"q":1}}]`: ""},
	} {
		judgedAs(t, schema, components, bodies)
	}
}
