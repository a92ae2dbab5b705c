package github

import (
	"bytes"
	"container/list"
	"io"
	"net/http"
	"sync"
	"time"
)

// An answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) response(req *http.Request) *http.Response {
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: req,
	}
}

// A cache keeps answers to be asked for again by their ETag, the latest used ones up
// to a size.
type cache struct {
	limit int

	mu      sync.Mutex
	size    int
	entries map[string]*list.Element
	recent  *list.List // of *entry; the latest used is in front
}

type entry struct {
	key    string
	answer *answer
	at     time.Time // when GitHub last said that it holds
}

// size is what an entry costs: its body, and about as much as its headers take.
func (e *entry) size() int { return len(e.answer.body) + len(e.key) + 1024 }

func newCache(limit int) *cache {
	return &cache{limit: limit, entries: map[string]*list.Element{}, recent: list.New()}
}

func (c *cache) get(key string) (answer *answer, at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.entries[key]
	if !ok {
		return nil, time.Time{}, false
	}
	c.recent.MoveToFront(el)
	e := el.Value.(*entry)
	return e.answer, e.at, true
}

// put keeps an answer, unless it would push out too many others.
func (c *cache) put(key string, a *answer, now time.Time) {
	e := &entry{key: key, answer: a, at: now}
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.entries[key]; ok {
		c.drop(el)
	}
	if e.size() > c.limit/8 {
		return
	}
	c.entries[key] = c.recent.PushFront(e)
	c.size += e.size()
	for c.size > c.limit {
		c.drop(c.recent.Back())
	}
}

func (c *cache) drop(el *list.Element) {
	e := c.recent.Remove(el).(*entry)
	delete(c.entries, e.key)
	c.size -= e.size()
}
