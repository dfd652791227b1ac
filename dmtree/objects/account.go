package objects

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	"github.com/omadm-sdk/omadm/dmtree"
)

// An Account is what a device knows of a server: where it is and how both prove
// who they are.
type Account struct {
	ServerID   string
	Name       string // for people
	PrefConRef string // preferred connectivity
	Addrs      []Addr
	AuthPref   AuthType // preferred for the first message; "" for what was negotiated last
	Auths      []Auth
}

// An Addr is an address of a server.
type Addr struct {
	Addr  string
	Type  string // URI, IPv4 or IPv6; "" stands for URI
	Ports []uint16
}

// An Auth is one set of credentials.
type Auth struct {
	Level  AuthLevel
	Type   AuthType
	Name   string
	Secret string
	Data   []byte // nonce of digests
}

// String tells what kind of credentials these are, and whose, without the secret.
func (a Auth) String() string { return fmt.Sprintf("%s %s %s", a.Level, a.Type, a.Name) }

// GoString is String, so that no verb of fmt shows the secret.
func (a Auth) GoString() string { return a.String() }

// LogValue makes an Auth log as its String.
func (a Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// An AuthLevel says who proves what to whom.
type AuthLevel string

// The levels of credentials.
const (
	LevelClient AuthLevel = "CLCRED"  // the client to the server
	LevelServer AuthLevel = "SRVCRED" // the server to the client
	LevelOBEX   AuthLevel = "OBEX"
	LevelHTTP   AuthLevel = "HTTP"
)

// An AuthType is a way to prove it.
type AuthType string

// The types of authentication that are in use.
const (
	AuthBasic     AuthType = "BASIC"
	AuthDigest    AuthType = "DIGEST"
	AuthHMAC      AuthType = "HMAC"
	AuthX509      AuthType = "X509"
	AuthTransport AuthType = "TRANSPORT"
)

// What servers may do with the nodes of an account: replace all of it, and read
// all but secrets and nonces.
var (
	accountNode   = dmtree.Properties{Access: dmtree.AccessGet | dmtree.AccessAdd | dmtree.AccessReplace}
	accountRoot   = dmtree.Properties{Access: accountNode.Access | dmtree.AccessDelete}
	accountSecret = dmtree.Properties{Access: dmtree.AccessAdd | dmtree.AccessReplace}
)

// Put makes the node u of m this account, whatever it was before.
func (a Account) Put(ctx context.Context, m *dmtree.Memory, u dmtree.URI) error {
	var o object
	o.put(u, dmtree.Null, dmtree.Properties{}) // a leaf in between drops what was there
	o.put(u, dmtree.Interior().WithType(TypeDMAcc), accountRoot)
	leaf := func(at dmtree.URI, name, text string) { o.put(at.Join(name), dmtree.String(text), accountNode) }
	interior := func(at dmtree.URI) dmtree.URI {
		o.put(at, dmtree.Interior(), accountNode)
		return at
	}
	leaf(u, "AppID", "w7")
	leaf(u, "ServerID", a.ServerID)
	leaf(u, "Name", a.Name)
	leaf(u, "PrefConRef", a.PrefConRef)
	leaf(u, "AAuthPref", string(a.AuthPref))
	addrs := interior(u.Join("AppAddr"))
	for i, addr := range a.Addrs {
		at := interior(addrs.Join(strconv.Itoa(i + 1)))
		leaf(at, "Addr", addr.Addr)
		leaf(at, "AddrType", addr.Type)
		if len(addr.Ports) == 0 {
			continue
		}
		ports := interior(at.Join("Port"))
		for j, port := range addr.Ports {
			leaf(interior(ports.Join(strconv.Itoa(j+1))), "PortNbr", strconv.Itoa(int(port)))
		}
	}
	auths := interior(u.Join("AppAuth"))
	for i, auth := range a.Auths {
		at := interior(auths.Join(strconv.Itoa(i + 1)))
		leaf(at, "AAuthLevel", string(auth.Level))
		leaf(at, "AAuthType", string(auth.Type))
		leaf(at, "AAuthName", auth.Name)
		o.put(at.Join("AAuthSecret"), dmtree.String(auth.Secret).Secret(), accountSecret)
		o.put(at.Join("AAuthData"), dmtree.Bytes(auth.Data).Secret(), accountSecret)
	}
	return o.into(ctx, m)
}

// ReadAccount reads the account at the node u of p, where the device keeps it:
// through a Tree, a server gets no secrets. What is missing stays empty, but for
// an address without type, which is a URI.
func ReadAccount(ctx context.Context, p dmtree.Provider, u dmtree.URI) (*Account, error) {
	r := reader{ctx: ctx, p: p}
	a := &Account{
		ServerID: r.text(u, "ServerID"), Name: r.text(u, "Name"), PrefConRef: r.text(u, "PrefConRef"),
		AuthPref: AuthType(r.text(u, "AAuthPref")),
	}
	for at := range r.children(u.Join("AppAddr")) {
		addr := Addr{Addr: r.text(at, "Addr"), Type: r.text(at, "AddrType")}
		if addr.Type == "" {
			addr.Type = "URI"
		}
		for port := range r.children(at.Join("Port")) {
			n, err := strconv.ParseUint(r.text(port, "PortNbr"), 10, 16)
			if err != nil {
				r.fail(port, fmt.Errorf("%w: a port is not a number", dmtree.ErrFormat))
			}
			addr.Ports = append(addr.Ports, uint16(n))
		}
		a.Addrs = append(a.Addrs, addr)
	}
	for at := range r.children(u.Join("AppAuth")) {
		data, err := r.value(at, "AAuthData").Bytes()
		if err != nil && !r.value(at, "AAuthData").IsNull() {
			r.fail(at, err)
		}
		a.Auths = append(a.Auths, Auth{
			Level: AuthLevel(r.text(at, "AAuthLevel")), Type: AuthType(r.text(at, "AAuthType")),
			Name: r.text(at, "AAuthName"), Secret: r.text(at, "AAuthSecret"), Data: data,
		})
	}
	if _, err := dmtree.Get(ctx, p, u); err != nil {
		return nil, err
	}
	return a, r.err
}

// First returns the credentials of a level with which the first message of a
// session is made: those of the preferred type, or of the type that was
// negotiated last, or else the first there are. Nil if there are none.
func (a *Account) First(level AuthLevel, negotiated AuthType) *Auth {
	var of []*Auth
	for i := range a.Auths {
		if a.Auths[i].Level == level {
			of = append(of, &a.Auths[i])
		}
	}
	for _, want := range []AuthType{a.AuthPref, negotiated} {
		if i := slices.IndexFunc(of, func(auth *Auth) bool { return auth.Type == want }); want != "" && i >= 0 {
			return of[i]
		}
	}
	if len(of) == 0 {
		return nil
	}
	return of[0]
}

// URL returns the first address that is a URI, or "".
func (a *Account) URL() string {
	for _, addr := range a.Addrs {
		if addr.Type == "" || addr.Type == "URI" {
			return addr.Addr
		}
	}
	return ""
}

// A reader keeps the first error.
type reader struct {
	ctx context.Context
	p   dmtree.Provider
	err error
}

func (r *reader) fail(u dmtree.URI, err error) {
	if r.err == nil {
		r.err = &dmtree.Error{Op: "get", URI: u, Err: err}
	}
}

func (r *reader) value(u dmtree.URI, name string) dmtree.Value {
	v, err := dmtree.Get(r.ctx, r.p, u.Join(name))
	if err != nil && !errors.Is(err, dmtree.ErrNotFound) {
		r.fail(u, err)
	}
	return v
}

func (r *reader) text(u dmtree.URI, name string) string { return r.value(u, name).Text() }

func (r *reader) children(u dmtree.URI) func(yield func(dmtree.URI) bool) {
	return func(yield func(dmtree.URI) bool) {
		for name := range r.value(u.Parent(), u.Name()).Names() {
			if !yield(u.Join(name)) {
				return
			}
		}
	}
}
