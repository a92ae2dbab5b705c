package manifest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mainstaydb/mainstay/specs"
)

// deployments merges the files of deployments: first those that give an id, so
// that a name which moved from one row to another finds the right one.
func (m *merger) deployments(files []*File) {
	byName := map[string]*File{}
	var rest []*File
	said := m.options.Gone
	for _, f := range files {
		d := f.Deployment
		if d == nil {
			continue
		}
		said = true
		name := d.Values["name"]
		if other := byName[name.Text]; other != nil {
			m.fail(f.Name, name.Line, name.Column, fmt.Sprintf("the deployment %s is in %s too", name.Text, other.Name), "delete or rename one of the two")
			continue
		}
		byName[name.Text] = f
		if d.text("id") == "" {
			rest = append(rest, f)
			continue
		}
		m.withID(f)
	}
	for _, f := range rest {
		row := m.byName[f.Deployment.text("name")]
		if row == nil || m.claimed[textOf(row["id"])] != nil {
			m.added(f, m.options.NewID(f.Deployment.text("name")))
			continue
		}
		m.deployment(f, textOf(row["id"]), row)
	}
	if said {
		m.unnamedDeployments()
	}
}

// withID merges a file that says which row it is about.
func (m *merger) withID(f *File) {
	id, name := f.Deployment.Values["id"], f.Deployment.Values["name"]
	if other := m.claimed[id.Text]; other != nil {
		m.fail(f.Name, id.Line, id.Column, fmt.Sprintf("the deployment with the id %s is in %s too", id.Text, other.Name),
			"delete one of the two, or take the id out of the one that is new")
		return
	}
	if row := m.byID[id.Text]; row != nil {
		m.deployment(f, id.Text, row)
		return
	}
	if row := m.byName[name.Text]; row != nil {
		// Another id would delete one database and make another of the same name.
		m.fail(f.Name, id.Line, id.Column, fmt.Sprintf("the fleet has a deployment %s with the id %s", name.Text, textOf(row["id"])),
			"write that id, or leave the id out, to change it; to replace it, delete its row first")
		return
	}
	m.added(f, id.Text)
}

func (m *merger) added(f *File, id string) {
	row := written(initials(deploymentColumns), f.Deployment.Row)
	row["id"] = id
	m.claimed[id] = f
	m.note(f.Name, specs.TableDeployments, f.Deployment.text("name"), f.Deployment.Row)
	m.change(specs.TableDeployments, id, nil, row)
	m.setting(f, id)
}

func (m *merger) deployment(f *File, id string, row specs.Row) {
	m.claimed[id] = f
	m.note(f.Name, specs.TableDeployments, f.Deployment.text("name"), f.Deployment.Row)
	m.change(specs.TableDeployments, id, row, written(row, f.Deployment.Row))
	m.setting(f, id)
}

// setting merges the settings of one deployment.
func (m *merger) setting(f *File, id string) {
	if f.Deployment.Settings == nil {
		return
	}
	there := maps.Clone(m.settings[id])
	for _, row := range f.Deployment.Settings {
		name := row.text("name")
		m.note(f.Name, specs.TableSettings, specs.KeyOf(f.Deployment.text("name"), name), row)
		var from specs.Row
		if value, ok := there[name]; ok {
			from = settingRow(id, name, value)
		}
		m.change(specs.TableSettings, specs.KeyOf(id, name), from, settingRow(id, name, row.text("value")))
		delete(there, name)
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		m.unnamed(specs.TableSettings, specs.KeyOf(id, name), settingRow(id, name, there[name]))
	}
}

func settingRow(id, name, value string) specs.Row {
	return specs.Row{"deployment": id, "name": name, "value": value}
}

// unnamedDeployments deletes or counts those that no file names. Their settings
// go with them.
func (m *merger) unnamedDeployments() {
	for _, id := range slices.Sorted(maps.Keys(m.byID)) {
		if m.claimed[id] != nil {
			continue
		}
		m.unnamed(specs.TableDeployments, id, m.byID[id])
		if !m.options.Prune {
			continue
		}
		for name, value := range m.settings[id] {
			m.change(specs.TableSettings, specs.KeyOf(id, name), settingRow(id, name, value), nil)
		}
	}
}
