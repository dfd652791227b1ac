package sessiontest_test

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// Our own client passes its suite, under both profiles and in both encodings.
func TestRunClient(t *testing.T) {
	for _, profile := range []session.Profile{session.Windows, session.OMA} {
		for _, e := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
			t.Run(profile.String()+" "+e.String(), func(t *testing.T) {
				tree := new(dmtree.Memory)
				for _, name := range []string{"DevId", "Man", "Mod", "DmV", "Lang"} {
					tree.Set(dmtree.URI("./DevInfo").Join(name), dmtree.String("x"))
				}
				tree.Set("./Vendor/Test", dmtree.Interior())
				sessiontest.RunClient(t, &sessiontest.ClientOptions{Root: "./Vendor/Test", Profile: profile}, func(t *testing.T, url string) {
					c := &session.Client{
						URL: url, ID: "x", Tree: tree, Profile: profile, Encoding: e, HTTP: new(http.Client),
						Logger: slog.New(slog.DiscardHandler),
					}
					c.Run(t.Context(), nil) // how it ends is for the suite to judge
				})
			})
		}
	}
}
