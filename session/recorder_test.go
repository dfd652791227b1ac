package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// TestRecorder: a recording holds all messages, and no secret.
func TestRecorder(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		const secret = "hunter2-hunter2"
		var out bytes.Buffer
		rec := &session.Recorder{W: &out}
		s := newServer(t, asks(nil, func(w *session.Writer) {
			w.Get("./DevDetail/SwV")
			w.Atomic(func(b *session.Batch) {
				b.Add("./Vendor/MSFT/ClientCertificateInstall/PFXCertInstall/a/PFXCertPassword", dmtree.String(secret))
				b.Replace("./Vendor/MSFT/WiFi/Profile/Office/WlanXml", dmtree.XML("<key>"+secret+"</key>"))
				b.Replace("./Vendor/MSFT/DevicePIN", dmtree.Bytes([]byte(secret)))
			})
			w.Get("./Vendor/MSFT/LAPS/Password")
		}))
		s.Auth = &auth.Password{Scheme: auth.MD5, Credentials: deviceCredentials, Key: nonceKey}
		s.Trace = rec.Trace()
		d := sessiontest.NewDevice(t, s)
		d.Encoding, d.User = enc, "Bruce2"
		d.HTTP = http.Header{"Authorization": {"Bearer " + secret}, "User-Agent": {"MSFT OMA DM Client/1.2.0.1"}}
		var secrets []string
		m := d.Open()
		nonce := m.Commands[0].(*syncml.Status).Chal.Meta.NextNonce
		d.Cred = md5Cred(t, decode64(t, nonce))
		secrets = append(secrets, nonce, d.Cred.Data)
		m = d.Send(append(d.Hello(), alert(1224, event("com.microsoft/MDM/AADUserToken", "chr", "ey."+secret)))...)
		nonce = m.Commands[0].(*syncml.Status).Chal.Meta.NextNonce
		d.Cred = md5Cred(t, decode64(t, nonce))
		secrets = append(secrets, nonce, d.Cred.Data, secret)
		cmds := sessiontest.Commands(m)
		answers := []syncml.Command{d.Status(cmds[0], 200), d.Results(cmds[0], "10.0.26100.1"), d.Status(cmds[2], 200), d.Results(cmds[2], secret)}
		d.Send(answers...)
		require.NoError(t, rec.Err())

		for _, s := range secrets {
			require.NotContains(t, out.String(), s)
			quoted, err := json.Marshal([]byte(s))
			require.NoError(t, err)
			require.NotContains(t, out.String(), string(quoted[1:len(quoted)-3]), "as base64 of octets")
		}
		require.Contains(t, out.String(), "MSFT OMA DM Client")
		var list []string
		var last *syncml.Message
		for r, err := range session.ReadRecording(&out) {
			require.NoError(t, err)
			require.Equal(t, enc.String(), r.Encoding)
			m, err := r.Message()
			require.NoError(t, err)
			require.NotContains(t, sessiontest.Outline(m), secret)
			list = append(list, fmt.Sprintf("%s %s/%s %d redacted %d", r.Direction, r.SessionID, r.MsgID, r.Status, r.Redacted))
			if r.Direction == "received" {
				last = m
			}
		}
		require.Equal(t, []string{
			"received 1/1 0 redacted 0",
			"sent 1/1 200 redacted 1",
			"received 1/2 0 redacted 2",
			"sent 1/2 200 redacted 4",
			"received 1/3 0 redacted 2",
			"sent 1/3 200 redacted 1",
		}, list)
		require.Contains(t, sessiontest.Outline(last), "10.0.26100.1")
	})
}

// TestRecorderLooksEverywhere: what cannot be looked into does not get into the recording, and what is no secret does.
func TestRecorderLooksEverywhere(t *testing.T) {
	const secret = "hunter2"
	results := func(item string) string {
		return `<Results><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Item>` + item + `</Item></Results>`
	}
	event := func(item string) string {
		return `<Alert><CmdID>2</CmdID><Data>1224</Data><Item>` + item + `</Item></Alert>`
	}
	const data = `<Data>` + secret + `</Data>`
	for _, test := range []struct {
		name, body string
		kept       bool
	}{
		{"unknown command", `<Put><CmdID>2</CmdID><Item><Target><LocURI>./A</LocURI></Target>` + data + `</Item></Put>`, false},
		{"vendor's command", `<Frobnicate><CmdID>2</CmdID>` + secret + `</Frobnicate>`, false},
		{"unknown child of an item", results(`<Source><LocURI>./A</LocURI></Source><Pass>` + secret + `</Pass><Data>x</Data>`), false},
		{"unknown child of a command", `<Get><CmdID>2</CmdID><Pass>` + secret + `</Pass><Item><Target><LocURI>./A</LocURI></Target></Item></Get>`, false},
		{"last chunk of Results", results(data), false},
		{"last chunk of an alert", event(data), false},
		{"token inside Sequence", `<Sequence><CmdID>1</CmdID>` + event(`<Meta><Type xmlns="syncml:metinf">com.microsoft/MDM/AADUserToken</Type></Meta>`+data) + `</Sequence>`, false},
		{"TNDS", results(`<Source><LocURI>./A?list=TNDS</LocURI></Source><Data>&lt;MgmtTree&gt;` + secret + `&lt;/MgmtTree&gt;</Data>`), false},
		{"TNDS by its type", results(`<Source><LocURI>./A</LocURI></Source><Meta><Type xmlns="syncml:metinf">application/vnd.syncml.dmtnds+xml</Type></Meta>` + data), false},
		{"StructData", results(`<Source><LocURI>./A?list=StructData</LocURI></Source>` + data), false},
		{"below a secret node", `<Replace><CmdID>2</CmdID><Item><Target><LocURI>./A/Password/Value</LocURI></Target>` + data + `</Item></Replace>`, false},
		{"what the user has typed", `<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Alert</Cmd><Data>200</Data><Item>` + data + `</Item></Status>`, false},
		{"experimental meta information", results(`<Source><LocURI>./A</LocURI></Source><Meta><EMI xmlns="syncml:metinf">` + secret + `</EMI></Meta><Data>x</Data>`), false},

		{"a value", results(`<Source><LocURI>./A</LocURI></Source>` + data), true},
		{"a value of StructData", strings.Replace(results(`<Source><LocURI>./A/B</LocURI></Source>`+data), "<Item>", "<TargetRef>./A?list=StructData</TargetRef><Item>", 1), true},
		{"an alert", event(`<Meta><Type xmlns="syncml:metinf">com.example.x</Type></Meta>` + data), true},
		{"an alert whose Type is beside Meta", event(`<Type xmlns="syncml:metinf">com.example.x</Type>` + data), true},
		{"a text to the user", `<Alert><CmdID>2</CmdID><Data>1100</Data><Item><Data>MINDT=5</Data></Item><Item>` + data + `</Item></Alert>`, true},
		{"the text of a Status", `<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Get</Cmd><Data>500</Data><Item>` + data + `</Item></Status>`, true},
		{"policies about credentials", results(`<Source><LocURI>./Vendor/MSFT/Policy/Config/CredentialProviders/X</LocURI></Source>` + data), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := syncml.Unmarshal([]byte(message(test.body)), &syncml.DecoderOptions{KeepUnknown: true})
			require.NoError(t, err)
			for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
				body := []byte(message(test.body))
				if enc == syncml.WBXML {
					body, err = syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: enc, AsIs: true})
					require.NoError(t, err)
				}
				var out bytes.Buffer
				rec := &session.Recorder{W: &out}
				rec.Trace().Received(t.Context(), &session.TracedMessage{Encoding: enc, Body: body})
				require.NoError(t, rec.Err())
				for r, err := range session.ReadRecording(&out) {
					require.NoError(t, err)
					require.Equal(t, enc.String(), r.Encoding)
					require.Equal(t, test.kept, strings.Contains(r.XML, secret), "%v: %s", enc, r.XML)
					require.Equal(t, test.kept && enc == syncml.WBXML, bytes.Contains(r.WBXML, []byte(secret)), "%v: %q", enc, r.WBXML)
					require.Equal(t, test.kept, r.Redacted == 0)
					got, err := r.Message()
					require.NoError(t, err)
					require.Len(t, got.Commands, len(m.Commands))
					require.Equal(t, m.Commands[0].ID(), got.Commands[0].ID())
				}
			}
		})
	}
}

// TestRecorderURL: the address is kept, with the mode that Windows calls in, and without what may give access.
func TestRecorderURL(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"/dm", "/dm"},
		{"https://dm.example/dm?mode=Maintenance&Platform=WoA", "https://dm.example/dm?mode=Maintenance&Platform=WoA"},
		{"https://u:hunter2@dm.example/dm?Mode=Machine&key=hunter2&hunter2#hunter2", "https://dm.example/dm?Mode=Machine&key=[redacted]&[redacted]"},
		{"", ""},
	} {
		var out bytes.Buffer
		rec := &session.Recorder{W: &out}
		rec.Trace().Received(t.Context(), &session.TracedMessage{URL: test.url})
		for r, err := range session.ReadRecording(&out) {
			require.NoError(t, err)
			require.Equal(t, test.want, r.URL)
		}
	}
}

func decode64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := dmtree.Parse(dmtree.FormatBin, s)
	require.NoError(t, err)
	octets, err := b.Bytes()
	require.NoError(t, err)
	return octets
}

func TestRecorderKeepsOctets(t *testing.T) {
	var out bytes.Buffer
	rec := &session.Recorder{W: &out}
	s := newServer(t, idle)
	s.Trace = rec.Trace()
	d := sessiontest.NewDevice(t, s)
	odd := strings.Replace(message("<Alert>\n <CmdID>1</CmdID><Data>1201</Data></Alert>"), "<SyncML ", "<?xml version='1.0'?>\n<SyncML ", 1)
	require.Equal(t, 200, d.Post(syncml.TypeXML, []byte(odd)).StatusCode)
	require.Equal(t, 400, d.Post(syncml.TypeXML, []byte("<html>")).StatusCode)
	var got []*session.Recorded
	for r, err := range session.ReadRecording(&out) {
		require.NoError(t, err)
		got = append(got, r)
	}
	require.Len(t, got, 3)
	require.Equal(t, odd, got[0].XML, "without a secret, each octet is kept")
	require.Equal(t, string(d.Body()), "the body is no SyncML message\n")
	require.Equal(t, 6, got[2].Size)
	_, err := got[2].Message()
	require.Error(t, err)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestRecorderError(t *testing.T) {
	rec := &session.Recorder{W: brokenWriter{}}
	s := newServer(t, idle)
	s.Trace = rec.Trace()
	sessiontest.NewDevice(t, s).Open()
	require.ErrorContains(t, rec.Err(), "disk full")
}

func TestSecretNode(t *testing.T) {
	for u, want := range map[dmtree.URI]bool{
		"./Vendor/MSFT/ClientCertificateInstall/PFXCertInstall/a/PFXCertBlob": true,
		"./Vendor/MSFT/WiFi/Profile/Office/WlanXml":                           true,
		"./SyncML/DMAcc/x/AppAuth/CLCRED/AAuthSecret":                         true,
		"./Device/Vendor/MSFT/VPNv2/Corp/ProfileXML":                          true,
		"./Vendor/MSFT/ClientCertificateInstall/SCEP/a/Install/Challenge":     true,
		"./Vendor/MSFT/Accounts/Users/kiosk/Password?prop=Size":               true,
		"./DevDetail/SwV": false,
		"./Vendor/MSFT/Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock":      false,
		"./Vendor/MSFT/Policy/Config/Camera/AllowCamera":                          false,
		"./Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7Bguid%7D/DownloadURL": false,
		"": false,
	} {
		require.Equal(t, want, session.SecretNode(u), "%s", u)
	}
}

// TestTrace follows the hooks through two sessions.
func TestTrace(t *testing.T) {
	var got []string
	note := func(f string, args ...any) { got = append(got, fmt.Sprintf(f, args...)) }
	trace := &session.Trace{
		Received: func(_ context.Context, m *session.TracedMessage) { note("received %s/%s", m.SessionID, m.MsgID) },
		Sent: func(_ context.Context, m *session.TracedMessage) {
			note("sent %s/%s %d", m.SessionID, m.MsgID, m.Status)
		},
		Began: func(_ context.Context, s *session.TracedSession) { note("began %s", s.SessionID) },
		Ended: func(_ context.Context, s *session.TracedSession) {
			note("ended %s: %s, %d messages, %d commands, %d failed", s.SessionID, s.Reason, s.Messages, s.Commands, s.Failed)
		},
		Outcome: func(_ context.Context, s *session.TracedSession, r *session.Result) {
			note("outcome %s %d", r.URI, r.Status)
		},
		Repeated: func(_ context.Context, m *session.TracedMessage) { note("repeated %s/%s", m.SessionID, m.MsgID) },
		Refused: func(_ context.Context, m *session.TracedMessage, reason error) {
			note("refused %s: %v", m.Device, reason)
		},
	}
	s := newServer(t, asks(nil, func(w *session.Writer) {
		w.Get("./A")
		w.Get("./B")
	}))
	good := true
	s.Auth = auth.AuthenticatorFunc(func(ctx context.Context, r *auth.Request) (*auth.Result, error) {
		if !good {
			return &auth.Result{Reason: auth.ErrUnknown}, nil
		}
		return trusting(ctx, r)
	})
	s.Trace = session.Traces(nil, trace, &session.Trace{})
	d := sessiontest.NewDevice(t, s)
	d.Open()
	m := d.Open()
	d.Repeat()
	answers := ok(d, m) // of four: what the first session left open is asked again
	d.Send(append(answers[:6], d.Status(sessiontest.Commands(m)[3], 404))...)
	good = false
	d.Open()
	require.Equal(t, []string{
		"received 1/1", "began 1", "sent 1/1 200",
		"received 2/1", "ended 1: abandoned, 1 messages, 0 commands, 0 failed", "began 2", "sent 2/1 200",
		"received 2/1", "repeated 2/1", "sent 2/1 200",
		"received 2/2", "outcome ./A 200", "outcome ./B 200", "outcome ./A 200", "outcome ./B 404",
		"ended 2: done, 2 messages, 4 commands, 1 failed", "sent 2/2 200",
		"received 3/1", "refused device-1: auth: unknown peer", "sent 3/1 200",
	}, got)
}
