package mototest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A recordKey is what a record set is told apart by.
type recordKey struct{ Name, Type, SetIdentifier string }

func (k recordKey) plain() recordKey {
	k.Name = strings.ToLower(strings.TrimSuffix(k.Name, "."))
	return k
}

// changeRecords makes a batch of Route 53. moto refuses to create what was there
// once and was deleted, so that it is told to put the record there instead, after a
// look at whether it may.
func (p *Proxy) changeRecords(r *http.Request, q Request) *httptest.ResponseRecorder {
	p.zones.Lock()
	defer p.zones.Unlock()
	var batch struct {
		Changes []struct {
			Action string
			Set    recordKey `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}
	if err := xml.Unmarshal(q.body, &batch); err != nil {
		return q.refusal(http.StatusBadRequest, "InvalidInput")
	}
	there, err := p.records(r)
	if err != nil {
		return q.refusal(http.StatusInternalServerError, "InternalError")
	}
	for _, c := range batch.Changes {
		key := c.Set.plain()
		if c.Action == "CREATE" && there[key] {
			return existing(key)
		}
		there[key] = c.Action != "DELETE"
	}
	q.body = bytes.ReplaceAll(q.body, []byte("<Action>CREATE</Action>"), []byte("<Action>UPSERT</Action>"))
	return p.send(r, q)
}

// records are those of the zone that a request is about.
func (p *Proxy) records(r *http.Request) (map[recordKey]bool, error) {
	list := r.Clone(r.Context())
	list.Method, list.URL.RawQuery = http.MethodGet, "maxitems=100000"
	list.URL.Path = strings.TrimSuffix(list.URL.Path, "/")
	var listing struct {
		Sets []recordKey `xml:"ResourceRecordSets>ResourceRecordSet"`
	}
	answer := p.send(list, Request{})
	if err := xml.Unmarshal(answer.Body.Bytes(), &listing); err != nil {
		return nil, err
	}
	there := make(map[recordKey]bool, len(listing.Sets))
	for _, key := range listing.Sets {
		there[key.plain()] = true
	}
	return there, nil
}

// existing is Route 53's refusal of a batch that creates what is there.
func existing(key recordKey) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `<InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages><Message>`+
		`Tried to create resource record set [name='%s.', type='%s'] but it already exists</Message></Messages><RequestId>0</RequestId></InvalidChangeBatch>`, key.Name, key.Type)
	return w
}
