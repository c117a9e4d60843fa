package zen

import (
	"strings"
	"unicode"
)

// property returns the set of a property of Unicode: a general category, a
// script or a binary property, by any of its names. Case, spaces, hyphens and
// underscores do not count.
func property(name string) (runeSet, bool) {
	if key, of, found := strings.Cut(name, "="); found {
		negated := strings.HasSuffix(key, "!")
		set, ok := propertyOf(loose(strings.TrimSuffix(key, "!")), loose(of))
		if negated {
			set = set.negate()
		}
		return set, ok
	}
	if key, of, found := strings.Cut(name, ":"); found {
		return propertyOf(loose(key), loose(of))
	}
	name = loose(name)
	for _, find := range []func(string) (runeSet, bool){binaryProperty, category, script} {
		if set, ok := find(name); ok {
			return set, true
		}
	}
	return nil, false
}

func propertyOf(key, name string) (runeSet, bool) {
	switch key {
	case "gc", "generalcategory":
		return category(name)
	case "sc", "script", "scx", "scriptextensions":
		return script(name)
	default:
		return nil, false
	}
}

func loose(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

func binaryProperty(name string) (runeSet, bool) {
	switch name {
	case "any":
		return runeSet{{0, lastRune}}, true
	case "assigned":
		return unassigned().negate(), true
	case "ascii":
		return runeSet{{0, 0x7F}}, true
	case "alphabetic", "alpha":
		return tableSet(unicode.L, unicode.Nl, unicode.Other_Alphabetic), true
	case "lowercase", "lower":
		return tableSet(unicode.Ll, unicode.Other_Lowercase), true
	case "uppercase", "upper":
		return tableSet(unicode.Lu, unicode.Other_Uppercase), true
	case "wspace", "space":
		name = "whitespace"
	}
	for known, table := range unicode.Properties {
		if loose(known) == name {
			return tableSet(table), true
		}
	}
	return nil, false
}

func unassigned() runeSet { return tableSet(unicode.Cn) }

func category(name string) (runeSet, bool) {
	switch name {
	case "any":
		return runeSet{{0, lastRune}}, true
	case "ascii":
		return runeSet{{0, 0x7F}}, true
	case "assigned":
		return unassigned().negate(), true
	}
	for known, table := range unicode.Categories {
		if loose(known) == name {
			return tableSet(table), true
		}
	}
	for alias, known := range unicode.CategoryAliases {
		if loose(alias) == name {
			return tableSet(unicode.Categories[known]), true
		}
	}
	return nil, false
}

// scriptCodes are the four letters of the scripts that are asked for by them.
var scriptCodes = map[string]string{
	"latn": "Latin", "grek": "Greek", "cyrl": "Cyrillic", "armn": "Armenian", "hebr": "Hebrew", "arab": "Arabic",
	"deva": "Devanagari", "beng": "Bengali", "taml": "Tamil", "telu": "Telugu", "thai": "Thai", "hang": "Hangul",
	"hani": "Han", "hira": "Hiragana", "kana": "Katakana", "geor": "Georgian", "ethi": "Ethiopic", "khmr": "Khmer",
	"mong": "Mongolian", "zyyy": "Common", "zinh": "Inherited", "qaai": "Inherited",
}

func script(name string) (runeSet, bool) {
	if long, ok := scriptCodes[name]; ok {
		name = loose(long)
	}
	for known, table := range unicode.Scripts {
		if loose(known) == name {
			return tableSet(table), true
		}
	}
	return nil, false
}
