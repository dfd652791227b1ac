package auth_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

func TestSecretsDoNotPrint(t *testing.T) {
	c := auth.Credential{Name: "Bruce2", Secret: auth.Plain("OhBehave"), Nonce: []byte("Nonce")}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", c, "b", &c, "c", c.Secret, "d", []auth.Credential{c})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", c, "b", &c, "c", c.Secret)
	for _, v := range []any{c, &c, c.Secret, &c.Secret, []auth.Credential{c}, struct{ C auth.Credential }{c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
	}
	require.NotContains(t, log.String(), "OhBehave")
	require.NotContains(t, log.String(), fmt.Sprintf("%x", "OhBehave"))
	require.NotContains(t, log.String(), "Nonce")
	require.Contains(t, log.String(), "Credential(Bruce2)")
}

func TestStoredSecrets(t *testing.T) {
	hashed, err := auth.Hashed("OhBehave")
	require.NoError(t, err)
	key := bytes.Repeat([]byte{7}, 32)
	vault, err := auth.NewVault(key)
	require.NoError(t, err)
	other, err := auth.NewVault(bytes.Repeat([]byte{8}, 32))
	require.NoError(t, err)

	for name, s := range map[string]auth.Secret{"{md5}": auth.Digested("Bruce2", "OhBehave"), "{bcrypt}": hashed} {
		t.Run(name, func(t *testing.T) {
			text, err := s.Stored()
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(text, name))
			back, err := auth.ParseSecret(text)
			require.NoError(t, err)
			require.True(t, accepts(t, back, "OhBehave"))
			require.False(t, accepts(t, back, "OhBehavf"))

			sealed, err := vault.Seal(device, s)
			require.NoError(t, err)
			require.NotContains(t, sealed, text[len(name):])
			back, err = vault.Open(device, sealed)
			require.NoError(t, err)
			require.True(t, accepts(t, back, "OhBehave"))

			again, err := vault.Seal(device, s)
			require.NoError(t, err)
			require.NotEqual(t, sealed, again)

			for what, open := range map[string]func() (auth.Secret, error){
				"another owner": func() (auth.Secret, error) { return vault.Open("other", sealed) },
				"another key":   func() (auth.Secret, error) { return other.Open(device, sealed) },
				"damaged":       func() (auth.Secret, error) { return vault.Open(device, sealed[:len(sealed)-4]) },
				"not base64":    func() (auth.Secret, error) { return vault.Open(device, sealed+"?") },
				"not sealed":    func() (auth.Secret, error) { return vault.Open(device, text) },
			} {
				_, err := open()
				require.Error(t, err, what)
				require.NotContains(t, err.Error(), text)
			}
		})
	}

	_, err = auth.Plain("OhBehave").Stored()
	require.Error(t, err)
	_, err = vault.Seal(device, auth.Plain("OhBehave"))
	require.Error(t, err)
	_, err = auth.NewVault(key[:16])
	require.ErrorContains(t, err, "want 32 octets or more, got 16")
	_, err = auth.Hashed(strings.Repeat("x", 73))
	require.Error(t, err)
	for _, bad := range []string{"", "OhBehave", "{md5}", "{md5}Zm9v", "{md5}?", "{bcrypt}", "{bcrypt}OhBehave"} {
		_, err := auth.ParseSecret(bad)
		require.Error(t, err, bad)
	}
}

// TestHashedEndsAt72 sees to it that a password is not accepted for the sake of its beginning.
func TestHashedEndsAt72(t *testing.T) {
	long := strings.Repeat("x", 72)
	s, err := auth.Hashed(long)
	require.NoError(t, err)
	require.True(t, accepts(t, s, long))
	require.False(t, accepts(t, s, long+"y"))
}

// accepts reports whether Basic accepts the password.
func accepts(t *testing.T, s auth.Secret, password string) bool {
	t.Helper()
	p := &auth.Password{Scheme: auth.Basic, Credentials: auth.Only(device, auth.Credential{Name: "Bruce2", Secret: s})}
	cred := &syncml.Cred{Meta: syncml.Meta{Type: syncml.AuthBasic}, Data: base64.StdEncoding.EncodeToString([]byte("Bruce2:" + password))}
	require.Nil(t, ask(t, p, "somebody else", "1", cred).Identity)
	return ask(t, p, device, "1", cred).Identity != nil
}
