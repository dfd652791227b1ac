package syncml

import "math/bits"

// An elem identifies an element in both spellings: the code page of WBXML times 64, plus the token.
type elem uint8

const (
	elNone elem = 0    // no element that this package knows
	elEnd  elem = 0x01 // not an element: the end of the current one

	elAdd             elem = 0x05
	elAlert           elem = 0x06
	elArchive         elem = 0x07
	elAtomic          elem = 0x08
	elChal            elem = 0x09
	elCmd             elem = 0x0A
	elCmdID           elem = 0x0B
	elCmdRef          elem = 0x0C
	elCopy            elem = 0x0D
	elCred            elem = 0x0E
	elData            elem = 0x0F
	elDelete          elem = 0x10
	elExec            elem = 0x11
	elFinal           elem = 0x12
	elGet             elem = 0x13
	elItem            elem = 0x14
	elLang            elem = 0x15
	elLocName         elem = 0x16
	elLocURI          elem = 0x17
	elMap             elem = 0x18
	elMapItem         elem = 0x19
	elMeta            elem = 0x1A
	elMsgID           elem = 0x1B
	elMsgRef          elem = 0x1C
	elNoResp          elem = 0x1D
	elNoResults       elem = 0x1E
	elPut             elem = 0x1F
	elReplace         elem = 0x20
	elRespURI         elem = 0x21
	elResults         elem = 0x22
	elSearch          elem = 0x23
	elSequence        elem = 0x24
	elSessionID       elem = 0x25
	elSftDel          elem = 0x26
	elSource          elem = 0x27
	elSourceRef       elem = 0x28
	elStatus          elem = 0x29
	elSync            elem = 0x2A
	elSyncBody        elem = 0x2B
	elSyncHdr         elem = 0x2C
	elSyncML          elem = 0x2D
	elTarget          elem = 0x2E
	elTargetRef       elem = 0x2F
	elVerDTD          elem = 0x31
	elVerProto        elem = 0x32
	elNumberOfChanges elem = 0x33
	elMoreData        elem = 0x34
	elField           elem = 0x35
	elFilter          elem = 0x36
	elRecord          elem = 0x37
	elFilterType      elem = 0x38
	elSourceParent    elem = 0x39
	elTargetParent    elem = 0x3A
	elMove            elem = 0x3B
	elCorrelator      elem = 0x3C

	metInf elem = 0x40 // the bit of the MetInf page

	elAnchor     elem = metInf | 0x05
	elEMI        elem = metInf | 0x06
	elFormat     elem = metInf | 0x07
	elFreeID     elem = metInf | 0x08
	elFreeMem    elem = metInf | 0x09
	elLast       elem = metInf | 0x0A
	elMark       elem = metInf | 0x0B
	elMaxMsgSize elem = metInf | 0x0C
	elMem        elem = metInf | 0x0D
	elMetInf     elem = metInf | 0x0E
	elNext       elem = metInf | 0x0F
	elNextNonce  elem = metInf | 0x10
	elSharedMem  elem = metInf | 0x11
	elSize       elem = metInf | 0x12
	elType       elem = metInf | 0x13
	elVersion    elem = metInf | 0x14
	elMaxObjSize elem = metInf | 0x15
	elFieldLevel elem = metInf | 0x16

	elemCount = 0x57
)

// elemNames holds the local names, indexed by elem; the gaps are reserved.
var elemNames = [elemCount]string{
	elAdd: "Add", elAlert: "Alert", elArchive: "Archive", elAtomic: "Atomic", elChal: "Chal", elCmd: "Cmd",
	elCmdID: "CmdID", elCmdRef: "CmdRef", elCopy: "Copy", elCred: "Cred", elData: "Data", elDelete: "Delete",
	elExec: "Exec", elFinal: "Final", elGet: "Get", elItem: "Item", elLang: "Lang", elLocName: "LocName",
	elLocURI: "LocURI", elMap: "Map", elMapItem: "MapItem", elMeta: "Meta", elMsgID: "MsgID", elMsgRef: "MsgRef",
	elNoResp: "NoResp", elNoResults: "NoResults", elPut: "Put", elReplace: "Replace", elRespURI: "RespURI",
	elResults: "Results", elSearch: "Search", elSequence: "Sequence", elSessionID: "SessionID", elSftDel: "SftDel",
	elSource: "Source", elSourceRef: "SourceRef", elStatus: "Status", elSync: "Sync", elSyncBody: "SyncBody",
	elSyncHdr: "SyncHdr", elSyncML: "SyncML", elTarget: "Target", elTargetRef: "TargetRef", elVerDTD: "VerDTD",
	elVerProto: "VerProto", elNumberOfChanges: "NumberOfChanges", elMoreData: "MoreData", elField: "Field",
	elFilter: "Filter", elRecord: "Record", elFilterType: "FilterType", elSourceParent: "SourceParent",
	elTargetParent: "TargetParent", elMove: "Move", elCorrelator: "Correlator",

	elAnchor: "Anchor", elEMI: "EMI", elFormat: "Format", elFreeID: "FreeID", elFreeMem: "FreeMem", elLast: "Last",
	elMark: "Mark", elMaxMsgSize: "MaxMsgSize", elMem: "Mem", elMetInf: "MetInf", elNext: "Next",
	elNextNonce: "NextNonce", elSharedMem: "SharedMem", elSize: "Size", elType: "Type", elVersion: "Version",
	elMaxObjSize: "MaxObjSize", elFieldLevel: "FieldLevel",
}

// An ElementName is an element of the SyncML and MetInf vocabularies, and its token in WBXML.
type ElementName struct {
	Name        string
	Page, Token byte // code page 0 is SyncML, 1 is MetInf
}

// ElementNames returns all elements of the two vocabularies, by page and token.
func ElementNames() []ElementName {
	var all []ElementName
	for id, name := range elemNames {
		if name != "" {
			all = append(all, ElementName{Name: name, Page: byte(id >> 6), Token: byte(id & 0x3F)})
		}
	}
	return all
}

// A nameWord is a name of up to 15 letters as two little-endian words, the way the reader of XML meets it.
type nameWord struct{ lo, hi uint64 }

// nameTable finds elements by name: one multiplication, one comparison. It never changes after it was made.
type nameTable struct {
	slots [256]nameSlot
	words [256]nameWord // by elem; only elemCount are used, and no index needs a check
	lens  [256]uint8
}

type nameSlot struct {
	word nameWord
	id   elem
}

var names = newNameTable()

func newNameTable() *nameTable {
	t := new(nameTable)
	for id, name := range elemNames {
		if name == "" {
			continue
		}
		w := wordOf(name)
		t.words[id], t.lens[id] = w, uint8(len(name))
		i := w.hash()
		for t.slots[i].id != elNone {
			i++
		}
		t.slots[i] = nameSlot{w, elem(id)}
	}
	return t
}

func wordOf(name string) (w nameWord) {
	for i := len(name) - 1; i >= 0; i-- {
		if i >= 8 {
			w.hi = w.hi<<8 | uint64(name[i])
		} else {
			w.lo = w.lo<<8 | uint64(name[i])
		}
	}
	return w
}

func (w nameWord) hash() uint8 {
	hi, lo := bits.Mul64(w.lo^w.hi<<1, 0x9E3779B97F4A7C15)
	return uint8((hi ^ lo) >> 24)
}

// find returns the element of that name, or elNone.
func (t *nameTable) find(w nameWord) elem {
	for i := w.hash(); ; i++ {
		if s := &t.slots[i]; s.word == w || s.id == elNone {
			return s.id
		}
	}
}

// elemOf returns the element with that local name, or elNone.
func elemOf(name []byte) elem {
	if len(name) == 0 || len(name) > 15 {
		return elNone
	}
	var w nameWord
	for i := len(name) - 1; i >= 0; i-- {
		if i >= 8 {
			w.hi = w.hi<<8 | uint64(name[i])
		} else {
			w.lo = w.lo<<8 | uint64(name[i])
		}
	}
	return names.find(w)
}
