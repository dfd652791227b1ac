package csp

import "github.com/omadm-sdk/omadm/dmtree"

// A Def is what a device description says about one node, apart from
// sentences for people. [New] makes a schema of them, [Node.Def] gives them
// back.
type Def struct {
	// Name of the node. Of a dynamic node: what the name stands for, such as
	// ProviderID; it is shown as {ProviderID}.
	Name    string
	Dynamic bool   // the name is chosen at run time
	Naming  Naming // who chooses it

	Access    Op
	Format    dmtree.Format
	Occurs    Occurs
	MaxOccurs int // of OccursZeroOrN and OccursOneOrN; 0: not given
	Permanent bool
	Case      CaseSense
	Types     []string // MIME types of the value; "" where the file leaves the element empty
	Object    *string  // the DDFName of an interior node, instead of Types
	Default   *string  // nil: none given

	Allowed      Allowed
	Applies      *Applicability // nil: as the node above
	Dependencies []Dependency
	Conflict     Conflict
	Replace      ReplaceBehavior
	Reboot       RebootBehavior
	GroupPolicy  *GroupPolicy
	Deprecated   *Deprecation
	Atomic       bool // the node and all below it must be sent inside one Atomic
	Secret       bool // the node holds a credential

	Children []*Def
}

// A Tree is one tree of a description file: the node at its top and where it
// hangs.
type Tree struct {
	File string // name of the file that describes it, without folder; may be empty
	Path string // of the node above, as the file spells it: ./Device/Vendor/MSFT
	Root *Def
}

// Occurs tells how many instances of a node there may be.
type Occurs uint8

// The kinds of occurrence. A description that says nothing means one.
const (
	OccursOne Occurs = iota
	OccursZeroOrOne
	OccursZeroOrMore
	OccursOneOrMore
	OccursZeroOrN // at most Def.MaxOccurs
	OccursOneOrN  // at least one, at most Def.MaxOccurs
)

const occursLetters = "1?*+nN"

var occursNames = [...]string{"One", "ZeroOrOne", "ZeroOrMore", "OneOrMore", "ZeroOrN", "OneOrN"}

// String returns the name that description files use, such as ZeroOrOne.
func (o Occurs) String() string { return nameOf(occursNames[:], o) }

// OccursOf returns the occurrence of that name.
func OccursOf(name string) (Occurs, bool) { return indexOf[Occurs](occursNames[:], name) }

// CaseSense tells how names of a node compare. Look-up never minds the case;
// who creates names can ask.
type CaseSense uint8

// What a description says about the case of a name.
const (
	CaseUnknown     CaseSense = iota // nothing: Windows does not mind
	CaseInsensitive                  // CIS
	CaseSensitive                    // CS
)

// Naming tells who chooses the name of a dynamic node.
type Naming uint8

// The ways to name a dynamic node.
const (
	NamingNone   Naming = iota // the file says nothing, or the name is fixed
	NamingClient               // the device lists what it has; a server cannot invent names
	NamingServer               // the server invents an identifier that is used once
	NamingRule                 // the server follows a rule, such as the hash of the certificate
)

var namingNames = [...]string{"none", "client inventory", "server-generated identifier", "unique name"}

// String implements [fmt.Stringer].
func (n Naming) String() string { return nameOf(namingNames[:], n) }

const namingLetters = "-CSU"

// A Kind tells how the allowed values of a node are described.
type Kind uint8

// The kinds of description of DDF v2, and KindAny where a file says nothing.
const (
	KindAny   Kind = iota // no description of values at all
	KindNone              // the file says that it cannot describe them
	KindEnum              // one of Values
	KindFlag              // bits of Values, combined
	KindRange             // integers: Values[0] is "[0-100]", "[(-1)-5]", "[1,3]"
	KindRegEx             // text: Values[0] is a regular expression, or is missing
	KindXSD               // an XML document: Values[0] is its schema
	KindADMX              // a Group Policy payload: ADMX names the policy
	KindJSON              // a JSON document; Values[0] is an example of one
	KindSDDL              // a security descriptor
)

var kindNames = [...]string{"", "None", "ENUM", "Flag", "Range", "RegEx", "XSD", "ADMX", "JSON", "SDDL"}

const kindLetters = "-NEFRXSAJD"

// String returns the name that description files use, such as ENUM; "" for KindAny.
func (k Kind) String() string { return nameOf(kindNames[:], k) }

// KindOf returns the kind of that name, such as "ENUM".
func KindOf(name string) (Kind, bool) { return indexOf[Kind](kindNames[:], name) }

// Allowed describes the values of a node for people and tools. To check a
// value, use [Node.Validate].
type Allowed struct {
	Kind      Kind
	Values    []string
	ADMX      ADMX   // of KindADMX
	Delimiter string // not empty: the value is a list of such values, this between them
}

// An ADMX names a policy in one of the ADMX files of Windows.
type ADMX struct{ File, Name, Area string }

// Applicability tells on which devices a node exists.
type Applicability struct {
	Builds     []Build   // none: all. See [Node.Applies] for how several are read
	CSPVersion string    // the version of the CSP that brought the node
	Editions   []Edition // nil: all; empty: no edition of today
	EntraJoin  bool      // only on devices joined to Entra (Azure AD)
}

// A Dependency is a group of conditions under which a node means something.
// All conditions of a group must hold.
type Dependency struct {
	Name       string   // the file's name for the group
	Changed    *Allowed // what the values of the node are, instead, while the group holds; nil: no change
	Conditions []Condition
}

// A Condition is about the value of another node.
type Condition struct {
	URI     dmtree.URI // dynamic names in braces or brackets stand for those of the node itself
	Not     bool       // must not hold such a value
	Allowed Allowed
}

// Conflict tells which of several sources' values of one setting wins.
type Conflict uint8

// The ways of conflict resolution of DDF v2.
const (
	NoMerge Conflict = iota
	LastWrite
	LowestMostSecure
	HighestMostSecure
	LowestMostSecureZeroUnlimited  // zero loses against any other value
	HighestMostSecureZeroUnlimited // zero loses against any other value
)

const conflictLetters = "nwlhLH"

var conflictNames = [...]string{"NoMerge", "LastWrite", "LowestValueMostSecure", "HighestValueMostSecure",
	"LowestValueMostSecureZeroHasNoLimits", "HighestValueMostSecureZeroHasNoLimits"}

// String returns the name that description files use.
func (c Conflict) String() string { return nameOf(conflictNames[:], c) }

// ConflictOf returns the conflict resolution of that name.
func ConflictOf(name string) (Conflict, bool) { return indexOf[Conflict](conflictNames[:], name) }

// ReplaceBehavior tells what Replace does with the old value.
type ReplaceBehavior uint8

// Replace overwrites, as everywhere in Windows, or appends.
const (
	ReplaceOverwrites ReplaceBehavior = iota
	ReplaceAppends
)

// RebootBehavior tells whether a change needs a restart of the device.
type RebootBehavior uint8

// Who restarts the device so that a change takes effect.
const (
	RebootNone RebootBehavior = iota
	RebootAutomatic
	RebootByServer // the server must ask for it
)

const rebootLetters = "-AS"

// GroupPolicy names the Group Policy setting that a node stands for.
type GroupPolicy struct {
	Name    string // of the setting
	Area    string // path of the setting, parts separated by ~
	Element string // the input of the setting, if it has several
}

// Deprecation marks a node that should not be used any more.
type Deprecation struct{ Since Build } // zero: not said since when

func nameOf[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "unknown"
}

func indexOf[T ~uint8](names []string, name string) (T, bool) {
	for i, s := range names {
		if s == name && s != "" {
			return T(i), true
		}
	}
	return 0, false
}
