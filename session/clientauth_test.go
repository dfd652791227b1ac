package session_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

const serverURL = "https://mdm.example.com/dm"

var bruce = auth.Credential{Name: "Bruce2", Secret: auth.Plain("OhBehave")}

// signer makes a device's own credentials.
func signer(scheme auth.Scheme, c auth.Credential) *auth.PasswordSigner {
	return &auth.PasswordSigner{Scheme: scheme, Credentials: auth.Only(serverURL, c)}
}

// headerStatus is the Status of the client's message n, with a challenge if kind is not "".
func headerStatus(msg string, code, kind, nonce string) string {
	s := `<Status><CmdID>100</CmdID><MsgRef>` + msg + `</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>`
	if kind != "" {
		s += `<Chal><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">` + kind + `</Type>`
		if nonce != "" {
			s += `<NextNonce xmlns="syncml:metinf">` + base64.StdEncoding.EncodeToString([]byte(nonce)) + `</NextNonce>`
		}
		s += `</Meta></Chal>`
	}
	return s + `<Data>` + code + `</Data></Status>`
}

// proof tells what the client's last message proves: "" for nothing, the digest's nonce as known to the caller, or "?".
func (s *script) proof(c auth.Credential, nonces ...string) string {
	s.t.Helper()
	cred := s.got.Header.Cred
	if mac := s.raw.HTTP.Get(session.HeaderHMAC); mac != "" {
		require.Nil(s.t, cred, "A26: HMAC is not combined with Cred")
		require.Equal(s.t, c.Name, s.got.Header.Source.Name)
		for _, n := range nonces {
			want, err := c.MAC([]byte(n), s.raw.Body) // A23: the exact octets
			require.NoError(s.t, err)
			if mac == `algorithm=MD5, username="`+c.Name+`", mac=`+base64.StdEncoding.EncodeToString(want[:]) {
				return "mac " + n
			}
		}
		return "mac ?"
	}
	if cred == nil {
		return ""
	}
	require.Equal(s.t, "b64", cred.Meta.Format)
	if cred.Meta.Type == syncml.AuthBasic {
		return "basic " + cred.Data
	}
	require.Equal(s.t, c.Name, s.got.Header.Source.Name, "A04: the name stands in Source/LocName")
	for _, n := range nonces {
		want, err := c.Digest([]byte(n))
		require.NoError(s.t, err)
		if cred.Data == base64.StdEncoding.EncodeToString(want[:]) {
			return "md5 " + n
		}
	}
	return "md5 ?"
}

// A device proves itself: what the server says of its header, what the device does then.
func TestClientCredentials(t *testing.T) {
	type turn struct {
		say   string
		proof string // of the message that follows; "over" when none does
	}
	withNonce := bruce
	withNonce.Nonce = []byte("first")
	const get = `<Get><CmdID>1</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item></Get>`
	for _, test := range []struct {
		name  string
		sign  *auth.PasswordSigner
		first string
		turns []turn
		err   string // in the error that ends the session
	}{
		{"C19 A07 A12 A20: challenged, with a digest then", signer(auth.MD5, bruce), "", []turn{
			{headerStatus("1", "407", syncml.AuthMD5, "n1") + finalXML, "md5 n1"},
			{headerStatus("2", "212", "", "") + get + finalXML, ""}, // A09: no more of it
			{finalXML, "over"},
		}, ""},
		{"A02: Basic", signer(auth.Basic, bruce), "basic QnJ1Y2UyOk9oQmVoYXZl", []turn{
			{headerStatus("1", "212", "", "") + get + finalXML, ""},
		}, ""},
		{"A03: with a nonce from the enrollment", signer(auth.MD5, withNonce), "md5 first", []turn{
			{headerStatus("1", "212", syncml.AuthMD5, "n1") + get + finalXML, ""},
		}, ""},
		{"A10 A12: 200 asks for it each time, with the nonce of the last", signer(auth.MD5, withNonce), "md5 first", []turn{
			{headerStatus("1", "200", syncml.AuthMD5, "n1") + get + finalXML, "md5 n1"},
			{headerStatus("2", "200", syncml.AuthMD5, "n2") + get + finalXML, "md5 n2"},
			{headerStatus("3", "200", "", "") + get + finalXML, "md5 n2"},
		}, ""},
		{"A13: a nonce that is out of date", signer(auth.MD5, withNonce), "md5 first", []turn{
			{headerStatus("1", "401", syncml.AuthMD5, "n1") + finalXML, "md5 n1"},
			{headerStatus("2", "212", "", "") + get + finalXML, ""},
		}, ""},
		{"A14: two attempts, then the end", signer(auth.MD5, withNonce), "md5 first", []turn{
			{headerStatus("1", "401", syncml.AuthMD5, "n1") + finalXML, "md5 n1"},
			{headerStatus("2", "401", syncml.AuthMD5, "n2") + finalXML, "over"},
		}, "attempts have failed"},
		{"A15: another type after success", signer(auth.MD5, withNonce), "md5 first", []turn{
			{headerStatus("1", "200", syncml.AuthMD5, "n1") + get + finalXML, "md5 n1"},
			{headerStatus("2", "401", syncml.AuthBasic, "") + finalXML, "over"},
		}, "demands"},
		{"A16: a type we cannot", signer(auth.MD5, bruce), "", []turn{
			{headerStatus("1", "407", "syncml:auth-X509", "") + finalXML, "over"},
		}, "demands"},
		{"no credentials to give", nil, "", []turn{
			{headerStatus("1", "407", syncml.AuthMD5, "n1") + finalXML, "over"},
		}, "407"},
		{"refused without challenge", signer(auth.MD5, withNonce), "md5 first", []turn{
			{headerStatus("1", "401", "", "") + finalXML, "over"},
		}, "401"},
		{"A24 A25: HMAC, in every message, a nonce each", signer(auth.HMAC, withNonce), "mac first", []turn{
			{headerStatus("1", "200", syncml.AuthMAC, "n1") + get + finalXML, "mac n1"},
			{headerStatus("2", "200", syncml.AuthMAC, "n2") + get + finalXML, "mac n2"},
		}, ""},
		{"A24: HMAC answered 212", signer(auth.HMAC, withNonce), "mac first", []turn{
			{headerStatus("1", "212", syncml.AuthMAC, "n1") + get + finalXML, "over"},
		}, "want status 200"},
		{"HMAC on demand", signer(auth.MD5, bruce), "", []turn{
			{headerStatus("1", "407", syncml.AuthMAC, "n1") + finalXML, "mac n1"},
			{headerStatus("2", "200", syncml.AuthMAC, "n2") + get + finalXML, "mac n2"},
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				c := &session.Client{Tree: deviceTree(), Profile: session.OMA}
				if test.sign != nil {
					c.Sign = test.sign
				}
				s := begin(t, c, e, nil)
				first := spell(s.got)
				require.Equal(t, test.first, s.proof(bruce, "", "first"))
				for i, turn := range test.turns {
					challenged := strings.Contains(turn.say, "<Data>40")
					s.say(turn.say)
					if turn.proof == "over" {
						require.Nil(t, s.got)
						continue
					}
					require.NotNil(t, s.got, "%v", s.err)
					require.Equal(t, turn.proof, s.proof(bruce, "", "first", "n1", "n2"))
					require.EqualValues(t, "1", s.got.Header.SessionID)
					require.Equal(t, itoa(i+2), s.got.Header.MsgID) // A07: same session, next number
					if challenged {
						require.Equal(t, "Status "+itoa(i+1)+"/0 SyncHdr 200\n"+first, spell(s.got), "A07: said again, behind the Status")
					}
				}
				if test.err == "" {
					require.NoError(t, s.err)
					return
				}
				var se *session.StatusError
				require.ErrorAs(t, s.err, &se)
				require.ErrorContains(t, s.err, test.err)
				require.NotContains(t, s.err.Error(), "OhBehave")
			})
		})
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

// What is repeated after a challenge in the middle of a session is what was said, a chunk of an object too.
func TestChallengeInTheMiddle(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		tree := deviceTree()
		tree.Set("./A/large", dmtree.String(strings.Repeat("v", 3000)))
		withNonce := bruce
		withNonce.Nonce = []byte("first")
		s := begin(t, &session.Client{Tree: tree, Profile: session.OMA, Sign: signer(auth.MD5, withNonce)}, e, nil)
		s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = 1500 }
		s.say(headerStatus("1", "200", syncml.AuthMD5, "n1") + getCmd("1", "./A/large") + finalXML)
		said := spell(s.got)
		require.Contains(t, said, "more")
		require.NotContains(t, said, "Final")
		s.say(headerStatus("2", "401", syncml.AuthMD5, "n2"))
		require.Equal(t, "md5 n2", s.proof(bruce, "n2"))
		require.Equal(t, strings.Replace(said, "Status 1/0", "Status 2/0", 1), spell(s.got))
		got := s.got.Commands[len(s.got.Commands)-1].(*syncml.Results).Items[0].Data.String()
		s.say(headerStatus("3", "200", syncml.AuthMD5, "n3") +
			`<Status><CmdID>1</CmdID><MsgRef>3</MsgRef><CmdRef>3</CmdRef><Cmd>Results</Cmd><Data>213</Data></Status>` + alertCmd("2", 1222))
		for {
			got += s.got.Commands[len(s.got.Commands)-1].(*syncml.Results).Items[0].Data.String()
			if s.got.Final {
				break
			}
			s.say(headerStatus(s.got.Header.MsgID, "200", "", "") + alertCmd("2", 1222))
		}
		require.Equal(t, 3000, len(got))
	})
}

func TestRepeatGoesToRespURI(t *testing.T) { // A08
	s := begin(t, &session.Client{Tree: deviceTree(), Sign: signer(auth.MD5, bruce)}, syncml.XML, nil)
	s.header = func(h *syncml.Header) { h.RespURI = "https://other.example.com/dm" }
	s.say(headerStatus("1", "407", syncml.AuthMD5, "n1") + finalXML)
	require.Equal(t, "https://other.example.com/dm", s.raw.URL)
	require.Equal(t, "md5 n1", s.proof(bruce, "n1"))
}

// A nonce is kept for the next session, where the process may be another one: if the server has proved itself.
func TestNonceOfTheNextSession(t *testing.T) {
	for _, test := range []struct {
		name    string
		trusted bool
		want    string
	}{
		{"A11: of a server that is trusted", true, "md5 n2"},
		{"A17: not of one that is not", false, "md5 first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			withNonce := bruce
			withNonce.Nonce = []byte("first")
			store := new(session.MemoryClientStore)
			newClient := func() *session.Client {
				return &session.Client{Tree: deviceTree(), Store: store, Sign: signer(auth.MD5, withNonce)}
			}
			c := newClient()
			if !test.trusted {
				c.Auth = auth.AuthenticatorFunc(func(context.Context, *auth.Request) (*auth.Result, error) {
					return &auth.Result{Challenge: &syncml.Chal{Meta: syncml.Meta{Type: syncml.AuthBasic}}}, nil
				})
			}
			s := begin(t, c, syncml.XML, nil)
			s.say(headerStatus("1", "212", syncml.AuthMD5, "n2") + finalXML)
			s.d.Close(t.Context())
			s = begin(t, newClient(), syncml.XML, nil)
			require.Equal(t, test.want, s.proof(withNonce, "first", "n2"))
		})
	}
}

func TestSecretChangedInSession(t *testing.T) { // A28
	now, next := bruce, auth.Credential{Name: "Bruce2", Secret: auth.Plain("new")}
	creds := []auth.Credential{now}
	sign := &auth.PasswordSigner{Scheme: auth.Basic, Credentials: func(context.Context, string) ([]auth.Credential, error) { return creds, nil }}
	c := &session.Client{Tree: deviceTree(), Sign: sign}
	s := begin(t, c, syncml.XML, nil)
	creds = []auth.Credential{next, now} // the server has written new ones into the tree
	s.say(headerStatus("1", "200", "", "") + getCmd("1", "./A/x") + finalXML)
	require.Equal(t, "basic QnJ1Y2UyOk9oQmVoYXZl", s.proof(now))
	s.say(finalXML)
	s = begin(t, c, syncml.XML, nil)
	require.Equal(t, "basic "+base64.StdEncoding.EncodeToString([]byte("Bruce2:new")), s.proof(next))
}

// A server has to prove itself before anything it says is done.
func TestServerCredentials(t *testing.T) {
	server := auth.Credential{Name: "mgmtsrv", Secret: auth.Plain("s3rver-Pw")}
	authenticator := func() auth.Authenticator {
		return &auth.Password{Scheme: auth.MD5, WholeSession: true, Credentials: auth.Only(serverURL, server), Key: make([]byte, 16)}
	}
	// with has the next message signed with the nonce that the client's last one handed out.
	with := func(s *script, password string) {
		nonce := []byte{}
		if st, ok := s.got.Commands[0].(*syncml.Status); ok && st.Chal != nil {
			b, err := base64.StdEncoding.DecodeString(st.Chal.Meta.NextNonce)
			require.NoError(s.t, err)
			require.GreaterOrEqual(s.t, len(b), 16)
			nonce = b
		}
		d, err := auth.Credential{Name: server.Name, Secret: auth.Plain(password)}.Digest(nonce)
		require.NoError(s.t, err)
		s.header = func(h *syncml.Header) {
			h.Source.Name = server.Name
			h.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: base64.StdEncoding.EncodeToString(d[:])}
		}
	}
	const orders = `<Replace><CmdID>1</CmdID><Item><Target><LocURI>./A/x</LocURI></Target><Data>9</Data></Item></Replace>` +
		`<Sequence><CmdID>2</CmdID><Get><CmdID>3</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item></Get></Sequence>`
	run := func(name string, f func(t *testing.T, s *script, tree dmtree.Provider)) {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				tree := deviceTree()
				s := begin(t, &session.Client{Tree: tree, Profile: session.OMA, Auth: authenticator()}, e, nil)
				f(t, s, tree)
			})
		})
	}
	refused := func(n, code string) string {
		return "Status " + n + "/0 SyncHdr " + code + " syncml:auth-md5\nStatus " + n + "/1 Replace " + code + "\nStatus " + n + "/2 Sequence " + code +
			"\nStatus " + n + "/3 Get " + code + "\nFinal"
	}
	run("A05 A06 A18: challenged, nothing is done; then it is", func(t *testing.T, s *script, tree dmtree.Provider) {
		s.say(orders + finalXML)
		s.expect(refused("1", "407"))
		require.Equal(t, "1", nodeValue(t, tree, "./A/x"))
		with(s, "s3rver-Pw")
		s.say(orders + finalXML)
		s.expect("Status 2/0 SyncHdr 212 syncml:auth-md5\nStatus 2/1 Replace 200 ./A/x\nStatus 2/2 Sequence 200\nStatus 2/3 Get 200 ./A/x\nResults 2/3 [./A/x \"9\"]\nFinal")
		s.say(getCmd("1", "./A/x") + finalXML) // A09: no credentials after 212
		s.expect("Status 3/0 SyncHdr 200\nStatus 3/1 Get 200 ./A/x\nResults 3/1 [./A/x \"9\"]\nFinal")
	})
	run("A05 A13 A14: wrong ones, twice", func(t *testing.T, s *script, tree dmtree.Provider) {
		with(s, "guess")
		s.say(orders + finalXML)
		s.expect(refused("1", "401"))
		with(s, "guess again")
		s.say(orders + finalXML)
		s.expect(refused("2", "401"))
		with(s, "and again")
		s.say(orders + finalXML)
		s.expect(strings.Replace(refused("3", "401"), " syncml:auth-md5", "", 1))
		s.say(orders + finalXML)
		require.Nil(t, s.got)
		var se *session.StatusError
		require.ErrorAs(t, s.err, &se)
		require.EqualValues(t, 401, se.Code)
		require.Equal(t, "1", nodeValue(t, tree, "./A/x"))
	})
	run("A19: nothing is wanted, so nothing is asked", func(t *testing.T, s *script, tree dmtree.Provider) {
		s.say(finalXML)
		require.Nil(t, s.got)
		require.ErrorIs(t, s.err, auth.ErrMissing)
	})
	run("nobody else can end the session, or move it", func(t *testing.T, s *script, tree dmtree.Provider) {
		s.header = func(h *syncml.Header) { h.RespURI = "https://evil.example.com/dm" }
		s.say(alertCmd("1", 1223) + finalXML)
		s.expect("Status 1/0 SyncHdr 407 syncml:auth-md5\nStatus 1/1 Alert 407\nFinal")
		require.Equal(t, serverURL, s.raw.URL)
	})
}

// Both sides ask each other in the same messages.
func TestBothChallenge(t *testing.T) {
	c := &session.Client{
		Tree: deviceTree(), Profile: session.OMA, Sign: signer(auth.MD5, bruce),
		Auth: &auth.Password{Scheme: auth.MD5, Credentials: auth.Only(serverURL, auth.Credential{Name: "mgmtsrv", Secret: serverSecret})},
	}
	s := begin(t, c, syncml.XML, nil)
	first := spell(s.got)
	s.say(headerStatus("1", "407", syncml.AuthMD5, "n1") + finalXML)
	require.Equal(t, "Status 1/0 SyncHdr 407 syncml:auth-md5\n"+first, spell(s.got))
	require.Equal(t, "md5 n1", s.proof(bruce, "n1"))
}

func TestRefusedByServer(t *testing.T) {
	for _, code := range []string{"403", "404", "500", "503", "511", "513"} {
		s := begin(t, &session.Client{Tree: deviceTree(), NoBackCompat: true}, syncml.XML, nil)
		s.say(headerStatus("1", code, "", "") + replaceCmd("1", "./A/x", "9") + finalXML)
		require.Nil(t, s.got)
		var se *session.StatusError
		require.ErrorAs(t, s.err, &se)
		require.ErrorContains(t, s.err, code)
	}
}

// An authenticator that cannot decide ends the session without blaming anybody.
func TestAuthenticatorFails(t *testing.T) {
	c := &session.Client{Tree: deviceTree(), Auth: auth.AuthenticatorFunc(func(context.Context, *auth.Request) (*auth.Result, error) {
		return nil, http.ErrServerClosed
	})}
	s := begin(t, c, syncml.XML, nil)
	s.say(replaceCmd("1", "./A/x", "9") + finalXML)
	require.Nil(t, s.got)
	require.ErrorIs(t, s.err, http.ErrServerClosed)
	require.Equal(t, "1", nodeValue(t, c.Tree, "./A/x"))
}
