// Package sessiontest holds sessions of OMA DM in tests, without sockets, so that they run inside testing/synctest.
//
//   - [New] joins a server with a handler and a device with a tree. It fails the test when either end breaks the protocol,
//     and keeps a readable trace of what was said. Messages may be lost, doubled or cut on the way: see [Fault].
//   - [NewDevice] is a scripted device, which sends a server whatever a test tells it to; [NewDeviceAt] is one for a server
//     anywhere.
//   - [RunServer] and [RunClient] check one end of the protocol each, by the numbered statements of the specification, and
//     need no more of it than its messages: run them against your own server or device, in whatever language it is written.
//   - [Outline] renders a message in one line per command.
//
// A test of one's own handler:
//
//	func TestCameraIsOff(t *testing.T) {
//		tree := new(dmtree.Memory)
//		tree.Set(camera, dmtree.Int(1))
//		p := sessiontest.New(t, handler, tree)
//		sum := p.Run(t.Context())
//		v, err := dmtree.Get(t.Context(), tree, camera)
//		if err != nil || v.Text() != "0" || sum.Failed != 0 {
//			t.Errorf("camera is %v (%v)\n%s", v, err, p.Trace())
//		}
//	}
//
// The suites, for a server that runs somewhere and takes client certificates, and for a device that is a program:
//
//	func TestServer(t *testing.T) {
//		c := &http.Client{Transport: &http.Transport{TLSClientConfig: certificateOf("device-7")}}
//		sessiontest.RunServer(t, func(t *testing.T) *sessiontest.Device {
//			d := sessiontest.NewDeviceAt(t, "https://mdm.example.com/dm", c)
//			d.ID = "device-7"
//			return d
//		})
//	}
//
//	func TestDevice(t *testing.T) {
//		o := &sessiontest.ClientOptions{Root: "./Vendor/Test"}
//		sessiontest.RunClient(t, o, func(t *testing.T, url string) {
//			if out, err := exec.Command("./agent", "-once", "-server", url).CombinedOutput(); err != nil {
//				t.Logf("%v: %s", err, out) // some sessions are meant to fail
//			}
//		})
//	}
package sessiontest
