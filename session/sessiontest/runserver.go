package sessiontest

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/omadm-sdk/omadm/syncml"
)

// RunServer checks the server's side of the protocol. Each case is one session of a device that the server has accepted,
// which device makes: with [NewDevice] for a handler or [NewDeviceAt] for a server anywhere, and with whatever credentials
// the server wants. Devices of several cases may have the same ID. The names of the cases begin with the numbers of the
// statements that they check.
//
// The server may have commands for the device; they are answered as by a device that has no such node.
func RunServer(t *testing.T, device func(t *testing.T) *Device) {
	// Sessions of one device have different numbers, also in two runs against one server: what is the same is a repeat.
	number := rand.IntN(1 << 15)
	for _, c := range serverCases {
		t.Run(c.name, func(t *testing.T) {
			d := device(t)
			d.opened = number
			number += 16
			c.play(&visitor{d, t})
		})
	}
}

// A visitor is a device of RunServer.
type visitor struct {
	*Device
	t *testing.T
}

// open begins a session, checks the answer, and returns it.
func (v *visitor) open(commands ...syncml.Command) *syncml.Message {
	v.t.Helper()
	v.Device.SessionID = ""
	m := v.Open(commands...)
	v.check(m)
	return m
}

// check checks what holds for every message of a server.
func (v *visitor) check(m *syncml.Message) {
	v.t.Helper()
	switch h := m.Header; {
	case h.SessionID != v.SessionID:
		v.t.Errorf("SessionID is %q in session %q", h.SessionID, v.SessionID)
	case h.Target.URI != v.ID:
		v.t.Errorf("Target is %q, want the device %q", h.Target.URI, v.ID)
	}
	if len(m.Commands) == 0 {
		v.t.Fatalf("S02: the message is empty")
	}
	if st, ok := m.Commands[0].(*syncml.Status); !ok || st.CmdRef != "0" || st.MsgRef != strconv.Itoa(v.MsgID) {
		v.t.Errorf("S02: the message does not begin with the Status of our SyncHdr: %s", Outline(m))
	}
	if _, err := syncml.Unmarshal(v.Body(), &syncml.DecoderOptions{Encoding: v.Encoding, Strict: true}); err != nil {
		v.t.Errorf("the message is not correct: %v", err)
	}
	next := slices.ContainsFunc(m.Commands, func(c syncml.Command) bool {
		a, ok := c.(*syncml.Alert)
		return ok && a.Code == syncml.AlertNextMessage
	})
	if m.Final == next {
		v.t.Errorf("S05 S06: Final is %v, alert 1222 %v", m.Final, next)
	}
}

// status checks the answer to a command.
func (v *visitor) status(m *syncml.Message, cmdID string, codes ...syncml.StatusCode) {
	v.t.Helper()
	if got := StatusOf(m, cmdID); !slices.Contains(codes, got) {
		v.t.Errorf("Status of command %q is %v, want %v", cmdID, got, codes)
	}
}

// refuse answers the server's commands as a device that has no such node.
func (v *visitor) refuse(m *syncml.Message) (answers []syncml.Command) {
	var all func([]syncml.Command, syncml.StatusCode)
	all = func(cmds []syncml.Command, code syncml.StatusCode) {
		for _, c := range cmds {
			switch c := c.(type) {
			case *syncml.Alert:
				answers = append(answers, v.Status(c, syncml.StatusNotSupported))
			case *syncml.Atomic:
				answers = append(answers, v.Status(c, syncml.StatusAtomicFailed))
				all(c.Commands, syncml.StatusNotExecuted)
			case *syncml.Sequence:
				answers = append(answers, v.Status(c, syncml.StatusOK))
				all(c.Commands, code)
			default:
				answers = append(answers, v.Status(c, code))
			}
		}
	}
	all(Commands(m), syncml.StatusNotFound)
	return answers
}

// serverCases are the sessions of [RunServer].
var serverCases = []struct {
	name string
	play func(v *visitor)
}{
	{"S01 S02 the first message is answered", func(v *visitor) {
		m := v.open()
		for _, c := range v.Hello() {
			if !slices.ContainsFunc(m.Commands, func(s syncml.Command) bool {
				st, ok := s.(*syncml.Status)
				return ok && st.Cmd == c.Name() && st.Code == syncml.StatusOK
			}) {
				v.t.Errorf("S02: no Status 200 for %s", c.Name())
			}
		}
		v.status(m, "0", syncml.StatusOK, syncml.StatusAuthenticated)
	}},
	{"S06 S07 a session comes to its end", func(v *visitor) {
		m := v.open()
		for n := 0; ; n++ {
			answers := v.refuse(m)
			if len(answers) == 0 {
				return
			}
			if n == 100 {
				v.t.Fatal("S07: no end after 100 messages")
			}
			m = v.Send(answers...)
			v.check(m)
		}
	}},
	{"S04 S05 a package that is not complete", func(v *visitor) {
		v.SessionID, v.MsgID = "F1", 0
		m := v.SendPart(v.Hello()...)
		v.check(m)
		for _, c := range Commands(m) {
			if a, ok := c.(*syncml.Alert); !ok || a.Code != syncml.AlertNextMessage {
				v.t.Errorf("S04: %s before the package is complete", c.Name())
			}
		}
	}},
	{"a device that is busy", func(v *visitor) {
		m := v.open()
		answers := v.refuse(m)
		if len(answers) == 0 {
			return // nothing is asked of it
		}
		for range 2 {
			m = v.SendPart(&syncml.Alert{CmdID: "9", Code: syncml.AlertClientEvent, Items: []syncml.Item{{
				Meta: syncml.Meta{Type: "Reversed-Domain-Name:com.microsoft.mdm.requestpending"}, Data: syncml.Text("1"),
			}}})
			v.status(m, "9", syncml.StatusOK)
			for _, c := range Commands(m) {
				if a, ok := c.(*syncml.Alert); !ok || a.Code != syncml.AlertNextMessage {
					v.t.Errorf("S04: %s while the device is busy", c.Name())
				}
			}
			if m.Final {
				v.t.Errorf("S06: Final while the device is busy")
			}
		}
		m = v.Send(answers...)
		v.check(m)
	}},
	{"S08 abort", func(v *visitor) {
		m := v.open(&syncml.Alert{CmdID: "9", Code: syncml.AlertAbort})
		v.status(m, "9", syncml.StatusOK)
		if c := Commands(m); len(c) > 0 {
			v.t.Errorf("S08: %s in answer to an abort", c[0].Name())
		}
	}},
	{"S11 S12 S13 alerts of the device", func(v *visitor) {
		alert := func(id string, code syncml.AlertCode, kind string) *syncml.Alert {
			return &syncml.Alert{CmdID: id, Code: code, Items: []syncml.Item{{
				Meta: syncml.Meta{Type: kind, Format: "chr"}, Data: syncml.Text("1"),
			}}}
		}
		m := v.open(alert("a", syncml.AlertGeneric, "Reversed-Domain-Name: com.example.nobody.knows"),
			alert("b", syncml.AlertClientEvent, "com.microsoft/MDM/LoginStatus"))
		v.status(m, "a", syncml.StatusOK, syncml.StatusAccepted, syncml.StatusUnsupportedFormat)
		v.status(m, "b", syncml.StatusOK, syncml.StatusNotSupported)
	}},
	{"S14 a question to the user comes from the device", func(v *visitor) {
		m := v.open(&syncml.Alert{CmdID: "a", Code: syncml.AlertDisplay, Items: []syncml.Item{{}, {Data: syncml.Text("Hello")}}})
		v.status(m, "0", syncml.StatusOK, syncml.StatusAuthenticated)
		v.status(m, "a", syncml.StatusNotSupported, 0)
	}},
	{"S17 a Status that answers nothing", func(v *visitor) {
		m := v.open(&syncml.Status{MsgRef: "1", CmdRef: "77777", Cmd: "Get", Code: syncml.StatusOK})
		v.status(m, "0", syncml.StatusOK, syncml.StatusAuthenticated)
	}},
	{"S18 a message that comes twice", func(v *visitor) {
		v.open()
		first := bytes.Clone(v.Body())
		v.Repeat()
		if !bytes.Equal(first, v.Body()) {
			v.t.Errorf("S18: the answers differ:\n%s\n%s", first, v.Body())
		}
	}},
	{"S19 a message out of order", func(v *visitor) {
		v.open()
		v.MsgID += 3
		m := v.Send(&syncml.Alert{CmdID: "9", Code: syncml.AlertNextMessage})
		aborted := slices.ContainsFunc(m.Commands, func(c syncml.Command) bool {
			a, ok := c.(*syncml.Alert)
			return ok && a.Code == syncml.AlertAbort
		})
		if code := StatusOf(m, "0"); code != syncml.StatusBadRequest && !aborted {
			v.t.Errorf("S19: the SyncHdr is answered %v, want 400 or an abort", code)
		}
	}},
	{"S20 another version of the protocol", func(v *visitor) {
		for n, change := range []func(h *syncml.Header){
			func(h *syncml.Header) { h.VerProto = "DM/9.9" }, func(h *syncml.Header) { h.VerDTD = "9.9" },
		} {
			want := []syncml.StatusCode{syncml.StatusProtocolNotSupported, syncml.StatusVersionNotSupported}[n]
			v.SessionID, v.MsgID = "F"+strconv.Itoa(2+n), 1
			h := v.Header()
			change(&h)
			hello := v.Hello()
			number(hello, 0)
			v.status(v.Message(&syncml.Message{Header: h, Commands: hello, Final: true}), "0", want)
		}
	}},
	{"S21 commands that are not the device's to send", func(v *visitor) {
		node := []syncml.Item{{Target: syncml.Location{URI: "./A"}, Data: syncml.Text("1")}}
		m := v.open(&syncml.Get{CmdID: "a", Items: node}, &syncml.Add{CmdID: "b", Items: node}, &syncml.Exec{CmdID: "c", Items: node})
		for _, id := range []string{"a", "b", "c"} {
			v.status(m, id, syncml.StatusNotAllowed)
		}
	}},
	{"what is no message", func(v *visitor) {
		for _, c := range []struct {
			kind, body string
			want       int
		}{
			{"text/plain", "hello", http.StatusUnsupportedMediaType},
			{syncml.TypeXML, "<SyncML", http.StatusBadRequest},
			{syncml.TypeXML, "", http.StatusBadRequest},
			{syncml.TypeWBXML, "\x00", http.StatusBadRequest},
		} {
			if res := v.Post(c.kind, []byte(c.body)); res.StatusCode != c.want {
				v.t.Errorf("%q of type %s is answered HTTP %d, want %d", c.body, c.kind, res.StatusCode, c.want)
			}
		}
		v.open()
	}},
	{"both encodings", func(v *visitor) {
		for _, e := range []syncml.Encoding{syncml.WBXML, syncml.XML} {
			v.Encoding = e
			v.open()
		}
	}},
}
