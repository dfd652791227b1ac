package session_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// meet lets a device with the given tree call a server once, without sockets.
func meet(s *session.Server, tree dmtree.Provider) (*session.Summary, error) {
	s.ID, s.Auth, s.Logger = "https://mdm.example.com/dm", sessiontest.Trust{}, slog.New(slog.DiscardHandler)
	c := &session.Client{
		URL: s.ID, ID: "device-1", Tree: tree, Logger: s.Logger,
		HTTP: &http.Client{Transport: sessiontest.Transport(s)},
	}
	return c.Run(context.Background(), nil)
}

func laptop() *dmtree.Memory {
	tree := new(dmtree.Memory)
	tree.Set("./DevDetail/SwV", dmtree.String("10.0.26100.1"))
	tree.Set("./Vendor/MSFT/Policy/Config/Camera/AllowCamera", dmtree.Int(1))
	return tree
}

// A server that asks every device for its build. In production, the connection proves who is calling.
func Example_server() {
	serve := func(roots *x509.CertPool, device func(context.Context, *x509.Certificate) (string, error), log *slog.Logger) error {
		inventory := func(w *session.Writer, r *session.Request) error {
			if r.First {
				w.Get("./DevDetail/SwV").Label("build")
			}
			for _, res := range r.Results {
				v, err := res.Value()
				log.InfoContext(r.Context(), "answer", "device", r.Identity.Device, res.Label, v, "err", err)
			}
			return nil // nothing written: the session ends
		}
		mux := http.NewServeMux()
		mux.Handle("POST /dm", &session.Server{
			ID:      "https://mdm.example.com/dm",
			Auth:    &auth.ClientCert{Roots: roots, Device: device},
			Handler: session.HandlerFunc(inventory),
		})
		srv := &http.Server{Addr: ":443", Handler: mux, TLSConfig: &tls.Config{ClientAuth: tls.RequestClientCert}}
		return srv.ListenAndServeTLS("cert.pem", "key.pem")
	}
	_ = serve
	// Output:
}

// A Handler sees the results of what it asked for in the message after.
func ExampleHandler() {
	h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			fmt.Println("hello", r.Identity.Device)
			w.Get("./DevDetail/SwV").Label("build")
			w.Get("./DevDetail/HwV").Label("hardware")
		}
		for _, res := range r.Results {
			switch v, err := res.Value(); {
			case errors.Is(err, dmtree.ErrNotFound):
				fmt.Println(res.Label, "is not known")
			case err != nil:
				return err
			default:
				fmt.Println(res.Label, "is", v)
			}
		}
		return nil
	})
	sum, err := meet(&session.Server{Handler: h}, laptop())
	fmt.Println(sum.Messages, "messages,", err)
	// Output:
	// hello device-1
	// build is 10.0.26100.1
	// hardware is not known
	// 2 messages, <nil>
}

// An Atomic is done whole or not at all, and says which of its commands is to blame.
func ExampleBatch_Atomic() {
	const policy dmtree.URI = "./Vendor/MSFT/Policy/Config"
	h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			w.Atomic(func(b *session.Batch) {
				b.Replace(policy.Join("Camera", "AllowCamera"), dmtree.Int(0))
				b.Replace(policy.Join("Bluetooth", "AllowDiscoverableMode"), dmtree.Int(0))
			}).Label("lockdown")
		}
		for _, res := range r.Results {
			fmt.Println(res.Label, res.Status)
			for _, c := range res.Children {
				fmt.Println(" ", c.URI.Name(), c.Status, c.Blamed)
			}
		}
		return nil
	})
	tree := laptop()
	if _, err := meet(&session.Server{Handler: h}, tree); err != nil {
		fmt.Println(err)
	}
	v, _ := dmtree.Get(context.Background(), tree, policy.Join("Camera", "AllowCamera"))
	fmt.Println("AllowCamera is", v)
	// Output:
	// lockdown 507 Atomic failed
	//   AllowCamera 216 Atomic roll back OK false
	//   AllowDiscoverableMode 404 Not found true
	// AllowCamera is 1
}

// A device may say that an Atomic failed, and not why. Asked for, its commands are sent again one by one, until one fails;
// those before it are done then.
func ExampleEntry_FindCulprit() {
	const camera dmtree.URI = "./Vendor/MSFT/Camera"
	tree := secretive{laptop()} // it names no reason, and permits nothing "bad"
	s := new(session.Server)
	b := new(session.Batch)
	b.Atomic(func(b *session.Batch) {
		for _, v := range [][2]string{{"Light", "good"}, {"Zoom", "bad"}, {"Sound", "good"}} {
			tree.Set(camera.Join(v[0]), dmtree.String(""))
			b.Replace(camera.Join(v[0]), dmtree.String(v[1]))
		}
	}).FindCulprit()
	ctx := context.Background()
	ids, err := s.Queue().Enqueue(ctx, "device-1", b, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := meet(s, tree); err != nil {
		fmt.Println(err)
	}
	res, err := s.Queue().Wait(ctx, ids[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Command, res.Status)
	for _, c := range res.Children {
		fmt.Printf("  %s %v, alone: %v, to blame: %v\n", c.URI.Name(), c.Status, c.Alone, c.Blamed)
	}
	// Output:
	// Atomic 507 Atomic failed
	//   Light 200 OK, alone: true, to blame: false
	//   Zoom 425 Permission denied, alone: true, to blame: true
	//   Sound 216 Atomic roll back OK, alone: false, to blame: false
}

// Work that is queued waits for the device. Set adds or replaces, whichever works.
func ExampleQueue() {
	s := new(session.Server)
	b := new(session.Batch)
	profile := dmtree.URI("./Vendor/MSFT/WiFi/Profile").Join("Guests & Friends")
	b.Set(profile.Join("WlanXml"), dmtree.String("<WLANProfile/>")).As(syncml.DataCDATA).Label("wifi")

	ctx := context.Background()
	ids, err := s.Queue().Enqueue(ctx, "device-1", b, &session.EnqueueOptions{Key: "wifi, version 3"})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, _ := s.Queue().Work(ctx, ids[0])
	fmt.Println(w.Label, w.Status)

	if _, err := meet(s, laptop()); err != nil {
		fmt.Println(err)
	}
	res, err := s.Queue().Wait(ctx, ids[0])
	fmt.Println(res.Label, res.Status, err)
	// Output:
	// wifi waiting
	// wifi 200 OK <nil>
}

// A Script reads, decides and writes, and yet parks no goroutine between two messages.
func ExampleScript() {
	const camera dmtree.URI = "./Vendor/MSFT/Policy/Config/Camera/AllowCamera"
	h := session.Script(func(ctx context.Context, c *session.Conversation) error {
		build, err := c.Get("./DevDetail/SwV")
		if err != nil {
			return err
		}
		if build.String() < "10.0.22000" {
			return nil // too old to be managed so
		}
		ticket, err := session.Once(c, "ticket", func() (string, error) {
			fmt.Println("opening a ticket") // though the script runs four times
			return "T-4711", nil
		})
		if err != nil {
			return err
		}
		if err := c.Replace(camera, dmtree.Int(0)); err != nil {
			return err
		}
		v, err := c.Get(camera)
		fmt.Println("AllowCamera is", v, "by", ticket)
		return err
	})
	sum, err := meet(&session.Server{Handler: h}, laptop())
	fmt.Println(sum.Messages, "messages,", err)
	// Output:
	// opening a ticket
	// AllowCamera is 0 by T-4711
	// 4 messages, <nil>
}

// A recording holds what both ends said, without the secrets among it.
func ExampleRecorder() {
	r, w := io.Pipe()
	rec := &session.Recorder{W: w}
	h := session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			w.Add("./Vendor/MSFT/Accounts/Users/kiosk/Password", dmtree.String("hunter2"))
		}
		return nil
	})
	go func() {
		_, err := meet(&session.Server{Handler: h, Trace: rec.Trace()}, laptop())
		w.CloseWithError(err)
	}()
	for m, err := range session.ReadRecording(r) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.Direction, m.MsgID, "redacted:", m.Redacted)
		if msg, err := m.Message(); err == nil && m.Redacted > 0 {
			fmt.Fprint(os.Stdout, sessiontest.Outline(msg))
		}
	}
	// Output:
	// received 1 redacted: 0
	// sent 1 redacted: 1
	// Status 1 1/0 SyncHdr 200
	// Status 2 1/2 Alert 200
	// Status 3 1/3 Alert 200
	// Status 4 1/4 Replace 200
	// Add 5 ./Vendor/MSFT/Accounts/Users/kiosk/Password=[redacted]
	// Final
	// received 2 redacted: 0
	// sent 2 redacted: 0
}
