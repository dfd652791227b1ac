package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// A teller prints the story. It is used by the server's goroutines too.
type teller struct {
	mu             sync.Mutex
	w              io.Writer
	trace, verbose bool
	bytes          int // of all messages so far
}

// proved tells a fact, and how it is known.
func (t *teller) proved(format string, args ...any) { t.printf("  ✓ "+format+"\n", args...) }

func (t *teller) printf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, format, args...)
}

// message shows a message on its way, one element a line.
func (t *teller) message(from string, body []byte) {
	t.mu.Lock()
	t.bytes += len(body)
	t.mu.Unlock()
	if !t.trace || len(body) == 0 {
		return
	}
	t.printf("  ┌ %s sends %d bytes\n", from, len(body))
	for line := range strings.SplitSeq(strings.ReplaceAll(string(body), "><", ">\n<"), "\n") {
		t.printf("  │ %s\n", line)
	}
	t.printf("\n")
}

// sent is how many bytes of messages have travelled so far.
func (t *teller) sent() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes
}

// exchange shows what HTTP did: a line for each exchange.
func (t *teller) exchange(req *http.Request, res *http.Response) {
	if t.verbose {
		t.printf("  · %s %s %s → %s, %d bytes of %s\n", res.Proto, req.Method, req.URL.Path, res.Status, res.ContentLength, res.Header.Get("Content-Type"))
	}
}

// traced is an http.RoundTripper that tells the story of each exchange.
type traced struct {
	*teller
	next http.RoundTripper
}

func (t *traced) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(req)
	if err == nil {
		t.exchange(req, res)
	}
	return res, err
}
