package mototest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
)

// refusal is an error in the words of the request's protocol. In CBOR only its
// status is told.
func (q Request) refusal(status int, code string) *httptest.ResponseRecorder {
	if status == 0 {
		status = http.StatusBadRequest
	}
	const message = "said by the test's proxy"
	w := httptest.NewRecorder()
	kind, body := "text/xml", ""
	switch {
	case q.kind == target:
		kind, body = "application/x-amz-json-1.1", fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message)
	case q.kind == cbor:
		kind = "application/cbor"
	case q.Service == ec2:
		body = fmt.Sprintf("<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>0</RequestID></Response>", code, message)
	default:
		body = fmt.Sprintf("<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>0</RequestId></ErrorResponse>", code, message)
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.WriteString(body)
	return w
}
