package sessiontest_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
)

// A server anywhere is checked by its address.
func TestRunServerAt(t *testing.T) {
	server := &session.Server{
		Auth: sessiontest.Trust{}, Logger: slog.New(slog.DiscardHandler),
		Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				w.Get("./DevDetail/SwV")
			}
			return nil
		}),
	}
	srv := httptest.NewTLSServer(server)
	defer srv.Close()
	server.ID = srv.URL + "/dm"
	sessiontest.RunServer(t, func(t *testing.T) *sessiontest.Device { return sessiontest.NewDeviceAt(t, server.ID, srv.Client()) })
}

// Our own server passes its suite, under both profiles, with commands for the device and without.
func TestRunServer(t *testing.T) {
	for _, profile := range []session.Profile{session.Windows, session.OMA} {
		for _, name := range []string{"idle", "busy"} {
			busy := name == "busy"
			t.Run(profile.String()+" "+name, func(t *testing.T) {
				server := &session.Server{
					ID: "https://dm.example/dm", Auth: sessiontest.Trust{}, Profile: profile, Logger: slog.New(slog.DiscardHandler),
					Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
						if r.First && busy {
							w.Get("./DevDetail/SwV")
							w.Atomic(func(b *session.Batch) { b.Replace("./A", dmtree.Int(1)) })
							w.Exec("./B", dmtree.Null)
						}
						return nil
					}),
				}
				sessiontest.RunServer(t, func(t *testing.T) *sessiontest.Device { return sessiontest.NewDevice(t, server) })
			})
		}
	}
}
