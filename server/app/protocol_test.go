package app

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wired is a request as it goes over the wire, and what comes back. In a request
// "AUTH" stands for a good credential of the API, "KEY" for a fresh key.
type wired struct {
	request string
	status  int
	body    string // the whole of a refusal, the beginning of another answer
	headers string // "Name: value", one or none
}

// decision is a row of docs/protocol.md.
type decision struct {
	name           string
	brms, datafold []wired
}

// The bodies of refusals that come up often.
const (
	wrongJSON      = `{"statusCode":400,"code":"FST_ERR_CTP_INVALID_JSON_BODY","error":"Bad Request","message":"Body is not valid JSON but content-type is set to 'application/json'"}`
	emptyJSON      = `{"statusCode":400,"code":"FST_ERR_CTP_EMPTY_JSON_BODY","error":"Bad Request","message":"Body cannot be empty when content-type is set to 'application/json'"}`
	wrongType      = `{"statusCode":415,"code":"FST_ERR_CTP_INVALID_MEDIA_TYPE","error":"Unsupported Media Type","message":"Unsupported Media Type"}`
	notNumber      = `{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"body/zz must be number"}`
	notPage        = `{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"querystring/page must be number"}`
	notProject     = `{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"params/projectId must match format \"uuid\""}`
	brms401        = `{"statusCode":401,"code":"unauthorized","error":"Unauthorized","message":"Unauthorized"}`
	brms413        = `{"statusCode":413,"code":"FST_ERR_CTP_BODY_TOO_LARGE","error":"Payload Too Large","message":"Request body is too large"}`
	notIntegration = `{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"params/integrationId must match format \"uuid\""}`
	noProject      = `{"statusCode":404,"code":"project.notFound","error":"Not Found","message":"Project not found"}`
	wrongText      = `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"{\"ci_config_id\":1}"}]}`
	missing        = `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`
	df401          = `{"detail":"Not authenticated"}`
	df404          = `{"detail":"Not Found"}`
	df405          = `{"detail":"Method Not Allowed"}`
	df413          = `{"detail":"Request Entity Too Large"}`
	noBI           = `{"detail":"BI integration not found"}`
	madeByBRMS     = `{"project":{`
	pageOf         = `{"results":[`
	jsonType       = "Content-Type: application/json\r\n"
	goodBRMS       = `{"name":"n","key":"KEY"}`
	goodDF         = `{"ci_config_id":1}`
	madeByDF       = `{"id":`
	biList         = "/api/v1/lineage/bi/"
)

func brms404(method, target string) string {
	return `{"message":"Route ` + method + `:` + target + ` not found","error":"Not Found","statusCode":404}`
}

func notJSON(at int, reason string) string {
	return fmt.Sprintf(`{"detail":[{"type":"json_invalid","loc":["body",%d],"msg":"JSON decode error","input":{},"ctx":{"error":"%s"}}]}`, at, reason)
}

func wireOf(method, target, headers, body string) string {
	if body != "" {
		headers += "Content-Length: " + strconv.Itoa(len(strings.ReplaceAll(body, "KEY", "key00"))) + "\r\n"
	}
	return method + " " + target + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body
}

// posted and got make requests of either API.
func brmsPost(headers, body string) string {
	return wireOf("POST", "/api/projects", "AUTH"+headers, body)
}

func dfPost(headers, body string) string { return wireOf("POST", biList+"dbt/", "AUTH"+headers, body) }

const dfDiffs = "/api/v1/datadiffs"

func notInteger(name, came string) string {
	return fmt.Sprintf(`{"detail":[{"type":"int_parsing","loc":["query",%q],"msg":"Input should be a valid integer, unable to parse string as an integer","input":%q}]}`, name, came)
}

func asked(method, target string) string { return wireOf(method, target, "AUTH", "") }

func bodies(headers, inBRMS, inDF string, status int, brms string, dfStatus int, df string) ([]wired, []wired) {
	return []wired{{brmsPost(headers, inBRMS), status, brms, ""}}, []wired{{dfPost(headers, inDF), dfStatus, df, ""}}
}

// member is a valid body with one more member, which no document declares.
func member(value string) (inBRMS, inDF string) {
	return `{"name":"n","key":"KEY","zz":` + value + `}`, `{"ci_config_id":1,"zz":` + value + `}`
}

func decisions() []decision {
	row := func(name string, brms, datafold []wired) decision { return decision{name, brms, datafold} }
	body := func(name, headers, inBRMS, inDF string, status int, b string, dfStatus int, df string) decision {
		x, y := bodies(headers, inBRMS, inDF, status, b, dfStatus, df)
		return row(name, x, y)
	}
	json := func(name, value string, status int, b string, dfStatus int, df string) decision {
		x, y := member(value)
		return body(name, jsonType, x, y, status, b, dfStatus, df)
	}
	both := func(name string, requests func(target string) string, status int, b, bHead string, dfStatus int, df, dfHead string) decision {
		return row(name, []wired{{requests("/api/projects"), status, b, bHead}}, []wired{{requests(biList), dfStatus, df, dfHead}})
	}
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	return []decision{
		body("duplicate members", jsonType, `{"name":"n","key":"KEY","name":"m"}`, `{"ci_config_id":1,"ci_config_id":2}`, 400, wrongJSON, 422, notJSON(18, "A member name occurs twice in one object")),
		body("trailing data", jsonType, goodBRMS+" {}", goodDF+" {}", 400, wrongJSON, 422, notJSON(19, "Extra data")),
		body("white space around the value", jsonType, "\r\n\t "+goodBRMS+" \r\n", " "+goodDF+"\n", 200, madeByBRMS, 200, madeByDF),
		body("another Content-Type", "Content-Type: text/csv\r\n", goodBRMS, goodDF, 415, wrongType, 422, wrongText),
		body("a suffix +json", "Content-Type: application/problem+json\r\n", goodBRMS, goodDF, 415, wrongType, 422, wrongText),
		body("Content-Type in capitals", "Content-Type: Application/JSON\r\n", goodBRMS, goodDF, 200, madeByBRMS, 200, madeByDF),
		row("no Content-Type", []wired{{brmsPost("", goodBRMS), 415, wrongType, ""}}, []wired{
			{dfPost("", goodDF), 200, madeByDF, ""}, {dfPost("Content-Type:\r\n", goodDF), 200, madeByDF, ""},
		}),
		row("charset", []wired{
			{brmsPost("Content-Type: application/json; charset=iso-8859-1\r\n", goodBRMS), 200, madeByBRMS, "Content-Type: application/json; charset=utf-8"},
			{brmsPost("Content-Type: application/json; =\r\n", goodBRMS), 200, madeByBRMS, ""},
			{brmsPost("Content-Type: application/json;\r\n", goodBRMS), 200, madeByBRMS, ""},
			{brmsPost("Content-Type: application/json; charset\r\n", goodBRMS), 200, madeByBRMS, ""},
			{asked("GET", "/api/health"), 200, "{", "Content-Type: application/json; charset=utf-8"},
			{asked("HEAD", "/api/projects"), 200, "", "Content-Type: application/json; charset=utf-8"},
			{asked("GET", "/api/projects?page=1"), 200, pageOf, "Content-Type: application/json; charset=utf-8"},
			{asked("GET", "/api/projects?search=none"), 200, pageOf, "Content-Type: application/json; charset=utf-8"},
		}, []wired{
			{dfPost("Content-Type: application/json; charset=iso-8859-1\r\n", goodDF), 200, madeByDF, "Content-Type: application/json"},
			{dfPost("Content-Type: application/json; =\r\n", goodDF), 200, madeByDF, ""},
			{dfPost("Content-Type: application/json;\r\n", goodDF), 200, madeByDF, ""},
			{dfPost("Content-Type: application/json; charset\r\n", goodDF), 200, madeByDF, ""},
			{dfPost("Content-Type: application/json; a=b; =\r\n", goodDF), 200, madeByDF, ""},
		}),
		row(
			"several Content-Types",
			[]wired{
				{brmsPost(jsonType+"Content-Type: text/csv\r\n", goodBRMS), 200, madeByBRMS, ""},
				{brmsPost("Content-Type: text/csv\r\n"+jsonType, goodBRMS), 415, wrongType, ""},
			},
			[]wired{
				{dfPost(jsonType+"Content-Type: text/csv\r\n", goodDF), 200, madeByDF, ""},
				{dfPost("Content-Type: text/csv\r\n"+jsonType, goodDF), 422, wrongText, ""},
				{dfPost(jsonType+jsonType, goodDF), 200, madeByDF, ""},
			},
		),
		row(
			"Content-Encoding",
			[]wired{
				{brmsPost(jsonType+"Content-Encoding: gzip\r\n", "\x1f\x8b\x08\x00\x00\x00\x00\x00"), 400, wrongJSON, ""},
				{brmsPost(jsonType+"Content-Encoding: identity\r\n", goodBRMS), 200, madeByBRMS, ""},
			},
			[]wired{
				{dfPost(jsonType+"Content-Encoding: gzip\r\n", "\x1f\x8b\x08\x00\x00\x00\x00\x00"), 422, notJSON(1, "Invalid UTF-8"), ""},
				{dfPost(jsonType+"Content-Encoding: identity\r\n", goodDF), 200, madeByDF, ""},
			},
		),
		json("bytes that are not UTF-8", "\"\xff\"", 400, wrongJSON, 422, notJSON(24, "Invalid UTF-8")),
		json("half of a surrogate pair", `"\ud800"`, 400, wrongJSON, 422, notJSON(24, "Half of a surrogate pair")),
		json("a control character in a text", "\"\x01\"", 400, wrongJSON, 422, notJSON(24, "Invalid control character at")),
		body("a byte order mark", jsonType, "\xEF\xBB\xBF"+goodBRMS, "\xEF\xBB\xBF"+goodDF, 400, wrongJSON, 422, notJSON(0, "Unexpected UTF-8 BOM (decode using utf-8-sig)")),
		body("UTF-16", jsonType, "\xff\xfe{\x00}\x00", "\xff\xfe{\x00}\x00", 400, wrongJSON, 422, notJSON(0, "Invalid UTF-8")),
		row("NaN and Infinity", []wired{
			{brmsPost(jsonType, first(member("NaN"))), 400, wrongJSON, ""},
			{brmsPost(jsonType, first(member("-Infinity"))), 400, wrongJSON, ""},
		}, []wired{
			{dfPost(jsonType, second(member("NaN"))), 422, notJSON(23, "NaN and Infinity are not JSON"), ""},
			{dfPost(jsonType, second(member("-Infinity"))), 422, notJSON(23, "NaN and Infinity are not JSON"), ""},
		}),
		row("numbers beyond 64 bits", []wired{
			{brmsPost(jsonType, first(member("9223372036854775808"))), 200, madeByBRMS, ""},
		}, []wired{
			{dfPost(jsonType, second(member("9223372036854775808"))), 200, madeByDF, ""},
			{dfPost(jsonType, `{"ci_config_id":9223372036854775808}`), 422, `{"detail":[{"type":"int_parsing_size","loc":["body","ci_config_id"],"msg":"Unable to parse input string as an integer, exceeded maximum size","input":9223372036854775808}]}`, ""},
		}),
		json("numbers beyond a double", "1e400", 400, notNumber, 422, `{"detail":[{"type":"finite_number","loc":["body","zz"],"msg":"Input should be a finite number","input":"1e400"}]}`),
		row("depth", []wired{
			{brmsPost(jsonType, first(member(deep(199)))), 200, madeByBRMS, ""},
			{brmsPost(jsonType, first(member(deep(200)))), 400, wrongJSON, ""},
		}, []wired{
			{dfPost(jsonType, second(member(deep(199)))), 200, madeByDF, ""},
			{dfPost(jsonType, second(member(deep(200)))), 422, notJSON(222, "Arrays and objects nest too deeply"), ""},
		}),
		row("a query parameter twice", []wired{
			{asked("GET", "/api/projects?page=1&page=9"), 200, pageOf, "Understudy-Exchange: *"},
		}, []wired{
			{asked("GET", dfDiffs+"?page=x&page=1"), 200, `{"page":1,`, "Understudy-Exchange: *"},
			{asked("GET", dfDiffs+"?page=1&p%61ge=x"), 422, notInteger("page", "x"), "Understudy-Exchange: *"},
			{asked("GET", dfDiffs+"?page=1&page="), 422, notInteger("page", ""), "Understudy-Exchange: *"},
		}),
		row("a body of null", []wired{{brmsPost(jsonType, "null"), 400, `{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"body must be object"}`, ""}}, []wired{
			{dfPost(jsonType, "null"), 422, `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`, ""},
			{wireOf("PATCH", dfDiffs+"/1", "AUTH"+jsonType, "null"), 422, `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`, ""},
			{wireOf("PATCH", dfDiffs+"/1", "AUTH"+jsonType, "[]"), 422, `{"detail":[{"type":"missing","loc":["body","archived"],"msg":"Field required","input":null},{"type":"missing","loc":["body","purged"],"msg":"Field required","input":null}]}`, ""},
		}),
		both("an undeclared query parameter", func(target string) string { return asked("GET", target+"?colour=red") }, 200, pageOf, "Understudy-Exchange: *", 200, "[", "Understudy-Exchange: *"),
		row("a malformed query", []wired{
			{asked("GET", "/api/projects?%zz"), 200, pageOf, "Understudy-Exchange: *"},
			{asked("GET", "/api/projects?search=%zz&page=1"), 200, pageOf, "Understudy-Exchange: *"},
			{asked("GET", "/api/projects?page=%zz"), 400, notPage, ""},
			{asked("GET", "/api/projects?page=1%"), 400, notPage, ""},
			{asked("GET", "/api/projects?page=%4"), 400, notPage, ""},
			{asked("GET", "/api/projects?perPage=%C3%zz"), 400, strings.Replace(notPage, "page", "perPage", 1), ""},
			{asked("GET", "/api/projects?page=1;page=2"), 400, notPage, ""},
		}, []wired{
			{asked("GET", biList+"?%zz"), 200, "[", "Understudy-Exchange: *"},
			{asked("GET", biList+"?a=1;b=2"), 200, "[", "Understudy-Exchange: *"},
		}),
		both("Authorization twice", func(target string) string { return wireOf("GET", target, "AUTHAUTH", "") }, 401, brms401, "", 401, df401, ""),
		row("the scheme's spelling", []wired{
			{wireOf("GET", "/api/projects", "authorization: bearer s\r\n", ""), 200, pageOf, ""},
			{wireOf("GET", "/api/projects", "Authorization: BEARER   s\r\n", ""), 200, pageOf, ""},
			{wireOf("GET", "/api/projects", "Authorization: Bearers\r\n", ""), 401, brms401, ""},
		}, []wired{
			{wireOf("GET", biList, "authorization: key s\r\n", ""), 200, "[", ""},
			{wireOf("GET", biList, "Authorization: KEY   s\r\n", ""), 200, "[", ""},
			{wireOf("GET", biList, "Authorization: Keys s\r\n", ""), 401, df401, ""},
			{wireOf("GET", biList, "Authorization: s\r\n", ""), 200, "[", ""}, // as some clients send it
		}),
		both("HEAD", func(target string) string { return asked("HEAD", target) }, 200, "", "", 405, "", "Allow: GET"),
		both("OPTIONS", func(target string) string { return asked("OPTIONS", target) }, 404, brms404("OPTIONS", "/api/projects"), "", 405, df405, "Allow: GET"),
		both("OPTIONS *", func(string) string { return asked("OPTIONS", "*") }, 200, "", "", 200, "", ""),
		both("another method", func(target string) string { return asked("PATCH", target) }, 404, brms404("PATCH", "/api/projects"), "", 405, df405, "Allow: GET"),
		both("a method in lower case", func(target string) string { return asked("get", target) }, 404, brms404("get", "/api/projects"), "", 405, df405, "Allow: GET"),
		both("X-HTTP-Method-Override", func(target string) string {
			return wireOf("GET", target, "AUTHX-HTTP-Method-Override: DELETE\r\n", "")
		}, 200, pageOf, "", 200, "[", ""),
		row("doubled slashes", []wired{
			{asked("GET", "//api/projects"), 404, brms404("GET", "//api/projects"), ""},
			{asked("GET", "/api//projects"), 404, brms404("GET", "/api//projects"), ""},
			{asked("GET", "/api/projects//integrations"), 400, notProject, "Understudy-Exchange: *"},
			{asked("GET", "/api/projects//environments"), 400, notProject, "Understudy-Exchange: *"},
			{asked("GET", "/api/projects//approvals"), 400, notProject, "Understudy-Exchange: *"},
			{asked("GET", "/api/projects//releases?page=1"), 400, notProject, "Understudy-Exchange: *"},
		}, []wired{
			{asked("GET", "//api/v1/lineage/bi/"), 404, df404, ""},
			{asked("GET", "/api/v1//lineage/bi/"), 404, df404, ""},
			{asked("GET", "/api/v1/lineage/bi//"), 404, df404, ""},
		}),
		row("an encoded slash", []wired{
			{asked("GET", "/api%2Fprojects"), 404, brms404("GET", "/api%2Fprojects"), ""},
			{asked("GET", "/api/projects/a%2Fb"), 400, notProject, ""},
			{asked("GET", "/api/projects/a%2Fb\xc3\xa9"), 400, notProject, ""},
			{asked("GET", "/api/projects/a%2F\"<"), 400, notProject, ""},
		}, []wired{
			{asked("GET", "/api%2Fv1/lineage/bi/"), 200, "[", ""},
			{asked("GET", biList+"999%2Fsync/"), 404, noBI, ""},
		}),
		row("an encoded letter", []wired{{asked("GET", "/%61pi/projects"), 200, pageOf, ""}}, []wired{{asked("GET", "/%61pi/v1/lineage/bi/"), 200, "[", ""}}),
		row("dot segments", []wired{
			{asked("GET", "/api/./projects"), 404, brms404("GET", "/api/./projects"), ""},
			{asked("GET", "/x/../api/projects"), 404, brms404("GET", "/x/../api/projects"), ""},
			{asked("GET", "/x/%2e%2e/api/projects"), 404, brms404("GET", "/x/%2e%2e/api/projects"), ""},
		}, []wired{
			{asked("GET", "/api/./v1/lineage/bi/"), 404, df404, ""},
			{asked("GET", "/x/../api/v1/lineage/bi/"), 404, df404, ""},
			{asked("GET", "/x/%2e%2e/api/v1/lineage/bi/"), 404, df404, ""},
			{asked("GET", biList+"../"), 422, `{"detail":[{"type":"int_parsing","loc":["path","bi_datasource_id"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":".."}]}`, ""},
		}),
		row("a slash too many", []wired{
			{asked("POST", "/api/projects/?page=1"), 404, brms404("POST", "/api/projects/?page=1"), ""},
			{asked("GET", aProject+"/"), 404, brms404("GET", aProject+"/"), ""},
			{asked("GET", "/api/projects/?page=1"), 400, notProject, ""},
			{asked("GET", aProject+"/integrations/"), 400, notIntegration, ""},
			{asked("DELETE", aProject+"/integrations/"), 400, notIntegration, ""},
			{asked("DELETE", aProject+"/groups/"), 400, strings.Replace(notIntegration, "integration", "group", 1), ""},
			{asked("GET", aProject+"/runs/"), 400, strings.Replace(notIntegration, "integration", "run", 1), ""},
			{asked("DELETE", "/api/projects/"), 400, notProject, ""},
		}, []wired{
			{asked("GET", biList+"7/sync//"), 404, df404, ""},
		}),
		row("a slash too few", []wired{{asked("GET", "/api/project"), 404, brms404("GET", "/api/project"), ""}}, []wired{
			{asked("GET", "/api/v1/lineage/bi?x=1&y=%20"), 307, "", "Location: http://h/api/v1/lineage/bi/?x=1&y=%20"},
			{wireOf("GET", "/api/v1/lineage/bi", "", ""), 307, "", "Location: http://h/api/v1/lineage/bi/"},
			{dfSlash("PATCH"), 307, "", "Location: http://h/api/v1/lineage/bi/"},
			{wireOf("GET", "/api/v1/lineage/bi", "X-Forwarded-Proto: https\r\n", ""), 307, "", "Location: https://h/api/v1/lineage/bi/"},
			{wireOf("GET", "/api/v1/lineage/bi", "X-Forwarded-Proto: http\r\n", ""), 307, "", "Location: http://h/api/v1/lineage/bi/"},
			{wireOf("HEAD", "/api/v1/lineage/bi/7?a=b", "X-Forwarded-Proto: https\r\n", ""), 307, "", "Location: https://h/api/v1/lineage/bi/7/?a=b"},
			{wireOf("GET", "/api/v1/lineage/bi", "X-Forwarded-Proto: gopher\r\n", ""), 307, "", "Location: http://h/api/v1/lineage/bi/"},
			{"GET /api/v1/lineage/bi HTTP/1.0\r\nAUTH\r\n", 307, "", "Location: http://LISTENER/api/v1/lineage/bi/"},
		}),
		row("Expect: 100-continue, too large", []wired{
			{wireOf("POST", "/api/projects", "AUTH"+jsonType+"Expect: 100-continue\r\nContent-Length: 2000000\r\n", ""), 413, brms413, ""},
		}, []wired{
			{wireOf("POST", biList+"dbt/", "AUTH"+jsonType+"Expect: 100-continue\r\nContent-Length: 2000000\r\n", ""), 413, df413, ""},
		}),
		row("Expect: another", []wired{
			{wireOf("POST", "/api/projects", "AUTH"+jsonType+"Expect: 200-ok\r\nContent-Length: 0\r\n", ""), 417, "", ""},
		}, []wired{
			{wireOf("POST", biList+"dbt/", "AUTH"+jsonType+"Expect: 200-ok\r\nContent-Length: 0\r\n", ""), 417, "", ""},
		}),
		row("a chunked body", []wired{
			{brmsPost(jsonType+"Transfer-Encoding: chunked\r\n", "") + "18\r\n" + `{"name":"n","key":"chun"}`[:24] + "\r\n1\r\n}\r\n0\r\n\r\n", 200, madeByBRMS, ""},
		}, []wired{
			{dfPost(jsonType+"Transfer-Encoding: chunked\r\n", "") + "12\r\n" + goodDF + "\r\n0\r\n\r\n", 200, madeByDF, ""},
		}),
		row("malformed chunks", []wired{
			{brmsPost(jsonType+"Transfer-Encoding: chunked\r\n", "") + "zz\r\n", 400, `{"statusCode":400,"code":"FST_ERR_CTP_INVALID_CONTENT_LENGTH","error":"Bad Request","message":"Request body size did not match Content-Length"}`, ""},
		}, []wired{
			{dfPost(jsonType+"Transfer-Encoding: chunked\r\n", "") + "zz\r\n", 422, notJSON(0, "The body could not be read to its end"), ""},
		}),
		both("another Transfer-Encoding", func(target string) string {
			return wireOf("POST", target, "AUTH"+jsonType+"Transfer-Encoding: gzip, chunked\r\n", "") + "0\r\n\r\n"
		}, 501, "Unsupported transfer encoding", "", 501, "Unsupported transfer encoding", ""),
		both("two lengths", func(target string) string {
			return wireOf("POST", target, "AUTH"+jsonType+"Content-Length: 5\r\nContent-Length: 6\r\n", "")
		}, 400, "400 Bad Request", "", 400, "400 Bad Request", ""),
		row("a length and chunks", []wired{
			{brmsPost(jsonType+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "") + "0\r\n\r\n", 400, emptyJSON, ""},
		}, []wired{
			{dfPost(jsonType+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "") + "0\r\n\r\n", 422, missing, ""},
		}),
		both("a body on GET", func(target string) string { return wireOf("GET", target, "AUTH"+jsonType, "{") }, 200, pageOf, "", 200, "[", ""),
		row("a body on DELETE", []wired{
			{wireOf("DELETE", aProject, "AUTH"+jsonType, "{"), 400, wrongJSON, ""},
			{wireOf("DELETE", aProject, "AUTH"+jsonType, "{}"), 404, noProject, ""},
			{wireOf("DELETE", aProject, "AUTH"+jsonType, ""), 404, noProject, ""},
			{wireOf("DELETE", aProject, "AUTHContent-Type: text/csv\r\n", ""), 404, noProject, ""},
		}, []wired{
			{wireOf("DELETE", biList+"999/", "AUTH"+jsonType, "{"), 404, noBI, ""},
			{wireOf("DELETE", biList+"999/", "AUTH"+jsonType, ""), 404, noBI, ""},
		}),
		both("no Host", func(target string) string { return "GET " + target + " HTTP/1.1\r\nAUTH\r\n" },
			400, "400 Bad Request: missing required Host header", "", 400, "400 Bad Request: missing required Host header", ""),
		row("an odd Host", []wired{
			{"GET /api/projects HTTP/1.1\r\nHost: a b\r\nAUTH\r\n", 400, "400 Bad Request: malformed Host header", ""},
			{"GET /api/projects HTTP/1.1\r\nHost: a\r\nHost: b\r\nAUTH\r\n", 400, "400 Bad Request", ""},
			{"GET /api/projects HTTP/1.1\r\nHost:\r\nAUTH\r\n", 200, pageOf, ""},
			{"GET http://other.example/api/projects HTTP/1.1\r\nHost: h\r\nAUTH\r\n", 200, pageOf, ""},
		}, []wired{
			{"GET " + biList + " HTTP/1.1\r\nHost: a b\r\nAUTH\r\n", 400, "400 Bad Request: malformed Host header", ""},
			{"GET " + biList + " HTTP/1.1\r\nHost: a\r\nHost: b\r\nAUTH\r\n", 400, "400 Bad Request", ""},
			{"GET " + biList + " HTTP/1.1\r\nHost:\r\nAUTH\r\n", 200, "[", ""},
			{"GET http://other.example" + biList + " HTTP/1.1\r\nHost: h\r\nAUTH\r\n", 200, "[", ""},
		}),
		both("Accept", func(target string) string { return wireOf("GET", target, "AUTHAccept: text/html\r\n", "") }, 200, pageOf, "", 200, "[", ""),
		both("a malformed escape in the path", func(target string) string { return asked("GET", target+"%zz") }, 400, "400 Bad Request", "", 400, "400 Bad Request", ""),
		row("NUL in the path", []wired{
			{asked("GET", "/api/projects/%00"), 400, notProject, ""},
		}, []wired{
			{asked("GET", biList+"1%00/"), 422, `{"detail":[{"type":"int_parsing","loc":["path","bi_datasource_id"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"1\u0000"}]}`, ""},
		}),
		row("a long URL", []wired{
			{asked("GET", "/api/projects?search="+strings.Repeat("a", 60000)), 200, pageOf, ""},
			{asked("GET", "/api/projects?search="+strings.Repeat("a", 2*mebibyte)), 431, "431 Request Header Fields Too Large", ""},
		}, []wired{
			{asked("GET", biList+"?search="+strings.Repeat("a", 60000)), 200, "[", ""},
			{asked("GET", biList+"?search="+strings.Repeat("a", 2*mebibyte)), 431, "431 Request Header Fields Too Large", ""},
		}),
		row("a broken request without a credential", []wired{
			{wireOf("POST", "/api/projects", jsonType, `{"name":`), 401, brms401, ""},
			{wireOf("POST", "/api/projects", jsonType, "\"\xff\""), 401, brms401, ""},
			{wireOf("POST", "/api/projects", "Content-Type: text/csv\r\n", "a,b"), 401, brms401, ""},
			{wireOf("POST", "/api/projects", jsonType+"Expect: 100-continue\r\nContent-Length: 2000000\r\n", ""), 401, brms401, ""},
			{wireOf("PUT", aProject+"/integrations/x", "Authorization: Basic czpz\r\n"+jsonType, `{"__proto__":1}`), 401, brms401, ""},
			{wireOf("DELETE", "/api/projects/x", jsonType, "{"), 401, brms401, ""},
			{wireOf("GET", "/api/projects?page=x", "Authorization: Bearer\r\n", ""), 401, brms401, ""},
			{wireOf("POST", "/api/nope", jsonType, "{"), 404, brms404("POST", "/api/nope"), ""},
		}, []wired{
			{wireOf("POST", biList+"dbt/", jsonType, `{"ci_config_id":`), 401, df401, ""},
			{wireOf("POST", biList+"dbt/", "", "\xff\xfe{"), 401, df401, ""},
			{wireOf("POST", biList+"looker/", jsonType, `{"base_url":NaN}`), 401, df401, ""},
			{wireOf("PUT", biList+"tableau/x/", "Authorization: Basic czpz\r\n"+jsonType, "[1,]"), 401, df401, ""},
			{wireOf("POST", biList+"mode/", "Authorization: Key\r\nContent-Type: text/csv\r\n", "a,b"), 401, df401, ""},
			{wireOf("POST", biList+"dbt/", jsonType+"Expect: 100-continue\r\nContent-Length: 2000000\r\n", ""), 401, df401, ""},
			{wireOf("POST", "/api/v1/nope/", jsonType, "{"), 404, df404, ""},
			{wireOf("PATCH", biList, jsonType, "{"), 405, df405, "Allow: GET"},
		}),
	}
}

func first(a, _ string) string  { return a }
func second(_, b string) string { return b }

func dfSlash(method string) string { return asked(method, "/api/v1/lineage/bi") }

// Every decision of docs/protocol.md, asked over a connection of its own.
func TestProtocol(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	listener := strings.TrimPrefix(w.url, "http://")
	n := 0
	for _, d := range decisions() {
		for api, requests := range map[string][]wired{"Bearer": d.brms, "Key": d.datafold} {
			for i, q := range requests {
				t.Run(fmt.Sprintf("%s/%s/%d", d.name, api, i), func(t *testing.T) {
					n++
					request := strings.ReplaceAll(q.request, "AUTH", "Authorization: "+api+" s\r\n")
					request = strings.ReplaceAll(request, `"KEY"`, fmt.Sprintf(`"key%02d"`, n%100))
					method, _, _ := strings.Cut(request, " ")
					got := w.wire(t, method, []byte(request))
					if got.status != q.status {
						t.Errorf("status %d, want %d: %.300s", got.status, q.status, got.body)
					}
					if got.body != q.body && (got.status >= 300 || !strings.HasPrefix(got.body, q.body)) {
						t.Errorf("body\n got %.500s\nwant %.500s", got.body, q.body)
					}
					name, value, _ := strings.Cut(q.headers, ": ")
					value = strings.ReplaceAll(value, "LISTENER", listener)
					if came := got.header.Get(name); name != "" && came != value && (value != "*" || came == "") {
						t.Errorf("%s: %q, want %q", name, came, value)
					}
				})
			}
		}
	}
}

// The document has a row for every decision that is tested, and no other, and
// each cell begins with the statuses that are tested.
func TestProtocolDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); strings.HasPrefix(line, "| ") && len(cells) == 4 {
			cells[0] = strings.TrimPrefix(cells[0], "| ")
			rows = append(rows, cells)
		}
	}
	if len(rows) < 2 {
		t.Fatal("no table")
	}
	rows = slices.DeleteFunc(rows, func(r []string) bool { return r[0] == "Case" || strings.HasPrefix(r[0], "-") })
	all := decisions()
	if len(rows) != len(all) {
		t.Errorf("%d rows, %d decisions", len(rows), len(all))
	}
	status := regexp.MustCompile(`^\d{3}(, \d{3})*`)
	statuses := func(requests []wired) string {
		var seen []string
		for _, q := range requests {
			if s := strconv.Itoa(q.status); !slices.Contains(seen, s) {
				seen = append(seen, s)
			}
		}
		return strings.Join(seen, ", ")
	}
	for i, d := range all {
		if i >= len(rows) {
			t.Errorf("no row %q", d.name)
			continue
		}
		r := rows[i]
		if r[0] != d.name {
			t.Errorf("row %d is %q, want %q", i, r[0], d.name)
			continue
		}
		if got, want := status.FindString(r[1]), statuses(d.brms); got != want {
			t.Errorf("%s, BRMS: %q, want %q", d.name, got, want)
		}
		if got, want := status.FindString(r[2]), statuses(d.datafold); got != want {
			t.Errorf("%s, Datafold: %q, want %q", d.name, got, want)
		}
	}
}
