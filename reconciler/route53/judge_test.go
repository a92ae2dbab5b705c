package route53

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

const host = "shop.db.example.com"

// at is the state of the host: "A 192.0.2.1", and owners as "TXT fleet deployment types".
func at(sets ...string) state {
	var s state
	for _, text := range sets {
		words := strings.Fields(text)
		raw := types.ResourceRecordSet{Name: aws.String(host + "."), Type: types.RRType(words[0]), TTL: aws.Int64(10)}
		for _, v := range words[1:] {
			raw.ResourceRecords = append(raw.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
		}
		if words[0] != "TXT" {
			s.sets = append(s.sets, read(raw))
			continue
		}
		o := owner{fleet: words[1], deployment: words[2], types: strings.Split(words[3], ",")}
		raw.Name = aws.String(ownerName(host) + ".")
		raw.ResourceRecords = []types.ResourceRecord{{Value: aws.String(o.text())}}
		s.owners = append(s.owners, read(raw))
	}
	return s
}

// change is "A from to" of a deployment; a dash is nothing.
func change(deployment, text string) plan.AddressChange {
	words := strings.Fields(text)
	value := func(w string) string { return strings.TrimPrefix(w, "-") }
	return plan.AddressChange{Deployment: deployment, Name: host, Type: words[0], From: value(words[1]), FromTTL: 10, To: value(words[2]), ToTTL: 10}
}

// sent is what a verdict would have Route 53 do: "+A 192.0.2.1".
func sent(v verdict) []string {
	var all []string
	for _, c := range v.changes {
		s := read(*c.ResourceRecordSet)
		sign, text := "+", s.value()
		if c.Action == types.ChangeActionDelete {
			sign = "-"
		}
		if s.kind == types.RRTypeTxt {
			o, _ := parseOwner(s.values[0])
			text = fmt.Sprintf("%s %s %s", o.fleet, o.deployment, strings.Join(o.types, ","))
		}
		all = append(all, sign+string(s.kind)+" "+text)
	}
	return all
}

const (
	made     = "" // no error
	changed  = "changed"
	foreign  = "foreign"
	ofOthers = "TXT staging x A"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there   state
		changes []plan.AddressChange
		want    []string
		errs    []string
	}{
		"new": {at(), []plan.AddressChange{change("x", "A - 192.0.2.1")}, []string{"+A 192.0.2.1", "+TXT prod x A"}, []string{made}},
		"both new": {at(), []plan.AddressChange{change("x", "A - 192.0.2.1"), change("x", "AAAA - 2001:db8::1")},
			[]string{"+A 192.0.2.1", "+AAAA 2001:db8::1", "+TXT prod x A,AAAA"}, []string{made, made}},
		"second": {at("A 192.0.2.1", "TXT prod x A"), []plan.AddressChange{change("x", "AAAA - 2001:db8::1")},
			[]string{"+AAAA 2001:db8::1", "-TXT prod x A", "+TXT prod x A,AAAA"}, []string{made}},
		"moves": {at("A 192.0.2.1", "TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 192.0.2.2")},
			[]string{"-A 192.0.2.1", "+A 192.0.2.2"}, []string{made}},
		"moved before":      {at("A 192.0.2.2", "TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 192.0.2.2")}, nil, []string{made}},
		"changed by others": {at("A 192.0.2.3", "TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 192.0.2.2")}, nil, []string{changed}},
		"gone":              {at("TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 192.0.2.2")}, nil, []string{changed}},
		"more values":       {at("A 192.0.2.1 192.0.2.9", "TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 192.0.2.2")}, nil, []string{changed}},
		"created by others": {at("A 192.0.2.3", "TXT prod x A"), []plan.AddressChange{change("x", "A - 192.0.2.2")}, nil, []string{changed}},
		"one of two": {at("A 192.0.2.3", "AAAA 2001:db8::1", "TXT prod x A,AAAA"),
			[]plan.AddressChange{change("x", "A 192.0.2.1 192.0.2.2"), change("x", "AAAA 2001:db8::1 2001:db8::2")},
			[]string{"-AAAA 2001:db8::1", "+AAAA 2001:db8::2"}, []string{changed, made}},
		"first of two goes": {at("A 192.0.2.1", "AAAA 2001:db8::1", "TXT prod x A,AAAA"), []plan.AddressChange{change("x", "A 192.0.2.1 -")},
			[]string{"-A 192.0.2.1", "-TXT prod x A,AAAA", "+TXT prod x AAAA"}, []string{made}},
		"last goes": {at("A 192.0.2.1", "TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 -")},
			[]string{"-A 192.0.2.1", "-TXT prod x A"}, []string{made}},
		"one goes, one comes": {at("A 192.0.2.1", "TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 -"), change("x", "AAAA - 2001:db8::1")},
			[]string{"-A 192.0.2.1", "+AAAA 2001:db8::1", "-TXT prod x A", "+TXT prod x AAAA"}, []string{made, made}},
		"went before":            {at(), []plan.AddressChange{change("x", "A 192.0.2.1 -")}, nil, []string{made}},
		"went by hand":           {at("TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 -")}, []string{"-TXT prod x A"}, []string{made}},
		"went, and is another's": {at("AAAA 2001:db8::1", ofOthers), []plan.AddressChange{change("x", "A 192.0.2.1 -")}, nil, []string{made}},
		"left behind": {at("TXT prod x A,AAAA"), []plan.AddressChange{change("y", "A - 192.0.2.1")},
			[]string{"+A 192.0.2.1", "-TXT prod x A,AAAA", "+TXT prod y A"}, []string{made}},
		"another deployment's": {at("A 192.0.2.1", "TXT prod x A"), []plan.AddressChange{change("y", "AAAA - 2001:db8::1")}, nil, []string{changed}},
		"handed over": {at("A 192.0.2.1", "TXT prod x A"), []plan.AddressChange{change("y", "A 192.0.2.1 192.0.2.2")},
			[]string{"-A 192.0.2.1", "+A 192.0.2.2", "-TXT prod x A", "+TXT prod y A"}, []string{made}},

		"nobody's":               {at("A 192.0.2.1"), []plan.AddressChange{change("x", "A 192.0.2.1 192.0.2.2")}, nil, []string{foreign}},
		"nobody's, as wanted":    {at("A 192.0.2.1"), []plan.AddressChange{change("x", "A - 192.0.2.1")}, nil, []string{foreign}},
		"nobody's, to go":        {at("A 192.0.2.1"), []plan.AddressChange{change("x", "A 192.0.2.1 -")}, nil, []string{foreign}},
		"beside nobody's":        {at("AAAA 2001:db8::1"), []plan.AddressChange{change("x", "A - 192.0.2.2")}, nil, []string{foreign}},
		"another fleet's":        {at("A 192.0.2.1", ofOthers), []plan.AddressChange{change("x", "A 192.0.2.1 192.0.2.2")}, nil, []string{foreign}},
		"another fleet's, empty": {at(ofOthers), []plan.AddressChange{change("x", "A - 192.0.2.2")}, nil, []string{foreign}},
		"put beside ours": {at("A 192.0.2.1", "AAAA 2001:db8::1", "TXT prod x A"), []plan.AddressChange{change("x", "AAAA 2001:db8::1 -")},
			nil, []string{foreign}},
		"ours beside it goes": {at("A 192.0.2.1", "AAAA 2001:db8::1", "TXT prod x A"), []plan.AddressChange{change("x", "A 192.0.2.1 -")},
			[]string{"-A 192.0.2.1", "-TXT prod x A"}, []string{made}},
		"CNAME":       {at("CNAME example.net"), []plan.AddressChange{change("x", "A - 192.0.2.2")}, nil, []string{foreign}},
		"other types": {at("MX 10"), []plan.AddressChange{change("x", "A - 192.0.2.2")}, []string{"+A 192.0.2.2", "+TXT prod x A"}, []string{made}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := group{name: host, changes: c.changes}
			v := judge("prod", g, c.there)
			if got := sent(v); !slices.Equal(got, c.want) {
				t.Errorf("sends %q, want %q", got, c.want)
			}
			for i, err := range v.errs {
				got := made
				if errors.Is(err, ErrTaken) {
					got = foreign
				} else if errors.Is(err, reconciler.ErrConflict) {
					got = changed
				}
				if got != c.errs[i] {
					t.Errorf("change %d: %v, want %q", i, err, c.errs[i])
				}
			}
		})
	}
}
