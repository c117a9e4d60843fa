package script

import (
	"regexp"
	"strings"
	"time"

	"github.com/evanw/esbuild/pkg/api"
	"modernc.org/quickjs"
)

// What a TypeScript source may have for it to be stripped: its parser recurses on the
// one and backtracks on the other.
const (
	maxTypedBytes  = 256 << 10
	maxPunctuation = 20_000
	maxAngles      = 1_000
)

// generic finds a call that has another meaning in TypeScript than in JavaScript,
// where both can be parsed: f<T>(x).
var generic = regexp.MustCompile(`<[^()]*[^=()]>\(`)

// stripped gives a module without TypeScript's types. What is JavaScript stays as it
// is, and so does what is neither.
func (r *Runner) stripped(source string) string {
	return r.sources.get(source, func() string {
		plain := isJavaScript(source)
		if plain && !generic.MatchString(source) {
			return source
		}
		text, ok := strip(source, api.LoaderTS)
		if !ok {
			return source
		}
		if plain {
			if same, _ := strip(source, api.LoaderJS); same == text {
				return source
			}
		}
		return text
	})
}

func strip(source string, loader api.Loader) (string, bool) {
	if len(source) > maxTypedBytes || strings.Count(source, "<") > maxAngles || punctuation(source) > maxPunctuation {
		return "", false
	}
	result := api.Transform(source, api.TransformOptions{
		Loader: loader,
		Target: api.ES2023,
		// An import that only a type uses is one that fails when it is not there.
		TsconfigRaw: `{"compilerOptions":{"verbatimModuleSyntax":true}}`,
		LogLevel:    api.LogLevelSilent,
	})
	return string(result.Code), len(result.Errors) == 0
}

func punctuation(source string) int {
	n := 0
	for i := range len(source) {
		switch b := source[i]; {
		case b <= ' ', b >= 0x80, b == '_', b == '.', b == ';', b == ',', b == '"', b == '\'',
			b >= '0' && b <= '9', b|0x20 >= 'a' && b|0x20 <= 'z':
		default:
			n++
		}
	}
	return n
}

// isJavaScript says whether a module can be parsed.
func isJavaScript(source string) bool {
	vm, err := quickjs.NewVM()
	if err != nil {
		return true
	}
	defer vm.Close()
	vm.SetMemoryLimit(DefaultMemoryLimit)
	vm.SetMaxStackSize(stackSlots)
	_ = vm.SetEvalTimeout(time.Second)
	vm.SetModuleLoader(func(*quickjs.VM, string) (string, error) { return "", nil },
		func(_ *quickjs.VM, _, name string) (string, error) { return name, nil })
	_, err = vm.Compile(source, quickjs.EvalModule)
	return err == nil
}
