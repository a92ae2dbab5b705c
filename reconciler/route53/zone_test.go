package route53_test

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// An rrset is a record set as the API writes it.
type rrset struct {
	Name   string   `xml:"Name"`
	Type   string   `xml:"Type"`
	ID     string   `xml:"SetIdentifier"`
	TTL    string   `xml:"TTL"`
	Values []string `xml:"ResourceRecords>ResourceRecord>Value"`
	Alias  string   `xml:"AliasTarget>DNSName"`
	Inner  string   `xml:",innerxml"`
}

type listing struct {
	Sets []rrset `xml:"ResourceRecordSets>ResourceRecordSet"`
}

type batch struct {
	Changes []struct {
		Action string `xml:"Action"`
		Set    rrset  `xml:"ResourceRecordSet"`
	} `xml:"ChangeBatch>Changes>Change"`
}

// stored is a name as the tests' moto keeps it, and plain for comparing: Route 53
// takes and gives octal codes, of which the tests use the asterisk's.
func stored(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSuffix(name, ".")), `\052`, "*")
}

func order(s rrset) string {
	labels := strings.Split(stored(s.Name), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + ". " + s.Type + " " + s.ID
}

// same tells whether a deletion names all that a record set is.
func (s rrset) same(other rrset) bool {
	a, b := slices.Sorted(slices.Values(s.Values)), slices.Sorted(slices.Values(other.Values))
	return s.TTL == other.TTL && s.Alias == other.Alias && slices.Equal(a, b)
}

// all lists the whole zone from moto, in Route 53's order.
func (p *proxy) all(r *http.Request) []rrset {
	out := r.Clone(r.Context())
	out.Method, out.URL.RawQuery = http.MethodGet, "maxitems=1000000"
	var l listing
	if answer := p.send(out, nil); xml.Unmarshal(answer.Body.Bytes(), &l) != nil {
		panic("moto lists no XML: " + answer.Body.String())
	}
	slices.SortStableFunc(l.Sets, func(a, b rrset) int { return cmp.Compare(order(a), order(b)) })
	return l.Sets
}

var inName = regexp.MustCompile(`<Name>[^<]*</Name>`)

// list answers with one page.
func (p *proxy) list(r *http.Request) *httptest.ResponseRecorder {
	q := r.URL.Query()
	most, _ := strconv.Atoi(q.Get("maxitems"))
	if most == 0 || most > 300 {
		most = 300
	}
	sets := p.all(r)
	from := order(rrset{Name: q.Get("name"), Type: q.Get("type"), ID: q.Get("identifier")})
	at, _ := slices.BinarySearchFunc(sets, from, func(s rrset, key string) int { return cmp.Compare(order(s), key) })
	sets = sets[at:]
	var b strings.Builder
	b.WriteString(`<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ResourceRecordSets>`)
	for _, s := range sets[:min(most, len(sets))] {
		listed := strings.ReplaceAll(stored(s.Name)+".", "*", `\052`)
		b.WriteString("<ResourceRecordSet>" + inName.ReplaceAllLiteralString(s.Inner, "<Name>"+listed+"</Name>") + "</ResourceRecordSet>")
	}
	b.WriteString("</ResourceRecordSets>")
	if len(sets) > most {
		next := sets[most]
		fmt.Fprintf(&b, "<IsTruncated>true</IsTruncated><NextRecordName>%s.</NextRecordName><NextRecordType>%s</NextRecordType>",
			strings.ReplaceAll(stored(next.Name), "*", `\052`), next.Type)
		if next.ID != "" {
			fmt.Fprintf(&b, "<NextRecordIdentifier>%s</NextRecordIdentifier>", next.ID)
		}
	} else {
		b.WriteString("<IsTruncated>false</IsTruncated>")
	}
	b.WriteString("<MaxItems>300</MaxItems></ListResourceRecordSetsResponse>")
	return written(http.StatusOK, b.String())
}

// change makes a batch whole, or refuses it.
func (p *proxy) change(r *http.Request, body []byte) *httptest.ResponseRecorder {
	if !p.zone.TryLock() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.overlaps++
		return refusal(http.StatusBadRequest, "PriorRequestNotComplete")
	}
	defer p.zone.Unlock()
	var b batch
	if err := xml.Unmarshal(body, &b); err != nil {
		return refusal(http.StatusBadRequest, "InvalidInput")
	}
	if p.poison != nil {
		if answer := p.poison(string(body)); answer != nil {
			return answer
		}
	}
	if messages := p.wrong(r, b); len(messages) > 0 {
		return invalid(messages)
	}
	p.mu.Lock()
	p.batches = append(p.batches, len(b.Changes))
	p.mu.Unlock()
	// moto takes a batch's parts as well; an UPSERT, which it counts twice, spares its
	// mistaken journal of what was created before.
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
		if answer = p.send(r, []byte(x.String())); answer.Code != http.StatusOK {
			return answer
		}
	}
	answer.Body = bytes.NewBufferString(strings.ReplaceAll(answer.Body.String(), "INSYNC", "PENDING"))
	return answer
}

// wrong are Route 53's reasons against a batch.
func (p *proxy) wrong(r *http.Request, b batch) []string {
	type key struct{ name, kind, id string }
	zone := map[key]rrset{}
	kinds := map[string][]string{}
	for _, s := range p.all(r) {
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
		there, exists := zone[k]
		what := fmt.Sprintf("resource record set [name='%s.', type='%s']", k.name, k.kind)
		switch {
		case c.Action == "DELETE" && !exists:
			messages = append(messages, "Tried to delete "+what+" but it was not found")
		case c.Action == "DELETE" && !there.same(c.Set):
			messages = append(messages, "Tried to delete "+what+" but the values provided do not match the current values")
		case c.Action == "DELETE":
			delete(zone, k)
			deleted[k] = there
		case c.Action == "UPSERT":
			zone[k] = c.Set
		case exists:
			messages = append(messages, "Tried to create "+what+" but it already exists")
		case k.kind != "CNAME" && slices.Contains(kinds[k.name], "CNAME"):
			messages = append(messages, fmt.Sprintf("RRSet of type %s with DNS name %s. is not permitted because a conflicting "+
				"RRSet of type  CNAME with the same DNS name already exists in zone %s.", k.kind, k.name, domain))
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
