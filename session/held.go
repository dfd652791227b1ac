package session

import "github.com/omadm-sdk/omadm/syncml"

// What is kept of what a device has said is bounded, so that one that never comes to an end costs no more than others:
// values of Results until their command is complete, news that a Handler has not heard, and Statuses that are owed.

// owedTimes is how many times the commands of one message may wait for a Status. A device with a small MaxMsgSize gets few
// Statuses in one message, and must leave some time for them.
const owedTimes = 2

// size returns about how many bytes keeping n costs.
func (n *node) size() int64 {
	return int64(16 + len(n.uri) + len(n.format) + len(n.mime) + len(n.text))
}

func nodesSize(l []node) (n int64) {
	for i := range l {
		n += l[i].size()
	}
	return n
}

// size returns about how many bytes keeping t costs.
func (t *told) size() int64 {
	if t.alert != nil {
		return int64(128 + t.alert.Value.Size() + len(t.alert.Type) + len(t.alert.Source) + len(t.alert.Target))
	}
	n := 128 + nodesSize(t.result.nodes)
	for i := range t.result.Children {
		n += 128 + nodesSize(t.result.Children[i].nodes)
	}
	return n
}

// keepNode takes in one node of Results for what is answered by a, unless that were to be more than Limits.Answers. Then the
// command has failed, whatever the device says of it, and nothing more of it is kept.
func (x *exchange) keepNode(a *answer, n node) bool {
	x.count()
	switch {
	case a.status == syncml.StatusTooLarge:
		return false
	case x.held+n.size() > x.lim.Answers:
		x.tooLarge(a)
		return false
	}
	x.held += n.size()
	a.nodes = append(a.nodes, n)
	return true
}

// tooLarge lets what is answered by a fail with 413, and keeps nothing of it.
func (x *exchange) tooLarge(a *answer) {
	x.count()
	x.held -= nodesSize(a.nodes)
	*a = answer{status: syncml.StatusTooLarge, results: true}
}

// count adds up, once, how much is kept of commands that are not complete.
func (x *exchange) count() {
	if x.counted {
		return
	}
	x.counted = true
	for _, s := range x.st.sessions {
		for _, p := range s.pending {
			for i := range p.got {
				x.held += nodesSize(p.got[i].nodes)
			}
		}
	}
}

// tell keeps something for the Handler. A Handler that keeps failing does not let it grow without end; one that does not
// hears everything, since no message brings more than this.
func (x *exchange) tell(t told) {
	if x.srv.Handler == nil {
		return
	}
	if len(x.st.told) == 0 {
		x.news = 0
	} else if x.news == 0 {
		for i := range x.st.told {
			x.news += x.st.told[i].size()
		}
	}
	x.news += t.size()
	limit := 2*x.lim.Answers + x.lim.Message
	for l := &x.st.told; len(*l) > 0 && (len(*l) >= maxTold || x.news > limit); *l = (*l)[1:] {
		x.srv.logger().ErrorContext(x.ctx, "handler has not heard for too long; the oldest news is dropped",
			"device", x.device, "session", x.msg.Header.SessionID, "msg", x.msg.Header.MsgID)
		x.news -= (*l)[0].size()
	}
	x.st.told = append(x.st.told, t)
}
