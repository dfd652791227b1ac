package session

import (
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// deviceState is what a server remembers of a device between two messages.
type deviceState struct {
	auth []byte // what the Authenticator left
	sign []byte // what the Signer left

	sessions []*sessionState // by mode and user; usually one
	told     []told          // what the Handler has yet to hear
	opened   []opening       // the messages that have opened sessions of late

	replies map[string]storedReply // by key of the session
}

// opening is a message that has opened a session.
type opening struct {
	hash uint64    // of its octets; a device that finds two with the same gets no more than a refusal
	at   time.Time // to the second
}

func openingHash(hash [32]byte) uint64 { return binary.LittleEndian.Uint64(hash[:]) }

// storedReply is the answer to the last message of a session.
type storedReply struct {
	header []string // names and values of the HTTP fields
	body   []byte
}

// sessionState is one session. It stays after its end, for as long as the last message may be repeated.
type sessionState struct {
	mode Mode
	user string // who is signed in; empty: nobody has proved who that is

	id       string // SessionID
	start    time.Time
	seen     time.Time // when the last message came
	last     uint64    // its MsgID
	hash     [32]byte  // of its octets
	auth     []byte    // what the Authenticator had left before it
	messages int
	commands int    // that have an outcome
	failed   int    // among them
	serial   uint64 // of the last command, for Result.ID

	replied    bool // the last message has been answered; else only what it said has been committed
	ended      bool
	perMessage bool // each message proves anew who sent it
	greeted    bool // the Handler has seen the first message
	more       bool // our package goes on in the next message
	challenged int  // how often the device wanted other credentials of ours, one time after the other

	login   LoginState
	maxMsg  int64 // largest message that the device takes; 0: no limit is known
	maxObj  int64 // likewise for objects
	respURI string
	devInfo []string // names and values

	pending []*pending   // commands that have no outcome yet, in order
	owed    []owedStatus // statuses that have not been sent yet
	scripts []*scriptLog
	cutAt   int      // how much of the value of out() has been sent, where that goes out in chunks; else 0
	join    assembly // the object that the device is sending in chunks
}

// key tells the sessions of a device apart that may be open at the same time.
func (s *sessionState) key() string {
	if s.mode == ModeUser {
		return string(s.mode) + "\x00" + s.user
	}
	return string(s.mode) + "\x00"
}

// isOf reports whether a message of the user may belong to the session. Of some messages it is not known whose they are.
func (s *sessionState) isOf(user string) bool {
	return s.mode != ModeUser || s.user == "" || user == "" || s.user == user
}

// pending is a command on its way to the device.
type pending struct {
	id    string // Result.ID
	owner string // of the Handler that wrote it
	work  bool   // it came from the queue, which has its body

	as    kind   // what is sent, which for a Set and a probe differs from the Entry's kind; 0: not decided
	msg   uint64 // MsgID of the message it went out in; 0: it waits
	cmd   int    // its CmdID there; those of its children follow
	tries int    // how many sessions it has gone out in
	again bool   // it has gone out in a session that died
	other bool   // it has had its second choice in this session
	probe bool   // the node of an Exec is read, since its outcome is unknown

	got []answer // by CmdID, the command's own first; nil: nothing came yet

	search *search // for the culprit of an Atomic; nil: there is none

	entry *Entry // of queued work: nil until the store's body has been read
}

// answer is what came for one CmdID.
type answer struct {
	status   syncml.StatusCode
	original string
	texts    []string // from the items of a Status
	nodes    []node
	results  bool // Results came
}

// told is a result or an alert that has been committed, and waits for the Handler to hear it.
type told struct {
	result *Result
	alert  *Alert
}

// owedStatus is a Status that has been decided.
type owedStatus struct {
	msgRef, cmdRef, cmd string
	target, source      string
	code                syncml.StatusCode
	alerts              []string // keys of the alerts whose Handler may still decide otherwise
}

// answerAt returns the place for what came for the i-th CmdID of n.
func (p *pending) answerAt(i, n int) *answer {
	if p.got == nil {
		p.got = make([]answer, n)
	}
	return &p.got[i]
}

// rest makes p wait to be sent again.
func (p *pending) rest() {
	p.msg, p.cmd, p.got = 0, 0, nil
}

// nextID names the next command.
func (s *sessionState) nextID() string {
	s.serial++
	b := strconv.AppendInt(nil, s.start.UnixMicro(), 36)
	b = append(b, '-')
	return string(strconv.AppendUint(b, s.serial, 36))
}

// find returns the pending command, and which of its CmdIDs, that (msgRef, cmdRef) refers to. It is quick where the
// device answers in order; hint is where the last search ended.
func (s *sessionState) find(msgRef, cmdRef string, hint *int) (*pending, int) {
	msg, err := strconv.ParseUint(msgRef, 10, 64)
	if err != nil || msg == 0 {
		return nil, 0
	}
	cmd, err := strconv.Atoi(cmdRef)
	if err != nil {
		return nil, 0
	}
	for i := range s.pending {
		at := (i + *hint) % len(s.pending)
		p := s.pending[at]
		if p.msg != msg || cmd < p.cmd {
			continue
		}
		if cmd < p.cmd+p.size() {
			*hint = at
			return p, cmd - p.cmd
		}
	}
	return nil, 0
}

// journal returns that of the script of an owner.
func (s *sessionState) journal(owner string) *scriptLog {
	for _, j := range s.scripts {
		if j.owner == owner {
			return j
		}
	}
	j := &scriptLog{owner: owner}
	s.scripts = append(s.scripts, j)
	return j
}

// expired reports whether the device has been silent for too long.
func (s *sessionState) expired(now time.Time, idle time.Duration) bool {
	return idle > 0 && now.Sub(s.seen) > idle
}

func (d *deviceState) session(key string) *sessionState {
	for _, s := range d.sessions {
		if s.key() == key {
			return s
		}
	}
	return nil
}

// open notes that a message has opened a session, and forgets those that are too old to be repeated.
func (d *deviceState) open(hash [32]byte, now time.Time, replay time.Duration) {
	if replay <= 0 {
		d.opened = nil
		return
	}
	o := opening{openingHash(hash), now}
	d.opened = slices.DeleteFunc(d.opened, func(p opening) bool { return p.hash == o.hash || now.Sub(p.at) > replay })
	if n := len(d.opened) - maxOpened + 1; n > 0 {
		d.opened = d.opened[n:]
	}
	d.opened = append(d.opened, o)
}

func (d *deviceState) remove(s *sessionState) {
	d.sessions = slices.DeleteFunc(d.sessions, func(o *sessionState) bool { return o == s })
	delete(d.replies, s.key())
}

const (
	sessionReplied = 1 << iota
	sessionEnded
	sessionPerMessage
	sessionGreeted
	sessionMore
	sessionJoin
)

const (
	pendingWork = 1 << iota
	pendingAgain
	pendingOther
	pendingProbe
	pendingOctets
	pendingSearch
)

func flags(l ...bool) byte {
	var f byte
	for i, v := range l {
		if v {
			f |= 1 << i
		}
	}
	return f
}

// encode returns the stored form of all but the replies.
func (d *deviceState) encode() []byte {
	a := newAppender()
	a.blob(d.auth)
	a.blob(d.sign)
	a.uint(uint64(len(d.sessions)))
	for _, s := range d.sessions {
		s.encode(a)
	}
	a.uint(uint64(len(d.told)))
	for i := range d.told {
		a.told(&d.told[i])
	}
	if len(d.opened) > 0 {
		a.uint(uint64(len(d.opened)))
		for _, o := range d.opened {
			a.b = binary.LittleEndian.AppendUint64(a.b, o.hash)
			a.int(o.at.Unix())
		}
	}
	return a.done()
}

func (s *sessionState) encode(a *appender) {
	a.byte(flags(s.replied, s.ended, s.perMessage, s.greeted, s.more, s.join.open()))
	a.str(string(s.mode))
	a.str(s.user)
	a.str(s.id)
	a.int(s.start.UnixMicro())
	a.int(s.seen.UnixMicro())
	a.uint(s.last)
	a.b = append(a.b, s.hash[:]...)
	a.blob(s.auth)
	a.uint(uint64(s.messages))
	a.uint(uint64(s.commands))
	a.uint(uint64(s.failed))
	a.uint(s.serial)
	a.uint(uint64(s.challenged))
	a.str(string(s.login))
	a.uint(uint64(s.maxMsg))
	a.uint(uint64(s.maxObj))
	a.str(s.respURI)
	a.strs(s.devInfo)
	a.uint(uint64(len(s.pending)))
	for _, p := range s.pending {
		p.encode(a)
	}
	a.uint(uint64(len(s.owed)))
	for i := range s.owed {
		a.owed(&s.owed[i])
	}
	a.uint(uint64(len(s.scripts)))
	for _, j := range s.scripts {
		a.journal(j)
	}
	a.uint(uint64(s.cutAt))
	if s.join.open() {
		a.assembly(&s.join)
	}
}

func (p *pending) encode(a *appender) {
	octets, ok := idOctets(p.id)
	a.byte(flags(p.work, p.again, p.other, p.probe, ok, p.search != nil))
	a.byte(byte(p.as))
	if ok {
		a.b = append(a.b, octets[:]...)
	} else {
		a.str(p.id)
	}
	a.str(p.owner)
	if !p.work {
		a.entry(p.entry)
	}
	a.uint(p.msg)
	a.uint(uint64(p.cmd))
	a.uint(uint64(p.tries))
	a.answers(p.got)
	if p.search != nil {
		a.uint(uint64(p.search.tried))
		a.answers(p.search.got)
	}
}

func (a *appender) answers(l []answer) {
	a.uint(uint64(len(l)))
	for i := range l {
		g := &l[i]
		a.uint(uint64(g.status))
		a.str(g.original)
		a.strs(g.texts)
		a.nodes(g.nodes)
		a.bool(g.results)
	}
}

func (a *appender) owed(o *owedStatus) {
	a.str(o.msgRef)
	a.str(o.cmdRef)
	a.str(o.cmd)
	a.str(o.target)
	a.str(o.source)
	a.uint(uint64(o.code))
	a.strs(o.alerts)
}

func (a *appender) told(t *told) {
	if t.result != nil {
		a.byte(0)
		a.str(t.result.owner)
		a.result(t.result)
		return
	}
	l := t.alert
	a.byte(1)
	a.str(l.Key)
	a.uint(uint64(l.Code))
	a.str(l.Type)
	a.str(string(l.Source))
	a.str(string(l.Target))
	a.str(l.Mark)
	a.str(l.Correlator)
	a.value(l.Value)
	a.strs(l.only)
}

// decodeState reads what encode wrote. Nothing at all is the state of a device never seen.
func decodeState(b []byte) (*deviceState, error) {
	d := new(deviceState)
	if len(b) == 0 {
		return d, nil
	}
	p := parser{s: string(b)}
	if p.byte() != storedVersion {
		return nil, errStored
	}
	d.auth = p.blob()
	d.sign = p.blob()
	d.sessions = make([]*sessionState, p.count())
	for i := range d.sessions {
		d.sessions[i] = p.session()
	}
	n := p.count()
	for range n {
		d.told = append(d.told, p.told())
	}
	if p.s != "" {
		n = p.count()
		for range n {
			d.opened = append(d.opened, opening{p.fixed64(), time.Unix(p.int(), 0)})
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return d, nil
}

func (p *parser) session() *sessionState {
	f := p.byte()
	s := &sessionState{
		replied:    f&sessionReplied != 0,
		ended:      f&sessionEnded != 0,
		perMessage: f&sessionPerMessage != 0,
		greeted:    f&sessionGreeted != 0,
		more:       f&sessionMore != 0,
		mode:       Mode(p.str()),
		user:       p.str(),
		id:         p.str(),
		start:      time.UnixMicro(p.int()),
		seen:       time.UnixMicro(p.int()),
		last:       p.uint(),
	}
	if len(p.s) < len(s.hash) {
		p.fail()
		return s
	}
	copy(s.hash[:], p.s)
	p.s = p.s[len(s.hash):]
	s.auth = p.blob()
	s.messages = int(p.uint())
	s.commands = int(p.uint())
	s.failed = int(p.uint())
	s.serial = p.uint()
	s.challenged = int(p.uint())
	s.login = LoginState(p.str())
	s.maxMsg = int64(p.uint())
	s.maxObj = int64(p.uint())
	s.respURI = p.str()
	s.devInfo = p.strs()
	n := p.count()
	if n > 0 {
		block := make([]pending, n)
		s.pending = make([]*pending, n)
		for i := range s.pending {
			s.pending[i] = &block[i]
			p.pending(&block[i])
		}
	}
	n = p.count()
	for range n {
		s.owed = append(s.owed, owedStatus{
			msgRef: p.str(), cmdRef: p.str(), cmd: p.str(), target: p.str(), source: p.str(),
			code: syncml.StatusCode(p.uint()), alerts: p.strs(),
		})
	}
	n = p.count()
	for range n {
		s.scripts = append(s.scripts, p.journal())
	}
	s.cutAt = int(p.uint())
	if f&sessionJoin != 0 {
		p.assembly(&s.join)
	}
	return s
}

func (a *appender) assembly(j *assembly) {
	a.str(j.Cmd)
	a.str(j.Target)
	a.str(j.Source)
	a.str(j.Meta.Format)
	a.str(j.Meta.Type)
	a.str(j.Meta.Mark)
	a.uint(uint64(j.Size))
	a.bool(j.Binary)
	a.blob(j.Data)
}

func (p *parser) assembly(j *assembly) {
	j.Cmd, j.Target, j.Source = p.str(), p.str(), p.str()
	j.Meta = syncml.Meta{Format: p.str(), Type: p.str(), Mark: p.str()}
	j.Size = int64(p.uint())
	j.Binary = p.bool()
	j.Data = p.blob()
}

func (p *parser) pending(c *pending) {
	f := p.byte()
	c.work, c.again, c.other, c.probe = f&pendingWork != 0, f&pendingAgain != 0, f&pendingOther != 0, f&pendingProbe != 0
	c.as = kind(p.byte())
	if f&pendingOctets != 0 {
		c.id = p.idOctets()
	} else {
		c.id = p.str()
	}
	c.owner = p.str()
	if !c.work {
		c.entry = new(Entry)
		p.entry(c.entry, false)
	}
	c.msg = p.uint()
	c.cmd = int(p.uint())
	c.tries = int(p.uint())
	c.got = p.answers()
	if f&pendingSearch != 0 {
		c.search = &search{tried: int(p.uint()), got: p.answers()}
	}
	if !c.work && !c.sound() {
		p.fail()
	}
}

// sound reports whether what is stored of a command fits the command.
func (p *pending) sound() bool {
	if s := p.search; s != nil {
		n := len(p.entry.children())
		if p.entry.kind != kindAtomic || p.probe || s.tried < 0 || s.tried >= n || len(s.got) != 1+n {
			return false
		}
	}
	return p.as < kindEnd && (p.got == nil || len(p.got) == p.size())
}

func (p *parser) answers() []answer {
	n := p.count()
	if n == 0 {
		return nil
	}
	l := make([]answer, n)
	for i := range l {
		l[i] = answer{
			status: syncml.StatusCode(p.uint()), original: p.str(), texts: p.strs(), nodes: p.nodes(), results: p.bool(),
		}
	}
	return l
}

func (p *parser) told() told {
	if p.byte() == 0 {
		owner := p.str()
		r := p.result(1)
		r.owner = owner
		return told{result: &r}
	}
	return told{alert: &Alert{
		Key: p.str(), Code: syncml.AlertCode(p.uint()), Type: p.str(), Source: dmtree.URI(p.str()), Target: dmtree.URI(p.str()),
		Mark: p.str(), Correlator: p.str(), Value: p.value(), only: p.strs(),
	}}
}

// encodeReplies returns the stored form of the replies, and in it the body of the one with the given key; nil if there are
// none.
func (d *deviceState) encodeReplies(key string) (blob, body []byte) {
	if len(d.replies) == 0 {
		return nil, nil
	}
	n := 16
	for _, r := range d.replies {
		n += len(r.body) + 256
	}
	a := appender{make([]byte, 0, n)}
	a.byte(storedVersion)
	a.uint(uint64(len(d.replies)))
	for k, r := range d.replies {
		a.str(k)
		a.strs(r.header)
		a.blob(r.body)
		if k == key {
			body = a.b[len(a.b)-len(r.body) : len(a.b) : len(a.b)]
		}
	}
	return a.b, body
}

func decodeReplies(b []byte) (map[string]storedReply, error) {
	if len(b) == 0 {
		return nil, nil
	}
	p := parser{s: string(b)}
	if p.byte() != storedVersion {
		return nil, errStored
	}
	n := p.count()
	m := make(map[string]storedReply, n)
	for range n {
		key := p.str()
		m[key] = storedReply{header: p.strs(), body: p.blob()}
	}
	return m, p.end()
}
