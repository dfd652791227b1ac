package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// Run holds one session with the server, to its end. Nil options mean a session that the device started by itself. If the
// connection was lost, or the process died, in the middle of an earlier session, that one is finished first.
//
// The summary is never nil. The error says why the session ended early: a [*StatusError] when the server refused this
// device, [ErrAborted], a [*ProtocolError], an [*HTTPError], or what the connection or the tree said. A message without
// an answer is repeated, octet by octet, as [Limits] allow, so that the server does not execute it twice. When ctx ends,
// the server is told that the session is over (alert 1223).
func (c *Client) Run(ctx context.Context, opts *RunOptions) (*Summary, error) {
	for {
		d, err := c.Begin(ctx, time.Now(), opts)
		if err != nil {
			return new(Summary), err
		}
		err = d.run(ctx)
		finished := d.over
		d.Close(ctx)
		if !d.resumed || !finished || ctx.Err() != nil {
			return d.Summary(), err
		}
		// That was an earlier session, however it ended. The one that was asked for is yet to come.
	}
}

// run exchanges messages until the session is over.
func (d *Dialog) run(ctx context.Context) error {
	out, err := d.Next(ctx, time.Now(), nil)
	for out != nil && err == nil {
		var in *Reply
		if in, err = d.post(ctx, out); err != nil {
			break
		}
		out, err = d.Next(ctx, time.Now(), in)
	}
	if ctx.Err() != nil {
		d.sayAborted(context.WithoutCancel(ctx))
	}
	return err
}

// abortTimeout is how long the end of a context waits for the server to be told.
const abortTimeout = 5 * time.Second

// sayAborted tells the server, if it can be reached, that the session is over.
func (d *Dialog) sayAborted(ctx context.Context) {
	d.finish()
	ctx, cancel := context.WithTimeout(ctx, abortTimeout)
	defer cancel()
	out, err := d.Abort(ctx, time.Now())
	if out == nil || err != nil {
		return
	}
	in, err := d.c.send(ctx, out, &d.limits)
	if err != nil {
		return
	}
	// The answer to an abort is ignored; Next ends the session.
	_, _ = d.Next(ctx, time.Now(), in)
}

// post sends a message, again and again if need be, and returns the answer.
func (d *Dialog) post(ctx context.Context, out *Exchange) (*Reply, error) {
	limits := &d.limits
	wait := limits.Backoff
	for try := 0; ; try++ {
		if try > 0 {
			d.sent(ctx, time.Now(), out)
		}
		in, err := d.c.send(ctx, out, limits)
		pause := wait
		switch {
		case err == nil && !worthRepeating(in.Status):
			return in, nil
		case err == nil:
			after := retryAfter(in.HTTP, time.Now())
			err = &HTTPError{Status: in.Status, After: after}
			pause = max(pause, after)
		}
		if ctx.Err() != nil || try >= limits.Retries || pause > limits.MaxBackoff || final(err) {
			return nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
		wait = min(2*wait, limits.MaxBackoff)
	}
}

// worthRepeating reports whether an HTTP status says that the message may do better later.
func worthRepeating(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// final reports whether err is one that repeating the message does not help.
func final(err error) bool {
	var pe *ProtocolError
	return errors.As(err, &pe)
}

// send sends a message once.
func (c *Client) send(ctx context.Context, out *Exchange, limits *Limits) (*Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, out.URL, bytes.NewReader(out.Body))
	if err != nil {
		return nil, &ProtocolError{Reason: "no request can be made", Err: err}
	}
	req.Header = out.HTTP.Clone()
	resp, err := c.httpClient().Do(req)
	if err != nil {
		return nil, fmt.Errorf("session: send message: %w", err)
	}
	defer resp.Body.Close()
	body, err := readBody(resp.Body, resp.ContentLength, limits.Message)
	if errors.Is(err, syncml.ErrTooLarge) {
		return nil, &ProtocolError{Reason: fmt.Sprintf("want an answer of at most %d bytes", limits.Message), Err: err}
	} else if err != nil {
		return nil, fmt.Errorf("session: read answer: %w", err)
	}
	return &Reply{Status: resp.StatusCode, HTTP: resp.Header, Body: body, TLS: resp.TLS}, nil
}

// httpClient returns c.HTTP so set up that it follows no redirects of its own accord: where messages go is for RespURI.
func (c *Client) httpClient() *http.Client {
	base := c.HTTP
	if base == nil {
		base = http.DefaultClient
	}
	if base.CheckRedirect != nil {
		return base
	}
	stay := *base
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &stay
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, ok := positive(v); ok {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}
