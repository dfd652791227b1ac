package enroll

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Tickets is a [TokenValidator] for Federated with a sign-in page of one's own: when the page knows who the user is, it
// asks New for a ticket and hands it to the device with [WriteToken]. A ticket carries the user under a MAC, so that any
// server with the same Key takes it; it counts for a short time and for one certificate. It must not be copied after
// first use.
type Tickets struct {
	// Key authenticates tickets: 32 random bytes that no one else knows. If it is shorter, there are no tickets.
	Key []byte

	// TTL is how long a ticket counts; if 0, ten minutes.
	TTL time.Duration

	// Spend records that the ticket id was used, and tells whether that is the first time. It may forget an id after until.
	// If nil, the memory of this process: right for one server.
	Spend func(ctx context.Context, id string, until time.Time) (first bool, err error)

	mu    sync.Mutex
	spent map[string]time.Time
	swept time.Time
}

type ticket struct {
	ID      string            `json:"id"`
	User    string            `json:"user"`
	Claims  map[string]string `json:"claims,omitempty"`
	Expires int64             `json:"exp"`
}

const ticketKeyBytes = 32

// New returns a ticket for a user who has signed in. The claims end up in the Identity.
func (t *Tickets) New(user string, claims map[string]string) (string, error) {
	if len(t.Key) < ticketKeyBytes {
		return "", fmt.Errorf("enroll: the key of tickets has %d bytes, want %d or more", len(t.Key), ticketKeyBytes)
	}
	ttl := t.TTL
	if ttl <= 0 {
		ttl = 10 * time.Minute
	}
	data, err := json.Marshal(&ticket{ID: rand.Text(), User: user, Claims: claims, Expires: time.Now().Add(ttl).Unix()})
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString(data) + "." + enc.EncodeToString(t.mac(data)), nil
}

func (t *Tickets) mac(data []byte) []byte {
	h := hmac.New(sha256.New, t.Key)
	io.WriteString(h, "enrollment ticket\x00")
	h.Write(data)
	return h.Sum(nil)
}

// ValidateToken checks a ticket and, if it pays for a certificate, spends it.
func (t *Tickets) ValidateToken(ctx context.Context, tok *Token) (*Identity, error) {
	if tok.Policy != PolicyFederated || len(t.Key) < ticketKeyBytes {
		return nil, CodeAuthentication
	}
	body, mac, ok := strings.Cut(string(tok.Value), ".")
	data, err1 := base64.RawURLEncoding.DecodeString(body)
	sum, err2 := base64.RawURLEncoding.DecodeString(mac)
	if !ok || err1 != nil || err2 != nil || !hmac.Equal(sum, t.mac(data)) {
		return nil, CodeAuthentication
	}
	var tk ticket
	if err := json.Unmarshal(data, &tk); err != nil {
		return nil, CodeAuthentication
	}
	until := time.Unix(tk.Expires, 0)
	if !time.Now().Before(until) {
		return nil, &Fault{Code: CodeAuthentication, Reason: "the sign-in has expired"}
	}
	if tok.Spend {
		spend := t.Spend
		if spend == nil {
			spend = t.spendHere
		}
		first, err := spend(ctx, tk.ID, until)
		if err != nil {
			return nil, err
		}
		if !first {
			return nil, &Fault{Code: CodeAuthentication, Reason: "the sign-in was used before"}
		}
	}
	return &Identity{User: tk.User, Claims: tk.Claims}, nil
}

func (t *Tickets) spendHere(_ context.Context, id string, until time.Time) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.swept) > time.Minute {
		t.swept = now
		for k, end := range t.spent {
			if now.After(end) {
				delete(t.spent, k)
			}
		}
	}
	if _, used := t.spent[id]; used {
		return false, nil
	}
	if t.spent == nil {
		t.spent = map[string]time.Time{}
	}
	t.spent[id] = until
	return true, nil
}

// WriteToken ends a sign-in: it answers the web view of a device with the page that hands over the token. appru is the
// query parameter of that name which the device opened the sign-in page with; anything but an ms-app address is refused,
// because the token would go to whoever made up the link. The token must be valid UTF-8 and is not to be in base64: the
// device does that.
func WriteToken(w http.ResponseWriter, appru, token string) error {
	u, err := url.Parse(appru)
	if err != nil || u.Scheme != "ms-app" || u.Host == "" {
		http.Error(w, "This page is to be opened by a device that enrolls.", http.StatusBadRequest)
		return errors.New("enroll: appru is not an ms-app address")
	}
	nonce := rand.Text()
	page := `<!DOCTYPE html><html><head><meta charset="utf-8"><title>Working</title></head><body>` +
		`<form method="post" action="` + html.EscapeString(u.String()) + `">` +
		`<input type="hidden" name="wresult" value="` + html.EscapeString(token) + `">` +
		`<noscript><input type="submit" value="Continue"></noscript></form>` +
		`<script nonce="` + nonce + `">document.forms[0].submit()</script></body></html>`
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	_, err = io.WriteString(w, page)
	return err
}
