package apps_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/apps"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

const (
	modern  = dmtree.URI("./Device/Vendor/MSFT/EnterpriseModernAppManagement")
	desktop = dmtree.URI("./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI")
	token   = dmtree.URI("./Device/Vendor/MSFT/EnterpriseAppManagement")
	family  = "Contoso.Hello_8wekyb3d8bbwe"
	product = "{7A6C2F61-5E0B-4E6D-9A3B-0D5B6E1B1E11}"
)

// msix makes a package with a manifest.
func msix(t *testing.T, name, version string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("AppxManifest.xml")
	require.NoError(t, err)
	fmt.Fprintf(w, `<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10">`+
		`<Identity Name=%q Version=%q Publisher="CN=Contoso" ProcessorArchitecture="x64"/>`+
		`<Properties><DisplayName>Hello</DisplayName></Properties></Package>`, name, version)
	require.NoError(t, z.Close())
	return b.Bytes()
}

// a device with its applications, and a server that has packages.
type device struct {
	*apps.Manager
	tree   dmtree.Provider
	dir    string
	temp   string
	server *httptest.Server

	mu     sync.Mutex
	alerts []string
}

func newDevice(t *testing.T) *device {
	d := &device{dir: filepath.Join(t.TempDir(), "apps"), temp: t.TempDir()}
	files := map[string][]byte{"/hello.msix": msix(t, "Contoso.Hello", "1.2.0.0"), "/hello2.msix": msix(t, "Contoso.Hello", "2.0.0.0"),
		"/other.msix": msix(t, "Contoso.Other", "1.0.0.0"), "/agent.msi": []byte("an MSI"), "/garbage": []byte("hello")}
	mux := http.NewServeMux()
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/hello.msix", http.StatusFound)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		b, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(b)
	})
	d.server = httptest.NewTLSServer(mux)
	t.Cleanup(d.server.Close)
	d.Manager = &apps.Manager{Host: apps.Dir(d.dir), HTTP: d.server.Client(), TempDir: d.temp, Logger: slog.New(slog.DiscardHandler),
		Raise: func(_ context.Context, a *syncml.Alert) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			i := a.Items[0]
			kind := i.Meta.Type[strings.LastIndex(i.Meta.Type, ".mdm.")+5:]
			d.alerts = append(d.alerts, fmt.Sprintf("%d %s %s %s", a.Code, kind, i.Source.URI, i.Data))
			return nil
		}}
	inner := new(dmtree.Mux)
	d.Mount(inner)
	t.Cleanup(d.Close)
	schema, err := csp.Windows().With(apps.TokenTree())
	require.NoError(t, err)
	d.tree = csp.Guard(schema, inner)
	return d
}

func (d *device) get(t *testing.T, u dmtree.URI) string {
	t.Helper()
	v, err := dmtree.Get(t.Context(), d.tree, u)
	if err != nil {
		return "error"
	}
	return v.Text()
}

// install starts a hosted installation and waits for its end.
func (d *device) install(t *testing.T, path string) {
	t.Helper()
	at := modern.Join("AppInstallation", family)
	require.NoError(t, dmtree.Add(t.Context(), d.tree, at, dmtree.Interior()))
	err := dmtree.Exec(t.Context(), d.tree, at.Join("HostedInstall"), dmtree.XML(`<Application PackageUri="`+d.server.URL+path+`"/>`))
	require.ErrorIs(t, err, dmtree.ErrAccepted)
	d.Wait()
}

func TestHostedInstall(t *testing.T) {
	d := newDevice(t)
	d.install(t, "/hello.msix")
	at := modern.Join("AppInstallation", family)
	require.Equal(t, "error", d.get(t, at), "the node goes when the app is there")
	require.Equal(t, []string{"1226 EnterpriseHostedAppInstall.result " + string(at.Join("HostedInstall")) + " 0"}, d.alerts)
	full := "Contoso.Hello_1.2.0.0_x64__8wekyb3d8bbwe"
	app := modern.Join("AppManagement", "nonStore", family)
	require.Equal(t, family, d.get(t, modern.Join("AppManagement", "nonStore")))
	require.Equal(t, full, d.get(t, app))
	require.Equal(t, "1.2.0.0", d.get(t, app.Join(full, "Version")))
	require.Equal(t, "Hello", d.get(t, app.Join(full, "Name")))

	d.install(t, "/hello2.msix")
	require.Equal(t, "Contoso.Hello_2.0.0.0_x64__8wekyb3d8bbwe", d.get(t, app), "again is an update")

	require.NoError(t, dmtree.Delete(t.Context(), d.tree, app))
	d.Wait()
	require.Empty(t, d.get(t, modern.Join("AppManagement", "nonStore")))
	require.Equal(t, "1226 EnterpriseAppUninstall.result "+string(modern.Join("AppManagement", family))+" 0", d.alerts[2])
	left, err := os.ReadDir(d.temp)
	require.NoError(t, err)
	require.Empty(t, left, "no package is left where it was fetched to")
}

func TestHostedInstallInOneAtomic(t *testing.T) {
	d := newDevice(t)
	tx, err := dmtree.Begin(t.Context(), d.tree)
	require.NoError(t, err)
	at := modern.Join("AppInstallation", family)
	require.NoError(t, dmtree.Add(t.Context(), tx, at, dmtree.Interior()))
	require.ErrorIs(t, dmtree.Exec(t.Context(), tx, at.Join("HostedInstall"), dmtree.XML(`<Application PackageUri="`+d.server.URL+`/hello.msix"/>`)), dmtree.ErrAccepted)
	d.Wait()
	require.Empty(t, d.alerts, "nothing begins before the transaction has succeeded")
	require.NoError(t, tx.Prepare(t.Context()))
	require.NoError(t, tx.Commit(t.Context()))
	d.Wait()
	require.Len(t, d.alerts, 1)
}

func TestFailedHostedInstall(t *testing.T) {
	tests := []struct {
		name, path string
		want       apps.HRESULT
	}{
		{"not there", "/nothing.msix", apps.NetworkFailed},
		{"redirected away from HTTPS", "/away", apps.NotPermitted},
		{"another family", "/other.msix", 0x80073CF2},
		{"no package", "/garbage", 0x80073CF2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDevice(t)
			d.install(t, tt.path)
			at := modern.Join("AppInstallation", family)
			require.Equal(t, "2", d.get(t, at.Join("Status")))
			require.Equal(t, fmt.Sprint(uint32(tt.want)), d.get(t, at.Join("LastError")))
			require.NotEmpty(t, d.get(t, at.Join("LastErrorDesc")))
			require.True(t, strings.HasSuffix(d.alerts[0], fmt.Sprintf(" %d", uint32(tt.want))), d.alerts[0])
			require.Empty(t, d.get(t, modern.Join("AppManagement", "nonStore")), "nothing is installed")
		})
	}
}

func TestRefused(t *testing.T) {
	d := newDevice(t)
	ctx := t.Context()
	at := modern.Join("AppInstallation", family, "HostedInstall")
	job := dmtree.XML(`<Application PackageUri="` + d.server.URL + `/hello.msix"/>`)
	require.ErrorIs(t, dmtree.Exec(ctx, d.tree, at, job), dmtree.ErrNotFound, "it must be added first")
	require.NoError(t, dmtree.Add(ctx, d.tree, at.Parent(), dmtree.Interior()))
	require.ErrorIs(t, dmtree.Exec(ctx, d.tree, at, dmtree.XML("<Application>")), dmtree.ErrValue, "malformed XML")
	require.ErrorIs(t, dmtree.Exec(ctx, d.tree, at, dmtree.XML("<Application/>")), dmtree.ErrValue)
	require.ErrorIs(t, dmtree.Exec(ctx, d.tree, at.Parent().Join("StoreInstall"), job), dmtree.ErrUnsupported)
	require.ErrorIs(t, dmtree.Delete(ctx, d.tree, modern.Join("AppManagement", "nonStore", "Nobody.App_123")), dmtree.ErrNotFound)
	require.ErrorIs(t, dmtree.Delete(ctx, d.tree, modern.Join("AppManagement", "System", family)), dmtree.ErrNotAllowed)
	require.ErrorIs(t, dmtree.Delete(ctx, d.tree, desktop.Join(product)), dmtree.ErrNotFound, "an unknown product")
	d.Wait()
	require.Empty(t, d.alerts)
}

func TestInsecureAddresses(t *testing.T) {
	for _, u := range []string{"http://127.0.0.1/hello.msix", "file:///etc/passwd", "\\\\server\\share\\hello.msix", "ftp://x/y"} {
		d := newDevice(t)
		at := modern.Join("AppInstallation", family)
		require.NoError(t, dmtree.Add(t.Context(), d.tree, at, dmtree.Interior()))
		require.ErrorIs(t, dmtree.Exec(t.Context(), d.tree, at.Join("HostedInstall"), dmtree.XML(`<Application PackageUri="`+u+`"/>`)), dmtree.ErrAccepted)
		d.Wait()
		require.Equal(t, fmt.Sprint(uint32(apps.NotPermitted)), d.get(t, at.Join("LastError")), u)
	}
}

// msi runs a job and waits for its end.
func (d *device) msi(t *testing.T, id, hash string, urls ...string) error {
	t.Helper()
	at := desktop.Join(product, "DownloadInstall")
	if err := dmtree.Add(t.Context(), d.tree, at, dmtree.XML("")); err != nil {
		require.ErrorIs(t, err, dmtree.ErrExist)
	}
	list := ""
	for _, u := range urls {
		list += "<ContentURL>" + u + "</ContentURL>"
	}
	err := dmtree.Exec(t.Context(), d.tree, at, dmtree.XML(`<MsiInstallJob id="`+id+`"><Product Version="1.2.0.0"><Download><ContentURLList>`+
		list+`</ContentURLList></Download><Validation><FileHash>`+hash+`</FileHash></Validation>`+
		`<Enforcement><CommandLine>/quiet</CommandLine><TimeOut>10</TimeOut><RetryCount>0</RetryCount><RetryInterval>5</RetryInterval></Enforcement></Product></MsiInstallJob>`))
	d.Wait()
	return err
}

func TestMSI(t *testing.T) {
	d := newDevice(t)
	sum := sha256.Sum256([]byte("an MSI"))
	hash := strings.ToUpper(hex.EncodeToString(sum[:]))
	require.ErrorIs(t, d.msi(t, "job1", hash, d.server.URL+"/gone.msi", d.server.URL+"/agent.msi"), dmtree.ErrAccepted)
	at := desktop.Join(product)
	require.Equal(t, "70", d.get(t, at.Join("Status")))
	require.Equal(t, "0", d.get(t, at.Join("LastError")))
	require.Equal(t, "1.2.0.0", d.get(t, at.Join("Version")))
	require.Equal(t, "%7B"+strings.Trim(product, "{}")+"%7D", d.get(t, desktop), "listed, with its braces escaped")
	require.Equal(t, []string{"1224 win32csp_install " + string(at.Join("DownloadInstall")) + " 0"}, d.alerts)

	require.NoError(t, d.msi(t, "job1", hash, d.server.URL+"/agent.msi"), "a job is not run again")
	require.Len(t, d.alerts, 1)

	require.NoError(t, dmtree.Delete(t.Context(), d.tree, at))
	d.Wait()
	require.Equal(t, "error", d.get(t, at.Join("Version")))
}

func TestOneJobAboutAnAppAtATime(t *testing.T) {
	d := newDevice(t)
	began, release := make(chan bool), make(chan bool)
	slow := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-release
		w.Write([]byte("an MSI"))
	}))
	t.Cleanup(slow.Close)
	d.HTTP.Transport.(*http.Transport).TLSClientConfig.RootCAs.AddCert(slow.Certificate())
	sum := sha256.Sum256([]byte("an MSI"))
	at := desktop.Join(product)
	exec := func(id string) error {
		return dmtree.Exec(t.Context(), d.tree, at.Join("DownloadInstall"), dmtree.XML(`<MsiInstallJob id="`+id+`"><Product Version="1.2.0.0"><Download><ContentURLList><ContentURL>`+
			slow.URL+`</ContentURL></ContentURLList></Download><Validation><FileHash>`+hex.EncodeToString(sum[:])+`</FileHash></Validation></Product></MsiInstallJob>`))
	}
	require.NoError(t, dmtree.Add(t.Context(), d.tree, at.Join("DownloadInstall"), dmtree.XML("")))
	require.ErrorIs(t, exec("job1"), dmtree.ErrAccepted)
	<-began
	err := exec("job2")
	require.ErrorIs(t, err, dmtree.ErrForbidden)
	require.ErrorIs(t, err, apps.InUse)
	require.NoError(t, exec("job1"), "what was refused has changed nothing: job1 is still the last one")
	close(release)
	d.Wait()
	require.Equal(t, "70", d.get(t, at.Join("Status")))
}

func TestRemoveAndInstallInOneAtomic(t *testing.T) {
	d := newDevice(t)
	d.install(t, "/hello.msix")
	at := modern.Join("AppInstallation", family)
	tx, err := dmtree.Begin(t.Context(), d.tree)
	require.NoError(t, err)
	require.NoError(t, dmtree.Delete(t.Context(), tx, modern.Join("AppManagement", "nonStore", family)))
	require.NoError(t, dmtree.Add(t.Context(), tx, at, dmtree.Interior()))
	require.ErrorIs(t, dmtree.Exec(t.Context(), tx, at.Join("HostedInstall"), dmtree.XML(`<Application PackageUri="`+d.server.URL+`/hello2.msix"/>`)), dmtree.ErrAccepted)
	require.NoError(t, tx.Prepare(t.Context()))
	require.NoError(t, tx.Commit(t.Context()))
	d.Wait()
	require.Equal(t, "Contoso.Hello_2.0.0.0_x64__8wekyb3d8bbwe", d.get(t, modern.Join("AppManagement", "nonStore", family)))
}

func TestInstallationsThatTheProcessDidNotSurvive(t *testing.T) {
	tests := []struct {
		name  string
		at    dmtree.URI // in the values
		u     dmtree.URI // in the tree
		begun bool
		have  int64
		want  string
	}{
		{"an MSI that was downloading", dmtree.Root.Join("Desktop", "Device", product), desktop.Join(product), true, int64(apps.MSIDownloading), "30"},
		{"an MSI that was being installed", dmtree.Root.Join("Desktop", "Device", product), desktop.Join(product), true, int64(apps.MSIEnforcing), "60"},
		{"an MSI that had just been accepted", dmtree.Root.Join("Desktop", "Device", product), desktop.Join(product), true, int64(apps.MSIInitialized), "30"},
		{"an MSI that nobody has asked for yet", dmtree.Root.Join("Desktop", "Device", product), desktop.Join(product), false, int64(apps.MSIInitialized), "10"},
		{"an MSI that is installed", dmtree.Root.Join("Desktop", "Device", product), desktop.Join(product), true, int64(apps.MSIEnforced), "70"},
		{"a packaged app", dmtree.Root.Join("Modern", "Device", family), modern.Join("AppInstallation", family), false, int64(apps.Installing), "2"},
		{"a packaged app that nobody has asked for yet", dmtree.Root.Join("Modern", "Device", family), modern.Join("AppInstallation", family), false, int64(apps.NotInstalled), "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			values := new(dmtree.Memory)
			values.Set(tt.at.Join("Status"), dmtree.Int(tt.have))
			values.Set(tt.at.Join("LastError"), dmtree.Int(0))
			if tt.begun {
				values.Set(tt.at.Join("JobID"), dmtree.String("job1"))
			}
			m := &apps.Manager{Host: apps.Dir(t.TempDir()), Values: values}
			mux := new(dmtree.Mux)
			m.Mount(mux)
			defer m.Close()
			v, err := dmtree.Get(t.Context(), mux, tt.u.Join("Status"))
			require.NoError(t, err)
			require.Equal(t, tt.want, v.Text())
			v, err = dmtree.Get(t.Context(), mux, tt.u.Join("LastError"))
			require.NoError(t, err)
			if tt.want == fmt.Sprint(tt.have) {
				require.Equal(t, "0", v.Text())
			} else {
				require.Equal(t, fmt.Sprint(uint32(apps.Cancelled)), v.Text())
			}
		})
	}
}

func TestWaitWhileOthersBegin(t *testing.T) {
	d := newDevice(t)
	var waiters sync.WaitGroup
	for i := range 50 {
		at := modern.Join("AppInstallation", fmt.Sprintf("Contoso.App%d_8wekyb3d8bbwe", i))
		require.NoError(t, dmtree.Add(t.Context(), d.tree, at, dmtree.Interior()))
		require.ErrorIs(t, dmtree.Exec(t.Context(), d.tree, at.Join("HostedInstall"), dmtree.XML(`<Application PackageUri="http://127.0.0.1/"/>`)), dmtree.ErrAccepted)
		waiters.Go(d.Wait)
	}
	waiters.Wait()
	require.Len(t, d.alerts, 50)
}

func TestWrongHash(t *testing.T) {
	d := newDevice(t)
	require.ErrorIs(t, d.msi(t, "job1", strings.Repeat("AB", 32), d.server.URL+"/agent.msi"), dmtree.ErrAccepted)
	at := desktop.Join(product)
	require.Equal(t, "30", d.get(t, at.Join("Status")))
	require.Equal(t, fmt.Sprint(uint32(apps.HashMismatch)), d.get(t, at.Join("LastError")))
	require.Equal(t, "error", d.get(t, at.Join("Version")), "nothing is installed")
	require.ErrorIs(t, d.msi(t, "job2", "AB", d.server.URL+"/agent.msi"), dmtree.ErrValue, "no SHA-256")
}

func TestToken(t *testing.T) {
	d := newDevice(t)
	ctx := t.Context()
	e := token.Join("4000001")
	require.NoError(t, dmtree.Add(ctx, d.tree, e.Join("EnrollmentToken"), dmtree.String("QUVU")))
	require.Equal(t, "0", d.get(t, e.Join("Status")))
	require.ErrorIs(t, dmtree.Add(ctx, d.tree, e.Join("EnrollmentToken"), dmtree.String("QUVU")), dmtree.ErrExist)
	require.NoError(t, dmtree.Replace(ctx, d.tree, e.Join("EnrollmentToken"), dmtree.String("QUVUMg==")), "it is renewed")
	require.ErrorIs(t, dmtree.Replace(ctx, d.tree, e.Join("EnrollmentToken"), dmtree.String("~")), dmtree.ErrValue)
	require.ErrorIs(t, dmtree.Replace(ctx, d.tree, e.Join("Status"), dmtree.Int(0)), dmtree.ErrNotAllowed)

	d.install(t, "/hello.msix")
	app := e.Join("EnterpriseApps", "Inventory", family)
	require.Equal(t, "1.2.0.0", d.get(t, app.Join("Version")), "business apps by name and version")
	require.Equal(t, "Hello", d.get(t, app.Join("Title")))
	require.NoError(t, dmtree.Delete(ctx, d.tree, e))
	d.Wait()
	require.Equal(t, "error", d.get(t, e.Join("Status")))
	require.Empty(t, d.get(t, modern.Join("AppManagement", "nonStore")), "without the token, its apps go")
}

func TestInventoryQuery(t *testing.T) {
	d := newDevice(t)
	d.install(t, "/hello.msix")
	query, results := modern.Join("AppManagement", "AppInventoryQuery"), modern.Join("AppManagement", "AppInventoryResults")
	tests := []struct{ query, want string }{
		{"", `<Package PackageFamilyName="` + family + `" PackageFullName="Contoso.Hello_1.2.0.0_x64__8wekyb3d8bbwe"></Package>`},
		{`<Inventory Output="PackageNames" Publisher="nobody"/>`, ""},
		{`<Inventory Source="System"/>`, ""},
	}
	for _, tt := range tests {
		require.NoError(t, dmtree.Replace(t.Context(), d.tree, query, dmtree.XML(tt.query)))
		require.Equal(t, "<Packages>"+tt.want+"</Packages>", d.get(t, results), tt.query)
	}
	require.NoError(t, dmtree.Replace(t.Context(), d.tree, query, dmtree.XML(`<Inventory Output="PackageDetails" Source="nonStore" PackageTypeFilter="Main|Bundle"/>`)))
	require.Contains(t, d.get(t, results), `Name="Hello" Version="1.2.0.0" Publisher="CN=Contoso"`)
	for _, bad := range []string{"<Inventory", `<Inventory Output="Everything"/>`, `<Inventory Source="Attic"/>`} {
		require.ErrorIs(t, dmtree.Replace(t.Context(), d.tree, query, dmtree.XML(bad)), dmtree.ErrValue, bad)
	}
}

func TestNamesWithPathTricks(t *testing.T) {
	host := apps.Dir(filepath.Join(t.TempDir(), "apps"))
	file := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	for _, name := range []string{"../evil", "..", "a/b", `a\b`, "/etc", "C:x", ".hidden", ""} {
		require.Error(t, host.Install(t.Context(), &apps.Package{Path: file, ProductID: name, FamilyName: ""}), name)
		require.Error(t, host.Remove(t.Context(), apps.App{ProductID: name}), name)
	}
	_, err := os.Stat(string(host))
	require.ErrorIs(t, err, os.ErrNotExist, "the host is untouched")
}
