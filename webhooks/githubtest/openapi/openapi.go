// Package openapi judges requests to GitHub's REST API, answers of it, and what it
// sends to webhooks, by the description that GitHub publishes.
//
// It promises more than a schema asks for: a parameter or a property that GitHub does
// not know is an error, as it is passed over in silence there, and so is an answer
// with a status that is neither described nor one that every operation may have.
// It is for tests alone and carries no description: tools/github.sh installs it.
package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// A Description is GitHub's. It takes seconds to load and is safe for concurrent use.
type Description struct {
	doc     *openapi3.T
	options *openapi3filter.Options
}

// Load reads it from the directory that tools/github.sh installs to.
func Load(dir string) (*Description, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dir, "node_modules/@octokit/openapi/generated/api.github.com.json"))
	if err != nil {
		return nil, fmt.Errorf("GitHub's description of its API cannot be read; run tools/github.sh: %w", err)
	}
	correct(doc)
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
		RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true, ExcludeReadOnlyValidations: true}
	options.WithCustomSchemaErrorFunc(brief)
	return &Description{doc: doc, options: options}, nil
}

// correct puts right what the description has wrong: of an App's installations it says
// that they are of a person and of an enterprise, both, where it is one of them.
func correct(doc *openapi3.T) {
	item := doc.Paths.Value("/app/installations")
	if item == nil || item.Get == nil {
		return
	}
	account := item.Get.Responses.Status(http.StatusOK).Value.Content.Get("application/json").Schema.Value.Items.Value.Properties["account"].Value
	account.AnyOf, account.AllOf = append(account.AnyOf, account.AllOf...), nil
}

// brief says where and what, and leaves out the schema, which may be long.
func brief(e *openapi3.SchemaError) string {
	what := e.Reason
	if e.Origin != nil {
		what += ": " + e.Origin.Error()
	}
	return "/" + strings.Join(e.JSONPointer(), "/") + ": " + what
}

// everywhere are the statuses that any operation may have, described or not: who asks
// is not known, may not, asks too much, or says what cannot be; or GitHub is down.
var everywhere = []int{http.StatusNotModified, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
	http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable}

// Request judges a request of a route, which is a method and a path as described.
func (d *Description) Request(r *http.Request, method, template string, params map[string]string, body []byte) error {
	if string(bytes.TrimSpace(body)) == "null" {
		body = nil // what go-github sends when there is nothing to say; GitHub takes it
	}
	in, err := d.input(r, method, template, params, body)
	if err != nil {
		return err
	}
	if err := d.parameters(in); err != nil {
		return err
	}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		return err
	}
	if in.Route.Operation.RequestBody == nil || len(body) == 0 {
		return nil
	}
	return unknown(in.Route.Operation.RequestBody.Value.Content, body)
}

// Answer judges an answer to a request.
func (d *Description) Answer(r *http.Request, method, template string, params map[string]string, status int, header http.Header, body []byte) error {
	in, err := d.input(r, method, template, params, nil)
	if err != nil {
		return err
	}
	described := in.Route.Operation.Responses.Status(status)
	if described == nil && slices.Contains(everywhere, status) {
		return nil
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: header, Options: d.options}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	return unknown(described.Value.Content, body)
}

func (d *Description) input(r *http.Request, method, template string, params map[string]string, body []byte) (*openapi3filter.RequestValidationInput, error) {
	item := d.doc.Paths.Value(template)
	if item == nil || item.GetOperation(method) == nil {
		return nil, fmt.Errorf("GitHub describes no %s %s", method, template)
	}
	if path, asked := params["path"]; asked && path == "" {
		params = maps.Clone(params) // the root of a repository, which GitHub documents, but its description rules out
		params["path"] = "."
	}
	r = r.Clone(context.Background())
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Options: d.options,
		Route: &routers.Route{Spec: d.doc, Path: template, PathItem: item, Method: method, Operation: item.GetOperation(method)}}, nil
}

// parameters of the query are all to be known ones.
func (d *Description) parameters(in *openapi3filter.RequestValidationInput) error {
	known := map[string]bool{}
	for _, all := range []openapi3.Parameters{in.Route.PathItem.Parameters, in.Route.Operation.Parameters} {
		for _, p := range all {
			known[p.Value.Name] = known[p.Value.Name] || p.Value.In == openapi3.ParameterInQuery
		}
	}
	for name := range in.Request.URL.Query() {
		if !known[name] {
			return fmt.Errorf("there is no parameter %s", name)
		}
	}
	return nil
}

// unknown finds a property that no schema of a JSON body has.
func unknown(content openapi3.Content, body []byte) error {
	kind := content.Get("application/json")
	if kind == nil || kind.Schema == nil {
		return nil
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	return stray(openapi3.SchemaRefs{kind.Schema}, v, "")
}

// Event judges the payload of a delivery. An action is empty where an event has none.
func (d *Description) Event(event, action string, body []byte) error {
	name := "webhook-" + strings.ReplaceAll(event, "_", "-")
	if action != "" {
		name += "-" + strings.ReplaceAll(action, "_", "-")
	}
	schema := d.doc.Components.Schemas[name]
	if schema == nil {
		return fmt.Errorf("GitHub describes no %s", name)
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	if err := schema.Value.VisitJSON(v, openapi3.SetSchemaErrorMessageCustomizer(brief), openapi3.MultiErrors()); err != nil {
		return err
	}
	return stray(openapi3.SchemaRefs{schema}, v, "")
}
