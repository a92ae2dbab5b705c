package route53

import (
	"fmt"
	"slices"
	"strings"
)

// ownerLabel stands before a name for the record of its owner. Hosts have no
// underscore, so no name of a host can be in the way, and a CNAME at the name
// itself forbids nothing there.
const ownerLabel = "_mainstay."

// ownerTTL is long, as only people look the record up.
const ownerTTL = 300

func ownerName(name string) string { return ownerLabel + name }

// An owner is what the record beside a name says: whose it is, and which of the
// address records there we made.
type owner struct {
	fleet      string
	deployment string
	types      []string // sorted
}

// text is the owner as the value of a TXT record.
func (o owner) text() string {
	return fmt.Sprintf(`"mainstay fleet=%s deployment=%s records=%s"`, o.fleet, o.deployment, strings.Join(o.types, ","))
}

// parseOwner reads the value of a TXT record.
func parseOwner(text string) (owner, bool) {
	inner, ok := strings.CutPrefix(text, `"`)
	if !ok {
		return owner{}, false
	}
	inner, ok = strings.CutSuffix(inner, `"`)
	words := strings.Fields(inner)
	if !ok || strings.Contains(inner, `"`) || len(words) == 0 || words[0] != "mainstay" {
		return owner{}, false
	}
	var o owner
	for _, word := range words[1:] {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "fleet":
			o.fleet = value
		case "deployment":
			o.deployment = value
		case "records":
			o.types = strings.Split(value, ",")
			slices.Sort(o.types)
		}
	}
	return o, o.fleet != "" && o.deployment != ""
}

// with adds a type, without removes one. Both leave o as it is.
func (o owner) with(kind string) owner {
	if !o.has(kind) {
		o.types = append(slices.Clone(o.types), kind)
		slices.Sort(o.types)
	}
	return o
}

func (o owner) without(kind string) owner {
	o.types = slices.DeleteFunc(slices.Clone(o.types), func(t string) bool { return t == kind })
	return o
}

func (o owner) has(kind string) bool { return slices.Contains(o.types, kind) }

func (o owner) equal(other owner) bool {
	return o.fleet == other.fleet && o.deployment == other.deployment && slices.Equal(o.types, other.types)
}
