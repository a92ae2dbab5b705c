package ledger

import (
	"maps"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// A Book holds the published rows by owner and stages what should change. An
// owner's rows are set together: a row that is not set again is deleted.
type Book struct {
	published map[Owner]map[ref]specs.Row
	staged    map[Owner]map[ref]specs.Row
}

// An Owner is what a group of rows is about, such as the entry of one deployment.
type Owner struct {
	Kind string // world, applied, entry, claim, machine, volume, agent, status, fleet, gaps, means, addresses, certificate, stray
	ID   string
}

// ref names a row in a table.
type ref struct{ table, key string }

// An Edit is one row to write, or to delete.
type Edit struct {
	Table  string
	Row    specs.Row // a deletion holds the key alone
	Delete bool
}

// NewBook begins with what is published.
func NewBook(tables map[string][]specs.Row) *Book {
	b := &Book{published: map[Owner]map[ref]specs.Row{}, staged: map[Owner]map[ref]specs.Row{}}
	for table, rows := range tables {
		for _, row := range rows {
			o := ownerOf(table, row)
			if b.published[o] == nil {
				b.published[o] = map[ref]specs.Row{}
			}
			b.published[o][refOf(table, row)] = normal(row)
		}
	}
	return b
}

// Set stages the rows of an owner; none: all of them go.
func (b *Book) Set(o Owner, records []Record) {
	rows := make(map[ref]specs.Row, len(records))
	for _, r := range records {
		rows[refOf(r.Table, r.Row)] = r.Row
	}
	if sameRows(rows, b.published[o]) {
		delete(b.staged, o)
		return
	}
	b.staged[o] = rows
}

// Owners lists the owners of one kind that have rows now.
func (b *Book) Owners(kind string) []string {
	var ids []string
	for o, rows := range b.published {
		if s, ok := b.staged[o]; ok {
			rows = s
		}
		if o.Kind == kind && len(rows) > 0 {
			ids = append(ids, o.ID)
		}
	}
	for o, rows := range b.staged {
		if _, ok := b.published[o]; !ok && o.Kind == kind && len(rows) > 0 {
			ids = append(ids, o.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// Edits lists what is staged, in a fixed order.
func (b *Book) Edits() []Edit {
	var es []Edit
	for o, rows := range b.staged {
		old := b.published[o]
		for r, row := range rows {
			if !maps.Equal(row, old[r]) {
				es = append(es, Edit{Table: r.table, Row: row})
			}
		}
		for r, row := range old {
			if _, ok := rows[r]; !ok {
				es = append(es, Edit{Table: r.table, Row: keyOf(r.table, row), Delete: true})
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
	for o, rows := range b.staged {
		if len(rows) == 0 {
			delete(b.published, o)
		} else {
			b.published[o] = rows
		}
	}
	clear(b.staged)
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

func refOf(table string, row specs.Row) ref { return ref{table, KeyText(table, row)} }

// KeyText is a row's primary key as one text.
func KeyText(table string, row specs.Row) string {
	var k []string
	for _, c := range keys[table] {
		s, _ := row[c].(string)
		k = append(k, s)
	}
	return strings.Join(k, "\x00")
}

func keyOf(table string, row specs.Row) specs.Row {
	k := specs.Row{}
	for _, c := range keys[table] {
		k[c] = row[c]
	}
	return k
}

func sameRows(a, b map[ref]specs.Row) bool {
	return maps.EqualFunc(a, b, func(x, y specs.Row) bool { return maps.Equal(x, y) })
}
