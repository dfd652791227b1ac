package session

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// Client runs the device's side of OMA DM against one server. Fields must not change after the first call.
//
// Run may be called again, but not while it runs. Raise may be called at any time.
type Client struct {
	URL string // the server's address; the query that Windows adds is not part of it
	ID  string // this device's, as ./DevInfo/DevId has it and the server knows it

	// Tree is what the server manages. What the client reports of the device at the start of a session is read from its
	// node ./DevInfo, where DevId, Man, Mod, DmV and Lang belong; of those that are missing, it makes up DevId and DmV.
	// With a Store, the tree should have room for a record as well: see the package comment.
	Tree dmtree.Provider

	// Server is the name by which the tree knows the server, in access control lists and in [dmtree.Call]. Empty: URL.
	Server string

	// HTTP sends the messages. Nil: http.DefaultClient. Redirects are not followed unless its CheckRedirect says so.
	HTTP *http.Client

	// Encoding is that of the first message; later ones are spelled as the server's. Auto: XML.
	Encoding syncml.Encoding

	// NoBackCompat keeps the first message from being said again in version 1.1 of the protocol where the server refuses it
	// for its version, with 505 or 513, or takes it for no message (Windows only; BACKCOMPATRETRYDISABLED). Messages of
	// the server may be of either version.
	NoBackCompat bool

	Sign auth.Signer        // our credentials. Nil: none; what the connection proves has to do
	Auth auth.Authenticator // what the server has to prove. Nil: no more than its TLS certificate did

	// Store keeps what must survive this process: nonces, alerts, the number of the last session, and the session that is
	// open. Nil: memory. Without anything stored, sessions are numbered from a random one on.
	Store ClientStore

	// OriginalErrors has each failure name the HRESULT behind it, as Windows does from SyncApplicationVersion 3.0 on: the
	// one that the provider's error tells by a method HRESULT() uint32, or else the usual one of the status.
	OriginalErrors bool

	// KeepAlive is how long it may take to execute a message of the server before the server is told that it takes longer,
	// and is told again each time this long after it has answered (Windows only; EnableOmaDmKeepAliveMessage). So no
	// connection waits until somebody on the way cuts it. Commands are executed on a goroutine of their own then, which
	// ends before Run does. 0: the server waits for the answer. Unlike other fields, this one may change between two
	// sessions.
	KeepAlive time.Duration

	UI      UI           // asks the user. Nil: there is none, and the server's questions are answered 406
	Profile Profile      // Windows unless said otherwise
	Limits  Limits       // zero fields: the defaults
	Trace   *Trace       // nil: nobody watches
	Logger  *slog.Logger // nil: slog.Default()

	running atomic.Bool
	mu      sync.Mutex // guards what follows
	state   *clientState
	alerts  *raised
	cutOff  *dmtree.Call // of a session that was cut off; belongs to whoever set running
}

// RunOptions say why a session is started, and what the server is told in its first message.
type RunOptions struct {
	// Notification is the server's wish for this session (package #0); nil: the device started it by itself. The session
	// then has its SessionID and begins with alert 1200 in place of 1201.
	Notification *Notification

	// Login tells who is signed in (Windows only); LoginUnknown is reported as LoginNone. User is that user's name, for
	// providers: see [dmtree.Call].
	Login LoginState
	User  string

	// Token is the Entra token of the signed-in user, and Mode what the session is about on a device with several users
	// (Windows only). Empty: neither is sent.
	Token string
	Mode  Mode

	// Alerts are reported in the first message, once; see [Client.Raise] for those that must not get lost.
	Alerts []*syncml.Alert

	// HTTP is added to the header of each request, in place of fields of the same names: Authorization, MS-CV,
	// Client-Request-Id, UserAgentOrigin and the like.
	HTTP http.Header
}

// Summary says what happened in a session.
type Summary struct {
	SessionID string
	Messages  int // that this device sent, repeated ones not counted
	Commands  int // of the server that were answered, containers not counted
	Failed    int // among them, those whose status is no success
}
