package readme_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var verifyCommand = regexp.MustCompile(`(?m)^(?:bin/)?understudy verify (.*)$`)

// The commands that verify a server do it, with a server of ours in place of the
// addresses, and a document of ours in place of the reader's.
func TestDocsVerifyCommands(t *testing.T) {
	s := start(t, "--addr", "127.0.0.1:0", "--store", "memory")
	ran := 0
	for _, page := range []string{"README.md", "docs/verify.md"} {
		text, err := os.ReadFile(root + "/" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range verifyCommand.FindAllStringSubmatch(string(text), -1) {
			line := regexp.MustCompile(`https?://\S+`).ReplaceAllString(match[1], s.url)
			document, err := os.ReadFile(root + "/gen/brms/document.yaml")
			if err != nil {
				t.Fatal(err)
			}
			cmd := command(t, append([]string{"verify"}, words(line)...)...)
			if err := os.WriteFile(cmd.Dir+"/openapi.yaml", document, 0o600); err != nil {
				t.Fatal(err)
			}
			// A stand-in lets everybody in.
			cmd.Env = append(cmd.Env, "UNDERSTUDY_VERIFY_SEED=7", "UNDERSTUDY_EXEMPT=wrong_secret:*")
			out, err := cmd.CombinedOutput()
			if code := exitCode(t, err); code != 0 || !strings.Contains(string(out), "PASSED") {
				t.Errorf("%s: exit code %d\n%s", match[0], code, out)
			}
			if strings.Contains(string(out), "SECRET") {
				t.Errorf("%s shows the credential:\n%s", match[0], out)
			}
			ran++
		}
	}
	if ran < 3 {
		t.Errorf("%d commands", ran)
	}
}

// words splits a line as a shell does, as far as the pages need it.
func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}
