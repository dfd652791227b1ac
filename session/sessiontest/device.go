package sessiontest

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"strconv"
	"testing"

	"github.com/omadm-sdk/omadm/syncml"
)

// A Device is a scripted client: it sends what a test tells it to, well-formed or not. Its methods fail the test when the
// server's answer is not even a message.
type Device struct {
	ID        string          // Source of its messages
	SessionID string          // of the session; changed by Open
	Encoding  syncml.Encoding // XML or WBXML
	User      string          // name in the Source, for digests
	Cred      *syncml.Cred    // of all further messages
	Meta      syncml.Meta     // of all further messages: MaxMsgSize, MaxObjSize
	HTTP      http.Header     // fields beside Content-Type, of all further messages
	TLS       *tls.ConnectionState
	MsgID     int // of the last message

	t       testing.TB
	server  http.Handler
	url     string
	last    []byte
	opened  int
	reply   *syncml.Message
	replied []byte
}

// NewDevice returns the device "device-1", which speaks XML to server.
func NewDevice(t testing.TB, server http.Handler) *Device {
	return &Device{ID: "device-1", Encoding: syncml.XML, t: t, server: server, url: "https://dm.example/dm"}
}

// NewDeviceAt returns the same for a server anywhere, whose address is url; c, or http.DefaultClient if it is nil, has what
// its connections need, such as a client certificate. The field TLS of the device has no effect.
func NewDeviceAt(t testing.TB, url string, c *http.Client) *Device {
	d := NewDevice(t, remote{c})
	d.url = url
	return d
}

// Open begins a session as Windows does: alert 1201, DevInfo, then commands, whose CmdIDs are given, and Final.
func (d *Device) Open(commands ...syncml.Command) *syncml.Message {
	d.t.Helper()
	d.opened++
	d.SessionID, d.MsgID = strconv.FormatInt(int64(d.opened), 16), 0
	return d.Send(append(d.Hello(), commands...)...)
}

// Hello returns what the first message of a session holds.
func (d *Device) Hello() []syncml.Command {
	item := func(name, value string) syncml.Item {
		return syncml.Item{Source: syncml.Location{URI: "./DevInfo/" + name}, Data: syncml.Text(value)}
	}
	return []syncml.Command{
		&syncml.Alert{Code: syncml.AlertClientInitiated},
		&syncml.Replace{Items: []syncml.Item{
			item("DevId", d.ID), item("Man", "Contoso"), item("Mod", "Laptop 7"), item("DmV", "1.3"), item("Lang", "en-US"),
		}},
	}
}

// Send sends the next message of the session, which closes the package, and returns the answer. From the second message
// on it begins with the Status of the server's last header. Commands without CmdID get one.
func (d *Device) Send(commands ...syncml.Command) *syncml.Message {
	d.t.Helper()
	return d.send(true, commands)
}

// SendPart is Send without Final.
func (d *Device) SendPart(commands ...syncml.Command) *syncml.Message {
	d.t.Helper()
	return d.send(false, commands)
}

func (d *Device) send(final bool, commands []syncml.Command) *syncml.Message {
	d.t.Helper()
	d.MsgID++
	if d.MsgID > 1 && d.reply != nil {
		first := &syncml.Status{MsgRef: d.reply.Header.MsgID, CmdRef: "0", Cmd: "SyncHdr", Code: syncml.StatusOK}
		if len(commands) > 0 {
			if st, ok := commands[0].(*syncml.Status); !ok || st.CmdRef != "0" {
				commands = append([]syncml.Command{first}, commands...)
			}
		} else {
			commands = []syncml.Command{first}
		}
	}
	number(commands, 0)
	return d.Message(&syncml.Message{Header: d.Header(), Commands: commands, Final: final})
}

// Header returns the SyncHdr of the current message.
func (d *Device) Header() syncml.Header {
	return syncml.Header{
		SessionID: d.SessionID,
		MsgID:     strconv.Itoa(d.MsgID),
		Target:    syncml.Location{URI: d.url},
		Source:    syncml.Location{URI: d.ID, Name: d.User},
		Cred:      d.Cred,
		Meta:      d.Meta,
	}
}

// number gives CmdIDs to commands that have none.
func number(commands []syncml.Command, last int) int {
	for _, c := range commands {
		last++
		if c.ID() == "" {
			c.SetID(strconv.Itoa(last))
		}
		switch c := c.(type) {
		case *syncml.Atomic:
			last = number(c.Commands, last)
		case *syncml.Sequence:
			last = number(c.Commands, last)
		}
	}
	return last
}

// Message sends m as it is and returns the answer.
func (d *Device) Message(m *syncml.Message) *syncml.Message {
	d.t.Helper()
	body, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: d.Encoding})
	if err != nil {
		d.t.Fatalf("sessiontest: encode the device's message: %v", err)
	}
	return d.raw(body)
}

// Repeat sends the last message again, octet by octet.
func (d *Device) Repeat() *syncml.Message {
	d.t.Helper()
	return d.raw(d.last)
}

func (d *Device) raw(body []byte) *syncml.Message {
	d.t.Helper()
	d.last = body
	res := d.Post(d.Encoding.ContentType(), body)
	if res.StatusCode != http.StatusOK {
		d.t.Fatalf("sessiontest: HTTP %d %s, want 200", res.StatusCode, bytes.TrimSpace(d.replied))
	}
	if got := res.Header.Get("Content-Type"); got != d.Encoding.ContentType() {
		d.t.Fatalf("sessiontest: Content-Type %q, want %q", got, d.Encoding.ContentType())
	}
	m, err := syncml.Unmarshal(d.replied, &syncml.DecoderOptions{Encoding: d.Encoding, Strict: true})
	if err != nil {
		d.t.Fatalf("sessiontest: the server's message: %v\n%s", err, d.replied)
	}
	d.reply = m
	return m
}

// Post sends body, whatever it is, and returns the response. Its body is in [Device.Body].
func (d *Device) Post(contentType string, body []byte) *http.Response {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for name, values := range d.HTTP {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", contentType)
	req.TLS = d.TLS
	res := serve(d.server, req)
	d.replied = readAll(res)
	return res
}

// Body returns the octets of the last response.
func (d *Device) Body() []byte { return d.replied }

// Sent returns the octets of the last message.
func (d *Device) Sent() []byte { return d.last }

// Status answers a command of the server's last message.
func (d *Device) Status(c syncml.Command, code syncml.StatusCode) *syncml.Status {
	return &syncml.Status{MsgRef: d.reply.Header.MsgID, CmdRef: c.ID(), Cmd: c.Name(), Code: code}
}

// Results answers a Get of the server's last message with a text.
func (d *Device) Results(c syncml.Command, value string) *syncml.Results {
	uri := ""
	if g, ok := c.(*syncml.Get); ok && len(g.Items) > 0 {
		uri = g.Items[0].Target.URI
	}
	return &syncml.Results{MsgRef: d.reply.Header.MsgID, CmdRef: c.ID(), Items: []syncml.Item{{
		Source: syncml.Location{URI: uri}, Data: syncml.Text(value),
	}}}
}

// Commands returns the commands of m that are no Status.
func Commands(m *syncml.Message) []syncml.Command {
	var l []syncml.Command
	for _, c := range m.Commands {
		if _, ok := c.(*syncml.Status); !ok {
			l = append(l, c)
		}
	}
	return l
}

// StatusOf returns the code with which m answers a command of the device, "0" being its header; 0 if it does not.
func StatusOf(m *syncml.Message, cmdRef string) syncml.StatusCode {
	for _, c := range m.Commands {
		if st, ok := c.(*syncml.Status); ok && st.CmdRef == cmdRef {
			return st.Code
		}
	}
	return 0
}
