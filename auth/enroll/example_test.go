package enroll_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
)

// A device enrolls with a password, and later renews its certificate, over real HTTPS.
func Example() {
	ca, err := enroll.NewCA("Example Devices", enroll.KeyP256)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	hash, err := enroll.HashPassword("correct horse")
	if err != nil {
		panic(err)
	}

	server := &enroll.Server{
		OnPremise: &enroll.Passwords{Lookup: func(_ context.Context, user string) (*enroll.Identity, []byte, error) {
			if user != "pat@example.com" {
				return nil, nil, nil
			}
			return &enroll.Identity{User: user}, hash, nil
		}},
		Issuer: ca,
		Provision: func(_ context.Context, r *enroll.Request) (*enroll.Provisioning, error) {
			if r.Identity.Renews == nil {
				fmt.Println("server: new device", r.Identity.Device, "of", r.Identity.User)
			} else {
				fmt.Println("server: renewed", r.Identity.Device)
			}
			return enroll.NewProvisioning(r, "Example", "https://mdm.example.com/dm"), nil
		},
		Renewal: &enroll.Renewal{Envelope: renew.PKCS7{}, Roots: roots},
		Logger:  slog.New(slog.DiscardHandler),
	}
	web := httptest.NewUnstartedServer(server)
	web.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	web.StartTLS()
	defer web.Close()

	device := &enroll.Client{
		Device:       enroll.Device{ID: "4F1C0DA2B7E84D0F9C3E8A55D10B6C21"},
		DiscoveryURL: web.URL + enroll.DiscoveryPath,
		HTTP:         web.Client(),
	}
	e, err := device.Enroll(context.Background(), "pat@example.com", enroll.Password("correct horse"))
	if err != nil {
		panic(err)
	}
	fmt.Println("device: calls", e.ServerURL, "as", e.Certificate.Leaf.Subject)

	e, err = device.Renew(context.Background(), e, renew.PKCS7{})
	if err != nil {
		panic(err)
	}
	fmt.Println("device: still calls", e.ServerURL)
	// Output:
	// server: new device 4F1C0DA2B7E84D0F9C3E8A55D10B6C21 of pat@example.com
	// device: calls https://mdm.example.com/dm as CN=4F1C0DA2B7E84D0F9C3E8A55D10B6C21
	// server: renewed 4F1C0DA2B7E84D0F9C3E8A55D10B6C21
	// device: still calls https://mdm.example.com/dm
}

// A server refuses by returning a Code; the device finds the same one.
func ExampleCode() {
	server := &enroll.Server{
		OnPremise: enroll.TokenFunc(func(_ context.Context, t *enroll.Token) (*enroll.Identity, error) {
			return nil, &enroll.Fault{Code: enroll.CodeDeviceCapReached, Reason: "You have five devices already."}
		}),
		Logger: slog.New(slog.DiscardHandler),
	}
	web := httptest.NewTLSServer(server)
	defer web.Close()

	device := &enroll.Client{Device: enroll.Device{ID: "device-6"}, DiscoveryURL: web.URL + enroll.DiscoveryPath, HTTP: web.Client()}
	_, err := device.Enroll(context.Background(), "pat@example.com", enroll.Password("correct horse"))
	fmt.Println(errors.Is(err, enroll.CodeDeviceCapReached))
	if fault, ok := errors.AsType[*enroll.Fault](err); ok {
		fmt.Println(fault.Reason)
		fmt.Printf("%s 0x%08X\n", fault.Code.Name(), uint32(fault.Code))
	}
	// Output:
	// true
	// You have five devices already.
	// MENROLL_E_DEVICECAPREACHED 0x80180013
}

// A sign-in page of one's own: it finds out who the user is, and hands the device a ticket.
func ExampleTickets() {
	tickets := &enroll.Tickets{Key: []byte("32 random bytes, kept like a key")}
	page := func(w http.ResponseWriter, r *http.Request) {
		user := "pat@example.com" // whoever has signed in
		ticket, err := tickets.New(user, nil)
		if err != nil {
			http.Error(w, "no tickets today", http.StatusInternalServerError)
			return
		}
		if err := enroll.WriteToken(w, r.FormValue("appru"), ticket); err != nil {
			slog.Warn("sign-in page", "err", err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sign-in", page)
	mux.Handle("/EnrollmentServer/", &enroll.Server{AuthURL: "https://mdm.example.com/sign-in", Federated: tickets})

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/sign-in?appru=ms-app%3A%2F%2Fwindows.immersivecontrolpanel&login_hint=pat%40example.com", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}

// What a device gets beside its certificate is typed; what has no type goes to Extra.
func ExampleProvisioning_Marshal() {
	p := &enroll.Provisioning{
		Application: &enroll.Application{
			ProviderID: "Example",
			Addr:       "https://mdm.example.com/dm",
			Device:     &enroll.Account{Type: enroll.AccountBasic, Name: "device-1", Secret: "secret"},
		},
		Extra: []*enroll.Characteristic{{Type: "PassportForWork"}},
	}
	doc, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s", lines(doc))
	// Output:
	// <wap-provisioningdoc version="1.1">
	// <characteristic type="APPLICATION">
	// <parm name="APPID" value="w7"/>
	// <parm name="PROVIDER-ID" value="Example"/>
	// <parm name="NAME" value="Example"/>
	// <parm name="ADDR" value="https://mdm.example.com/dm"/>
	// <characteristic type="APPAUTH">
	// <parm name="AAUTHLEVEL" value="APPSRV"/>
	// <parm name="AAUTHTYPE" value="BASIC"/>
	// <parm name="AAUTHNAME" value="device-1"/>
	// <parm name="AAUTHSECRET" value="secret"/>
	// </characteristic>
	// </characteristic>
	// <characteristic type="PassportForWork"/>
	// </wap-provisioningdoc>
}

func ExamplePoll_Next() {
	enrolled := time.Date(2025, 2, 1, 10, 0, 0, 0, time.UTC)
	poll := enroll.DefaultPoll()
	for _, after := range []time.Duration{0, 80 * time.Minute, 24 * time.Hour} {
		fmt.Println(poll.Next(enrolled, enrolled.Add(after)).Format("2 Jan 15:04"))
	}
	// Output:
	// 1 Feb 10:15
	// 1 Feb 12:15
	// 2 Feb 21:15
}

func ExampleDiscoveryURL() {
	u, err := enroll.DiscoveryURL("pat@example.com")
	fmt.Println(u, err)
	_, err = enroll.DiscoveryURL(`EXAMPLE\pat`)
	fmt.Println(err)
	// Output:
	// https://EnterpriseEnrollment.example.com/EnrollmentServer/Discovery.svc <nil>
	// enroll: "EXAMPLE\\pat" is not an e-mail address: want user@domain, or the address of the discovery service
}
