// Package devinf reads and writes device information documents (DevInf 1.2, and those of 1.1 and 1.0 on input): what
// peers of SyncML say about themselves and the data they hold.
//
// Device management does not use them. It has the nodes below ./DevInfo and ./DevDetail. But clients that synchronise
// data too send one, in a Put or in Results, and a server should be able to tell what it was given:
//
//	for _, it := range results.Items {
//		if strings.HasPrefix(it.Meta.Type, "application/vnd.syncml-devinf") {
//			d, err := devinf.Unmarshal(it.Data.Bytes())
//			...
//		}
//	}
//
// A message in WBXML holds the document in WBXML; package syncml shows it as markup, of the type that ends in +xml. So
// Unmarshal reads both encodings, and [DevInf.Marshal] writes either.
package devinf

// Media types of a document on its own or in the Data of an item. Within messages, package syncml makes the one the
// other as it changes the encoding.
const (
	TypeXML   = "application/vnd.syncml-devinf+xml"
	TypeWBXML = "application/vnd.syncml-devinf+wbxml"
)

// Namespace is that of the elements in XML.
const Namespace = "syncml:devinf"

// A DevInf describes a device and its data stores. Empty fields and zeros are absent.
type DevInf struct {
	VerDTD string // version of DevInf; "1.2" is written where it is empty
	Man    string // manufacturer
	Mod    string // model
	OEM    string // original equipment manufacturer
	FwV    string // firmware version
	SwV    string // software version
	HwV    string // hardware version
	DevID  string // globally unique
	DevTyp string // phone, pda, workstation, server, ...

	UTC                    bool // it keeps time in UTC
	SupportLargeObjs       bool
	SupportNumberOfChanges bool

	DataStores []DataStore
	CTCaps     []CTCap // of all data stores, before version 1.2
	Ext        []Ext
}

// A DataStore is a collection of data that can be synchronised.
type DataStore struct {
	SourceRef   string // its address
	DisplayName string
	MaxGUIDSize int64         // bytes
	RxPref      ContentType   // what it would rather receive
	Rx          []ContentType // what else it receives
	TxPref      ContentType   // what it would rather send
	Tx          []ContentType // what else it sends
	CTCaps      []CTCap
	DSMem       *DSMem // nil: not told

	SupportHierarchicalSync bool

	SyncTypes  []string      // ways to synchronise: "1" two-way, "2" slow, "3" to "6" one-way, "7" server-alerted
	FilterRx   []ContentType // grammars of filters
	FilterCaps []FilterCap
}

// A ContentType is a media type and its version.
type ContentType struct{ Type, Version string }

// A CTCap tells which properties of a content type are understood.
type CTCap struct {
	ContentType
	FieldLevel bool // single properties may be replaced
	Properties []Property
}

// A Property is a field of a content type.
type Property struct {
	Name        string
	DataType    string // chr, int, bool, bin, datetime, phonenum; absent means chr
	MaxOccur    int64
	MaxSize     int64 // bytes; Size before version 1.2
	NoTruncate  bool
	Values      []string // those that are allowed
	DisplayName string
	Params      []Param
}

// A Param is a parameter of a property.
type Param struct {
	Name        string
	DataType    string
	Values      []string
	DisplayName string
}

// A DSMem tells how much a data store holds.
type DSMem struct {
	Shared bool  // with other data stores
	MaxMem int64 // bytes
	MaxID  int64 // objects
}

// A FilterCap tells what can be filtered by.
type FilterCap struct {
	ContentType
	Keywords   []string
	Properties []string
}

// An Ext is an extension of the manufacturer's.
type Ext struct {
	Name   string
	Values []string
}
