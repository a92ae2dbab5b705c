package manifest

import (
	"encoding/json"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// object is a part of a JSON Schema. Go writes its keys by name, so that the
// same schema is the same text.
type object = map[string]any

const draft = "https://json-schema.org/draft/2020-12/schema"

// DeploymentSchema is the JSON Schema of a deployment's file, for editors.
func DeploymentSchema() []byte {
	properties := properties(deploymentColumns, specs.TableDeployments)
	properties[settingsKey] = settingsSchema()
	return document(object{
		"title":       "A deployment of Mainstay",
		"description": "One managed Dolt server: a row of the table deployments with its settings. A key that is left out keeps its value, and has the default in a new row.",
		"type":        "object", "properties": properties, "required": []string{"name"}, "additionalProperties": false,
	})
}

// FleetSchema is the JSON Schema of fleet.yaml.
func FleetSchema() []byte {
	return document(object{
		"title":       "What belongs to a whole fleet of Mainstay",
		"description": "A list that is left out stays as it is.",
		"type":        "object", "additionalProperties": false,
		"properties": object{
			specs.TableLimits: object{
				"description": "Budgets of the whole fleet.", "type": "object",
				"properties": properties(limitColumns, specs.TableLimits), "additionalProperties": false,
			},
			specs.TableVersions:  listSchema(specs.TableVersions, "The releases of Dolt that the fleet may run."),
			specs.TableReviewers: listSchema(specs.TableReviewers, "Who may let changes through."),
		},
	})
}

func document(schema object) []byte {
	schema["$schema"] = draft
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(schema); err != nil {
		panic("manifest: a schema of maps, words and numbers is always JSON: " + err.Error())
	}
	return []byte(b.String())
}

func listSchema(table, about string) object {
	var required []string
	for _, c := range columnsOf(table) {
		if c.required {
			required = append(required, c.name)
		}
	}
	return object{"description": about, "type": "array", "items": object{
		"type": "object", "properties": properties(columnsOf(table), table), "required": required, "additionalProperties": false,
	}}
}

func properties(columns []column, table string) object {
	all := object{}
	for _, c := range columns {
		all[c.name] = c.schema(table)
	}
	return all
}

// schema is what a value of the column may be.
func (c column) schema(table string) object {
	s := object{}
	if about := c.sentence(table); about != "" {
		s["description"] = about
	}
	if c.initial != "" {
		s["default"] = c.value(c.initial)
	}
	switch {
	case c.kind == truth:
		s["type"] = "boolean"
	case c.kind == whole && c.orZero:
		s["anyOf"] = []object{{"const": 0}, {"type": "integer", "minimum": c.min, "maximum": c.max}}
	case c.kind == whole:
		s["type"], s["minimum"], s["maximum"] = "integer", c.min, c.max
	case c.words != nil:
		s["enum"] = c.words
	default:
		s["type"] = "string"
		if c.pattern != "" {
			s["pattern"] = c.pattern
		}
		if c.most > 0 {
			s["maxLength"] = c.most
		}
	}
	return s
}

// sentence is what the column is and what a change of it does.
func (c column) sentence(table string) string {
	impact, ok := specs.ImpactOf(table, c.name)
	switch {
	case c.about != "":
		return c.about
	case ok:
		return impact.Sentence + " (A change: " + string(impact.Effect) + ".)"
	}
	return ""
}

// value is a text of the table as JSON has it.
func (c column) value(text string) any {
	if c.kind == whole || c.kind == truth {
		return json.RawMessage(c.kind.write(text))
	}
	return text
}

// settingsSchema lists every setting there is.
func settingsSchema() object {
	impact, _ := specs.ImpactOf(specs.TableSettings, "value")
	all := object{}
	for _, s := range append(specs.Catalog(), specs.SystemVariables()...) {
		all[s.Name] = settingSchema(s)
	}
	return object{
		"description": "Settings of the server by their dotted names in Dolt's config.yaml, and system variables as system_variables.NAME. " + impact.Sentence,
		"type":        "object", "properties": all, "additionalProperties": false,
	}
}

// settingSchema also takes numbers and truth in quotes: the table has text.
func settingSchema(s specs.Setting) object {
	o := object{}
	about := s.About
	if s.MinVersion != "" {
		about = strings.TrimSpace(about + " From Dolt " + s.MinVersion + " on.")
	}
	if about != "" {
		o["description"] = about
	}
	switch s.Kind {
	case specs.BoolSetting:
		o["enum"] = []any{true, false, "true", "false"}
	case specs.EnumSetting:
		o["enum"] = words(s.Values)
	case specs.IntSetting:
		o["type"], o["pattern"] = []string{"integer", "string"}, "^-?[0-9]+$"
		if s.Min > -1<<63 {
			o["minimum"], o["maximum"] = s.Min, s.Max
		}
	default:
		o["type"] = []string{"string", "number", "boolean"}
	}
	return o
}

// words are the values of an enumeration, in quotes and, where YAML takes them
// for something else, without.
func words(values []string) []any {
	var all []any
	for _, v := range values {
		all = append(all, v)
		if open.write(v) == v && tagOf(v) != "!!str" {
			all = append(all, json.RawMessage(v))
		}
	}
	return all
}
