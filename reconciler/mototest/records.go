package mototest

import (
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

type recordListing struct {
	Sets []rrset `xml:"ResourceRecordSets>ResourceRecordSet"`
}

type recordBatch struct {
	Changes []struct {
		Action string `xml:"Action"`
		Set    rrset  `xml:"ResourceRecordSet"`
	} `xml:"ChangeBatch>Changes>Change"`
}

// stored is a name as moto keeps it, and plain for comparing: Route 53 takes and
// gives octal codes, of which tests use the asterisk's.
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
func (p *Proxy) all(r *http.Request) ([]rrset, error) {
	out := r.Clone(r.Context())
	out.Method, out.URL.RawQuery = http.MethodGet, "maxitems=1000000"
	out.URL.Path = strings.TrimSuffix(out.URL.Path, "/")
	var l recordListing
	answer := p.send(out, Request{})
	if err := xml.Unmarshal(answer.Body.Bytes(), &l); err != nil {
		return nil, fmt.Errorf("moto lists no XML: %w: %s", err, answer.Body)
	}
	slices.SortStableFunc(l.Sets, func(a, b rrset) int { return cmp.Compare(order(a), order(b)) })
	return l.Sets, nil
}

var inName = regexp.MustCompile(`<Name>[^<]*</Name>`)

// list answers with one page.
func (p *Proxy) list(r *http.Request, asked Request) *httptest.ResponseRecorder {
	q := r.URL.Query()
	most, _ := strconv.Atoi(q.Get("maxitems"))
	if most == 0 || most > 300 {
		most = 300
	}
	sets, err := p.all(r)
	if err != nil {
		return asked.refusal(http.StatusInternalServerError, "InternalError", err.Error())
	}
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
	return written(http.StatusOK, "text/xml", b.String())
}
