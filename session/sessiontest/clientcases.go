package sessiontest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// A clientCase is a session of [RunClient].
type clientCase struct {
	name                          string
	atomic, large, proof, windows bool // what the device must be able to do, or be
	play                          func(p *player)
}

// clientCases are in the order in which they are played.
var clientCases = []clientCase{
	{name: "C01 C02 C04 the first message", play: func(p *player) {
		m := p.hear()
		if len(m.Commands) == 0 {
			p.fail("it is empty")
		}
		if a, ok := m.Commands[0].(*syncml.Alert); !ok || a.Code != syncml.AlertClientInitiated && a.Code != syncml.AlertServerInitiated {
			p.t.Errorf("C01: it does not begin with alert 1201 or 1200")
		}
		var info []string
		for _, c := range m.Commands {
			switch c := c.(type) {
			case *syncml.Alert:
			case *syncml.Replace:
				for i := range c.Items {
					if c.Items[i].Target.URI != "" {
						p.t.Errorf("C02: DevInfo is addressed by Target")
					}
					info = append(info, strings.ToLower(c.Items[i].Source.URI))
				}
			default:
				p.t.Errorf("C04: it holds %s", c.Name())
			}
		}
		for _, name := range []string{"DevId", "Man", "Mod", "DmV", "Lang"} {
			if !slices.Contains(info, "./devinfo/"+strings.ToLower(name)) {
				p.t.Errorf("C02: ./DevInfo/%s is missing", name)
			}
		}
		if !m.Final {
			p.t.Errorf("C16: it has no Final")
		}
		if first := map[bool]string{true: "1", false: "2"}[p.o.Profile == session.OMA]; m.Commands[0].ID() != first {
			p.t.Errorf("the first CmdID is %s, want %s", m.Commands[0].ID(), first)
		}
		p.over()
	}},
	{name: "C06 C07 C08 C11 C12 C14 answers in order", play: func(p *player) {
		p.hear()
		p.say(true, p.add("a", "x", "1"), p.get("b", "x"), p.get("c", "none"), p.replace("d", "x", "2"), p.remove("e", "x"))
		m := p.hear()
		for id, code := range map[string]syncml.StatusCode{"a": 200, "b": 200, "c": 404, "d": 200, "e": 200} {
			p.want(id, code)
		}
		var order []string
		for _, c := range m.Commands {
			switch c := c.(type) {
			case *syncml.Status:
				order = append(order, c.CmdRef)
				if c.CmdRef == "0" && (!slices.Equal(c.TargetRefs, []string{p.got.Header.Source.URI}) || !slices.Equal(c.SourceRefs, []string{p.got.Header.Target.URI})) {
					p.t.Errorf("C06: the Status of the SyncHdr refers to %v from %v", c.TargetRefs, c.SourceRefs)
				}
			case *syncml.Results:
				order = append(order, "results of "+c.CmdRef)
				if len(c.Items) != 1 || c.Items[0].Source.URI == "" {
					p.t.Errorf("C12: Results do not name the node")
				}
			default:
				p.t.Errorf("C04: the device sends %s", c.Name())
			}
		}
		results := slices.Index(order, "results of b")
		if results < slices.Index(order, "b") {
			p.t.Errorf("C11: Results stand before the Status of their Get: %v", order)
		}
		if slices.Contains(order, "results of c") {
			p.t.Errorf("C14: there are Results of a Get that failed")
		}
		if order = slices.DeleteFunc(order, func(s string) bool { return strings.HasPrefix(s, "results") }); !slices.IsSorted(order) {
			p.t.Errorf("C08: Statuses in the order %v", order)
		}
		p.over()
	}},
	{name: "C15 C17 a package that is open", play: func(p *player) {
		p.hear()
		p.say(false, p.add("a", "x", "1"))
		m := p.hear()
		p.want("a", syncml.StatusOK)
		if m.Final {
			p.t.Errorf("C15: Final before the server's")
		}
		if a, ok := m.Commands[len(m.Commands)-1].(*syncml.Alert); !ok || a.Code != syncml.AlertNextMessage {
			p.t.Errorf("C17: the next message is not asked for")
		}
		p.say(true, p.remove("b", "x"))
		if m = p.hear(); !m.Final {
			p.t.Errorf("C16: no Final in the last message of the package")
		}
		p.over()
	}},
	{name: "C18 nothing is asked for", play: func(p *player) {
		p.hear()
		p.over()
	}},
	{name: "C20 abort", play: func(p *player) {
		p.hear()
		p.say(true, &syncml.Alert{CmdID: "1", Code: syncml.AlertAbort})
		p.over()
	}},
	{name: "C16 C23 C26 a reply in several messages", play: func(p *player) {
		p.meta.MaxMsgSize = 2500
		p.hear()
		var cmds []syncml.Command
		for i := range 12 {
			cmds = append(cmds, p.add("a"+strconv.Itoa(i), "n"+strconv.Itoa(i), strings.Repeat("v", 150)), p.get("g"+strconv.Itoa(i), "n"+strconv.Itoa(i)))
		}
		p.say(true, cmds...)
		said := strconv.Itoa(p.sent)
		statuses, results := 0, 0
		for messages := 1; ; messages++ {
			m := p.hear()
			for _, c := range m.Commands {
				switch c := c.(type) {
				case *syncml.Status:
					if c.MsgRef == said && c.CmdRef != "0" {
						statuses++
					}
				case *syncml.Results:
					results++
				}
			}
			if m.Final {
				break
			}
			if messages > 50 {
				p.fail("no end of it")
			}
			p.say(false, &syncml.Alert{CmdID: "next", Code: syncml.AlertNextMessage})
		}
		if statuses != 24 || results != 12 {
			p.t.Errorf("%d Statuses and %d Results, want 24 and 12", statuses, results)
		}
		var away []syncml.Command
		for i := range 12 {
			away = append(away, p.remove("d"+strconv.Itoa(i), "n"+strconv.Itoa(i)))
		}
		p.say(true, away...)
		for !p.hear().Final {
			p.say(false, &syncml.Alert{CmdID: "next", Code: syncml.AlertNextMessage})
		}
		p.over()
	}},
	{name: "Q01 Q02 Q03 a Sequence", play: func(p *player) {
		p.hear()
		p.say(true, &syncml.Sequence{CmdID: "s", Commands: []syncml.Command{
			p.add("a", "x", "1"), p.remove("b", "none"), p.replace("c", "x", "2"), p.get("d", "x"), p.remove("e", "x"),
		}})
		p.hear()
		for id, code := range map[string]syncml.StatusCode{"s": 200, "a": 200, "b": 404, "c": 200, "d": 200, "e": 200} {
			p.want(id, code)
		}
		if v, _ := p.value("d"); v != "2" {
			p.t.Errorf("Q01: the Get in the middle brings %q, want 2", v)
		}
		p.over()
	}},
	{name: "Q07 an Atomic that succeeds", atomic: true, play: func(p *player) {
		p.hear()
		p.say(true, &syncml.Atomic{CmdID: "s", Commands: []syncml.Command{p.add("a", "x", "1"), p.add("b", "y", "2")}})
		p.hear()
		for _, id := range []string{"s", "a", "b"} {
			p.want(id, syncml.StatusOK)
		}
		p.holds("y", "2")
		p.say(true, p.remove("c", "x"), p.remove("d", "y"))
		p.hear()
		p.over()
	}},
	{name: "Q08 Q09 Q10 an Atomic that fails", atomic: true, play: func(p *player) {
		p.hear()
		p.say(true, p.add("z", "x", "old"))
		p.hear()
		p.say(true, &syncml.Atomic{CmdID: "s", Commands: []syncml.Command{
			p.replace("a", "x", "new"), p.add("b", "y", "2"), p.remove("c", "none"), p.add("d", "z", "3"),
		}})
		p.hear()
		for id, code := range map[string]syncml.StatusCode{"s": 507, "a": 216, "b": 216, "c": 404, "d": 215} {
			p.want(id, code)
		}
		p.holds("x", "old")
		p.holds("y", "-")
		p.holds("z", "-")
		p.say(true, p.remove("e", "x"))
		p.hear()
		p.over()
	}},
	{name: "Q12 Q13 what an Atomic must not hold", atomic: true, play: func(p *player) {
		p.hear()
		p.say(true,
			&syncml.Atomic{CmdID: "s", Commands: []syncml.Command{p.add("a", "x", "1"), p.get("b", "x")}},
			&syncml.Atomic{CmdID: "t", Commands: []syncml.Command{p.add("c", "y", "1"), &syncml.Atomic{CmdID: "u", Commands: []syncml.Command{p.add("d", "z", "1")}}}})
		p.hear()
		p.want("b", syncml.StatusCommandFailed)
		p.want("u", syncml.StatusCommandFailed)
		for _, id := range []string{"s", "t"} {
			p.want(id, syncml.StatusCommandFailed, syncml.StatusAtomicFailed)
		}
		for _, name := range []string{"x", "y", "z"} {
			p.holds(name, "-")
		}
		p.over()
	}},
	{name: "commands that are wrong", play: func(p *player) {
		p.hear()
		bad := p.add("slash", "x", "1")
		bad.Items[0].Target.URI = strings.TrimPrefix(bad.Items[0].Target.URI, ".") + "/"
		dots := p.add("dots", "x", "1")
		dots.Items[0].Target.URI = string(p.o.Root) + "/../x"
		p.say(true, p.add("twice", "x", "1"), p.remove("twice", "x"), bad, dots, p.remove("", "x"),
			&syncml.Unknown{CmdID: "put", Element: syncml.Element{Name: "Put", XML: "<Put><CmdID>put</CmdID></Put>"}}, p.get("last", "x"))
		m := p.hear()
		codes := make(map[string][]syncml.StatusCode)
		for _, c := range m.Commands {
			if st, ok := c.(*syncml.Status); ok {
				codes[st.CmdRef] = append(codes[st.CmdRef], st.Code)
			}
		}
		if !slices.Equal(codes["twice"], []syncml.StatusCode{200, 400}) {
			p.t.Errorf("a CmdID twice is answered %v, want 200 and 400", codes["twice"])
		}
		if !slices.Equal(codes[""], []syncml.StatusCode{400}) {
			p.t.Errorf("no CmdID is answered %v, want 400, without CmdRef", codes[""])
		}
		for _, id := range []string{"slash", "dots", "put"} {
			if len(codes[id]) != 1 || !codes[id][0].OriginatorError() && !codes[id][0].RecipientError() {
				p.t.Errorf("command %q is answered %v, want one error", id, codes[id])
			}
		}
		if v, ok := p.value("last"); !ok || v != "1" {
			p.t.Errorf("the command behind them brings %q", v)
		}
		p.say(true, p.remove("away", "x"))
		p.hear()
		p.over()
	}},
	{name: "L04 L05 a large object from the server", large: true, play: func(p *player) {
		p.hear()
		p.say(true, p.add("a", "x", "old"))
		p.hear()
		p.say(false, p.chunk("x", "one, ", 13, true))
		for _, piece := range []string{"two, ", "end"} {
			m := p.hear()
			p.want("chunk", syncml.StatusChunkAccepted)
			if a, ok := m.Commands[len(m.Commands)-1].(*syncml.Alert); !ok || a.Code != syncml.AlertNextMessage {
				p.t.Errorf("L04: the next chunk is not asked for")
			}
			p.say(piece == "end", p.chunk("x", piece, 0, piece != "end"))
		}
		p.hear()
		p.want("chunk", syncml.StatusOK)
		p.holds("x", "one, two, end")
		p.say(true, p.remove("b", "x"))
		p.hear()
		p.over()
	}},
	{name: "L06 L07 a large object that is not completed", large: true, play: func(p *player) {
		p.hear()
		p.say(true, p.add("a", "x", "old"))
		p.hear()
		p.say(false, p.chunk("x", "one, ", 13, true))
		p.hear()
		p.say(true, p.chunk("x", "end", 0, false))
		p.hear()
		p.want("chunk", syncml.StatusSizeMismatch)
		p.say(false, p.chunk("x", "one, ", 13, true))
		p.hear()
		p.say(true, p.get("b", "x"))
		m := p.hear()
		if !slices.ContainsFunc(m.Commands, func(c syncml.Command) bool {
			a, ok := c.(*syncml.Alert)
			return ok && a.Code == syncml.AlertNoEndOfData
		}) {
			p.t.Errorf("L07: no alert 1225")
		}
		p.want("b", syncml.StatusOK)
		if v, _ := p.value("b"); v != "old" {
			p.t.Errorf("L05: the node holds %q", v)
		}
		p.say(true, p.remove("c", "x"))
		p.hear()
		p.over()
	}},
	{name: "L01 L02 L03 L13 a large object from the device", large: true, play: func(p *player) {
		p.hear()
		value := strings.Repeat("0123456789", 600)
		p.say(true, p.add("a", "x", value))
		p.hear()
		p.meta.MaxMsgSize = 2500
		p.say(true, p.get("b", "x"))
		var got strings.Builder
		for chunks := 0; ; {
			m := p.hear()
			if r, ok := m.Commands[len(m.Commands)-1].(*syncml.Results); ok {
				it := &r.Items[len(r.Items)-1]
				if chunks++; (it.Meta.Size == int64(len(value))) != (chunks == 1) {
					p.t.Errorf("L03: Size is %d in chunk %d", it.Meta.Size, chunks)
				}
				if it.MoreData == m.Final {
					p.t.Errorf("L02 L13: MoreData is %v and Final %v", it.MoreData, m.Final)
				}
				got.WriteString(it.Data.String())
			} else if chunks > 0 {
				p.t.Errorf("L01: another command between chunks")
			}
			if m.Final {
				break
			}
			if chunks > 100 {
				p.fail("no end of it")
			}
			p.say(false, &syncml.Alert{CmdID: "next", Code: syncml.AlertNextMessage})
		}
		if got.String() != value {
			p.t.Errorf("%d bytes came, want %d", got.Len(), len(value))
		}
		p.say(true, p.remove("c", "x"))
		p.hear()
		p.over()
	}},
	{name: "windows C31 who is signed in", windows: true, play: func(p *player) {
		m := p.hear()
		if u, err := url.Parse(p.at); err != nil || u.Query().Get("mode") != "Maintenance" && u.Query().Get("mode") != "Machine" || u.Query().Get("Platform") != "WoA" {
			p.t.Errorf("the message goes to %q, want mode=Maintenance or Machine and Platform=WoA in the query", p.at)
		}
		var logins []string
		for i, c := range m.Commands {
			if a, ok := c.(*syncml.Alert); ok && a.Code == syncml.AlertClientEvent && len(a.Items) == 1 && a.Items[0].Meta.Type == "com.microsoft/MDM/LoginStatus" {
				logins = append(logins, strings.ToLower(a.Items[0].Data.String()))
				if i == 0 {
					p.t.Errorf("C31: LoginStatus stands before the alert 1201")
				}
			}
		}
		if len(logins) != 1 || !slices.Contains([]string{"user", "others", "none"}, logins[0]) {
			p.t.Errorf("LoginStatus is %q, want one of user, others and none", logins)
		}
		p.over()
	}},
	{name: "windows requestpending", windows: true, play: func(p *player) {
		p.hear()
		cmds := []syncml.Command{p.add("a", "x", "1")}
		if p.o.Slow != "" {
			cmds = append(cmds, &syncml.Exec{CmdID: "slow", Items: []syncml.Item{{Target: syncml.Location{URI: string(p.o.Slow)}}}})
		}
		p.say(true, append(cmds, p.get("b", "x"))...)
		p.hear() // which is where the alert is looked at
		p.want("a", syncml.StatusOK)
		if p.o.Slow != "" {
			p.want("slow", syncml.StatusOK, syncml.StatusAccepted)
		}
		p.want("b", syncml.StatusOK)
		if v, _ := p.value("b"); v != "1" {
			p.t.Errorf("requestpending: the Get behind what took long brings %q, want 1", v)
		}
		p.holds("x", "1")
		p.clear("x")
		p.over()
	}},
	{name: "C09 C10 commands of several items", play: func(p *player) {
		p.hear()
		p.say(true, p.add("a", "x", "1"), p.add("b", "y", "2"))
		p.hear()
		both := p.get("same", "x")
		both.Items = append(both.Items, p.get("", "y").Items...)
		differ := p.get("differ", "x")
		differ.Items = append(differ.Items, p.get("", "none").Items...)
		p.say(true, both, differ)
		m := p.hear()
		codes := make(map[string]syncml.StatusCode) // by the node
		same := 0
		for _, c := range m.Commands {
			st, ok := c.(*syncml.Status)
			switch {
			case !ok:
			case st.CmdRef == "same":
				if same++; st.Code != syncml.StatusOK {
					p.t.Errorf("two nodes that can be read are answered %d", st.Code)
				}
				if same == 1 && len(st.TargetRefs)+len(st.SourceRefs) > 0 {
					same = -1 // one for each item is allowed
				}
			case st.CmdRef == "differ" && len(st.TargetRefs) != 1:
				p.t.Errorf("C09: a Status of one of two items has the TargetRefs %q", st.TargetRefs)
			case st.CmdRef == "differ":
				codes[st.TargetRefs[0]] = st.Code
			}
		}
		if same != 1 && same != 0 {
			p.t.Errorf("C10: two items that fare alike want one Status without TargetRef, or one for each with it")
		}
		if codes[p.uri("x").URI] != syncml.StatusOK || codes[p.uri("none").URI] != syncml.StatusNotFound {
			p.t.Errorf("C09: the items are answered %v, want 200 for x and 404 for none", codes)
		}
		p.clear("x", "y")
		p.over()
	}},
	{name: "C13 an interior node", play: func(p *player) {
		p.hear()
		p.say(true, p.add("a", "x", "1"), &syncml.Get{CmdID: "root", Items: []syncml.Item{{Target: syncml.Location{URI: string(p.o.Root)}}}})
		m := p.hear()
		p.want("root", syncml.StatusOK)
		for _, c := range m.Commands {
			if r, ok := c.(*syncml.Results); ok && r.CmdRef == "root" {
				if f := r.Items[0].Meta.Or(r.Meta).Format; f != "node" {
					p.t.Errorf("C13: the Format of an interior node is %q, want node", f)
				}
			}
		}
		if v, _ := p.value("root"); v != "x" {
			p.t.Errorf("its value is %q, want the names of its children, x", v)
		}
		p.clear("x")
		p.over()
	}},
	{name: "C22 another address", play: func(p *player) {
		p.hear()
		p.resp = p.url + "/moved?to=here"
		p.say(true, p.get("a", "none"))
		for range 2 {
			if p.hear(); p.at != "/moved?to=here" {
				p.t.Errorf("C22: the message goes to %s, want RespURI", p.at)
			}
			p.say(true, p.get("a", "none"))
		}
		p.hear()
		p.over()
	}},
	{name: "C24 U15 a question without items", play: func(p *player) {
		p.hear()
		p.say(true, &syncml.Alert{CmdID: "a", Code: syncml.AlertDisplay}, p.get("b", "none"))
		p.hear()
		p.want("a", syncml.StatusNotSupported, syncml.StatusIncomplete)
		p.want("b", syncml.StatusNotFound)
		p.over()
	}},
	{name: "C27 an answer that has come before", play: func(p *player) {
		p.hear()
		p.say(true, p.add("a", "x", "1"))
		p.hear()
		p.want("a", syncml.StatusOK)
		was := p.got.Header.MsgID
		p.repeat()
		if m, ok := p.hears(); ok { // it may as well give up
			if m.Header.MsgID != was {
				p.t.Errorf("C27: the device answers message %d of ours again, in its message %s", p.sent, m.Header.MsgID)
			}
			p.want("a", syncml.StatusOK)
			p.clear("x")
			p.over()
		}
	}},
	{name: "418 and 404", play: func(p *player) {
		p.hear()
		cmds := []syncml.Command{p.add("a", "x", "1"), p.add("b", "x", "2"), p.get("c", "x"), p.remove("d", "none")}
		if p.o.Profile == session.OMA { // many nodes of Windows are made by a Replace
			cmds = append(cmds, p.replace("e", "none", "1"))
		}
		p.say(true, cmds...)
		p.hear()
		p.want("a", syncml.StatusOK)
		p.want("b", syncml.StatusAlreadyExists)
		if v, _ := p.value("c"); v != "1" {
			p.t.Errorf("Add has made %q of what was there", v)
		}
		p.want("d", syncml.StatusNotFound)
		if p.o.Profile == session.OMA {
			p.want("e", syncml.StatusNotFound)
		}
		p.clear("x")
		p.over()
	}},
	{name: "L08 L09 more than the server takes", large: true, play: func(p *player) {
		p.hear()
		p.say(true, p.add("a", "x", strings.Repeat("v", 200)))
		p.hear()
		p.meta.MaxObjSize = 199
		p.say(true, p.get("b", "x"))
		p.hear()
		p.want("b", syncml.StatusTooLarge)
		if _, ok := p.value("b"); ok {
			p.t.Errorf("L08: the value comes, and is larger than MaxObjSize")
		}
		p.meta.MaxObjSize = 200
		p.say(true, p.get("c", "x"))
		p.hear()
		if v, _ := p.value("c"); len(v) != 200 {
			p.t.Errorf("L09: %d bytes come, want 200, which the later MaxObjSize allows", len(v))
		}
		p.clear("x")
		p.over()
	}},
	{name: "L16 a chunk without Size", large: true, play: func(p *player) {
		p.hear()
		p.say(true, p.add("a", "x", "old"))
		p.hear()
		p.say(false, p.chunk("x", "one, ", 0, true))
		p.hear()
		p.want("chunk", syncml.StatusSizeRequired, syncml.StatusIncomplete)
		p.holds("x", "old")
		p.clear("x")
		p.over()
	}},
	{name: "A03 A04 A07 A09 a challenge", proof: true, play: func(p *player) {
		first := p.hear()
		nonce := "\x00\xffa nonce: "
		p.refuse(syncml.StatusCredentialsRequired, nonce)
		p.say(true)
		m := p.hear()
		p.proved(nonce)
		if want, got := Outline(&syncml.Message{Commands: unnumbered(first.Commands), Final: first.Final}),
			Outline(&syncml.Message{Commands: unnumbered(m.Commands[1:]), Final: m.Final}); got != want {
			p.t.Errorf("A07: the first message is repeated as\n%swant, behind the Status of the SyncHdr,\n%s", got, want)
		}
		p.accept(syncml.StatusAuthenticated, "")
		p.say(true, p.get("a", "none"))
		if p.hear().Header.Cred != nil {
			p.t.Errorf("A09: Cred after 212")
		}
		p.want("a", syncml.StatusNotFound)
		p.over()
	}},
	{name: "A10 A12 credentials in each message", proof: true, play: func(p *player) {
		p.hear()
		p.refuse(syncml.StatusCredentialsRequired, "first")
		p.say(true)
		p.hear()
		p.proved("first")
		p.accept(syncml.StatusOK, "second")
		p.say(true, p.get("a", "none"))
		p.hear()
		p.proved("second")
		p.accept(syncml.StatusOK, "third")
		p.say(true, p.get("a", "none"))
		p.hear()
		p.proved("third")
		p.accept(syncml.StatusOK, "last")
		p.over()
	}},
	{name: "A13 A14 credentials that are refused", proof: true, play: func(p *player) {
		p.hear()
		p.refuse(syncml.StatusCredentialsRequired, "first")
		p.say(true)
		p.hear()
		p.proved("first")
		p.refuse(syncml.StatusInvalidCredentials, "second")
		p.say(true)
		if _, ok := p.hears(); !ok {
			p.fail("A13: the device does not try the second nonce")
		}
		p.proved("second")
		p.refuse(syncml.StatusInvalidCredentials, "third")
		p.say(true)
		if m, ok := p.hears(); ok && m.Header.Cred != nil {
			p.t.Errorf("A14: a third attempt")
		}
	}},
	{name: "A16 a challenge that nobody can meet", play: func(p *player) {
		p.hear()
		p.refuse(syncml.StatusCredentialsRequired, "nonce")
		p.verdict.Chal.Meta.Type = "syncml:auth-nobody-knows"
		p.say(true)
		if m, ok := p.hears(); ok && m.Header.Cred != nil {
			p.t.Errorf("A16: Cred of Type %q, want the end of the session", m.Header.Cred.Meta.Type)
		}
	}},
}

// unnumbered returns commands without their CmdIDs.
func unnumbered(cmds []syncml.Command) []syncml.Command {
	l := make([]syncml.Command, len(cmds))
	for i, c := range cmds {
		l[i] = syncml.Clone(c)
		l[i].SetID("")
	}
	return l
}
