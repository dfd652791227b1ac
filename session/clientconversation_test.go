package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// A clientTalk is what a device and a script say to each other, written down, in one session or several.
type clientTalk struct {
	*script // of the session that is open
	text    bytes.Buffer
	t       *testing.T
	e       syncml.Encoding
	client  *session.Client
	tree    *dmtree.Memory // that the client manages, unless a test gives it another one

	always func(h *syncml.Header)  // changes the header of each message of the server
	seal   func(in *session.Reply) // adds what covers the octets of the next message
	user   map[string]reply        // what the user does, by the text of the question
}

// reply is what a user does when a question comes.
type reply struct {
	session.Answer
	err  error
	wait time.Duration // before the answer; it does not come if the time is up before
}

// says has a server say each of list in one session, which the device begins by itself.
func says(list ...string) func(c *clientTalk) {
	return func(c *clientTalk) {
		c.open(nil)
		c.says(list...)
	}
}

// open begins a session.
func (c *clientTalk) open(opts *session.RunOptions) {
	c.t.Helper()
	c.script = begin(c.t, c.client, c.e, opts)
	c.device()
}

// says has the server say each of list.
func (c *clientTalk) says(list ...string) {
	c.t.Helper()
	for _, body := range list {
		c.say(body)
	}
}

// say has the server say body, behind what every server says: the Status of the SyncHdr, if body does not begin with one, and
// those of the device's alerts, of DevInfo, and of a chunk.
func (c *clientTalk) say(body string) {
	c.t.Helper()
	require.NotNil(c.t, c.got, "the session is over early: %v\n%s", c.err, &c.text)
	statuses, code := headerStatus(c.got.Header.MsgID, "200", "", ""), "200"
	if strings.HasPrefix(body, "<Status>") && strings.Contains(body, "<Cmd>SyncHdr</Cmd>") {
		end := strings.Index(body, "</Status>") + len("</Status>")
		statuses, body = body[:end], body[end:]
		if code = statuses[strings.LastIndex(statuses, "<Data>")+len("<Data>") : strings.LastIndex(statuses, "</Data>")]; code == "212" {
			code = "200"
		}
	}
	n := 100
	for _, cmd := range c.got.Commands {
		status := code
		switch cmd := cmd.(type) {
		case *syncml.Alert, *syncml.Replace:
		case *syncml.Results:
			if !cmd.Items[len(cmd.Items)-1].MoreData {
				continue
			}
			status = "213"
		default:
			continue
		}
		n++
		statuses += fmt.Sprintf(`<Status><CmdID>%d</CmdID><MsgRef>%s</MsgRef><CmdRef>%s</CmdRef><Cmd>%s</Cmd><Data>%s</Data></Status>`,
			n, c.got.Header.MsgID, cmd.ID(), cmd.Name(), status)
	}
	set := c.header
	c.header = func(h *syncml.Header) {
		if c.always != nil {
			c.always(h)
		}
		if set != nil {
			set(h)
		}
	}
	in := c.message(statuses + body)
	if c.seal != nil {
		c.seal(in)
		c.seal = nil
	}
	c.hear(in)
}

// hear has the device take a message, which may be one that it has had.
func (c *clientTalk) hear(in *session.Reply) {
	c.t.Helper()
	c.text.WriteString("server →\n")
	c.mac(in.HTTP.Get(session.HeaderHMAC))
	write(&c.text, c.e, in.Body)
	c.take(c.d.Next(c.t.Context(), start.Add(time.Duration(c.msgID)*time.Second), in))
	c.device()
}

// more asks for the rest of the device's package, message by message.
func (c *clientTalk) more() {
	c.t.Helper()
	for n := 0; !c.got.Final; n++ {
		require.Less(c.t, n, 20, "no end of it")
		c.say(alertCmd("1", 1222))
	}
}

// abort has the device give the session up.
func (c *clientTalk) abort() {
	c.t.Helper()
	c.text.WriteString("the device gives up\n\n")
	c.take(c.d.Abort(c.t.Context(), start))
	c.device()
}

// notified has a datagram reach the device.
func (c *clientTalk) notified(data []byte) *session.Notification {
	fmt.Fprintf(&c.text, "notification →\n%s\n", hex.Dump(data))
	n, err := c.client.Notified(c.t.Context(), start, data, serverSecret)
	if err != nil {
		fmt.Fprintf(&c.text, "ignored: %v\n\n", err)
	}
	return n
}

// device writes down what the device said, or how the session ended.
func (c *clientTalk) device() {
	if c.got == nil {
		c.text.WriteString("the session is over")
		if c.err != nil {
			fmt.Fprintf(&c.text, ": %s", strings.ReplaceAll(c.err.Error(), "\n", ": "))
		}
		c.text.WriteString("\n\n")
		return
	}
	fmt.Fprintf(&c.text, "client → %s\n", c.raw.URL)
	c.mac(c.raw.HTTP.Get(session.HeaderHMAC))
	write(&c.text, c.e, c.raw.Body)
}

func (c *clientTalk) mac(value string) {
	if value != "" {
		fmt.Fprintf(&c.text, "%s: %s\n", strings.ToLower(session.HeaderHMAC), value)
	}
}

// Interact asks the user, and writes down what is shown and what comes of it.
func (c *clientTalk) Interact(ctx context.Context, p *session.Prompt) (*session.Answer, error) {
	fmt.Fprintf(&c.text, "user ← %d %q", p.Code, p.Text)
	for i, choice := range p.Choices {
		fmt.Fprintf(&c.text, " %d=%s", i+1, choice)
	}
	for _, f := range []struct {
		name string
		set  bool
		v    any
	}{
		{"at least", p.Min > 0, p.Min}, {"at most", p.Max > 0, p.Max}, {"yes highlighted", p.Accept, nil}, {"preset", p.Input != "", strconv.Quote(p.Input)},
		{"selected", p.Selected != nil, p.Selected}, {"characters", p.MaxLen > 0, p.MaxLen}, {"type", p.Type > 0, string(p.Type)}, {"masked", p.Masked, nil},
	} {
		if f.set {
			c.text.WriteString(", " + f.name)
			if f.v != nil {
				fmt.Fprintf(&c.text, " %v", f.v)
			}
		}
	}
	c.text.WriteByte('\n')
	r, ok := c.user[p.Text]
	require.True(c.t, ok, "nobody expects the question %q", p.Text)
	if r.wait > 0 {
		select {
		case <-time.After(r.wait):
		case <-ctx.Done():
			c.text.WriteString("user → nothing in time\n\n")
			return nil, ctx.Err()
		}
	}
	switch {
	case r.err != nil:
		fmt.Fprintf(&c.text, "user → %v\n\n", r.err)
	case p.Code == syncml.AlertConfirm:
		fmt.Fprintf(&c.text, "user → %v\n\n", map[bool]string{true: "yes", false: "no"}[r.Accept])
	case p.Code == syncml.AlertTextInput:
		fmt.Fprintf(&c.text, "user → %q\n\n", r.Text)
	case p.Code == syncml.AlertDisplay:
		c.text.WriteString("user → has seen it\n\n")
	default:
		fmt.Fprintf(&c.text, "user → %v\n\n", r.Chosen)
	}
	return &r.Answer, r.err
}

// digest has the server's next message proved by a digest under the nonce that the device gave it last.
func (c *clientTalk) digest(password string) {
	cred := auth.Credential{Name: "mgmtsrv", Secret: auth.Plain(password)}
	d, err := cred.Digest(c.nonce())
	require.NoError(c.t, err)
	c.header = func(h *syncml.Header) {
		h.Source.Name = cred.Name
		h.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: base64.StdEncoding.EncodeToString(d[:])}
	}
}

// hmac has it covered, as OMA DM does: %s of format is the MAC. change changes its octets afterwards, on the way.
func (c *clientTalk) hmac(format string, change func(body []byte) []byte) {
	c.hmacUnder(c.nonce(), format, change)
}

func (c *clientTalk) hmacUnder(nonce []byte, format string, change func(body []byte) []byte) {
	cred := auth.Credential{Name: "mgmtsrv", Secret: serverSecret}
	c.header = func(h *syncml.Header) { h.Source.Name = cred.Name }
	c.seal = func(in *session.Reply) {
		mac, err := cred.MAC(nonce, in.Body)
		require.NoError(c.t, err)
		in.HTTP.Set(session.HeaderHMAC, fmt.Sprintf(format, base64.StdEncoding.EncodeToString(mac[:])))
		if change != nil {
			in.Body = change(in.Body)
		}
	}
}

// nonce returns what the device's last message gave the server for its next one.
func (c *clientTalk) nonce() []byte {
	st, ok := c.got.Commands[0].(*syncml.Status)
	if !ok || st.Chal == nil {
		return nil
	}
	return decode64(c.t, st.Chal.Meta.NextNonce)
}
