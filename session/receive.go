package session

import (
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// Types of the client events that the server serves itself (MS-MDM).
const (
	typeLoginStatus = "com.microsoft/MDM/LoginStatus"
	typeUserToken   = "com.microsoft/MDM/AADUserToken"
	typeSyncType    = "com.microsoft.mdm.synctype"
	typePending     = "com.microsoft.mdm.requestpending"
)

// receive takes in what the message says, in its order, and decides how each command is answered.
func (x *exchange) receive() {
	for _, c := range x.msg.Commands {
		if _, ok := c.(*syncml.Status); !ok && x.sess.join.open() && !x.continued(c) {
			x.unfinished()
		}
		x.command(c)
	}
	if x.sess.join.open() && (x.msg.Final || x.aborted) {
		x.unfinished()
	}
}

// continued reports whether c brings the next chunk of the object that the device is sending, or may come with it.
func (x *exchange) continued(c syncml.Command) bool {
	switch c := c.(type) {
	case *syncml.Results:
		return len(c.Items) > 0 && x.sess.join.continues(c, &c.Items[0])
	case *syncml.Alert:
		return c.Code == syncml.AlertNextMessage || c.Code == syncml.AlertAbort ||
			len(c.Items) > 0 && x.sess.join.continues(c, &c.Items[0])
	}
	return false
}

// unfinished gives up an object whose last chunk did not come (L07).
func (x *exchange) unfinished() {
	x.lost = x.sess.join.name()
	a := x.sess.join.drop()
	if !x.aborted {
		x.alerts = append(x.alerts, a)
	}
}

// joinItem returns the item if it is whole, or has become so, and else the status that answers the chunk. When this very
// message has given the object up, the device cannot have heard of that, and goes on with it: its last chunk looks as if it
// were a whole value. Whoever sends the object anew does so in a later message.
func (x *exchange) joinItem(c syncml.Command, meta syncml.Meta, it *syncml.Item) (*syncml.Item, syncml.StatusCode) {
	continues := x.sess.join.continues(c, it)
	if !continues && x.sess.join.open() {
		x.unfinished() // c has several items
	}
	switch {
	case x.lost.continues(c, it) && it.Meta.Or(meta).Size == 0:
		return nil, syncml.StatusSizeMismatch
	case !it.MoreData && !continues:
		return it, 0
	}
	whole, code := x.sess.join.take(c, meta, it, x.lim.Object)
	if code != 0 && code != syncml.StatusChunkAccepted {
		x.lost = assembly{Cmd: c.Name(), Target: it.Target.URI, Source: it.Source.URI}
	}
	return whole, code
}

// command answers one command of the device, and takes in what it says.
func (x *exchange) command(c syncml.Command) {
	if st, ok := c.(*syncml.Status); ok {
		x.status(st)
		return
	}
	if !x.numbered(c) {
		return
	}
	switch c := c.(type) {
	case *syncml.Results:
		x.results(c)
	case *syncml.Alert:
		x.alert(c)
	case *syncml.Replace:
		x.oweCode(c, x.devInfo(c))
	case *syncml.Unknown:
		x.oweCode(c, x.rules.unknownCommand)
	default:
		x.notAllowed(c)
	}
}

// numbered answers a command whose CmdID cannot be referred to, and reports whether it has one that can.
func (x *exchange) numbered(c syncml.Command) bool {
	id := c.ID()
	if x.ids.fresh(id) {
		return true
	}
	if id == "0" {
		id = "" // that of the SyncHdr
	}
	x.owe(owedStatus{cmdRef: id, cmd: c.Name(), code: syncml.StatusBadRequest})
	return false
}

// notAllowed answers a command that is not for clients to send, and what is in it, at whatever depth (S21).
func (x *exchange) notAllowed(c syncml.Command) {
	x.oweCode(c, syncml.StatusNotAllowed)
	var children []syncml.Command
	switch c := c.(type) {
	case *syncml.Atomic:
		children = c.Commands
	case *syncml.Sequence:
		children = c.Commands
	}
	for _, c := range children {
		if _, ok := c.(*syncml.Status); !ok && x.numbered(c) {
			x.notAllowed(c)
		}
	}
}

func (x *exchange) oweCode(c syncml.Command, code syncml.StatusCode) {
	x.owe(owedStatus{cmdRef: c.ID(), cmd: c.Name(), code: code})
}

func (x *exchange) owe(o owedStatus) {
	if len(x.sess.owed) >= owedTimes*x.lim.Items {
		x.cancel = "more Statuses are owed than Limits.Items allow"
		return
	}
	o.msgRef = x.msg.Header.MsgID
	x.sess.owed = append(x.sess.owed, o)
}

// idCheck finds CmdIDs that are missing, "0" or not unique. Numbers that rise, as they do nearly always, cost nothing.
type idCheck struct {
	last int
	seen map[string]bool // all so far, once one did not rise
	list []string        // all so far, until then
}

func (c *idCheck) fresh(id string) bool {
	if id == "" || id == "0" {
		return false
	}
	if c.seen == nil {
		if n, err := strconv.Atoi(id); err == nil && n > c.last && id[0] != '0' && id[0] != '+' {
			c.last = n
			c.list = append(c.list, id)
			return true
		}
		c.seen = make(map[string]bool, len(c.list)+1)
		for _, s := range c.list {
			c.seen[s] = true
		}
		c.list = nil
	}
	if c.seen[id] {
		return false
	}
	c.seen[id] = true
	return true
}

// status takes in the answer to a command. One that refers to nothing is ignored (S17).
func (x *exchange) status(st *syncml.Status) {
	if st.CmdRef == "0" && ofHeader(st) {
		x.headerStatus(st)
		return
	}
	p, i := x.sess.find(st.MsgRef, st.CmdRef, &x.hint)
	if p == nil {
		x.srv.logger().DebugContext(x.ctx, "status of an unknown command", "device", x.device, "session", x.sess.id,
			"msg", st.MsgRef, "cmd", st.CmdRef, "status", int(st.Code))
		return
	}
	if x.sess.cutAt > 0 && p == x.sess.out() {
		if st.Code == syncml.StatusChunkAccepted {
			x.taken = true
			return
		}
		x.sess.cutAt = 0 // an answer before the last chunk: the device does not want the rest
	}
	a := p.answerAt(i, p.size())
	if a.status != 0 && !a.status.Informational() {
		return // recorded once
	}
	a.status, a.original, a.texts = st.Code, st.OriginalError, nil
	for j := range st.Items {
		if d := st.Items[j].Data; !d.IsAbsent() {
			a.texts = append(a.texts, d.String())
		}
	}
}

// headerStatus takes in how the device received our last message. It cannot have received one that we have not sent (S17).
func (x *exchange) headerStatus(st *syncml.Status) {
	s := x.sess
	if n, err := strconv.ParseUint(st.MsgRef, 10, 32); err != nil || n == 0 || n >= x.msgID {
		x.srv.logger().DebugContext(x.ctx, "status of an unknown message", "device", x.device, "session", s.id,
			"msg", st.MsgRef, "status", int(st.Code))
		return
	}
	refused := st.Code == syncml.StatusInvalidCredentials || st.Code == syncml.StatusCredentialsRequired
	if x.srv.Sign != nil {
		state, err := auth.Judge(x.ctx, x.srv.Sign, &auth.Verdict{Peer: x.device, Status: st, State: x.st.sign, Trusted: true})
		if err != nil {
			x.srv.logger().WarnContext(x.ctx, "device does not accept this server", "device", x.device, "session", s.id,
				"msg", s.last, "err", err)
			x.cancel = "the device does not accept this server's credentials"
		}
		x.st.sign = state
	}
	switch {
	case refused:
		x.doubted = st.MsgRef
		if s.challenged++; s.challenged > x.lim.Attempts || x.srv.Sign == nil {
			x.cancel = "the device does not accept this server's credentials"
		}
	case st.Code.Success():
		s.challenged = 0
	default:
		x.srv.logger().WarnContext(x.ctx, "device refuses a message", "device", x.device, "session", s.id,
			"msg", st.MsgRef, "status", int(st.Code))
	}
}

// results takes in values.
func (x *exchange) results(r *syncml.Results) {
	ref := r.MsgRef
	if ref == "" {
		ref = "1"
	}
	p, i := x.sess.find(ref, r.CmdRef, &x.hint)
	if p == nil {
		x.srv.logger().DebugContext(x.ctx, "results of an unknown command", "device", x.device, "session", x.sess.id,
			"msg", ref, "cmd", r.CmdRef)
	}
	excess := false
	for j := range r.Items {
		it := &r.Items[j]
		item, code := x.joinItem(r, r.Meta, it)
		if code != 0 {
			x.oweCode(r, code) // S10: 213, 411, 413, 424
		}
		if code == syncml.StatusTooLarge && p != nil {
			x.tooLarge(p.answerAt(i, p.size()))
		}
		if item == nil || p == nil {
			continue
		}
		a := p.answerAt(i, p.size())
		a.results = true
		excess = !x.keepNode(a, wireNode(item, r.Meta)) || excess
	}
	if excess {
		x.oweCode(r, syncml.StatusTooLarge)
	}
	if p != nil {
		x.last = p
	}
}

// alert answers an Alert: those of the protocol here, the others by item.
func (x *exchange) alert(a *syncml.Alert) {
	switch a.Code {
	case syncml.AlertServerInitiated, syncml.AlertClientInitiated, syncml.AlertNextMessage:
		x.oweCode(a, syncml.StatusOK) // a message without Final is answered with 1222 in any case
	case syncml.AlertAbort:
		x.aborted = true
		x.oweCode(a, syncml.StatusOK)
	case syncml.AlertNoEndOfData:
		if p := x.sess.out(); x.sess.cutAt > 0 && p != nil {
			x.sess.cutAt = 0
			p.rest() // the whole object is sent again, as often as other commands
			p.tries++
		}
		x.oweCode(a, syncml.StatusOK)
	case syncml.AlertClientEvent, syncml.AlertGeneric:
		x.alertItems(a)
	case 0:
		x.oweCode(a, syncml.StatusIncomplete)
	default:
		x.oweCode(a, syncml.StatusNotSupported) // S14: UI alerts are for clients; the rest is reserved
	}
}

// alertItems answers alert 1224 or 1226, whose items are independent of each other.
func (x *exchange) alertItems(a *syncml.Alert) {
	if len(a.Items) == 0 {
		x.oweCode(a, syncml.StatusIncomplete)
		return
	}
	statuses := make([]owedStatus, 0, len(a.Items))
	for i := range a.Items {
		it, code := x.joinItem(a, syncml.Meta{}, &a.Items[i])
		o := owedStatus{cmdRef: a.CmdID, cmd: a.Name(), code: code, source: a.Items[i].Source.URI, target: a.Items[i].Target.URI}
		if it != nil && code == 0 {
			o.code, o.alerts = x.alertItem(a, it, i)
		}
		statuses = append(statuses, o)
	}
	// One Status for all items where they fare alike and nobody decides otherwise later.
	one := statuses[0]
	for i := range statuses[1:] {
		if statuses[i+1].code != one.code {
			for _, o := range statuses {
				x.owe(o)
			}
			return
		}
		one.alerts = append(one.alerts, statuses[i+1].alerts...)
	}
	if len(statuses) > 1 {
		one.source, one.target = "", ""
	}
	x.owe(one)
}

// alertItem decides on one item. It returns the key of the alert if the Handler has a say.
func (x *exchange) alertItem(a *syncml.Alert, it *syncml.Item, i int) (syncml.StatusCode, []string) {
	typ := alertType(it)
	if a.Code == syncml.AlertClientEvent {
		switch typ {
		case typeLoginStatus:
			x.sess.login = parseLogin(it.Data.String())
			return syncml.StatusOK, nil
		case typeUserToken:
			x.token = it.Data.String()
			return syncml.StatusOK, nil
		case typePending:
			x.alive = !x.msg.Final
			return syncml.StatusOK, nil
		case typeSyncType:
			return syncml.StatusOK, nil
		}
	}
	format, known := dmtree.FormatOf(it.Meta.Format)
	unsupported := syncml.StatusUnsupportedFormat // S11
	if a.Code == syncml.AlertClientEvent {
		unsupported = syncml.StatusNotSupported // S13
	}
	switch {
	case typ == "":
		return syncml.StatusIncomplete, nil
	case !known, x.srv.Handler == nil:
		return unsupported, nil
	}
	n := wireNode(it, syncml.Meta{})
	v, err := n.value()
	if err != nil || format == dmtree.FormatNull && n.text != "" {
		v = dmtree.String(n.text)
	}
	al := &Alert{
		Key:        x.sess.alertKey(x.msgID, a.CmdID, i),
		Code:       a.Code,
		Type:       typ,
		Source:     dmtree.URI(it.Source.URI),
		Target:     dmtree.URI(it.Target.URI),
		Mark:       it.Meta.Mark,
		Correlator: a.Correlator,
		Value:      v.WithType(""),
	}
	if al.Mark == "" {
		al.Mark = "informational"
	}
	x.tell(told{alert: al})
	return syncml.StatusOK, []string{al.Key}
}

// alertKey names an alert, in this and any later session.
func (s *sessionState) alertKey(msg uint64, cmd string, item int) string {
	return strconv.FormatInt(s.start.UnixMicro(), 36) + "-" + strconv.FormatUint(msg, 10) + "-" + cmd + "-" + strconv.Itoa(item)
}

// alertType returns the type of an alert without the prefixes of DM Protocol, alerts, which clients spell in many ways. Some place
// the element beside Meta.
func alertType(it *syncml.Item) string {
	t := it.Meta.Type
	if t == "" {
		for i := range it.Unknown {
			if e := &it.Unknown[i]; e.Name == "Type" {
				_, t, _ = strings.Cut(e.XML, ">")
				t, _, _ = strings.Cut(t, "<")
			}
		}
	}
	t = strings.TrimSpace(t)
	for _, prefix := range []string{"Reversed-Domain-Name:", "Content-Type:"} {
		if len(t) >= len(prefix) && strings.EqualFold(t[:len(prefix)], prefix) {
			return strings.TrimSpace(t[len(prefix):])
		}
	}
	return t
}

func parseLogin(s string) LoginState {
	switch l := LoginState(strings.ToLower(strings.TrimSpace(s))); l {
	case LoginUser, LoginOthers, LoginNone:
		return l
	}
	return LoginUnknown
}

func parseMode(s string) Mode {
	switch m := Mode(strings.ToLower(strings.TrimSpace(s))); m {
	case ModeUser, ModeDevice:
		return m
	}
	return ModeMixed
}

// devInfo takes in the DevInfo that a device sends by Source. A Replace of anything else is not for clients to send.
func (x *exchange) devInfo(c *syncml.Replace) syncml.StatusCode {
	if len(c.Items) == 0 {
		return syncml.StatusIncomplete
	}
	info := make([]string, 0, 2*len(c.Items))
	for i := range c.Items {
		if c.Items[i].MoreData {
			return syncml.StatusNotSupported // a part would be taken for the whole
		}
		u := c.Items[i].Source.URI
		if u != "" && !dmtree.URI(u).Valid() {
			return syncml.StatusBadRequest
		}
		root, name, ok := strings.Cut(strings.TrimPrefix(u, "./"), "/")
		if !ok || !strings.EqualFold(root, "DevInfo") {
			return syncml.StatusNotAllowed
		}
		for _, std := range [...]string{"DevId", "Man", "Mod", "DmV", "Lang"} {
			if strings.EqualFold(name, std) {
				name = std // prose and some clients write DevID
			}
		}
		info = append(info, name, c.Items[i].Data.String())
	}
	x.sess.devInfo = info
	return syncml.StatusOK
}
