package openapi

import (
	"fmt"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// stray finds a property that none of the schemas knows that a value may have.
func stray(schemas openapi3.SchemaRefs, v any, at string) error {
	all := flatten(schemas, nil)
	switch v := v.(type) {
	case []any:
		var items openapi3.SchemaRefs
		for _, s := range all {
			if s.Items != nil {
				items = append(items, s.Items)
			}
		}
		for i, one := range v {
			if err := stray(items, one, at+"/"+strconv.Itoa(i)); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, one := range v {
			known, free := property(all, name)
			if known == nil && !free {
				return fmt.Errorf("there is no property %s/%s", at, name)
			}
			if err := stray(known, one, at+"/"+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// flatten gives the schemas with all that they are made of.
func flatten(refs openapi3.SchemaRefs, all []*openapi3.Schema) []*openapi3.Schema {
	for _, r := range refs {
		s := r.Value
		all = append(all, s)
		for _, parts := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf, s.AllOf} {
			all = flatten(parts, all)
		}
	}
	return all
}

// property are the schemas of a property. Free: there may be any.
func property(all []*openapi3.Schema, name string) (known openapi3.SchemaRefs, free bool) {
	described := false
	for _, s := range all {
		described = described || len(s.Properties) > 0
		if p := s.Properties[name]; p != nil {
			known = append(known, p)
		}
		if more := s.AdditionalProperties; more.Schema != nil {
			known = append(known, more.Schema)
		} else if more.Has != nil && *more.Has {
			free = true
		}
	}
	return known, free || !described
}
