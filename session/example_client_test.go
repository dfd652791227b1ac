package session_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// A device checks in with a server that reads its build number and switches its camera off.
func ExampleClient() {
	server := &session.Server{
		Auth: auth.AuthenticatorFunc(func(_ context.Context, r *auth.Request) (*auth.Result, error) {
			return &auth.Result{Identity: &auth.Identity{Device: r.Message.Source.URI}}, nil // for an example only
		}),
		Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				w.Get("./DevDetail/SwV")
				w.Replace("./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera", dmtree.Int(0))
			}
			return nil
		}),
	}
	srv := httptest.NewTLSServer(server)
	defer srv.Close()
	server.ID = srv.URL

	tree := new(dmtree.Memory)
	tree.Set("./DevInfo/DevId", dmtree.String("device-1"))
	tree.Set("./DevDetail/SwV", dmtree.String("10.0.26100.1"))
	tree.Set("./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera", dmtree.Int(1))
	c := &session.Client{URL: srv.URL, ID: "device-1", Tree: tree, HTTP: srv.Client()}

	sum, err := c.Run(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, _ := dmtree.Get(context.Background(), tree, "./Vendor/MSFT/Policy/Config/Camera/AllowCamera")
	fmt.Println("messages:", sum.Messages, "commands:", sum.Commands, "failed:", sum.Failed)
	fmt.Println("camera:", v)
	// Output:
	// messages: 2 commands: 2 failed: 0
	// camera: 0
}

// installer is a tree with one thing to run, which takes until the server has been told so.
type installer struct {
	dmtree.Memory
	told chan struct{}
}

func (i *installer) Exec(context.Context, dmtree.URI, dmtree.Value) error {
	<-i.told
	return nil
}

// A device that needs long for what a server asks says so from time to time, and the server waits.
func ExampleClient_keepAlive() {
	tree := &installer{told: make(chan struct{})}
	server := &session.Server{
		ID: "https://mdm.example.com/dm", Auth: sessiontest.Trust{}, Logger: slog.New(slog.DiscardHandler),
		Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				w.Exec("./Vendor/Example/Install", dmtree.Null)
			}
			for _, res := range r.Results {
				fmt.Println(res.Command, res.Status)
			}
			return nil
		}),
		Trace: &session.Trace{Received: func(_ context.Context, m *session.TracedMessage) {
			if m.MsgID == "2" {
				fmt.Println("the device is busy")
				close(tree.told)
			}
		}},
	}
	c := &session.Client{
		URL: server.ID, ID: "device-1", Tree: tree, HTTP: &http.Client{Transport: sessiontest.Transport(server)},
		KeepAlive: 100 * time.Millisecond, // on a real device some 30 seconds
	}
	_, err := c.Run(context.Background(), nil)
	fmt.Println(err)
	// Output:
	// the device is busy
	// Exec 200 OK
	// <nil>
}

// What happened on the device is reported until a server has taken note of it.
func ExampleClient_Raise() {
	c := &session.Client{
		URL: "https://mdm.example.com/dm", ID: "device-1", Tree: new(dmtree.Memory),
		Store:  new(session.MemoryClientStore), // a FileClientStore on a real device
		Logger: slog.New(slog.DiscardHandler),
	}
	ctx := context.Background()
	err := c.Raise(ctx, &syncml.Alert{Code: syncml.AlertGeneric, Items: []syncml.Item{{
		Source: syncml.Location{URI: "./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7B1%7D/DownloadInstall"},
		Meta:   syncml.Meta{Type: "Reversed-Domain-Name:com.microsoft.mdm.win32csp_install", Format: "int", Mark: "informational"},
		Data:   syncml.Text("0"),
	}}})
	fmt.Println(err)
	// Output: <nil>
}

// Without a transport, a test or a simulator takes messages and gives answers itself.
func ExampleDialog() {
	tree := new(dmtree.Memory)
	tree.Set("./DevDetail/SwV", dmtree.String("10.0.26100.1"))
	c := &session.Client{URL: "https://mdm.example.com/dm", ID: "device-1", Tree: tree, Profile: session.OMA}

	ctx := context.Background()
	d, err := c.Begin(ctx, start, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close(ctx)
	out, _ := d.Next(ctx, start, nil)
	fmt.Println("to", out.URL)

	hello, _ := syncml.Unmarshal(out.Body, nil)
	answer, _ := syncml.Append(nil, &syncml.Message{
		Header: syncml.Header{
			SessionID: hello.Header.SessionID, MsgID: "1", Target: hello.Header.Source, Source: syncml.Location{URI: c.URL},
		},
		Commands: []syncml.Command{
			&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "0", Cmd: "SyncHdr", Code: syncml.StatusOK},
			&syncml.Get{CmdID: "2", Items: []syncml.Item{{Target: syncml.Location{URI: "./DevDetail/SwV"}}}},
		},
		Final: true,
	}, nil)
	out, _ = d.Next(ctx, start, &session.Reply{
		Status: http.StatusOK, HTTP: http.Header{"Content-Type": {syncml.TypeXML}}, Body: answer,
	})
	m, _ := syncml.Unmarshal(out.Body, nil)
	for _, c := range m.Commands {
		switch c := c.(type) {
		case *syncml.Status:
			fmt.Println(c.Cmd, c.Code)
		case *syncml.Results:
			fmt.Println(c.Items[0].Source.URI, c.Items[0].Data)
		}
	}
	// Output:
	// to https://mdm.example.com/dm
	// SyncHdr 200 OK
	// Get 200 OK
	// ./DevDetail/SwV 10.0.26100.1
}

// A server has a device call, over any bearer; the device believes it because of the digest.
func ExampleNotification() {
	secret := auth.Plain("s3rver-Pw") // the server's, towards this device
	n := &session.Notification{UIMode: session.UIBackground, SessionID: 0xAB, Server: "mdm.example.com"}
	data, err := n.Append(nil, secret, []byte("the nonce that the device handed out last"))
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := session.VerifyNotification(data, secret, []byte("the nonce that the device handed out last"))
	fmt.Println(got.Server, "wants session", got.ID(), err)
	_, err = session.VerifyNotification(data, auth.Plain("guess"), []byte("the nonce that the device handed out last"))
	fmt.Println(err)
	// Output:
	// mdm.example.com wants session AB <nil>
	// session: digest of the notification does not match
}

// A prompt that is answered from a table, as a kiosk may do it.
type kiosk map[string]bool

func (k kiosk) Interact(_ context.Context, p *session.Prompt) (*session.Answer, error) {
	yes, ok := k[p.Text]
	if !ok {
		return nil, session.ErrNotDisplayable
	}
	return &session.Answer{Accept: yes}, nil
}

// A server asks the user of a device, or whoever stands for one.
func ExampleUI() {
	server := &session.Server{Profile: session.OMA, Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			w.Alert(syncml.AlertConfirm, nil, "Install updates now?").Label("updates")
			w.Alert(syncml.AlertConfirm, nil, "Send usage data?").Label("usage")
			w.Alert(syncml.AlertTextInput, nil, "Your name?").Label("name")
		}
		for _, res := range r.Results {
			fmt.Println(res.Label, res.Status, res.Answers)
		}
		return nil
	})}
	server.Auth = sessiontest.Trust{}
	c := &session.Client{
		URL: "https://mdm.example.com/dm", ID: "device-1", Tree: new(dmtree.Memory), Profile: session.OMA,
		HTTP: &http.Client{Transport: sessiontest.Transport(server)},
		UI:   kiosk{"Install updates now?": true, "Send usage data?": false},
	}
	_, err := c.Run(context.Background(), nil)
	fmt.Println(err)
	// Output:
	// updates 200 OK []
	// usage 304 Not modified []
	// name 416 Requested size too big []
	// <nil>
}

// A device is called, believes that it was, and opens the session that it was called for.
func ExampleClient_Notified() {
	server := &session.Server{Auth: sessiontest.Trust{}, Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		fmt.Println("session", r.SessionID, "of", r.Identity.Device)
		return nil
	})}
	c := &session.Client{
		URL: "https://mdm.example.com/dm", ID: "device-1", Server: "mdm.example.com", Tree: new(dmtree.Memory),
		HTTP: &http.Client{Transport: sessiontest.Transport(server)},
	}
	secret := auth.Plain("s3rver-Pw")
	datagram, err := (&session.Notification{SessionID: 0x2F, Server: c.Server}).Append(nil, secret, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	for range 2 { // somebody on the way sends it once more
		n, err := c.Notified(ctx, time.Now(), datagram, secret)
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, err := c.Run(ctx, &session.RunOptions{Notification: n}); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// session 2F of device-1
	// session: notification has been acted on already
}
