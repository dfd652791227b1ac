package enroll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

// Passwords is a [TokenValidator] for OnPremise over bcrypt hashes. An unknown user and a wrong password cost the same
// time and get the same answer. Checking a password is slow by design, so that at most one for each processor is checked
// at a time and devices beyond a queue are told to come back (HTTP 429). It must not be copied after first use.
type Passwords struct {
	// Lookup returns who a user is and the bcrypt hash of the password; a nil Identity and no error for an unknown one. If
	// nil, everybody is unknown.
	Lookup func(ctx context.Context, user string) (*Identity, []byte, error)

	// Cost is that of the hashes, so that an unknown user takes as long. If 0, that of [HashPassword].
	Cost int

	once    sync.Once
	unknown []byte        // what is compared for an unknown user
	broken  error         // why there is no unknown: Cost is none
	running chan struct{} // one token for each check under way
	waiting atomic.Int64
}

const (
	bcryptCost   = bcrypt.DefaultCost
	bcryptMax    = 72 // bytes that bcrypt looks at
	maxWaiting   = 64 // for each processor: about 4 seconds of work
	hashOfNobody = "no password has this hash"
)

// HashPassword returns what to store of a password. It has at most 72 bytes, the limit of bcrypt.
func HashPassword(password string) ([]byte, error) {
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcryptCost)
	if err != nil {
		return nil, fmt.Errorf("enroll: hash a password: %w", err)
	}
	return h, nil
}

func (p *Passwords) init() {
	p.unknown, p.broken = bcrypt.GenerateFromPassword([]byte(hashOfNobody), cmp.Or(p.Cost, bcryptCost))
	p.running = make(chan struct{}, runtime.GOMAXPROCS(0))
}

// ValidateToken checks a user name and a password.
func (p *Passwords) ValidateToken(ctx context.Context, t *Token) (*Identity, error) {
	if t.Policy != PolicyOnPremise {
		return nil, CodeAuthentication
	}
	p.once.Do(p.init)
	if p.broken != nil {
		return nil, fmt.Errorf("enroll: Passwords.Cost: %w", p.broken)
	}
	var id *Identity
	var hash []byte
	if p.Lookup != nil && t.User != "" {
		var err error
		if id, hash, err = p.Lookup(ctx, t.User); err != nil {
			return nil, err
		}
	}
	if id == nil || len(hash) == 0 {
		id, hash = nil, p.unknown
	}
	if p.waiting.Add(1) > int64(maxWaiting*cap(p.running)) {
		p.waiting.Add(-1)
		return nil, CodeServerTooManyRequests
	}
	defer p.waiting.Add(-1)
	select {
	case p.running <- struct{}{}:
		defer func() { <-p.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	password := []byte(t.Password)
	tooLong := len(password) > bcryptMax
	err := bcrypt.CompareHashAndPassword(hash, password[:min(len(password), bcryptMax)])
	switch {
	case err == nil && id != nil && !tooLong:
		return id, nil
	case err == nil || errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return nil, CodeAuthentication
	}
	return nil, fmt.Errorf("enroll: the hash stored for this user cannot be used: %w", err)
}
