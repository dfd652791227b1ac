package sessiontest

import (
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
		p.say(true, p.add("twice", "x", "1"), p.remove("twice", "x"), bad, dots,
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
}
