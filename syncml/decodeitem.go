package syncml

// item reads an Item behind the others of its command, which begin at first, and returns where they begin now.
func (d *Decoder) item(first int) int {
	d.counted()
	if len(d.items) == cap(d.items) {
		// The items of the commands before stay where they are.
		of := d.items[first:]
		d.items = append(make([]Item, 0, max(4, 2*cap(d.items))), of...)
		first = 0
	}
	d.items = d.items[:len(d.items)+1]
	d.pos.count(len(d.items) - first)
	it := &d.items[len(d.items)-1]
	*it = Item{}
	for w := (walk{parent: elItem}); ; {
		switch id := d.next(&w); id {
		case elTarget:
			d.location(&it.Target, elTarget)
		case elSource:
			d.location(&it.Source, elSource)
		case elMeta:
			d.meta(&it.Meta, elMeta)
		case elData:
			it.Data = d.data()
			if it.Data.kind == DataMarkup {
				if t := d.src.documentType(); t != "" {
					it.Meta.Type = t
				}
			}
		case elMoreData:
			it.MoreData = d.flag()
		case elFormat, elType, elMark, elSize:
			// Microsoft's samples of some alerts have Type straight in Item, beside an empty Meta.
			d.metaChild(&it.Meta, id)
		case elEnd:
			return first
		default:
			d.unknown(&it.Unknown)
		}
	}
}

func (d *Decoder) location(l *Location, id elem) {
	for w := (walk{parent: id}); ; {
		switch id := d.next(&w); id {
		case elLocURI:
			l.URI = d.filled("LocURI")
		case elLocName:
			l.Name = d.exact()
		case elEnd:
			return
		default:
			d.src.skip(false)
		}
	}
}

// meta reads the children of Meta, or of the MetInf that may stand between.
func (d *Decoder) meta(m *Meta, id elem) {
	for w := (walk{parent: id}); ; {
		switch id := d.next(&w); {
		case id == elEnd:
			return
		case id == elMetInf && w.parent == elMeta:
			d.meta(m, elMetInf)
		default:
			d.metaChild(m, id)
		}
	}
}

func (d *Decoder) metaChild(m *Meta, id elem) {
	switch id {
	case elFormat:
		m.Format = d.format()
	case elType:
		m.Type = d.mediaType()
	case elMark:
		m.Mark = d.field()
	case elSize:
		m.Size = d.number()
	case elNextNonce:
		m.NextNonce = d.secret("")
	case elMaxMsgSize:
		m.MaxMsgSize = d.number()
	case elMaxObjSize:
		m.MaxObjSize = d.number()
	default:
		d.metaExtra(m, id)
	}
}

// metaExtra reads what DM hardly uses.
func (d *Decoder) metaExtra(m *Meta, id elem) {
	if id&metInf == 0 && !d.keep {
		d.src.skip(false)
		return
	}
	if m.Extra == nil {
		m.Extra = new(MetaExtra)
	}
	x := m.Extra
	switch id {
	case elFieldLevel:
		x.FieldLevel = d.flag()
	case elVersion:
		x.Version = d.field()
	case elEMI:
		d.counted()
		x.EMI = append(x.EMI, d.exact())
	case elAnchor:
		x.Anchor = new(Anchor)
		for w := (walk{parent: elAnchor}); ; {
			switch d.next(&w) {
			case elLast:
				x.Anchor.Last = d.field()
			case elNext:
				x.Anchor.Next = d.field()
			case elEnd:
				return
			default:
				d.src.skip(false)
			}
		}
	case elMem:
		x.Mem = new(Mem)
		for w := (walk{parent: elMem}); ; {
			switch d.next(&w) {
			case elSharedMem:
				x.Mem.SharedMem = d.flag()
			case elFreeMem:
				x.Mem.FreeMem = d.number()
			case elFreeID:
				x.Mem.FreeID = d.number()
			case elEnd:
				return
			default:
				d.src.skip(false)
			}
		}
	default:
		d.unknown(&x.Unknown)
	}
}

func (d *Decoder) header(h *Header) {
	before := d.cred.Data
	*h = Header{}
	for w := (walk{parent: elSyncHdr}); ; {
		switch id := d.next(&w); id {
		case elVerDTD:
			h.VerDTD = d.filled("VerDTD")
		case elVerProto:
			h.VerProto = d.filled("VerProto")
		case elSessionID:
			h.SessionID = d.field()
			if d.check && len(h.SessionID) > 4 {
				d.src.forgive(syntaxf("SessionID of more than 4 bytes"))
			}
		case elMsgID:
			h.MsgID = d.field()
			if n, ok := decimal([]byte(h.MsgID)); d.check && (!ok || n < 1) {
				d.src.forgive(syntaxf("MsgID %.20q is not a positive number", h.MsgID))
			}
		case elTarget:
			d.location(&h.Target, elTarget)
		case elSource:
			d.location(&h.Source, elSource)
		case elRespURI:
			h.RespURI = d.field()
		case elNoResp:
			h.NoResp = d.flag()
		case elCred:
			d.cred = Cred{Data: before}
			d.credential(&d.cred)
			h.Cred = &d.cred
		case elMeta:
			d.meta(&h.Meta, elMeta)
		case elEnd:
			return
		default:
			d.unknown(&h.Unknown)
		}
	}
}

// filled reads a text that is as good as absent where it is empty, and is not written then.
func (d *Decoder) filled(name string) string {
	v := d.field()
	if d.check && v == "" {
		d.src.forgive(syntaxf("%s is empty", name))
	}
	return v
}

// credential reads Cred. Where a device repeats its credentials, c.Data holds the same already.
func (d *Decoder) credential(c *Cred) {
	for w := (walk{parent: elCred}); ; {
		switch id := d.next(&w); id {
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elData:
			c.Data = d.secret(c.Data)
		case elEnd:
			return
		default:
			d.src.skip(false)
		}
	}
}

func (d *Decoder) chal(c *Chal) {
	for w := (walk{parent: elChal}); ; {
		switch id := d.next(&w); id {
		case elMeta:
			d.meta(&c.Meta, elMeta)
		case elEnd:
			return
		default:
			d.src.skip(false)
		}
	}
}

// unknown skips an element that has no place in the types, or keeps it.
func (d *Decoder) unknown(to *[]Element) {
	d.counted()
	if !d.keep {
		d.src.skip(false)
		return
	}
	name := d.pos.name()
	_, xml := d.src.skip(true)
	*to = append(*to, Element{Name: name, XML: xml})
}
