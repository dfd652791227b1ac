package session

import "time"

// Limits bound what one peer can make an engine do. Zero fields mean the defaults, which are named beside each of them. A
// negative number of Messages, Attempts or AlertSessions, or a negative Interaction, is no limit; negative Retries are no
// retries, and a negative Replay takes nothing for a repeat. A size, Depth or Items below 0 counts as 0.
type Limits struct {
	// Message is the largest message that is accepted, in bytes as it travels. A client announces it as MaxMsgSize
	// where its profile announces anything; a server always does. Default: [DefaultMessage].
	Message int64

	// Object is the largest object that is put together from chunks, in bytes as they travel; announced as MaxObjSize. A
	// server's Get that a device answers with a larger one has the Result 413. Default: [DefaultObject].
	Object int64

	// Depth is how deep elements may nest in a message, markup in values included. Default: [DefaultDepth].
	Depth int

	// Items is how many commands and items one message may hold together. A session is aborted in which twice as many
	// answers wait, because the peer goes on and takes small messages. Default: [DefaultItems].
	Items int

	// Messages is how many messages one session may take before it is aborted: what ends a peer that asks for the next
	// message, or sends the next chunk, for ever. Default: [DefaultMessages].
	Messages int

	// Answers is how many bytes of values a client holds back for messages to come: a Get beyond it is answered 413, an
	// Atomic whose statuses are beyond it 517. A server keeps as many for commands that are not complete, where a Get beyond
	// it has the Result 413, and some two times as many for a Handler that keeps failing, which then misses what is oldest.
	// Default: [DefaultAnswers].
	Answers int64

	// Attempts is how many times either side may be asked for credentials, one after the other, before the session is
	// ended (DM Security). Default: [DefaultAttempts].
	Attempts int

	// Replay is how long a server answers a repeated message with the reply that it kept, and refuses copies of a
	// session's first message that come when the session has gone on; and how long a client that was restarted in the
	// middle of a session tries to go on with it. Default: [DefaultReplay].
	Replay time.Duration

	// Idle is how long a server keeps a session open whose client is silent. Default: [DefaultIdle].
	Idle time.Duration

	// Interaction is how long a client waits for its user when the server set no time (MAXDT), and the most that a
	// server can set. Default: [DefaultInteraction].
	Interaction time.Duration

	// Retries is how many times a client repeats a message that found no answer, and Backoff and MaxBackoff how long it
	// waits before: first Backoff, then twice as long each time (MS-MDM). Defaults: [DefaultRetries],
	// [DefaultBackoff], [DefaultMaxBackoff].
	Retries             int
	Backoff, MaxBackoff time.Duration

	// AlertSessions is in how many sessions a client reports an alert that a server keeps refusing, or has nothing to say
	// to. Default: [DefaultAlertSessions].
	AlertSessions int
}

// Defaults of [Limits].
const (
	DefaultMessage       = 512 << 10        // what Microsoft's service announces
	DefaultObject        = 4 << 20          // an ADMX file or a certificate store, not a firmware image
	DefaultDepth         = 64               // SyncML itself needs 10, the rest is for XML in values
	DefaultItems         = 10_000           // a message of DefaultMessage bytes has room for about 5,000 useful ones
	DefaultMessages      = 1_000            // 500 MB at most in each direction
	DefaultAnswers       = 16 << 20         // the largest inventories are a few MB
	DefaultAttempts      = 2                // one mistake, one stale nonce
	DefaultReplay        = 2 * time.Minute  // more than a client's HTTP timeout
	DefaultIdle          = 10 * time.Minute // a slow device with a user in front of it
	DefaultInteraction   = 5 * time.Minute
	DefaultRetries       = 3 // CONNRETRYFREQ
	DefaultBackoff       = 16 * time.Second
	DefaultMaxBackoff    = 24 * time.Hour
	DefaultAlertSessions = 8
)

// withDefaults returns l with its zero fields filled in. A size below 0 would let nothing through; it is taken for one
// that was not set.
func (l Limits) withDefaults() Limits {
	l.Message, l.Object, l.Answers = max(l.Message, 0), max(l.Object, 0), max(l.Answers, 0)
	l.Depth, l.Items = max(l.Depth, 0), max(l.Items, 0)
	def(&l.Message, DefaultMessage)
	def(&l.Object, DefaultObject)
	def(&l.Depth, DefaultDepth)
	def(&l.Items, DefaultItems)
	def(&l.Messages, DefaultMessages)
	def(&l.Answers, DefaultAnswers)
	def(&l.Attempts, DefaultAttempts)
	def(&l.Replay, DefaultReplay)
	def(&l.Idle, DefaultIdle)
	def(&l.Interaction, DefaultInteraction)
	def(&l.Retries, DefaultRetries)
	def(&l.Backoff, DefaultBackoff)
	def(&l.MaxBackoff, DefaultMaxBackoff)
	def(&l.AlertSessions, DefaultAlertSessions)
	return l
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}
