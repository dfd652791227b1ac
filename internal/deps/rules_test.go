package deps_test

const module = "github.com/omadm-sdk/omadm"

// A rule says what the packages of pkg may import from this module, directly; a test file is not bound by it. In both
// fields "..." at the end stands for the package and all below it. The first rule that fits a package counts, and every
// package must have one.
//
// Changing this table is a design decision: say in the commit which reason below no longer holds.
type rule struct {
	pkg string
	may []string
	why string
}

var rules = []rule{
	{"syncml", []string{"internal/wbxml"},
		"the codec is a leaf: a log dumper links no tree and no engine"},
	{"syncml/...", []string{"syncml", "internal/wbxml"},
		"documents that travel in messages know the codec and nothing above it"},

	{"dmtree/...", []string{"dmtree/...", "internal/durable", "internal/mgmttree"},
		"the tree is a leaf: an agent's providers are free of XML and of the wire, which only session translates"},

	{"auth/enroll/...", []string{"auth/...", "syncml", "internal/soap"},
		"enrollment is SOAP and certificates, and ends where sessions begin"},
	{"auth/...", []string{"auth/...", "syncml"},
		"who is calling is decided on the SyncHdr, without an engine or a tree"},

	{"session/...", []string{"session/...", "auth", "dmtree/...", "syncml/...", "internal/durable"},
		"the engines carry no Microsoft data and no SOAP: schema checks and enrollment are put around them from outside"},

	{"csp", []string{"dmtree", "internal/mgmttree", "internal/xsd"},
		"schemas say what a tree allows, to whoever has a tree"},
	{"csp/ddf", []string{"csp", "dmtree", "internal/mgmttree"},
		"reading schemas is of use without an engine"},
	{"csp/admx", []string{"csp", "csp/ddf", "dmtree", "internal/mgmttree"},
		"reading schemas is of use without an engine"},
	{"csp/explain", []string{"auth/enroll", "syncml"},
		"it puts numbers into words, of enrollment too, and needs no tree and no engine"},
	{"csp/dmclient", []string{"csp/...", "session", "auth/...", "dmtree/...", "syncml/..."},
		"it manages the enrollment of a device, so it may know enrollment; never the reverse"},
	{"csp/...", []string{"csp/...", "session", "auth", "dmtree/...", "syncml/..."},
		"one CSP's two ends, planners and checkers drive engines"},

	{"internal/ddfgen/...", []string{"..."}, "a program that writes what a public package reads"},
	{"internal/interop/...", []string{"..."}, "a harness around public packages"},
	{"internal/corpus/...", []string{"..."}, "benchmark messages, made from public types where that is shorter"},
	{"internal/deps", nil, "it reads the rules and nothing else"},
	{"internal/...", []string{"internal/..."},
		"helpers below the public packages, so that any of those can use them"},
}

// never lists what a package must not depend on even through others: the standard library's heavy parts, and packages
// of the module in the direction that the table above cannot see.
var never = []struct {
	pkg, dep string
	why      string
}{
	{"syncml/...", "net/http", "a codec opens no connection"},
	{"syncml/...", "crypto/tls", "a codec opens no connection"},
	{"syncml", "encoding/xml", "messages are read and written by our own code, an order of magnitude faster"},
	{"dmtree/...", "net/http", "a tree opens no connection"},
	{"session", "github.com/beevik/etree", "etree is for small whole documents, never on the path of a message"},
	{"session/sqlstore", "github.com/beevik/etree", "etree is for small whole documents, never on the path of a message"},
	{"csp", "net/http", "a schema opens no connection"},
}

// A dependency is a module that the root module may require.
type dependency struct {
	module string
	leaf   bool // one package at most imports it, so that nobody pays who does not use that package
	tests  bool // only test files import it
	why    string
}

// foreign lists all of them.
var foreign = []dependency{
	{"github.com/beevik/etree", false, false, "small whole documents: SOAP, provisioning, DDF, ADMX, TNDS"},
	{"github.com/stretchr/testify", false, true, "set-up and comparisons in tests"},
	{"golang.org/x/crypto", false, false, "cryptobyte, bcrypt, ocsp"},
	{"github.com/smallstep/pkcs7", true, false, "renewal of certificates"},
	{"software.sslmate.com/src/go-pkcs12", true, false, "PFX"},
	{"github.com/smallstep/scep", true, false, "SCEP"},
}

// testHelpers lists the packages that may import package testing without being tests themselves.
var testHelpers = []string{"dmtree/treetest", "session/sessiontest", "session/storetest", "internal/..."}
