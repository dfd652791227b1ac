package sessiontest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
)

// serve has h answer req, on this goroutine.
func serve(h http.Handler, req *http.Request) *http.Response {
	if req.RemoteAddr == "" {
		req.RemoteAddr = "192.0.2.1:49152"
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	res := rec.Result()
	res.Request = req
	return res
}

func readAll(res *http.Response) []byte {
	b, _ := io.ReadAll(res.Body) // of a recorder: does not fail
	res.Body = io.NopCloser(bytes.NewReader(b))
	return b
}

// Transport returns an http.RoundTripper that hands requests to h, without sockets and on the caller's goroutine.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ h http.Handler }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	server := req.Clone(req.Context())
	server.RequestURI = req.URL.RequestURI()
	return serve(t.h, server), nil
}

// remote is a server that is reached over a network.
type remote struct{ c *http.Client }

func (r remote) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	c := r.c
	if c == nil {
		c = http.DefaultClient
	}
	out := req.Clone(req.Context())
	out.RequestURI, out.TLS = "", nil
	res, err := c.Do(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	io.Copy(w, res.Body)
}
