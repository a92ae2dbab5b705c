package mototest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// refusal is an error in the words of the request's protocol. In CBOR only its
// status is told.
func (q Request) refusal(status int, code string, messages ...string) *httptest.ResponseRecorder {
	if status == 0 {
		status = http.StatusBadRequest
	}
	message := strings.Join(messages, " ")
	if message == "" {
		message = "said by the test's proxy"
	}
	switch {
	case q.kind == target:
		return written(status, "application/x-amz-json-1.1", fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message))
	case q.kind == cbor:
		return written(status, "application/cbor", "")
	case q.Service == ec2:
		return written(status, "text/xml", fmt.Sprintf("<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>0</RequestID></Response>",
			code, escaped(message)))
	case code == invalidBatch:
		var b strings.Builder
		for _, m := range messages {
			b.WriteString("<Message>" + escaped(m) + "</Message>")
		}
		return written(status, "text/xml", `<InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages>`+b.String()+
			`</Messages><RequestId>0</RequestId></InvalidChangeBatch>`)
	}
	return written(status, "text/xml", fmt.Sprintf("<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>0</RequestId></ErrorResponse>",
		code, escaped(message)))
}

// invalidBatch is Route 53's code for a batch that it does not make, which it tells
// in a form of its own.
const invalidBatch = "InvalidChangeBatch"

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}

func written(status int, kind, text string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.WriteString(text)
	return w
}
