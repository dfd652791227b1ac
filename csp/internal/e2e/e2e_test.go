package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/apps"
	"github.com/omadm-sdk/omadm/csp/certs"
	"github.com/omadm-sdk/omadm/csp/certs/pfx"
	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/csp/nodecache"
	"github.com/omadm-sdk/omadm/csp/policy"
	"github.com/omadm-sdk/omadm/csp/wipe"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// world is a device with all CSPs, and a server that talks to it.
type world struct {
	*sessiontest.Pair
	touched []string // what hosts were told to do
	apps    *apps.Manager
	script  func(*session.Conversation) error
	err     error
}

func newWorld(t *testing.T, enc syncml.Encoding) *world {
	w := new(world)
	mux := new(dmtree.Mux)
	inventory.Mount(mux, &inventory.Device{
		DevInfo:      inventory.DevInfo{DevId: "device-1", Man: "Contoso", Mod: "Laptop 7", DmV: "1.3", Lang: "en-US"},
		DeviceStatus: inventory.DeviceStatus{Compliance: inventory.Compliance{EncryptionCompliance: true}},
	})
	p := policy.New(csp.Windows(), policy.EnforcerFunc(func(_ context.Context, changes []policy.Change) error {
		for _, c := range changes {
			w.touched = append(w.touched, c.URI.Name()+"="+c.Value.Text())
		}
		return nil
	})).Source(new(dmtree.Memory))
	mux.Handle("./Device/Vendor/MSFT/Policy", p)
	mux.Handle("./User/Vendor/MSFT/Policy", p)
	store := &certs.Store{DecodePFX: pfx.Decode, Host: hostFunc(func(changes []certs.Change) {
		for _, c := range changes {
			w.touched = append(w.touched, string(c.Store)+" "+c.Certificate.Subject.CommonName)
		}
	})}
	store.Mount(mux)
	nodecache.Mount(mux, mux, new(dmtree.Memory))
	wipe.Mount(mux, eraser(func(m wipe.Method) { w.touched = append(w.touched, string(m)) }), nil)
	w.apps = &apps.Manager{Host: apps.Dir(filepath.Join(t.TempDir(), "apps")), Logger: slog.New(slog.DiscardHandler)}
	w.apps.Mount(mux)
	t.Cleanup(w.apps.Close)

	w.Pair = sessiontest.New(t, session.Script(func(_ context.Context, c *session.Conversation) error {
		err := w.script(c)
		w.err = err
		return err
	}), csp.Guard(csp.Windows(), mux))
	w.Client.Encoding = enc
	return w
}

type hostFunc func([]certs.Change)

func (f hostFunc) Apply(_ context.Context, changes []certs.Change) error {
	f(changes)
	return nil
}

type eraser func(wipe.Method)

func (f eraser) Wipe(_ context.Context, m wipe.Method) error { f(m); return nil }
func (f eraser) Redeployment(context.Context) (wipe.Redeployment, error) {
	return wipe.Redeployment{Status: wipe.Complete}, nil
}

// do runs a session in which the server sends one batch, and returns the outcomes.
func (w *world) do(t *testing.T, fill func(*session.Batch)) (results []session.Result) {
	t.Helper()
	w.script = func(c *session.Conversation) (err error) {
		results, err = c.Do(fill)
		return err
	}
	w.Run(t.Context())
	require.NoError(t, w.err)
	return results
}

// inBothEncodings runs f in XML and in WBXML.
func inBothEncodings(t *testing.T, f func(*testing.T, *world)) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		t.Run(enc.String(), func(t *testing.T) { f(t, newWorld(t, enc)) })
	}
}

func TestPolicies(t *testing.T) {
	inBothEncodings(t, func(t *testing.T, w *world) {
		res := w.do(t, func(b *session.Batch) {
			policy.DeviceLock{Password: true, MinLength: new(int64(8)), AllowSimple: new(false)}.Write(b)
			policy.AllowStorageCard(b, false)
			policy.RequireDeviceEncryption(b)
			policy.SetPayload(b, policy.Config("ADMX_AppCompat", "AppCompatTurnOffEngine"), &csp.Payload{Enabled: true})
		})
		for _, r := range res {
			require.NoError(t, r.Err())
		}
		require.Equal(t, []string{"AllowSimpleDevicePassword=0", "DevicePasswordEnabled=0", "MinDevicePasswordLength=8",
			"AllowStorageCard=0", "RequireDeviceEncryption=1", "AppCompatTurnOffEngine=<enabled/>"}, w.touched)

		res = w.do(t, func(b *session.Batch) {
			policy.AskEncryption(b)
			b.Get(policy.Result("DeviceLock", "MinDevicePasswordLength"))
		})
		encrypted, err := policy.Encrypted(res)
		require.NoError(t, err)
		require.True(t, encrypted)
		v, err := res[1].Value()
		require.NoError(t, err)
		require.Equal(t, "8", v.Text())
	})
}

func TestInventory(t *testing.T) {
	inBothEncodings(t, func(t *testing.T, w *world) {
		res := w.do(t, func(b *session.Batch) { inventory.Ask(b) })
		var d inventory.Device
		require.NoError(t, d.Read(res))
		require.True(t, d.DeviceStatus.Compliance.EncryptionCompliance)
		require.Nil(t, d.DevDetail.Ext.WLANMACAddress, "what the device does not have stays nil")
	})
}

func TestWipe(t *testing.T) {
	inBothEncodings(t, func(t *testing.T, w *world) {
		res := w.do(t, func(b *session.Batch) { wipe.Exec(b, wipe.Reset) })
		require.NoError(t, wipe.Accepted(&res[0]))
		require.Equal(t, []string{"doWipe"}, w.touched)
		res = w.do(t, wipe.AskRedeployment)
		state, err := wipe.ReadRedeployment(res)
		require.NoError(t, err)
		require.Equal(t, wipe.Complete, state.Status)
	})
}

func newCert(t *testing.T, cn string, lasts time.Duration) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(lasts)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

func TestCertificates(t *testing.T) {
	inBothEncodings(t, func(t *testing.T, w *world) {
		ca, _ := newCert(t, "root", time.Hour)
		cert, key := newCert(t, "ada", time.Hour)
		blob, err := pkcs12.Modern.Encode(key, cert, nil, "hunter2")
		require.NoError(t, err)
		p := certs.PFX{ID: "vpn", Blob: blob, Password: "hunter2"}
		for _, r := range w.do(t, func(b *session.Batch) { certs.Trust(b, certs.Root, ca); certs.InstallPFX(b, p) }) {
			require.NoError(t, r.Err())
		}
		res := w.do(t, func(b *session.Batch) {
			certs.AskPFX(b, p)
			certs.Ask(b, certs.Root)
			certs.AskCertificate(b, certs.Root, certs.Thumbprint(ca))
		})
		thumb, err := certs.ReadPFX(res, p)
		require.NoError(t, err)
		require.Equal(t, certs.Thumbprint(cert), thumb)
		names, err := certs.Names(&res[2])
		require.NoError(t, err)
		require.Equal(t, []string{certs.Thumbprint(ca)}, names)
		got, err := certs.ReadCertificate(&res[3])
		require.NoError(t, err)
		require.True(t, got.Equal(ca))

		for _, r := range w.do(t, func(b *session.Batch) {
			certs.Remove(b, certs.Root, certs.Thumbprint(ca))
			certs.DeletePFX(b, p)
		}) {
			require.NoError(t, r.Err())
		}
		require.Len(t, w.touched, 4)
	})
}

// TestBadInput holds each mistake against the status that a server gets, and the host stays as it was.
func TestBadInput(t *testing.T) {
	old, oldKey := newCert(t, "old", -time.Hour)
	good, goodKey := newCert(t, "good", time.Hour)
	expired, err := pkcs12.Modern.Encode(oldKey, old, nil, "hunter2")
	require.NoError(t, err)
	fresh, err := pkcs12.Modern.Encode(goodKey, good, nil, "hunter2")
	require.NoError(t, err)
	const msft = dmtree.URI("./Device/Vendor/MSFT")
	hosted := msft.Join("EnterpriseModernAppManagement", "AppInstallation", "Contoso.Hello_8wekyb3d8bbwe")

	// The status is that of the last command, or, in an Atomic, of the child to blame.
	tests := []struct {
		name string
		fill func(*session.Batch)
		want syncml.StatusCode
	}{
		{"a wrong PFX password", func(b *session.Batch) {
			certs.InstallPFX(b, certs.PFX{ID: "x", Blob: fresh, Password: "wrong"})
		}, syncml.StatusForbidden},
		{"an expired certificate with its key", func(b *session.Batch) {
			certs.InstallPFX(b, certs.PFX{ID: "x", Blob: expired, Password: "hunter2"})
		}, syncml.StatusCommandFailed},
		{"an expired authority", func(b *session.Batch) {
			b.Add(certs.URI(certs.Root, certs.Thumbprint(old)).Join("EncodedCertificate"), dmtree.Base64(old.Raw))
		}, syncml.StatusCommandFailed},
		{"a certificate under another's hash", func(b *session.Batch) {
			b.Add(certs.URI(certs.Root, certs.Thumbprint(old)).Join("EncodedCertificate"), dmtree.Base64(good.Raw))
		}, syncml.StatusCommandFailed},
		{"a policy that does not exist", func(b *session.Batch) {
			b.Replace(policy.Config("Camera", "AllowFilm"), dmtree.Int(0))
		}, syncml.StatusNotFound},
		{"a value that a policy does not have", func(b *session.Batch) {
			b.Replace(policy.Config("Camera", "AllowCamera"), dmtree.Int(7))
		}, syncml.StatusCommandFailed},
		{"a value of another format", func(b *session.Batch) {
			b.Replace(policy.Config("Camera", "AllowCamera"), dmtree.String("off"))
		}, syncml.StatusUnsupportedFormat},
		{"a result, which is read-only", func(b *session.Batch) {
			b.Replace(policy.Result("Camera", "AllowCamera"), dmtree.Int(0))
		}, syncml.StatusNotAllowed},
		{"a policy of a user while nobody is signed in", func(b *session.Batch) {
			b.Replace("./User/Vendor/MSFT/Policy/Config/Experience/AllowWindowsSpotlight", dmtree.Int(0))
		}, syncml.StatusNotAllowed},
		{"a length without a password", func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) {
				b.Replace(policy.Config("DeviceLock", "MinDevicePasswordLength"), dmtree.Int(6))
			})
		}, syncml.StatusCommandFailed},
		{"malformed ADMX", func(b *session.Batch) {
			b.Replace(policy.Config("ADMX_AppCompat", "AppCompatTurnOffEngine"), dmtree.String("<enabled"))
		}, syncml.StatusCommandFailed},
		{"a Group Policy without what it needs", func(b *session.Batch) {
			policy.SetPayload(b, policy.Config("ADMX_ActiveXInstallService", "AxISURLZonePolicies"), &csp.Payload{Enabled: true})
		}, syncml.StatusCommandFailed},
		{"a malformed installation", func(b *session.Batch) {
			b.Add(hosted, dmtree.Interior())
			b.Exec(hosted.Join("HostedInstall"), dmtree.XML("<Application"))
		}, syncml.StatusCommandFailed},
		{"an installation that was not added", func(b *session.Batch) {
			b.Exec(hosted.Join("HostedInstall"), dmtree.XML(`<Application PackageUri="https://127.0.0.1/x"/>`))
		}, syncml.StatusNotFound},
		{"an unknown product", func(b *session.Batch) {
			apps.UninstallMSI(b, "{7A6C2F61-5E0B-4E6D-9A3B-0D5B6E1B1E11}", false)
		}, syncml.StatusNotFound},
		{"a malformed job", func(b *session.Batch) {
			u := msft.Join("EnterpriseDesktopAppManagement", "MSI", "{7A6C2F61-5E0B-4E6D-9A3B-0D5B6E1B1E11}", "DownloadInstall")
			b.Add(u, dmtree.Null)
			b.Exec(u, dmtree.XML("<MsiInstallJob>"))
		}, syncml.StatusCommandFailed},
		{"a name that leads elsewhere", func(b *session.Batch) {
			b.Add(msft.Join("RootCATrustedCertificates", "Root", "../../../etc/passwd", "EncodedCertificate"), dmtree.Base64(good.Raw))
		}, syncml.StatusNotFound},
		{"an unknown way to wipe", func(b *session.Batch) { b.Exec(msft.Join("RemoteWipe", "doWipeTwice"), dmtree.Null) }, syncml.StatusNotFound},
		{"a wipe that is read", func(b *session.Batch) { b.Get(wipe.Reset.URI()) }, syncml.StatusNotAllowed},
		{"a wipe among other work in an Atomic", func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) { b.Exec(wipe.Reset.URI(), dmtree.Null) })
		}, syncml.StatusNotSupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBothEncodings(t, func(t *testing.T, w *world) {
				w.Client.Tree = noUser{w.Client.Tree}
				res := w.do(t, tt.fill)
				last := res[len(res)-1]
				got := last.Status
				for _, c := range last.Children {
					if c.Blamed {
						got = c.Status
					}
				}
				if got != tt.want {
					t.Errorf("status %v, want %v\n%s", got, tt.want, w.Trace())
				}
				w.apps.Wait()
				require.Empty(t, w.touched, "the host is untouched")
			})
		})
	}
}

// noUser hides who is signed in.
type noUser struct{ dmtree.Provider }

func (p noUser) anonymous(ctx context.Context) context.Context {
	c := dmtree.CallFrom(ctx)
	if c.User == "" {
		return ctx
	}
	return dmtree.WithCall(ctx, dmtree.NewCall(c.Server, ""))
}

func (p noUser) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return dmtree.Get(p.anonymous(ctx), p.Provider, u)
}
func (p noUser) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Add(p.anonymous(ctx), p.Provider, u, v)
}
func (p noUser) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Replace(p.anonymous(ctx), p.Provider, u, v)
}
func (p noUser) Delete(ctx context.Context, u dmtree.URI) error {
	return dmtree.Delete(p.anonymous(ctx), p.Provider, u)
}
func (p noUser) Exec(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Exec(ctx, p.Provider, u, v)
}
func (p noUser) Begin(ctx context.Context) (dmtree.Tx, error) {
	return dmtree.Begin(p.anonymous(ctx), p.Provider)
}

func TestMSIThatCannotBeFetched(t *testing.T) {
	w := newWorld(t, syncml.XML)
	p := apps.MSI{ProductID: "{7A6C2F61-5E0B-4E6D-9A3B-0D5B6E1B1E11}", Version: "1.0", URLs: []string{"https://127.0.0.1:1/x.msi"}, SHA256: strings.Repeat("ab", 32)}
	res := w.do(t, func(b *session.Batch) { apps.InstallMSI(b, p) })
	require.Equal(t, syncml.StatusAccepted, res[len(res)-1].Status)
	w.apps.Wait()
	res = w.do(t, func(b *session.Batch) { apps.AskMSIStatus(b, p.ProductID, false) })
	v, err := res[0].Value()
	require.NoError(t, err)
	n, err := v.Int()
	require.NoError(t, err)
	require.Equal(t, apps.MSIDownloadFailed, apps.MSIState(n), "nobody listens there")
}
