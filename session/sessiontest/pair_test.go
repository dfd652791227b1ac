package sessiontest_test

import (
	"testing"
	"testing/synctest"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

func TestPair(t *testing.T) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		t.Run(enc.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				device := new(dmtree.Memory)
				device.Set("./DevDetail/SwV", dmtree.String("10.0.26100.1"))

				var got string
				h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
					if r.First {
						w.Get("./DevDetail/SwV")
						w.Atomic(func(b *session.Batch) {
							b.Add("./Vendor/MSFT/A/B", dmtree.Int(7))
							b.Replace("./Vendor/MSFT/A/B", dmtree.Int(8))
						})
					}
					for _, res := range r.Results {
						if err := res.Err(); err != nil {
							t.Error(err)
						}
						if res.Command == "Get" {
							v, err := res.Value()
							got = v.String()
							return err
						}
					}
					return nil
				})
				p := sessiontest.New(t, h, device)
				p.Client.Encoding = enc
				sum := p.Run(t.Context())
				if got != "10.0.26100.1" || sum.Failed != 0 || sum.Messages != 2 {
					t.Errorf("read %q in %d messages with %d failures\n%s", got, sum.Messages, sum.Failed, p.Trace())
				}
			})
		})
	}
}
