package ledger

import (
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// A Book holds the published rows by owner and stages what should change. An
// owner's rows are set together: a row that is not set again is deleted.
//
// Of a published row it keeps which one it is and a digest, as all it is asked is
// whether another is the same: whole rows were half of what a large fleet took of a
// control plane's memory.
type Book struct {
	published map[string]map[string][]line // by an owner's kind and id
	staged    map[Owner][]draft
}

// An Owner is what a group of rows is about, such as the entry of one deployment.
type Owner struct {
	Kind string // world, applied, entry, claim, machine, volume, agent, status, fleet, gaps, means, addresses, certificate, stray
	ID   string
}

// An Edit is one row to write, or to delete.
type Edit struct {
	Table  string
	Row    specs.Row // a deletion holds the key alone
	Delete bool
}

// NewBook is a Book of nothing.
func NewBook() *Book {
	return &Book{published: map[string]map[string][]line{}, staged: map[Owner][]draft{}}
}

// Add takes in a published row, before anything is staged.
func (b *Book) Add(table string, row specs.Row) {
	o, l := ownerOf(table, row), lineOf(table, normal(row))
	lines := b.published[o.Kind][o.ID]
	i, _ := slices.BinarySearchFunc(lines, l, line.compare)
	b.publish(o, slices.Insert(lines, i, l))
}

// publish sets the lines of an owner.
func (b *Book) publish(o Owner, lines []line) {
	kind := b.published[o.Kind]
	if kind == nil {
		kind = map[string][]line{}
		b.published[o.Kind] = kind
	}
	if kind[o.ID] = lines; len(lines) == 0 {
		delete(kind, o.ID)
	}
}

// Set stages the rows of an owner; none: all of them go.
func (b *Book) Set(o Owner, records []Record) {
	drafts := draftsOf(records)
	if slices.EqualFunc(drafts, b.published[o.Kind][o.ID], func(d draft, l line) bool { return d.line == l }) {
		delete(b.staged, o)
		return
	}
	b.staged[o] = drafts
}

// Owners lists the owners of one kind that have rows now.
func (b *Book) Owners(kind string) []string {
	var ids []string
	for id, lines := range b.published[kind] {
		n := len(lines)
		if drafts, ok := b.staged[Owner{kind, id}]; ok {
			n = len(drafts)
		}
		if n > 0 {
			ids = append(ids, id)
		}
	}
	for o, drafts := range b.staged {
		if _, ok := b.published[kind][o.ID]; !ok && o.Kind == kind && len(drafts) > 0 {
			ids = append(ids, o.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// Edits lists what is staged, in a fixed order.
func (b *Book) Edits() []Edit {
	var es []Edit
	for o, drafts := range b.staged {
		old := b.published[o.Kind][o.ID]
		for _, d := range drafts {
			if i, there := slices.BinarySearchFunc(old, d.line, line.compare); !there || old[i] != d.line {
				es = append(es, Edit{Table: d.table, Row: d.row})
			}
		}
		for _, l := range old {
			if _, stays := slices.BinarySearchFunc(drafts, draft{line: l}, draft.compare); !stays {
				es = append(es, Edit{Table: l.table, Row: l.keyRow(), Delete: true})
			}
		}
	}
	slices.SortFunc(es, func(x, y Edit) int {
		return strings.Compare(x.Table+"\x00"+KeyText(x.Table, x.Row), y.Table+"\x00"+KeyText(y.Table, y.Row))
	})
	return es
}

// Published says that the staged rows are on the hub now.
func (b *Book) Published() {
	for o, drafts := range b.staged {
		lines := make([]line, len(drafts))
		for i, d := range drafts {
			lines[i] = d.line
		}
		b.publish(o, lines)
	}
	b.staged = map[Owner][]draft{} // a cleared map would stay as large as the fleet
}

func ownerOf(table string, row specs.Row) Owner {
	id := func(column string) string { s, _ := row[column].(string); return s }
	switch table {
	case "entries", "slots":
		return Owner{"entry", id("deployment")}
	case "claims":
		return Owner{"claim", id("deployment")}
	case "machines":
		return Owner{"machine", id("id")}
	case "volumes":
		return Owner{"volume", id("id")}
	case "agents":
		return Owner{"agent", id("machine")}
	case "deployments":
		return Owner{"status", id("id")}
	case "conditions":
		if d := id("deployment"); d != "" {
			return Owner{"status", d}
		}
		return Owner{Kind: "fleet"}
	case "addresses":
		return Owner{"addresses", id("deployment")}
	case "certificates":
		return Owner{"certificate", id("deployment")}
	case "strays":
		return Owner{"stray", id("id")}
	case "findings":
		return Owner{Kind: "applied"}
	}
	return Owner{Kind: table} // world, applied, gaps
}

// KeyText is a row's primary key as one text.
func KeyText(table string, row specs.Row) string {
	var k []string
	for _, c := range keys[table] {
		s, _ := row[c].(string)
		k = append(k, s)
	}
	return strings.Join(k, keySeparator)
}

// keySeparator is in no value of a key.
const keySeparator = "\x00"
