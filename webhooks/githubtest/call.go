package githubtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// object is a JSON object.
type object = map[string]any

// A call is a request on its way through a handler.
type call struct {
	g      *GitHub
	r      *http.Request
	route  *route
	params map[string]string
	query  url.Values
	body   []byte
	header http.Header // of the answer
	who    *credential
	repo   *Repository // that the path names
}

// An answer is what a handler says. Its body is JSON, unless it is raw.
type answer struct {
	status int
	body   any
	raw    []byte // with the kind below, instead of JSON
	kind   string
}

func ok(body any) answer   { return answer{status: http.StatusOK, body: body} }
func made(body any) answer { return answer{status: http.StatusCreated, body: body} }
func gone() answer         { return answer{status: http.StatusNoContent} }

const docs = "https://docs.github.com/rest"

func refuse(status int, message string) answer {
	return answer{status: status, body: object{"message": message, "documentation_url": docs}}
}

func notFound() answer { return refuse(http.StatusNotFound, "Not Found") }

// invalid is GitHub's answer to what it cannot take.
func invalid(message, resource, field, code string) answer {
	return answer{status: http.StatusUnprocessableEntity, body: object{"message": message, "documentation_url": docs,
		"errors": []object{{"resource": resource, "field": field, "code": code}}}}
}

// decode reads the body. What is no JSON is refused by the false.
func (c *call) decode(into any) bool { return len(c.body) == 0 || json.Unmarshal(c.body, into) == nil }

func unreadable() answer { return refuse(http.StatusBadRequest, "Problems parsing JSON") }

func (c *call) number(name string) int64 {
	n, err := strconv.ParseInt(c.params[name], 10, 64)
	if err != nil {
		return -1 // nobody has it
	}
	return n
}

// since is the moment that a list begins with.
func (c *call) since() time.Time {
	t, err := time.Parse(time.RFC3339, c.query.Get("since"))
	if err != nil {
		return time.Time{}
	}
	return t
}

const (
	perPage    = 30  // GitHub's, when none is asked for
	perPageMax = 100 // more is taken for this many
)

// page cuts a list and says where its other pages are.
func page[T any](c *call, all []T) []T {
	size := within(c.query.Get("per_page"), perPage, perPageMax)
	last := max(1, (len(all)+size-1)/size)
	n := within(c.query.Get("page"), 1, 1<<30)
	link := ""
	add := func(n int, rel string) {
		q := c.r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		if link != "" {
			link += ", "
		}
		link += "<" + c.g.URL + c.r.URL.Path + "?" + q.Encode() + `>; rel="` + rel + `"`
	}
	if n > 1 {
		add(n-1, "prev")
	}
	if n < last {
		add(n+1, "next")
		add(last, "last")
	}
	if n > 1 {
		add(1, "first")
	}
	if link != "" {
		c.header.Set("Link", link)
	}
	if n > last {
		return []T{}
	}
	return all[(n-1)*size : min(n*size, len(all))]
}

// within is a number of a query: what is none is the other, and it is 1 or more.
func within(s string, other, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return other
	}
	return min(n, most)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// stampOrNull is null for what did not happen.
func stampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// orNull is null for what is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// list makes the JSON of each. It is never null.
func list[T any](all []T, f func(T) object) []object {
	out := make([]object, 0, len(all))
	for _, one := range all {
		out = append(out, f(one))
	}
	return out
}
