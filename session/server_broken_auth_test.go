package session_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// A proof is what a device adds to a message to prove itself, before it is encoded.
type proof struct {
	h     *syncml.Header           // with Cred, but for HMAC
	form  string                   // of x-syncml-hmac, with the name and the code; empty: there is none
	nonce []byte                   // under which the code is made
	used  []byte                   // the nonce of the message before
	spoil func(body []byte) []byte // on its way; nil: nothing does
}

// TestProofsBrokenByDevice holds what a device may do wrong when it proves itself (section 6 of the reference): each is
// answered with the same code for every command, nothing is done, and who can do better is served.
func TestProofsBrokenByDevice(t *testing.T) {
	const (
		opening = iota // the message after the challenge
		middle         // the one after that
	)
	const mac = `algorithm=MD5, username="%s", mac=%s`
	data := func(f func(s string) string) func(p *proof) {
		return func(p *proof) { p.h.Cred.Data = f(p.h.Cred.Data) }
	}
	meta := func(typ, format string) func(p *proof) {
		return func(p *proof) { p.h.Cred.Meta = syncml.Meta{Type: typ, Format: format} }
	}
	name := func(s string) func(p *proof) { return func(p *proof) { p.h.Source.Name = s } }
	form := func(s string) func(p *proof) { return func(p *proof) { p.form = s } }
	under := func(nonce string) func(p *proof) {
		return func(p *proof) { p.h.Cred = md5Cred(t, []byte(nonce)) }
	}
	plain := func(s string) func(p *proof) {
		return data(func(string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })
	}
	basic := func(p *proof) {
		p.h.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthBasic}, Data: "QnJ1Y2UyOk9oQmVoYXZl"}
	}
	tests := []struct {
		name   string
		scheme auth.Scheme
		whole  bool // the session was accepted with 212
		at     int  // opening or middle
		change func(p *proof)
		want   syncml.StatusCode
		again  bool // there is a challenge
	}{
		{"MD5, none broken", auth.MD5, false, middle, func(*proof) {}, 200, true},
		{"HMAC, none broken", auth.HMAC, false, middle, func(*proof) {}, 200, true},
		{"Basic, none broken", auth.Basic, false, middle, func(*proof) {}, 200, false},

		{"6.1 no credentials where each message needs them", auth.MD5, false, middle, func(p *proof) { p.h.Cred = nil }, 407, true},
		{"6.1 another type after success", auth.MD5, false, middle, basic, 401, false},
		{"6.1 another type than the one demanded", auth.MD5, false, opening, basic, 401, false},
		{"6.1 a stronger type than the one demanded", auth.Basic, false, opening, func(p *proof) { p.h.Cred = md5Cred(t, []byte("x")) }, 401, false},
		{"6.1 a type that nobody knows", auth.MD5, false, opening, meta("syncml:auth-securid", "b64"), 401, false},
		{"6.1 no type", auth.MD5, false, opening, meta("", "b64"), 401, false},

		{"6.2 no base64", auth.Basic, false, middle, data(func(string) string { return "Bruce2:OhBehave" }), 401, true},
		{"6.2 no format", auth.Basic, false, middle, meta(syncml.AuthBasic, ""), 200, false},
		{"6.2 no colon", auth.Basic, false, middle, plain("Bruce2"), 401, true},
		{"6.2 no name", auth.Basic, false, middle, plain(":OhBehave"), 401, true},
		{"6.2 another name", auth.Basic, false, middle, plain("Bruce:OhBehave"), 401, true},
		{"6.2 no password", auth.Basic, false, middle, plain("Bruce2:"), 401, true},
		{"6.2 more than the password", auth.Basic, false, middle, plain("Bruce2:OhBehave:"), 401, true},
		{"6.2 nothing", auth.Basic, false, middle, plain(""), 401, true},
		{"6.2 a password without end", auth.Basic, false, middle, plain("Bruce2:" + strings.Repeat("x", 100_000)), 401, true},

		{"6.3 no name in LocName", auth.MD5, false, middle, name(""), 200, true}, // the digest has it
		{"6.3 another name in LocName", auth.MD5, false, middle, name("Bruce"), 200, true},
		{"6.3 no format", auth.MD5, false, middle, meta(syncml.AuthMD5, ""), 200, true},
		{"6.3 another format", auth.MD5, false, middle, meta(syncml.AuthMD5, "chr"), 200, true},
		{"6.3 no padding", auth.MD5, false, middle, data(func(s string) string { return strings.TrimRight(s, "=") }), 200, true},
		{"6.3 hexadecimal digits", auth.MD5, false, middle, data(func(s string) string { return hex.EncodeToString(decode64(t, s)) }), 401, true},
		{"6.3 base64 of hexadecimal digits", auth.MD5, false, middle, data(func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(decode64(t, s))))
		}), 401, true},
		{"6.3 half a digest", auth.MD5, false, middle, data(func(s string) string { return base64.StdEncoding.EncodeToString(decode64(t, s)[:8]) }), 401, true},
		{"6.3 no digest", auth.MD5, false, middle, data(func(string) string { return "" }), 401, true},
		{"6.3 the nonce as base64", auth.MD5, false, middle, func(p *proof) { p.h.Cred = md5Cred(t, []byte(base64.StdEncoding.EncodeToString(p.nonce))) }, 401, true},
		{"6.3 the password itself", auth.MD5, false, middle, plain("Bruce2:OhBehave"), 401, true},
		{"6.3 another password", auth.MD5, false, middle, func(p *proof) {
			p.h.Cred = proofOf(t, auth.Credential{Name: "Bruce2", Secret: auth.Plain("no")}, p.nonce)
		}, 401, true},

		{"6.4 no code", auth.HMAC, false, middle, form(""), 407, false},
		{"6.4 Cred in its place", auth.HMAC, false, middle, func(p *proof) { p.form, p.h.Cred = "", md5Cred(t, p.nonce) }, 401, false},
		{"6.4 Cred beside it", auth.HMAC, false, middle, func(p *proof) { p.h.Cred = md5Cred(t, p.nonce) }, 401, false},
		{"6.4 an octet changed on the way", auth.HMAC, false, middle, func(p *proof) {
			p.spoil = func(b []byte) []byte { return bytes.Replace(b, []byte("./A"), []byte("./B"), 1) }
		}, 401, true},
		{"6.4 no name in the field", auth.HMAC, false, middle, form(`algorithm=MD5, mac=%[2]s`), 401, true},
		{"6.4 a name without quotes", auth.HMAC, false, middle, form(`username=%s, mac=%s`), 200, true},
		{"6.4 quotes that stay open", auth.HMAC, false, middle, form(`mac=%[2]s, username="%[1]s`), 401, true},
		{"6.4 another name in the field", auth.HMAC, false, middle, form(`username="not %s", mac=%s`), 401, true},
		{"6.4 no name in LocName", auth.HMAC, false, middle, name(""), 401, true},
		{"6.4 a field without mac", auth.HMAC, false, middle, form(`algorithm=MD5, username="%[1]s"`), 401, true},
		{"6.4 mac in quotes", auth.HMAC, false, middle, form(`username="%s", mac="%s"`), 200, true},
		{"6.4 mac that is no base64", auth.HMAC, false, middle, form(`username="%[1]s", mac=###`), 401, true},
		{"6.4 mac twice", auth.HMAC, false, middle, form(`username="%[1]s", mac=%[2]s, mac=%[2]s`), 401, true},
		{"6.4 another algorithm", auth.HMAC, false, middle, form(`algorithm=SHA1, username="%s", mac=%s`), 401, true},
		{"6.4 no field at all", auth.HMAC, false, middle, form(`nonsense %[3]q`), 401, true},
		{"6.4 a field without end", auth.HMAC, false, middle, form(mac + ", x=" + strings.Repeat("y", 100_000)), 401, true},

		{"6.5 a digest for the second time", auth.MD5, false, middle, func(p *proof) { p.h.Cred = md5Cred(t, p.used) }, 401, true},
		{"6.5 a code under a nonce for the second time", auth.HMAC, false, middle, func(p *proof) { p.nonce = p.used }, 401, true},
		{"6.5 a nonce of the device's own", auth.MD5, false, middle, under("mine"), 401, true},
		{"6.5 no nonce", auth.MD5, false, middle, under(""), 401, true},
		{"6.5 the default nonce", auth.MD5, false, middle, under("\x00\x00\x00\x00"), 401, true},
		{"6.5 the nonce of another session", auth.MD5, false, opening, func(p *proof) { p.h.SessionID = "9" }, 401, true},

		{"6.6 the number of the message that was refused", auth.MD5, false, opening, func(p *proof) { p.h.MsgID = "1" }, 401, true},
		{"6.6 a number that jumps", auth.MD5, false, opening, func(p *proof) { p.h.MsgID = "4" }, 401, false},

		{"6.7 credentials where none are needed any more", auth.MD5, true, middle, func(p *proof) { p.h.Cred = md5Cred(t, []byte("x")) }, 200, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				var heard []session.Result
				s := newServer(t, asks(&heard, func(w *session.Writer) { w.Get("./A") }))
				demands(tt.scheme, tt.whole)(s)
				d := sessiontest.NewDevice(t, s)
				d.Encoding, d.User = enc, deviceCred.Name

				// say sends commands with a proof, which change may spoil.
				say := func(nonce []byte, change func(p *proof), commands ...syncml.Command) *syncml.Message {
					d.MsgID++
					h := d.Header()
					p := &proof{h: &h, nonce: nonce}
					switch {
					case nonce == nil:
					case tt.scheme == auth.HMAC:
						p.form = mac
					case tt.scheme == auth.Basic:
						h.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthBasic}, Data: "QnJ1Y2UyOk9oQmVoYXZl"}
					default:
						h.Cred = md5Cred(t, nonce)
					}
					if change != nil {
						change(p)
						d.SessionID = h.SessionID
						d.MsgID, _ = strconv.Atoi(h.MsgID)
					}
					if d.MsgID > 1 {
						commands = append([]syncml.Command{judges(strconv.Itoa(d.MsgID-1), 200, 0, "")}, commands...)
					}
					body, err := syncml.Append(nil, &syncml.Message{Header: h, Commands: numbered(commands), Final: true},
						&syncml.EncoderOptions{Encoding: enc, AsIs: true})
					require.NoError(t, err)
					d.HTTP = nil
					if p.form != "" {
						code, err := deviceCred.MAC(p.nonce, body)
						require.NoError(t, err)
						d.HTTP = http.Header{session.HeaderHMAC: {fmt.Sprintf(p.form, deviceCred.Name, base64.StdEncoding.EncodeToString(code[:]))}}
					}
					if p.spoil != nil {
						body = p.spoil(body)
					}
					require.Equal(t, 200, d.Post(enc.ContentType(), body).StatusCode, "%s", d.Body())
					m, err := syncml.Unmarshal(d.Body(), &syncml.DecoderOptions{Strict: true})
					require.NoError(t, err)
					return m
				}
				// next returns the nonce that m hands out; what has no use for one does not mind.
				next := func(m *syncml.Message) []byte {
					nonce := []byte{}
					if chal := m.Commands[0].(*syncml.Status).Chal; chal != nil {
						nonce = append(nonce, decode64(t, chal.Meta.NextNonce)...)
					}
					return nonce
				}
				answer := func() []syncml.Command {
					return []syncml.Command{
						&syncml.Status{MsgRef: "2", CmdRef: "4", Cmd: "Get", Code: 200},
						&syncml.Results{MsgRef: "2", CmdRef: "4", Items: []syncml.Item{item("./A", "", "a")}},
					}
				}

				d.SessionID = "1"
				m := say(nil, nil, d.Hello()...)
				require.EqualValues(t, 407, sessiontest.StatusOf(m, "0"))
				used := next(m)
				nonce, commands := used, d.Hello
				if tt.at == middle {
					m = say(used, nil, d.Hello()...)
					require.Equal(t, []string{"Get ./A"}, sent(m), sessiontest.Outline(m))
					if nonce = next(m); tt.whole {
						nonce = nil
					}
					commands = answer
				}
				m = say(nonce, func(p *proof) { p.used = used; tt.change(p) }, commands()...)
				require.Equal(t, tt.want, sessiontest.StatusOf(m, "0"), sessiontest.Outline(m))
				require.Equal(t, tt.again, m.Commands[0].(*syncml.Status).Chal != nil, sessiontest.Outline(m))
				if tt.want == 200 {
					require.Equal(t, tt.at == middle, len(heard) == 1)
					return
				}
				require.Empty(t, heard)
				require.Empty(t, sent(m), "no commands for who has not proved itself")
				for _, c := range m.Commands {
					require.Equal(t, tt.want, c.(*syncml.Status).Code, "A06")
				}
				require.True(t, m.Final)

				// Who can do better is served, in this session if it was challenged and else in another.
				if !tt.again {
					d.SessionID, d.MsgID = "2", 0
					nonce, commands = next(say(nil, nil, d.Hello()...)), d.Hello
				} else {
					nonce = next(m)
				}
				m = say(nonce, nil, commands()...)
				require.True(t, sessiontest.StatusOf(m, "0").Success(), sessiontest.Outline(m))
			})
		})
	}
}

// TestProofWithoutOpening: 6.6, who answers the challenge without the first message once more has opened no session.
func TestProofWithoutOpening(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") }))
		demands(auth.MD5, false)(s)
		d := sessiontest.NewDevice(t, s)
		d.Encoding, d.User = enc, deviceCred.Name
		d.Cred = md5Cred(t, nextNonce(t, d.Open()))
		want(t, d.Send(alert(1222)), `
			Status 1 2/0 SyncHdr 400
			Final`)
		d.Cred = nil
		d.Cred = md5Cred(t, nextNonce(t, d.Open()))
		require.Equal(t, []string{"Get ./A"}, sent(d.Send(d.Hello()...)))
	})
}

// TestJudgementsBrokenByDevice holds what a device may do wrong when it judges what the server proves: whether the server
// goes on, and with what, or gives up the session.
func TestJudgementsBrokenByDevice(t *testing.T) {
	const (
		first  = iota // of a message in which the server proves nothing yet, and reads ./A
		second        // of the one in which it proves itself, and reads ./A again
		third         // of the next, once that was accepted; it reads ./B
	)
	chal := func(typ, format, nonce string) *syncml.Chal {
		return &syncml.Chal{Meta: syncml.Meta{Type: typ, Format: format, NextNonce: nonce}}
	}
	wantMD5, wantMAC := chal(syncml.AuthMD5, "b64", firstNonce), chal(syncml.AuthMAC, "b64", firstNonce)
	for _, tt := range []struct {
		name   string
		scheme auth.Scheme
		at     int
		header syncml.StatusCode // of the server's header
		chal   *syncml.Chal
		get    syncml.StatusCode // of its Get
		want   string            // what the server says then
	}{
		{"none broken, challenged", auth.MD5, first, 407, wantMD5, 407, "Get ./A with Cred"},
		{"none broken, accepted", auth.MD5, second, 212, wantMD5, 200, "Get ./B"},
		{"none broken, HMAC", auth.HMAC, second, 200, wantMAC, 200, "Get ./B with HMAC"},

		{"6.1 a weaker type than the server's", auth.MD5, first, 407, chal(syncml.AuthBasic, "b64", ""), 407, "Alert 1223"},
		{"6.1 another type after success", auth.MD5, third, 407, wantMAC, 407, "Alert 1223 with Cred"},
		{"6.4 no nonce for the next message", auth.HMAC, second, 200, nil, 200, "Alert 1223 with HMAC"},
		{"6.4 212", auth.HMAC, second, 212, wantMAC, 200, "Alert 1223 with HMAC"},
		{"6.6 no challenge", auth.MD5, first, 407, nil, 407, "Alert 1223"},
		{"6.6 a challenge of a type that nobody knows", auth.MD5, first, 407, chal("syncml:auth-securid", "b64", firstNonce), 407, "Alert 1223"},
		{"6.6 credentials missed that are there", auth.MD5, second, 407, wantMD5, 407, "Get ./A with Cred"},
		{"6.6 the header refused, and the command done", auth.MD5, first, 407, wantMD5, 200, "Get ./B with Cred"},
		{"6.6 the command refused, and the header accepted", auth.MD5, first, 200, nil, 401, "Final"},
		{"6.6 a challenge for the command alone", auth.MD5, first, 200, wantMD5, 407, "Final with Cred"},
		{"6.7 212 for no credentials", auth.MD5, first, 212, wantMD5, 200, "Get ./B with Cred"},
		{"6.8 no nonce", auth.MD5, first, 407, chal(syncml.AuthMD5, "b64", ""), 407, "Get ./A with Cred"},
		{"6.8 no format", auth.MD5, first, 407, chal(syncml.AuthMD5, "", firstNonce), 407, "Get ./A with Cred"},
		{"6.8 a nonce that is no base64", auth.MD5, first, 407, chal(syncml.AuthMD5, "b64", "###"), 407, "Alert 1223"},
		{"6.8 a nonce without end", auth.MD5, first, 407, chal(syncml.AuthMD5, "b64", strings.Repeat("AAAA", 10_000)), 407, "Alert 1223"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				s := newServer(t, follow("./A", func(w *session.Writer, _ dmtree.Value) { w.Get("./B") }, "./A"))
				proves(tt.scheme)(s)
				l := &transcript{t: t, e: enc, server: s}
				d := l.device("device-1")
				answer := func(m *syncml.Message, header syncml.StatusCode, demand *syncml.Chal, get syncml.StatusCode) []syncml.Command {
					st := judges(m.Header.MsgID, header, 0, "")
					st.Chal = demand
					if get == 200 {
						return append([]syncml.Command{st}, ok(d, m)...)
					}
					return []syncml.Command{st, d.Status(sessiontest.Commands(m)[0], get)}
				}
				demand := chal(tt.scheme.String(), "b64", firstNonce)
				m := d.Open()
				if tt.at >= second {
					m = d.Send(answer(m, 407, demand, 407)...)
				}
				if tt.at >= third {
					m = d.Send(answer(m, 200, demand, 200)...)
				}
				d.MsgID++
				body, err := syncml.Append(nil, &syncml.Message{Header: d.Header(), Commands: numbered(answer(m, tt.header, tt.chal, tt.get)), Final: true},
					&syncml.EncoderOptions{Encoding: enc, AsIs: true})
				require.NoError(t, err)
				require.Equal(t, 200, d.Post(enc.ContentType(), body).StatusCode)
				m, err = syncml.Unmarshal(d.Body(), &syncml.DecoderOptions{Strict: true})
				require.NoError(t, err)
				got := "Final"
				if c := sessiontest.Commands(m); len(c) > 0 {
					got = strings.TrimSpace(sent(m)[0])
					if a, ok := c[0].(*syncml.Alert); ok {
						got += fmt.Sprintf(" %d", int(a.Code))
					}
				}
				if m.Header.Cred != nil {
					got += " with Cred"
				}
				if l.reply.HTTP.Get(session.HeaderHMAC) != "" {
					got += " with HMAC"
				}
				require.True(t, m.Final)
				require.Equal(t, tt.want, got)
				require.Contains(t, sent(d.Open()), "Get ./A", "another session is served")
			})
		})
	}
}
