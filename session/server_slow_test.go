package session_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// slowStore takes a minute over each call for the device "slow".
type slowStore struct {
	session.MemoryStore
	load, commit bool
}

func slowly(ctx context.Context, device string) error {
	if device != "slow" {
		return nil
	}
	select {
	case <-time.After(time.Minute):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *slowStore) Load(ctx context.Context, device string, now time.Time, limit int) (*session.Record, error) {
	if s.load {
		if err := slowly(ctx, device); err != nil {
			return nil, err
		}
	}
	return s.MemoryStore.Load(ctx, device, now, limit)
}

func (s *slowStore) Commit(ctx context.Context, device string, rev int64, c *session.Change) error {
	if s.commit {
		if err := slowly(ctx, device); err != nil {
			return err
		}
	}
	return s.MemoryStore.Commit(ctx, device, rev, c)
}

// TestSlow: whatever is slow for one device is slow for nobody else, and Shutdown lets it come to its end.
func TestSlow(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(s *session.Server)
	}{
		{"Load", func(s *session.Server) { s.Store = &slowStore{load: true} }},
		{"Commit", func(s *session.Server) { s.Store = &slowStore{commit: true} }},
		{"Handler", func(s *session.Server) {
			h := s.Handler
			s.Handler = session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				if err := slowly(r.Context(), r.Identity.Device); err != nil {
					return err
				}
				return h.ServeDM(w, r)
			})
		}},
		{"Authenticator", func(s *session.Server) {
			s.Auth = auth.AuthenticatorFunc(func(ctx context.Context, r *auth.Request) (*auth.Result, error) {
				if err := slowly(ctx, r.Message.Source.URI); err != nil {
					return nil, err
				}
				return trusting.Authenticate(ctx, r)
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") }))
				tt.set(s)
				begin := time.Now()
				answered := make(chan *syncml.Message, 2)
				for range 2 { // the second one waits for the first
					go func() {
						d := sessiontest.NewDevice(t, s)
						d.ID = "slow"
						answered <- d.Open()
					}()
				}
				synctest.Wait()
				for i := range 100 {
					d := sessiontest.NewDevice(t, s)
					d.ID = fmt.Sprint("quick ", i)
					m := d.Send(ok(d, d.Open())...)
					require.Empty(t, sessiontest.Commands(m))
				}
				require.Zero(t, time.Since(begin), "others have waited")

				// Whoever does not want to wait any longer leaves nothing behind.
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := s.Exchange(ctx, time.Now(), &session.Exchange{
					HTTP: http.Header{"Content-Type": {syncml.TypeXML}}, Body: []byte(opening("slow")),
				})
				require.ErrorIs(t, err, context.DeadlineExceeded)

				require.NoError(t, s.Shutdown(t.Context()))
				require.NotZero(t, time.Since(begin), "Shutdown has not waited")
				for range 2 {
					require.Equal(t, []string{"Get ./A"}, sent(<-answered))
				}
				d := sessiontest.NewDevice(t, s)
				require.Equal(t, 503, d.Post(syncml.TypeXML, []byte(opening("slow"))).StatusCode)
			})
		})
	}
}

// opening is the first message of a device.
func opening(device string) string {
	return `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>77</SessionID>` +
		`<MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>` + device + `</LocURI></Source></SyncHdr><SyncBody>` +
		`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>`
}

// TestDeviceThatHangs: a device that does not finish its message, or does not take its answer, holds up neither others nor
// itself on another connection, nor Shutdown.
func TestDeviceThatHangs(t *testing.T) {
	large := dmtree.String(strings.Repeat("x", 300_000)) // more than the buffers between two sockets hold
	s := newServer(t, asks(nil, func(w *session.Writer) {
		for i := range 30 {
			w.Replace(dmtree.URI("./A").Join(fmt.Sprint(i)), large)
		}
	}))
	s.Limits.Message = 16 << 20
	s.Logger = quiet()
	reached := make(chan struct{}, 2)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- struct{}{}
		s.ServeHTTP(w, r)
	}))
	say := func(text string) net.Conn {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		<-reached
		return conn
	}
	request := func(body string) string {
		return fmt.Sprintf("POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", syncml.TypeXML, len(body), body)
	}
	half := request(opening("device-1"))
	slow := say(half[:len(half)-20])          // not finished
	deaf := say(request(opening("device-1"))) // finished, but the answer is never read
	_, err := deaf.Read(make([]byte, 1))      // it has begun to come
	require.NoError(t, err)

	for _, id := range []string{"device-1", "device-2"} {
		d := sessiontest.NewDevice(t, s)
		d.ID = id
		require.EqualValues(t, 200, sessiontest.StatusOf(d.Open(), "0"))
	}
	require.NoError(t, s.Shutdown(t.Context()))

	// The message is not let in when the rest of it comes after all.
	_, err = io.WriteString(slow, half[len(half)-20:])
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(slow), nil)
	require.NoError(t, err)
	require.Equal(t, 503, res.StatusCode)
	deaf.Close()
	srv.Close()
}
