package syncml

import (
	"math/bits"
	"strings"
	"sync"
)

// contents holds the content models of the common DTD (OMA-TS-SyncML-RepPro-DTD), in its notation and order. DM uses
// fewer; what it leaves out is still well formed. Encoders write in this order; strict decoders ask for it.
var contents = map[elem]string{
	elSyncML:   "SyncHdr SyncBody",
	elSyncHdr:  "VerDTD VerProto SessionID MsgID Target Source RespURI? NoResp? Cred? Meta?",
	elSyncBody: "Alert|Atomic|Copy|Exec|Get|Map|Put|Results|Search|Sequence|Status|Sync|Add|Move|Replace|Delete+ Final?",
	elTarget:   "LocURI LocName? Filter?",
	elSource:   "LocURI LocName?",
	elCred:     "Meta? Data",
	elChal:     "Meta",
	elMeta: "MetInf? FieldLevel? Format? Type? Mark? Size? Anchor? Version? NextNonce? MaxMsgSize? MaxObjSize? " +
		"EMI* Mem?",
	elMetInf: "FieldLevel? Format? Type? Mark? Size? Anchor? Version? NextNonce? MaxMsgSize? MaxObjSize? EMI* Mem?",
	elAnchor: "Last? Next",
	elMem:    "SharedMem? FreeMem FreeID",
	elItem:   "Target? Source? SourceParent? TargetParent? Meta? Data? MoreData?",

	elAdd:      "CmdID NoResp? Cred? Meta? Item+",
	elReplace:  "CmdID NoResp? Cred? Meta? Item+",
	elCopy:     "CmdID NoResp? Cred? Meta? Item+",
	elDelete:   "CmdID NoResp? Archive? SftDel? Cred? Meta? Item+",
	elGet:      "CmdID NoResp? Lang? Cred? Meta? Item+",
	elExec:     "CmdID NoResp? Cred? Meta? Correlator? Item+",
	elAlert:    "CmdID NoResp? Cred? Data? Correlator? Item*",
	elAtomic:   "CmdID NoResp? Meta? Add|Replace|Delete|Copy|Atomic|Map|Move|Sequence|Sync|Get|Exec|Alert+",
	elSequence: "CmdID NoResp? Meta? Add|Replace|Delete|Copy|Atomic|Map|Move|Sync|Get|Alert|Exec+",
	elStatus:   "CmdID MsgRef CmdRef Cmd TargetRef* SourceRef* Cred? Chal? Data Item*",
	elResults:  "CmdID MsgRef? CmdRef Meta? TargetRef? SourceRef? Item+",
}

// A model is a content model made ready for checking.
type model struct {
	rank [elemCount]uint8 // place in the order, from 1; 0: does not belong here
	many uint32           // places that may be taken more than once
	must uint32           // places that must be taken
	name []string         // of each place, for messages
}

// models are made when the first decoder asks for them, which only strict and reporting ones do.
var models = sync.OnceValue(func() map[elem]*model {
	byName := make(map[string]elem)
	for id, name := range elemNames {
		byName[name] = elem(id)
	}
	all := make(map[elem]*model)
	for parent, content := range contents {
		m := &model{name: []string{""}}
		for i, part := range strings.Fields(content) {
			place := uint8(i + 1)
			name := strings.TrimRight(part, "?*+")
			switch part[len(name):] {
			case "":
				m.must |= 1 << place
			case "*":
				m.many |= 1 << place
			case "+":
				m.must |= 1 << place
				m.many |= 1 << place
			}
			for alternative := range strings.SplitSeq(name, "|") {
				m.rank[byName[alternative]] = place
			}
			if strings.Contains(name, "|") {
				name = "command"
			}
			m.name = append(m.name, name)
		}
		all[parent] = m
	}
	return all
})

// A walk goes through the children of one element. It remembers only what checking needs.
type walk struct {
	parent elem
	seen   uint32
	last   uint8
}

// next enters the next child of the element that w goes through.
func (d *Decoder) next(w *walk) elem {
	id := d.src.child()
	if d.check {
		d.checkChild(w, id)
	}
	return id
}

// checkChild compares a child, or the end, with the content model.
func (d *Decoder) checkChild(w *walk, id elem) {
	m := models()[w.parent]
	if id == elEnd {
		for missing := m.must &^ w.seen; missing != 0 && d.pos.err == nil; missing &= missing - 1 {
			d.src.forgive(syntaxf("%s without %s", elemNames[w.parent], m.name[bits.TrailingZeros32(missing)]))
		}
		return
	}
	place := m.rank[id]
	if id == elNone || place == 0 {
		d.src.forgive(syntaxf("%.40s does not belong into %s", d.pos.name(), elemNames[w.parent]))
		return
	}
	want := nsSyncML
	if id&metInf != 0 {
		want = nsMetInf
	}
	if own := d.pos.frames[len(d.pos.frames)-1].own; own != want {
		d.src.forgive(syntaxf("%s is not in its namespace", elemNames[id]))
	}
	switch bit := uint32(1) << place; {
	case place < w.last:
		d.src.forgive(syntaxf("%s behind %s", elemNames[id], m.name[w.last]))
	case w.seen&bit != 0 && m.many&bit == 0:
		d.src.forgive(syntaxf("%s twice", elemNames[id]))
	}
	w.seen |= 1 << place
	w.last = max(w.last, place)
}
