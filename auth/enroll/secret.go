package enroll

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a password, token or key that must not show in logs, errors and traces: however it is printed, it prints
// as [redacted]. Convert it to a string to use it.
type Secret string

const redacted = "[redacted]"

// String returns "[redacted]", or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format redacts for package fmt, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue redacts for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText redacts for encoders, which loggers use too. Whoever stores a secret converts it to a string first.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
