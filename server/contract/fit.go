package contract

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Served is the decoded body that is handed to the generated code: also that of a
// request that is served in spite of a violation. nil if there is none.
func (j *Judged) Served() any {
	if j.Value == nil && j.read != nil && j.read.json != nil {
		return j.read.value
	}
	return j.Value
}

// Fit is a judged request as the generated code reads it: the query and a form as
// the API's framework reads them, and the Content-Type spelled as the code looks for
// it. The body is left to the caller.
func (o *Operation) Fit(r *http.Request, j *Judged) *http.Request {
	if repeated, unread := j.repeated(), j.unread(); j.query.foreign || len(repeated)+len(unread) > 0 {
		r = withQuery(r, j.query.Values, repeated, unread)
	}
	if j.read == nil {
		return r
	}
	c := j.read.content
	if came := r.Header.Get("Content-Type"); len(o.facts().contents) > 1 && !strings.Contains(c.mediaType, "*") && !strings.HasPrefix(came, c.mediaType) {
		_, parameters, _ := strings.Cut(came, ";")
		if parameters != "" {
			parameters = ";" + parameters
		}
		r.Header = r.Header.Clone()
		r.Header.Set("Content-Type", c.mediaType+parameters)
	}
	if c.kind == contentForm { // the generated code would read the query with it
		values := c.formValues(j.read.value)
		r.Form, r.PostForm = values, values
	}
	return r
}

// formValues writes a form as it was judged: numbers in plain digits, where strconv
// reads fewer spellings than JSON has, and of a repeated field the value that counts.
func (c *content) formValues(body any) url.Values {
	members, _ := body.(map[string]any)
	values := make(url.Values, len(members))
	for name, v := range members {
		items, list := v.([]any)
		if !list {
			items = []any{v}
		}
		var texts []string
		for _, item := range items {
			switch item := item.(type) {
			case string:
				texts = append(texts, item)
			case nil: // as one that is not there
			default:
				text, err := json.Marshal(item)
				if err == nil { // it was read from JSON
					texts = append(texts, string(text))
				}
			}
		}
		if list && !c.exploded(name) {
			texts = []string{strings.Join(texts, ",")}
		}
		if len(texts) > 0 {
			values[name] = texts
		}
	}
	return values
}

// BodyTooLarge is the violation of a body that is larger than limit bytes.
func (o *Operation) BodyTooLarge(limit int64) Violation {
	v := o.BodyBroken()
	v.Rule, v.Detail, v.Where = RuleBodySize, "at most "+strconv.FormatInt(limit, 10)+" bytes", o.document.locate(o.Pointer()+"/responses/413")
	return v
}

// BodyBroken is the violation of a body that broke off or is not framed as HTTP wants.
func (o *Operation) BodyBroken() Violation {
	return Violation{
		Side: SideClient, Rule: RuleTransport, Basis: BasisPublished, In: InBody, Operation: o.ID,
		Where: o.document.locate(o.Pointer()),
	}
}
