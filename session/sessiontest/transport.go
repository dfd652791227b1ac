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
