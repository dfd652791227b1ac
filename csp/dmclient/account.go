package dmclient

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/session"
)

// An Account is what a device knows of its management server.
type Account struct {
	ProviderID string // of the server
	User       string // who enrolled the device
	DeviceID   string
	ServerURL  string    // as enrollment said; the tree may name others
	Enrolled   time.Time // when
	LastCall   time.Time // begin of the last session, successful or not; zero: none yet
	LastSync   time.Time // end of the last successful one; zero: none yet

	// NoBackCompat says that enrollment forbade to try an older version of the protocol (BACKCOMPATRETRYDISABLED).
	NoBackCompat bool

	// Certificate authenticates the device; Leaf is set.
	Certificate tls.Certificate
	// Roots are the authorities that enrollment delivered.
	Roots []*x509.Certificate

	leaving bool   // unenrollment has begun: one more session tells the server, then everything goes
	address string // that worked last
}

// accountKey is where a store keeps the account. An empty value is none.
const accountKey = "account"

// storedAccount is the form at rest.
type storedAccount struct {
	ProviderID, User, DeviceID, ServerURL string
	Enrolled, LastCall, LastSync          time.Time
	Chain                                 [][]byte // DER
	Key                                   []byte   // PKCS #8
	Roots                                 [][]byte // DER
	Leaving                               bool     `json:",omitempty"`
	Address                               string   `json:",omitempty"`
	NoBackCompat                          bool     `json:",omitempty"`
}

func (a *Account) marshal() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(a.Certificate.PrivateKey)
	if err != nil {
		return nil, err
	}
	s := storedAccount{a.ProviderID, a.User, a.DeviceID, a.ServerURL, a.Enrolled, a.LastCall, a.LastSync,
		a.Certificate.Certificate, key, nil, a.leaving, a.address, a.NoBackCompat}
	for _, r := range a.Roots {
		s.Roots = append(s.Roots, r.Raw)
	}
	return json.Marshal(s)
}

func parseAccount(data []byte) (*Account, error) {
	var s storedAccount
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	if err != nil {
		return nil, err
	}
	if _, ok := key.(crypto.Signer); !ok || len(s.Chain) == 0 {
		return nil, errors.New("no certificate with its key")
	}
	leaf, err := x509.ParseCertificate(s.Chain[0])
	if err != nil {
		return nil, err
	}
	a := &Account{ProviderID: s.ProviderID, User: s.User, DeviceID: s.DeviceID, ServerURL: s.ServerURL, Enrolled: s.Enrolled,
		LastCall: s.LastCall, LastSync: s.LastSync, leaving: s.Leaving, address: s.Address,
		NoBackCompat: s.NoBackCompat,
		Certificate:  tls.Certificate{Certificate: s.Chain, PrivateKey: key, Leaf: leaf}}
	for _, der := range s.Roots {
		r, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		a.Roots = append(a.Roots, r)
	}
	return a, nil
}

// loadAccount returns the stored account, or ErrNotEnrolled.
func loadAccount(ctx context.Context, store session.ClientStore) (*Account, error) {
	data, err := store.Load(ctx, accountKey)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		return nil, ErrNotEnrolled
	} else if err != nil {
		return nil, fmt.Errorf("dmclient: load the account: %w", err)
	}
	a, err := parseAccount(data)
	if err != nil {
		return nil, fmt.Errorf("dmclient: the stored account cannot be read: %w", err)
	}
	return a, nil
}

// newAccount is the account of a device that has just enrolled.
func newAccount(e *enroll.Enrolled, now time.Time) *Account {
	a := &Account{ProviderID: e.ProviderID, User: e.User, DeviceID: e.DeviceID, ServerURL: e.ServerURL, Enrolled: now,
		Certificate: e.Certificate, Roots: e.Roots}
	if e.Provisioning != nil && e.Provisioning.Application != nil {
		a.NoBackCompat = e.Provisioning.Application.NoBackCompat
	}
	return a
}

// sessionStore keeps what the sessions of one enrollment must not forget, and can make it be forgotten: it remembers under
// which keys something was saved. An empty value is none.
type sessionStore struct{ session.ClientStore }

const (
	sessionPrefix = "dm-"
	sessionKeys   = "dm.keys"
)

func (s sessionStore) Load(ctx context.Context, key string) ([]byte, error) {
	data, err := s.ClientStore.Load(ctx, sessionPrefix+key)
	if err == nil && len(data) == 0 {
		return nil, fs.ErrNotExist
	}
	return data, err
}

func (s sessionStore) Save(ctx context.Context, key string, data []byte) error {
	keys, err := s.keys(ctx)
	if err != nil {
		return err
	}
	if !keys[key] {
		keys[key] = true
		list, err := json.Marshal(keys)
		if err != nil {
			return err
		}
		if err := s.ClientStore.Save(ctx, sessionKeys, list); err != nil {
			return err
		}
	}
	return s.ClientStore.Save(ctx, sessionPrefix+key, data)
}

func (s sessionStore) keys(ctx context.Context) (map[string]bool, error) {
	keys := map[string]bool{}
	data, err := s.ClientStore.Load(ctx, sessionKeys)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		return keys, nil
	} else if err != nil {
		return nil, err
	}
	return keys, json.Unmarshal(data, &keys)
}

// forget overwrites everything with nothing.
func (s sessionStore) forget(ctx context.Context) error {
	keys, err := s.keys(ctx)
	if err != nil {
		return err
	}
	for key := range keys {
		if err := s.ClientStore.Save(ctx, sessionPrefix+key, nil); err != nil {
			return err
		}
	}
	return s.ClientStore.Save(ctx, sessionKeys, nil)
}
