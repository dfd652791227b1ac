package syncml

// read reads the command just entered.
func (d *Decoder) read(id elem) Command {
	d.counted()
	switch id {
	case elStatus:
		return d.status()
	case elResults:
		return d.result()
	case elReplace:
		return d.node(id)
	case elAdd:
		return (*Add)(d.node(id))
	case elCopy:
		return (*Copy)(d.node(id))
	case elDelete:
		return (*Delete)(d.node(id))
	case elGet:
		return (*Get)(d.node(id))
	case elExec:
		return d.exec()
	case elAlert:
		return d.alert()
	case elAtomic:
		return (*Atomic)(d.group(id))
	case elSequence:
		return d.group(id)
	}
	c := d.unknowns.new()
	c.Element.Name = d.pos.name()
	c.CmdID, c.Element.XML = d.src.skip(d.keep)
	return c
}

// node reads Add, Copy, Delete, Get and Replace.
func (d *Decoder) node(id elem) *Replace {
	c := d.nodes.new()
	first := len(d.items)
	for w := (walk{parent: id}); ; {
		switch id := d.next(&w); id {
		case elItem:
			first = d.item(first)
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elNoResp:
			c.NoResp = d.flag()
		case elEnd:
			c.Items = d.itemsFrom(first, &c.Meta)
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

func (d *Decoder) exec() *Exec {
	c := d.execs.new()
	first := len(d.items)
	for w := (walk{parent: elExec}); ; {
		switch id := d.next(&w); id {
		case elItem:
			first = d.item(first)
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elCorrelator:
			c.Correlator = d.exact()
		case elNoResp:
			c.NoResp = d.flag()
		case elEnd:
			c.Items = d.itemsFrom(first, &c.Meta)
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

func (d *Decoder) alert() *Alert {
	c := d.alerts.new()
	first := len(d.items)
	for w := (walk{parent: elAlert}); ; {
		switch id := d.next(&w); id {
		case elItem:
			first = d.item(first)
		case elCmdID:
			c.CmdID = d.cmdID()
		case elData:
			c.Code = AlertCode(d.code())
		case elCorrelator:
			c.Correlator = d.exact()
		case elNoResp:
			c.NoResp = d.flag()
		case elEnd:
			c.Items = d.itemsFrom(first, nil)
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

func (d *Decoder) result() *Results {
	c := d.results.new()
	first := len(d.items)
	for w := (walk{parent: elResults}); ; {
		switch id := d.next(&w); id {
		case elItem:
			first = d.item(first)
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMsgRef:
			c.MsgRef = d.field()
		case elCmdRef:
			c.CmdRef = d.field()
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elTargetRef:
			c.TargetRef = d.field()
		case elSourceRef:
			c.SourceRef = d.field()
		case elEnd:
			c.Items = d.itemsFrom(first, &c.Meta)
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

func (d *Decoder) status() *Status {
	c := d.statuses.new()
	first := len(d.items)
	d.src.attribute()
	d.targets, d.sources = d.targets[:0], d.sources[:0]
	for w := (walk{parent: elStatus}); ; {
		switch id := d.next(&w); id {
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMsgRef:
			c.MsgRef = d.field()
		case elCmdRef:
			c.CmdRef = d.field()
		case elCmd:
			c.Cmd = d.name()
		case elData:
			c.Code = StatusCode(d.code())
			if d.check && c.Code != 0 && c.Code.Class() == 0 {
				d.src.forgive(syntaxf("%d is no status code", int(c.Code)))
			}
		case elTargetRef:
			d.counted()
			d.targets = append(d.targets, d.field())
		case elSourceRef:
			d.counted()
			d.sources = append(d.sources, d.field())
		case elItem:
			first = d.item(first)
		case elChal:
			c.Chal = d.chals.new()
			d.chal(c.Chal)
		case elCred:
			c.Cred = d.creds.new()
			d.credential(c.Cred)
		case elEnd:
			c.Items = d.itemsFrom(first, nil)
			c.TargetRefs, c.SourceRefs = d.keepRefs(d.targets), d.keepRefs(d.sources)
			c.OriginalError = d.src.attribute()
			return c
		default:
			d.unknown(&c.Unknown)
		}
	}
}

// itemsFrom returns the items of the command that ends; the first of them is first, and meta, if not nil, the command's.
func (d *Decoder) itemsFrom(first int, meta *Meta) []Item {
	items := d.items[first:len(d.items):len(d.items)]
	if d.octets {
		d.octets = false
		rawOctets(items, meta)
	}
	return items
}

// keepRefs moves references from their scratch to where they may stay.
func (d *Decoder) keepRefs(refs []string) []string {
	if len(refs) == 0 {
		return nil
	}
	n := len(d.refs)
	d.refs = append(d.refs, refs...)
	return d.refs[n:len(d.refs):len(d.refs)]
}

// group reads Atomic and Sequence.
func (d *Decoder) group(id elem) *Sequence {
	c := d.groups.new()
	first := len(d.pending)
	var nth [elemCount]uint16
	for w := (walk{parent: id}); ; {
		switch id := d.next(&w); id {
		case elCmdID:
			c.CmdID = d.cmdID()
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elNoResp:
			c.NoResp = d.flag()
		case elEnd:
			n := len(d.children)
			d.children = append(d.children, d.pending[first:]...)
			d.pending = d.pending[:first]
			c.Commands = d.children[n:len(d.children):len(d.children)]
			return c
		default:
			nth[id]++
			d.pos.count(int(nth[id]))
			d.pending = append(d.pending, d.read(id))
		}
	}
}
