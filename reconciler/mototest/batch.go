package mototest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// name answers a request of Route 53.
func (p *Proxy) name(r *http.Request, q Request) *httptest.ResponseRecorder {
	switch q.Action {
	case "ListResourceRecordSets":
		return p.list(r, q)
	case "ChangeResourceRecordSets":
		return p.change(r, q)
	}
	return p.send(r, q)
}

// change makes a batch whole, or refuses it.
func (p *Proxy) change(r *http.Request, q Request) *httptest.ResponseRecorder {
	zone, _ := p.zones.LoadOrStore(strings.TrimSuffix(q.Path, "/"), new(sync.Mutex))
	busy := zone.(*sync.Mutex)
	if !busy.TryLock() {
		return q.refusal(http.StatusBadRequest, "PriorRequestNotComplete")
	}
	defer busy.Unlock()
	var b recordBatch
	if err := xml.Unmarshal(q.body, &b); err != nil || len(b.Changes) == 0 {
		return q.refusal(http.StatusBadRequest, "InvalidInput")
	}
	there, err := p.all(r)
	if err != nil {
		return q.refusal(http.StatusInternalServerError, "InternalError", err.Error())
	}
	if messages := b.wrong(there); len(messages) > 0 {
		return q.refusal(http.StatusBadRequest, invalidBatch, messages...)
	}
	// moto takes no more than this at once: it counts an UPSERT twice. It refuses to
	// CREATE what was there before and was deleted.
	const part = 250
	var answer *httptest.ResponseRecorder
	for some := range slices.Chunk(b.Changes, part) {
		var x strings.Builder
		x.WriteString(`<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes>`)
		for _, c := range some {
			action := strings.ReplaceAll(c.Action, "CREATE", "UPSERT")
			inner := inName.ReplaceAllLiteralString(c.Set.Inner, "<Name>"+stored(c.Set.Name)+"</Name>")
			x.WriteString("<Change><Action>" + action + "</Action><ResourceRecordSet>" + inner + "</ResourceRecordSet></Change>")
		}
		x.WriteString("</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>")
		q.body = []byte(x.String())
		if answer = p.send(r, q); answer.Code != http.StatusOK {
			return answer
		}
	}
	answer.Body = bytes.NewBufferString(strings.ReplaceAll(answer.Body.String(), "INSYNC", "PENDING"))
	return answer
}

// wrong are Route 53's reasons against a batch, in a zone with these records.
func (b recordBatch) wrong(there []rrset) []string {
	type key struct{ name, kind, id string }
	zone := map[key]rrset{}
	kinds := map[string][]string{}
	for _, s := range there {
		zone[key{stored(s.Name), s.Type, s.ID}] = s
		kinds[stored(s.Name)] = append(kinds[stored(s.Name)], s.Type)
	}
	var messages []string
	deleted := map[key]rrset{}
	records, characters := 0, 0
	for _, c := range b.Changes {
		for _, v := range c.Set.Values {
			records, characters = records+1, characters+len(v)
		}
		k := key{stored(c.Set.Name), c.Set.Type, c.Set.ID}
		old, exists := zone[k]
		what := fmt.Sprintf("resource record set [name='%s.', type='%s']", k.name, k.kind)
		switch {
		case c.Action == "DELETE" && !exists:
			messages = append(messages, "Tried to delete "+what+" but it was not found")
		case c.Action == "DELETE" && !old.same(c.Set):
			messages = append(messages, "Tried to delete "+what+" but the values provided do not match the current values")
		case c.Action == "DELETE":
			delete(zone, k)
			deleted[k] = old
		case c.Action == "UPSERT":
			zone[k] = c.Set
		case exists:
			messages = append(messages, "Tried to create "+what+" but it already exists")
		case k.kind != "CNAME" && slices.Contains(kinds[k.name], "CNAME"):
			messages = append(messages, fmt.Sprintf("RRSet of type %s with DNS name %s. is not permitted because a conflicting "+
				"RRSet of type  CNAME with the same DNS name already exists.", k.kind, k.name))
		case deleted[k].Name != "" && deleted[k].same(c.Set): // Route 53 may take it; nobody says so
			messages = append(messages, fmt.Sprintf("The request contains an invalid set of changes for a resource record set '%s %s.'", k.kind, k.name))
		default:
			zone[k] = c.Set
		}
	}
	if records > 1000 {
		messages = append(messages, "Number of records limit of 1000 exceeded.")
	}
	if characters > 32000 {
		messages = append(messages, "RDATA character limit of 32000 exceeded.")
	}
	return messages
}
