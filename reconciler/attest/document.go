package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// parse reads a document. Fields that are not known are fine, AWS adds some now
// and then. A field that stands there twice is not: readers differ in which they
// take, so what was signed would not be sure. For the same reason names are taken
// as they are written, which encoding/json alone does not do.
func parse(content []byte) (Document, error) {
	fields, err := object(content)
	if err != nil {
		return Document{}, err
	}
	var doc Document
	var pending string
	for name, into := range map[string]*string{
		"accountId": &doc.Account, "region": &doc.Region, "instanceId": &doc.InstanceID, "pendingTime": &pending,
	} {
		value, ok := fields[name]
		if !ok {
			return Document{}, fmt.Errorf("it has no %s", name)
		}
		if err := json.Unmarshal(value, into); err != nil || *into == "" {
			return Document{}, fmt.Errorf("its %s is no text: %s", name, value)
		}
	}
	if doc.Pending, err = time.Parse(time.RFC3339, pending); err != nil {
		return Document{}, fmt.Errorf("its pendingTime %q is no time: %w", pending, err)
	}
	return doc, nil
}

// object reads one JSON object and nothing after it.
func object(content []byte) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("what was signed is no JSON object")
	}
	fields := make(map[string]json.RawMessage)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("what was signed is no JSON: %w", err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("what was signed is no JSON: %w", err)
		}
		key, _ := name.(string)
		if _, twice := fields[key]; twice {
			return nil, fmt.Errorf("it has the field %q twice", key)
		}
		fields[key] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("what was signed is no JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return fields, nil
}
