package session_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// A device with its own certificate against a server, over TLS.
func TestRunOverTLS(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		ca := testca.New(t)
		var build string
		server := &session.Server{
			Logger: testLogger(t),
			Auth:   &auth.ClientCert{Roots: ca.Pool(), Device: func(_ context.Context, c *x509.Certificate) (string, error) { return c.Subject.CommonName, nil }},
			Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				if r.First {
					w.Get("./DevDetail/SwV")
					w.Replace("./A/x", dmtree.String("9"))
					w.Replace("./A/none", dmtree.String("9"))
				}
				for _, res := range r.Results {
					if v, err := res.Value(); err == nil && res.Command == "Get" {
						build = v.Text()
					}
				}
				return nil
			}),
		}
		mux := http.NewServeMux()
		mux.Handle("POST /dm", server)
		srv := httptest.NewUnstartedServer(mux)
		srv.TLS = ca.ServerTLS()
		srv.StartTLS()
		defer srv.Close()
		server.ID = srv.URL + "/dm"

		tree := deviceTree()
		c := &session.Client{
			URL: srv.URL + "/dm", ID: "device-1", Tree: tree, Encoding: e, Logger: testLogger(t),
			HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: ca.ClientTLS(ca.Device("device-1"))}},
		}
		defer c.HTTP.CloseIdleConnections()
		session.FirstNumber(c)
		sum, err := c.Run(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, &session.Summary{SessionID: "1", Messages: 2, Commands: 3, Failed: 1}, sum)
		require.Equal(t, "10.0.26100.1", build)
		require.Equal(t, "9", nodeValue(t, tree, "./A/x"))

		sum, err = c.Run(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, "2", sum.SessionID)

		c.HTTP = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}}
		defer c.HTTP.CloseIdleConnections()
		_, err = c.Run(t.Context(), nil)
		var se *session.StatusError
		require.ErrorAs(t, err, &se, "no certificate")
	})
}

// handler answers requests without a network.
type handler func(n int, req *http.Request, body []byte) (*http.Response, error)

// over returns a client whose n-th request, from 1, h answers.
func over(h handler) (*http.Client, *atomic.Int32) {
	count := new(atomic.Int32)
	return &http.Client{Transport: transport(func(req *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		return h(int(count.Add(1)), req, body)
	})}, count
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) { return t(req) }

// respond makes a response of status code with a body of the given type.
func respond(code int, kind, body string, fields ...string) *http.Response {
	h := http.Header{"Content-Type": {kind}}
	for i := 0; i+1 < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// serverSays spells a message of the server.
func serverSays(id, body string) string {
	return `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>` + id +
		`</MsgID><Target><LocURI>device-1</LocURI></Target><Source><LocURI>` + serverURL + `</LocURI></Source></SyncHdr><SyncBody>` + body + `</SyncBody></SyncML>`
}

var errNet = errors.New("connection reset by peer")

// A message without an answer is repeated: the same octets, at growing intervals, and not for ever.
func TestRetry(t *testing.T) {
	good := func() *http.Response {
		return respond(200, syncml.TypeXML, serverSays("1", headerStatus("1", "200", "", "")+finalXML))
	}
	busy := func(code int, fields ...string) *http.Response { return respond(code, "text/plain", "busy", fields...) }
	for _, test := range []struct {
		name    string
		answers []func() (*http.Response, error)
		after   time.Duration // of all of it
		sent    int
		err     string
	}{
		{"connection lost twice", []func() (*http.Response, error){
			func() (*http.Response, error) { return nil, errNet },
			func() (*http.Response, error) { return nil, errNet },
			func() (*http.Response, error) { return good(), nil },
		}, (16 + 32) * time.Second, 3, ""},
		{"connection lost for good", []func() (*http.Response, error){
			func() (*http.Response, error) { return nil, errNet },
		}, (16 + 32 + 64) * time.Second, 4, "connection reset"},
		{"busy", []func() (*http.Response, error){
			func() (*http.Response, error) { return busy(503), nil },
			func() (*http.Response, error) { return good(), nil },
		}, 16 * time.Second, 2, ""},
		{"429 with a time", []func() (*http.Response, error){
			func() (*http.Response, error) { return busy(429, "Retry-After", "90"), nil },
			func() (*http.Response, error) { return good(), nil },
		}, 90 * time.Second, 2, ""},
		{"503 with a date", []func() (*http.Response, error){
			func() (*http.Response, error) {
				return busy(503, "Retry-After", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat)), nil
			},
			func() (*http.Response, error) { return good(), nil },
		}, 2 * time.Minute, 2, ""},
		{"429 for longer than we wait", []func() (*http.Response, error){
			func() (*http.Response, error) { return busy(429, "Retry-After", "999999"), nil },
		}, 0, 1, "429"},
		{"forbidden", []func() (*http.Response, error){func() (*http.Response, error) { return busy(403), nil }}, 0, 1, "403"},
		{"moved", []func() (*http.Response, error){
			func() (*http.Response, error) { return busy(302, "Location", "https://evil.example.com/"), nil },
		}, 0, 1, "302"},
		{"a body that breaks off", []func() (*http.Response, error){
			func() (*http.Response, error) {
				r := good()
				r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 100), &broken{}))
				return r, nil
			},
			func() (*http.Response, error) { return good(), nil },
		}, 16 * time.Second, 2, ""},
		{"a body without end", []func() (*http.Response, error){
			func() (*http.Response, error) {
				r := good()
				r.ContentLength, r.Body = -1, io.NopCloser(endless{})
				return r, nil
			},
		}, 0, 1, "at most 524288 bytes"},
		{"a body that is announced too long", []func() (*http.Response, error){
			func() (*http.Response, error) {
				r := good()
				r.ContentLength, r.Body = 1<<40, io.NopCloser(&broken{})
				return r, nil
			},
		}, 0, 1, "at most 524288 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var first string
				began := time.Now()
				h, count := over(func(n int, req *http.Request, body []byte) (*http.Response, error) {
					sent := req.URL.String() + string(body)
					if n == 1 {
						first = sent
					}
					require.Equal(t, first, sent, "the same octets")
					return test.answers[min(n, len(test.answers))-1]()
				})
				c := &session.Client{URL: serverURL, ID: "device-1", Tree: deviceTree(), HTTP: h, Logger: testLogger(t)}
				session.FirstNumber(c)
				sum, err := c.Run(t.Context(), nil)
				require.EqualValues(t, test.sent, count.Load())
				require.InDelta(t, test.after.Seconds(), time.Since(began).Seconds(), 1.01)
				require.Equal(t, 1, sum.Messages, "repeats do not count")
				if test.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, test.err)
				}
			})
		})
	}
}

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, errNet }

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '<'
	}
	return len(b), nil
}

// When the context ends the server is told, if it can be.
func TestRunCancelled(t *testing.T) { // C21
	ctx, cancel := context.WithCancel(t.Context())
	var said []string
	h, _ := over(func(n int, req *http.Request, body []byte) (*http.Response, error) {
		m, err := syncml.Unmarshal(body, nil)
		require.NoError(t, err)
		said = append(said, spell(m))
		if n == 1 {
			return respond(200, syncml.TypeXML, serverSays("1", getCmd("1", "./A/x")+finalXML)), nil
		}
		if n == 2 {
			cancel()
			return nil, ctx.Err()
		}
		require.NoError(t, req.Context().Err())
		return respond(200, syncml.TypeXML, ""), nil
	})
	c := &session.Client{URL: serverURL, ID: "device-1", Tree: deviceTree(), HTTP: h, Logger: testLogger(t)}
	session.FirstNumber(c)
	_, err := c.Run(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, said, 3)
	require.Equal(t, "Alert 1223\nFinal\n", said[2])

	h, _ = over(func(n int, _ *http.Request, body []byte) (*http.Response, error) {
		require.Contains(t, string(body), "<Data>1201</Data>", "a new session: the old one is over")
		return respond(200, syncml.TypeXML, ""), nil
	})
	c.HTTP = h
	_, err = c.Run(t.Context(), nil)
	require.NoError(t, err)
}

func TestRunIsExclusive(t *testing.T) {
	c := &session.Client{URL: serverURL, ID: "device-1", Tree: deviceTree(), Logger: testLogger(t)}
	c.HTTP, _ = over(func(int, *http.Request, []byte) (*http.Response, error) {
		_, err := c.Run(t.Context(), nil)
		require.ErrorContains(t, err, "going on")
		return respond(200, syncml.TypeXML, ""), nil
	})
	_, err := c.Run(t.Context(), nil)
	require.NoError(t, err)
}

// A session whose connection was lost is finished before another one begins.
func TestRunFinishesWhatWasCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		c := &session.Client{URL: serverURL, ID: "device-1", Tree: deviceTree(), Logger: testLogger(t)}
		c.Limits.Retries = -1
		session.FirstNumber(c)
		c.HTTP, _ = over(func(n int, _ *http.Request, body []byte) (*http.Response, error) {
			if n == 2 {
				return nil, errNet
			}
			m, err := syncml.Unmarshal(body, nil)
			require.NoError(t, err)
			said = append(said, m.Header.SessionID+" "+strings.Split(spell(m), "\n")[1])
			switch n {
			case 1:
				return respond(200, syncml.TypeXML, serverSays("1", replaceCmd("1", "./A/x", "9")+finalXML)), nil
			case 3:
				return respond(200, syncml.TypeXML, serverSays("2", finalXML)), nil
			}
			return respond(200, syncml.TypeXML, ""), nil
		})
		_, err := c.Run(t.Context(), nil)
		require.ErrorIs(t, err, errNet)
		time.Sleep(time.Minute)
		sum, err := c.Run(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, "2", sum.SessionID)
		require.Equal(t, []string{
			"1 Alert 1224 [com.microsoft/MDM/LoginStatus \"none\"]",
			"1 Status 1/1 Replace 200 ./A/x",
			"2 Alert 1224 [com.microsoft/MDM/LoginStatus \"none\"]",
		}, said)
	})
}
