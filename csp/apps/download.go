package apps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// DefaultMaxPackage is the largest package that is fetched, in bytes, unless a Manager says otherwise.
const DefaultMaxPackage = 4 << 30

// fetch gets a package into a temporary file. hash is its SHA-256 in hexadecimal; empty if the server did not say. The
// caller removes the file. progress is called with the percentage.
func (m *Manager) fetch(ctx context.Context, address, hash string, progress func(int64)) (path string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%w: want an https:// address", NotPermitted)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", NotPermitted, err)
	}
	res, err := m.httpClient().Do(req)
	if errors.Is(err, NotPermitted) {
		return "", err
	} else if err != nil {
		return "", fmt.Errorf("%w: %w", NetworkFailed, err)
	}
	defer res.Body.Close()
	limit := m.MaxPackage
	if limit == 0 {
		limit = DefaultMaxPackage
	}
	switch {
	case res.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%w: HTTP status %s", NetworkFailed, res.Status)
	case res.ContentLength > limit:
		return "", fmt.Errorf("%w: %d bytes, want %d at most", NotPermitted, res.ContentLength, limit)
	}
	f, err := os.CreateTemp(m.TempDir, "package-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(f.Name())
			path = ""
		}
	}()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum, &meter{total: res.ContentLength, tell: progress}), io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", NetworkFailed, err)
	case n > limit:
		return "", fmt.Errorf("%w: more than %d bytes", NotPermitted, limit)
	}
	if have := hex.EncodeToString(sum.Sum(nil)); hash != "" && !strings.EqualFold(hash, have) {
		return "", fmt.Errorf("%w: want SHA-256 %s, have %s", HashMismatch, strings.ToLower(hash), have)
	}
	return f.Name(), nil
}

// httpClient is the manager's client, or one of its own, that follows no redirect away from HTTPS.
func (m *Manager) httpClient() *http.Client {
	c := http.Client{Timeout: time.Hour}
	if m.HTTP != nil {
		c = *m.HTTP
	}
	next := c.CheckRedirect
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		switch {
		case req.URL.Scheme != "https":
			return fmt.Errorf("%w: redirected away from HTTPS", NotPermitted)
		case next != nil:
			return next(req, via)
		case len(via) >= 10:
			return errors.New("more than 10 redirects")
		}
		return nil
	}
	return &c
}

// meter is a writer that tells how much of a total has gone through it.
type meter struct {
	total, n, last int64
	tell           func(int64)
}

func (m *meter) Write(b []byte) (int, error) {
	m.n += int64(len(b))
	if m.total > 0 {
		if percent := min(m.n*100/m.total, 100); percent != m.last {
			m.last = percent
			m.tell(percent)
		}
	}
	return len(b), nil
}
