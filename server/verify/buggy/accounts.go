package buggy

import (
	"maps"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

type account struct {
	members  map[string]any // as they are shown
	password any
}

// canonical is a UUID as it is kept: hexadecimal digits are the same in both cases.
func canonical(id string) string { return strings.ToLower(id) }

func (s *server) createAccount(c *call) answer {
	address, _ := c.body["email"].(string)
	if s.emails[address] {
		return problem(http.StatusConflict, "The e-mail address has an account.")
	}
	s.emails[address] = true
	id := s.newUUID()
	if s.has(IDsRepeat) && len(s.emails)%4 == 0 {
		id = s.newest
	}
	s.newest = id
	a := &account{password: c.body["password"], members: map[string]any{
		"id": id, "openedAt": now(), "email": address,
	}}
	if name, ok := c.body["displayName"]; ok {
		a.members["displayName"] = name
	}
	s.accounts[id] = a
	location := "/accounts/" + id
	if s.has(WrongLocation) {
		location = id
	}
	return answer{status: http.StatusCreated, body: a.members}.with("Location", location)
}

func (s *server) getAccount(c *call) answer {
	id, _ := c.path["accountId"].(string)
	a := s.accounts[canonical(id)]
	switch {
	case a != nil:
	case s.has(AnyAccountID) && formats["uuid"].Validate(id) != nil:
		a = &account{members: map[string]any{
			"id": uuid.Nil.String(), "openedAt": now(), "email": "guest@example.com",
		}}
	default:
		missing := problem(http.StatusNotFound, "There is no such account.")
		if body, ok := missing.body.(map[string]any); ok && s.has(ProblemType) {
			body["status"] = "absent"
		}
		return missing
	}
	shown := maps.Clone(a.members)
	if s.has(PasswordReturned) {
		shown["password"] = a.password
	}
	return answer{status: http.StatusOK, body: shown}
}
