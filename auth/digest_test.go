package auth_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

// wbxmlMessage is a message in WBXML: 215 octets, as two independent encoders write it.
const wbxmlMessage = `
02a4016a006d6c7103312e3200017203444d2f312e3200016503370001
5b033200016e5703687474703a2f2f646d2e6578616d706c65000101675703494d45493a31000101
5a00014c033430393600010101 00006b694b033100015c033100014c033000014a0353796e6348647200014f033231320001
01694b033200015c033100014c033400014a0347657400014f0332303000010162
4b033300015c033100014c03340001546757032e2f610001015a00014703636872000153
03746578742f706c61696e00010100004f03686900010101120101`

// TestVectors holds the vectors of the specification, and those that two independent implementations agree on.
func TestVectors(t *testing.T) {
	binary, err := base64.StdEncoding.DecodeString("LG3iZQhhdmKNHg==")
	require.NoError(t, err)
	wbxml, err := hex.DecodeString(strings.Join(strings.Fields(wbxmlMessage), ""))
	require.NoError(t, err)
	require.Len(t, wbxml, 215)
	sixteen := "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"

	for _, tt := range []struct {
		name           string
		user, password string
		nonce          string
		body           string // not empty: a MAC
		want           string
	}{
		{"A01 vector 2", "Bruce2", "OhBehave", "Nonce", "", "Zz6EivR3yeaaENcRN6lpAQ=="},
		{"A01 A03 vector 3: octets, not base64", "Bruce2", "OhBehave", string(binary), "", "LAK2i25Fh0nxxGGaAzRRpg=="},
		{"A01 vector 4: empty nonce", "Bruce2", "OhBehave", "", "", "lEf25jyjHbCcTbj4p/1pUw=="},
		{"A01 vector 5: a server's", "mgmtsrv", "s3rver-Pw", sixteen, "", "C8pAwhDoisoDIat285dqcg=="},
		{"A01 vector 6: default nonce, octets", "Bruce2", "OhBehave", "\x00\x00\x00\x00", "", "cnPI6nO9RgujiHU0y58kNA=="},
		{"A01 vector 6b: default nonce, text", "Bruce2", "OhBehave", "0x00000000", "", "/rEaWnNuFj+omqNv8Zls6w=="},
		{"A01 vector 7: UTF-8", "Zoë", "pässword", "Nonce", "", "ZgRDyY3FOkbZ6k0mT7wXKg=="},
		{"A01 vector 8: MAC over XML", "Bruce2", "OhBehave", "Nonce",
			"<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/></SyncML>", "A9eE1Vs1T6HSl6hBFZEHaQ=="},
		{"A01 vector 9: MAC over WBXML", "Bruce2", "OhBehave", string(binary), string(wbxml), "PAsR4GM8TuQKP9aIB7EUWQ=="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range []auth.Credential{
				{Name: tt.user, Secret: auth.Plain(tt.password)},
				{Name: tt.user, Secret: auth.Digested(tt.user, tt.password)},
			} {
				got, err := c.Digest([]byte(tt.nonce))
				if tt.body != "" {
					got, err = c.MAC([]byte(tt.nonce), []byte(tt.body))
				}
				require.NoError(t, err)
				require.Equal(t, tt.want, base64.StdEncoding.EncodeToString(got[:]))
			}
		})
	}

	hashed, err := auth.Hashed("OhBehave")
	require.NoError(t, err)
	_, err = auth.Credential{Name: "Bruce2", Secret: hashed}.Digest([]byte("Nonce"))
	require.Error(t, err, "a hash makes no digest")
}

// TestSigned is what the signers put into a message, octet for octet.
func TestSigned(t *testing.T) {
	body := []byte("<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/></SyncML>")
	for _, tt := range []struct {
		name     string
		scheme   auth.Scheme
		cred     *syncml.Cred
		locName  string
		mac      string
		password auth.Secret
	}{
		{"A01 A02 Basic", auth.Basic,
			&syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-basic"}, Data: "QnJ1Y2UyOk9oQmVoYXZl"},
			"", "", auth.Plain("OhBehave")},
		{"A04 MD5 with the name in LocName", auth.MD5,
			&syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-md5"}, Data: "Zz6EivR3yeaaENcRN6lpAQ=="},
			"Bruce2", "", auth.Plain("OhBehave")},
		{"A22 A26 HMAC in the HTTP header and without Cred", auth.HMAC, nil,
			"Bruce2", `algorithm=MD5, username="Bruce2", mac=A9eE1Vs1T6HSl6hBFZEHaQ==`, auth.Digested("Bruce2", "OhBehave")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := auth.Credential{Name: "Bruce2", Secret: tt.password, Nonce: []byte("Nonce")}
			s := &auth.PasswordSigner{Scheme: tt.scheme, Credentials: auth.Only("", c)}
			m := &auth.Outgoing{Header: &syncml.Header{Target: syncml.Location{URI: server}}, HTTP: http.Header{}, First: true}
			require.NoError(t, s.Sign(t.Context(), m))
			require.Equal(t, tt.cred, m.Header.Cred)
			require.Equal(t, tt.locName, m.Header.Source.Name)
			if m.Seal != nil {
				require.NoError(t, m.Seal(body))
			}
			require.Equal(t, tt.mac, m.HTTP.Get("x-syncml-hmac"))
		})
	}

	s := &auth.PasswordSigner{Scheme: auth.Basic, Credentials: auth.Only("", auth.Credential{Name: "n", Secret: auth.Digested("n", "p")})}
	m := &auth.Outgoing{Header: &syncml.Header{}, HTTP: http.Header{}, First: true}
	require.ErrorContains(t, s.Sign(t.Context(), m), "Basic needs the password itself")

	s = &auth.PasswordSigner{Scheme: auth.HMAC, Credentials: auth.Only("",
		auth.Credential{Name: "a\r\nX-Admin: yes", Secret: auth.Plain("p"), Nonce: []byte("n")})}
	m = &auth.Outgoing{Header: &syncml.Header{}, HTTP: http.Header{}, First: true}
	require.ErrorContains(t, s.Sign(t.Context(), m), "control characters")
}

// TestHMACHeader reads x-syncml-hmac in the spellings that peers have, and refuses the rest.
func TestHMACHeader(t *testing.T) {
	const mac = "A9eE1Vs1T6HSl6hBFZEHaQ=="
	hexMAC := base64.StdEncoding.EncodeToString([]byte("03d784d55b354fa1d297a84115910769"))
	for _, tt := range []struct {
		name    string
		header  []string
		locName string
		ok      bool
	}{
		{"as the specification shows it", []string{`algorithm=MD5, username="Bruce2", mac=` + mac}, "Bruce2", true},
		{"A22 without algorithm", []string{`username="Bruce2", mac=` + mac}, "Bruce2", true},
		{"A27 in another order", []string{`mac=` + mac + `,username="Bruce2",algorithm=MD5`}, "Bruce2", true},
		{"A27 with blanks and empty elements", []string{` , mac = ` + mac + " ,\t username = \"Bruce2\" , "}, "Bruce2", true},
		{"A27 in two lines", []string{`username="Bruce2"`, `mac=` + mac}, "Bruce2", true},
		{"A27 escapes in the name", []string{`username="Br\uce2", mac=` + mac}, "Bruce2", true},
		{"names in another case", []string{`Algorithm=md5, UserName="Bruce2", MAC=` + mac}, "Bruce2", true},
		{"mac without padding", []string{`username="Bruce2", mac=` + strings.TrimRight(mac, "=")}, "Bruce2", true},
		{"mac as base64 of hexadecimal digits", []string{`username="Bruce2", mac=` + hexMAC}, "Bruce2", true},
		{"a parameter nobody knows", []string{`username="Bruce2", realm="a,b", mac=` + mac}, "Bruce2", true},

		{"A22 without username", []string{`algorithm=MD5, mac=` + mac}, "Bruce2", false},
		{"A22 without mac", []string{`algorithm=MD5, username="Bruce2"`}, "Bruce2", false},
		{"another algorithm", []string{`algorithm=SHA256, username="Bruce2", mac=` + mac}, "Bruce2", false},
		{"username is not the LocName", []string{`username="Bruce2", mac=` + mac}, "Bruce3", false},
		{"username of somebody else", []string{`username="Bruce3", mac=` + mac}, "Bruce3", false},
		{"mac twice", []string{`username="Bruce2", mac=` + mac + `, mac=` + mac}, "Bruce2", false},
		{"mac cut short", []string{`username="Bruce2", mac=A9eE1Vs1T6HSl6hBFZEH`}, "Bruce2", false},
		{"mac not base64", []string{`username="Bruce2", mac=A9eE1Vs1T6HSl6hB!ZEHaQ==`}, "Bruce2", false},
		{"a quote that stays open", []string{`mac=` + mac + `, username="Bruce2`}, "Bruce2", false},
		{"no comma", []string{`username="Bruce2" mac=` + mac}, "Bruce2", false},
		{"no value", []string{`username, mac=` + mac}, "Bruce2", false},
		{"too long", []string{`x="` + strings.Repeat("x", 4000) + `", username="Bruce2", mac=` + mac}, "Bruce2", false},
		{"empty", []string{""}, "Bruce2", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := bruce
			c.Nonce = []byte("Nonce")
			p := &auth.Password{Scheme: auth.HMAC, Credentials: auth.Only(device, c)}
			res, err := auth.Authenticate(t.Context(), p, &auth.Request{
				Message: &syncml.Header{SessionID: "1", MsgID: "1", Source: syncml.Location{URI: device, Name: tt.locName}},
				HTTP:    http.Header{"X-Syncml-Hmac": tt.header},
				Body:    []byte("<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/></SyncML>"),
				First:   true,
			})
			require.NoError(t, err)
			require.Equal(t, tt.ok, res.Identity != nil, "%v", res.Reason)
			if !tt.ok {
				require.Equal(t, syncml.StatusInvalidCredentials, res.Status)
				require.NotNil(t, res.Challenge)
			}
		})
	}
}
