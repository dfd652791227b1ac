package syncml

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// A codePage holds the names of the tags of one page, indexed by token. The pages of SyncML and MetInf are elemNames.
type codePage [64]string

// ddfPage is page 2 of the DM tree and description (TND 1.2): TNDS and DDF documents. That specification writes the
// last two names of tokens 37 and 38 as verDTD and verNo; its document type has VerDTD and VerNo.
var ddfPage = codePage{
	0x05: "AccessType", "ACL", "Add", "b64", "bin", "bool", "chr", "CaseSense", "CIS", "Copy", "CS", // 0F
	0x10: "date", "DDFName", "DefaultValue", "Delete", "Description", "DFFormat", "DFProperties", "DFTitle", // 17
	0x18: "DFType", "Dynamic", "Exec", "float", "Format", "Get", "int", "Man", // 1F
	0x20: "MgmtTree", "MIME", "Mod", "Name", "Node", "node", "NodeName", "null", // 27
	0x28: "Occurrence", "One", "OneOrMore", "OneOrN", "Path", "Permanent", "Replace", "RTProperties", // 2F
	0x30: "Scope", "Size", "time", "Title", "TStamp", "Type", "Value", "VerDTD", // 37
	0x38: "VerNo", "xml", "ZeroOrMore", "ZeroOrN", "ZeroOrOne", // 3C
}

// devInfPage is page 0 of DevInf documents, version 1.2 and, up to 2A, those before.
var devInfPage = codePage{
	0x05: "CTCap", "CTType", "DataStore", "DataType", "DevID", "DevInf", "DevTyp", "DisplayName", "DSMem", "Ext", "FwV", // 0F
	0x10: "HwV", "Man", "MaxGUIDSize", "MaxID", "MaxMem", "Mod", "OEM", "ParamName", // 17
	0x18: "PropName", "Rx", "Rx-Pref", "SharedMem", "MaxSize", "SourceRef", "SwV", "SyncCap", // 1F
	0x20: "SyncType", "Tx", "Tx-Pref", "ValEnum", "VerCT", "VerDTD", "XNam", "XVal", // 27
	0x28: "UTC", "SupportNumberOfChanges", "SupportLargeObjs", "Property", "PropParam", "MaxOccur", "NoTruncate", // 2E
	0x30: "Filter-Rx", "FilterCap", "FilterKeyword", "FieldLevel", "SupportHierarchicalSync", // 34
}

func (p *codePage) token(name string) byte {
	for i := 5; i < len(p); i++ {
		if p[i] == name {
			return byte(i)
		}
	}
	return 0
}

// Public identifiers of documents (WBXML).
const (
	publicSyncML10 = 0x0FD1
	publicDevInf10 = 0x0FD2
	publicSyncML11 = 0x0FD3
	publicDevInf11 = 0x0FD4
	publicSyncML12 = 0x1201
	publicDevInf12 = 0x1203

	publicDDF = "-//OMA//DTD-DM-DDF 1.2//EN"
)

// A vocabulary is a kind of document: which pages its tags are on, and how it is announced.
type vocabulary struct {
	root     string // local name of the root element
	page     byte   // of the tags of its own
	tags     *codePage
	public   uint32 // number of the document type; 0: text
	text     string
	uri      string // namespace in XML
	allPages bool   // its tags are also met on page 0
}

var (
	vocabularyDDF    = vocabulary{root: "MgmtTree", page: 2, tags: &ddfPage, text: publicDDF, uri: "syncml:dmddf1.2", allPages: true}
	vocabularyDevInf = vocabulary{root: "DevInf", page: 0, tags: &devInfPage, public: publicDevInf12, uri: "syncml:devinf"}
)

const (
	uriSyncML = "SYNCML:SYNCML1.2"
	uriMetInf = "syncml:metinf"
)

// embedded returns the vocabulary of a document that stands within a message, or nil.
func embedded(h wbxml.Header) *vocabulary {
	switch h.PublicID {
	case publicDevInf10, publicDevInf11, publicDevInf12:
		return &vocabularyDevInf
	case 0:
		text := strings.ToUpper(string(h.PublicText))
		switch {
		case strings.Contains(text, "DM-DDF 1."):
			return &vocabularyDDF
		case strings.Contains(text, "DEVINF 1."):
			return &vocabularyDevInf
		}
	}
	return nil
}

// name returns the name and the namespace of the element whose tag r has just read, in a document of vocabulary v; nil is
// a message. The namespace is "" for literal tags and for those that are on no page.
func (v *vocabulary) name(r *wbxml.Reader) (name, uri string, err error) {
	t := r.Tag()
	if t.Token == 0 {
		if b := r.Name(); !isName(b) || bytes.IndexByte(b, ':') >= 0 {
			return "", "", syntaxf("literal tag %.40q is not a name", b)
		}
		return string(r.Name()), "", nil
	}
	name, uri = v.nameOf(t)
	if name == "" {
		return nameOfNumbers(t), "", nil
	}
	return name, uri, nil
}

// nameOf returns the name and the namespace of a tag. The name is "" where the page does not have that token.
func (v *vocabulary) nameOf(t wbxml.Tag) (name, uri string) {
	switch {
	case v != nil && (t.Page == v.page || t.Page == 0 && v.allPages):
		return v.tags[t.Token], v.uri
	case t.Page == 0 && v == nil:
		return elemName(t), uriSyncML
	case t.Page == 1:
		return elemName(t), uriMetInf
	case t.Page == 2:
		return ddfPage[t.Token], vocabularyDDF.uri
	}
	return "", ""
}

// elemName returns the name of a tag on page 0 or 1 of a message.
func elemName(t wbxml.Tag) string {
	if id := int(t.Page)<<6 | int(t.Token); id < elemCount {
		return elemNames[id]
	}
	return ""
}

// tagOf returns the tag of an element in a document of vocabulary v, and false where it has none.
func (v *vocabulary) tagOf(name string, ns namespace) (wbxml.Tag, bool) {
	if v != nil && ns != nsMetInf {
		if t := v.tags.token(name); t != 0 {
			return wbxml.Tag{Page: v.page, Token: t}, true
		}
		return tagOfNumbers(name)
	}
	if t := ddfPage.token(name); t != 0 && ns == nsDDF {
		return wbxml.Tag{Page: vocabularyDDF.page, Token: t}, true
	}
	if id := elemOf([]byte(name)); id != elNone {
		return tagOfElem(id), true
	}
	return tagOfNumbers(name)
}

func tagOfElem(id elem) wbxml.Tag { return wbxml.Tag{Page: byte(id >> 6), Token: byte(id & 0x3F)} }

// A tag without a name, of a later version or of a device's own, gets one that says where it stands on its page, so that
// it survives in XML and finds its way back.
const numbersPrefix = "wbxml-"

func nameOfNumbers(t wbxml.Tag) string {
	const hex = "0123456789ABCDEF"
	var b [len(numbersPrefix) + 6]byte
	name := strconv.AppendUint(append(b[:0], numbersPrefix...), uint64(t.Page), 10)
	return string(append(name, '-', hex[t.Token>>4], hex[t.Token&15]))
}

func tagOfNumbers(name string) (t wbxml.Tag, ok bool) {
	numbers, ok := strings.CutPrefix(name, numbersPrefix)
	if !ok {
		return t, false
	}
	page, token, _ := strings.Cut(numbers, "-")
	p, _ := strconv.ParseUint(page, 10, 8)
	k, _ := strconv.ParseUint(token, 16, 6)
	t = wbxml.Tag{Page: byte(p), Token: byte(k)}
	return t, t.Token >= 5 && nameOfNumbers(t) == name
}
