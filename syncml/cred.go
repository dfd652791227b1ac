package syncml

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Authentication schemes, as Meta.Type of [Cred] and [Chal] names them.
const (
	AuthBasic = "syncml:auth-basic"
	AuthMD5   = "syncml:auth-md5"
	AuthMAC   = "syncml:auth-MAC"
)

// A Cred proves who sent a message. Its Data never shows in logs or in formatted output.
type Cred struct {
	Meta Meta   // Type names the scheme; Format is b64 for digests
	Data string // base64 of a name and password or of a digest, by scheme
}

// A Chal asks for credentials. Its nonce never shows in logs or in formatted output.
type Chal struct {
	Meta Meta // Type, Format, NextNonce
}

// Format implements [fmt.Formatter]: the scheme alone, whatever the verb.
func (c Cred) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "Cred(%s)", c.Meta.Type) }

// LogValue implements [slog.LogValuer]: the scheme alone.
func (c Cred) LogValue() slog.Value { return slog.StringValue("Cred(" + c.Meta.Type + ")") }

// Format implements [fmt.Formatter]: the scheme alone, whatever the verb.
func (c Chal) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "Chal(%s)", c.Meta.Type) }

// LogValue implements [slog.LogValuer]: the scheme alone.
func (c Chal) LogValue() slog.Value { return slog.StringValue("Chal(" + c.Meta.Type + ")") }

// MarshalJSON gives the scheme alone, as logs in JSON want it. (A Chal is no secret once it was sent, and is stored so.)
func (c Cred) MarshalJSON() ([]byte, error) { return json.Marshal("Cred(" + c.Meta.Type + ")") }
