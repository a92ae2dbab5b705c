package mototest

import (
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// The services that are not passed on as they come.
const (
	ec2     = "ec2"
	route53 = "route53"
)

// A Request is one call of AWS's API, in whatever protocol its service speaks.
type Request struct {
	Service string     // as it is signed for: ec2, route53, secretsmanager, monitoring …
	Action  string     // as AWS names it; for a path that is not known here, method and path
	Path    string     // of the URL
	Form    url.Values // of services that take forms, such as EC2; else nil
	Times   int        // how often the action was asked for since Failing was called last, this time included
	body    []byte
	kind    protocol
}

// Body is what was sent.
func (q Request) Body() string { return string(q.body) }

// A protocol is how a service is spoken with.
type protocol int

const (
	restful protocol = iota // XML, and a path for each action
	query                   // a form, answered with XML
	target                  // JSON, and a header that names the action
	cbor                    // a path that names the action
)

func parse(r *http.Request) (Request, error) {
	q := Request{Service: serviceOf(r.Header.Get("Authorization")), Path: r.URL.Path}
	var err error
	if q.body, err = io.ReadAll(r.Body); err != nil {
		return q, err
	}
	if t := r.Header.Get("X-Amz-Target"); t != "" {
		q.kind, q.Action = target, t[strings.LastIndex(t, ".")+1:]
		return q, nil
	}
	if before, operation, ok := strings.Cut(q.Path, "/operation/"); ok && strings.HasPrefix(before, "/service/") {
		q.kind, q.Action = cbor, operation
		return q, nil
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		q.kind = query
		q.Form, err = url.ParseQuery(string(q.body))
		q.Action = q.Form.Get("Action")
		return q, err
	}
	q.Action = restAction(r.Method, q.Path)
	return q, nil
}

// serviceOf reads the scope of a signature: Credential=key/date/region/service/aws4_request.
func serviceOf(authorization string) string {
	_, credential, _ := strings.Cut(authorization, "Credential=")
	credential, _, _ = strings.Cut(credential, ",")
	scope := strings.Split(credential, "/")
	if len(scope) < 5 {
		return "unsigned"
	}
	return scope[len(scope)-2]
}

// restActions are Route 53's, by method and path.
var restActions = map[string]string{
	"GET /2013-04-01/hostedzone":          "ListHostedZones",
	"GET /2013-04-01/hostedzonesbyname":   "ListHostedZonesByName",
	"POST /2013-04-01/hostedzone":         "CreateHostedZone",
	"GET /2013-04-01/hostedzone/*":        "GetHostedZone",
	"GET /2013-04-01/hostedzone/*/rrset":  "ListResourceRecordSets",
	"POST /2013-04-01/hostedzone/*/rrset": "ChangeResourceRecordSets",
	"GET /2013-04-01/change/*":            "GetChange",
}

func restAction(method, asked string) string {
	asked = method + " " + strings.TrimSuffix(asked, "/")
	for pattern, action := range restActions {
		if ok, _ := path.Match(pattern, asked); ok {
			return action
		}
	}
	return asked
}
