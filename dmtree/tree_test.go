package dmtree_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
)

// status is what an engine answers, as the comments of the errors say.
func status(err error) int {
	for code, want := range map[int]error{
		202: dmtree.ErrAccepted, 400: dmtree.ErrURI, 403: dmtree.ErrForbidden, 404: dmtree.ErrNotFound, 405: dmtree.ErrNotAllowed,
		406: dmtree.ErrUnsupported, 412: dmtree.ErrIncomplete, 413: dmtree.ErrTooLarge, 414: dmtree.ErrTooLong, 415: dmtree.ErrFormat,
		418: dmtree.ErrExist, 420: dmtree.ErrFull, 425: dmtree.ErrPermission, 510: dmtree.ErrStore, 516: dmtree.ErrRollback,
	} {
		if errors.Is(err, want) && !(code == 415 && errors.Is(err, dmtree.ErrForbidden)) {
			return code
		}
	}
	switch {
	case err == nil:
		return 200
	case errors.Is(err, dmtree.ErrSyntax):
		return 400
	}
	return 500
}

func as(t *testing.T, server string) context.Context {
	return dmtree.WithCall(t.Context(), dmtree.NewCall(server, ""))
}

// A step is one command by one server, written as
//
//	Get ./A
//	Replace ./A/B = text
//	Add ./A/B : node      (any format but chr follows a colon)
//	Copy ./A/B > ./A/C
type step struct {
	name   string
	server string
	do     string
	code   int
	want   string // text of a Get, or of the lines of a list
}

func (s step) run(t *testing.T, p dmtree.Provider) {
	t.Helper()
	ctx := as(t, s.server)
	verb, rest, _ := strings.Cut(s.do, " ")
	u, text, hasText := strings.Cut(rest, " = ")
	u, to, _ := strings.Cut(u, " > ")
	u, format, hasFormat := strings.Cut(u, " : ")
	v := dmtree.String(text)
	if hasFormat {
		f, _ := dmtree.FormatOf(format)
		var err error
		if v, err = dmtree.Parse(f, text); err != nil {
			t.Fatal(err)
		}
	} else if strings.HasPrefix(text, "<MgmtTree") {
		v = dmtree.XML(text).WithType(dmtree.TypeTNDS)
	} else if !hasText {
		v = dmtree.Null
	}
	var got string
	var err error
	switch verb {
	case "Get":
		v, getErr := dmtree.Get(ctx, p, dmtree.URI(u))
		got, err = v.Text(), getErr
	case "Node": // format, type and text
		v, getErr := dmtree.Get(ctx, p, dmtree.URI(u))
		got, err = v.Format().String()+" "+v.Type()+" "+v.Text(), getErr
	case "List":
		var lines []string
		for e, listErr := range dmtree.List(ctx, p, dmtree.URI(u)) {
			if err = listErr; err != nil {
				break
			}
			line := string(e.URI) + " " + e.Value.Format().String()
			if e.Data {
				line += " " + e.Value.Text()
			}
			lines = append(lines, line)
		}
		got = strings.Join(lines, "; ")
	case "Add":
		err = dmtree.Add(ctx, p, dmtree.URI(u), v)
	case "Replace":
		err = dmtree.Replace(ctx, p, dmtree.URI(u), v)
	case "Delete":
		err = dmtree.Delete(ctx, p, dmtree.URI(u))
	case "Exec":
		err = dmtree.Exec(ctx, p, dmtree.URI(u), v)
	case "Copy":
		err = dmtree.Copy(ctx, p, dmtree.URI(u), dmtree.URI(to))
	default:
		t.Fatalf("no such step: %s", s.do)
	}
	if s.code == 0 {
		s.code = 200
	}
	if status(err) != s.code || s.want != "" && got != strings.TrimPrefix(s.want, "=") {
		t.Errorf("%s: %s %s: %d %q (%v), want %d %q", s.name, s.server, s.do, status(err), got, err, s.code, s.want)
	}
}

// runSteps runs steps in order on a tree, both directly and in a transaction
// that is committed after each step.
func runSteps(t *testing.T, build func(*testing.T) *dmtree.Tree, steps []step) {
	t.Run("directly", func(t *testing.T) {
		tree := build(t)
		for _, s := range steps {
			s.run(t, tree)
		}
	})
	t.Run("in a transaction", func(t *testing.T) {
		tree := build(t)
		tx, err := dmtree.Begin(t.Context(), tree)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			s.run(t, tx)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("in transactions, the failures rolled back", func(t *testing.T) {
		tree := build(t)
		for _, s := range steps {
			tx, err := dmtree.Begin(t.Context(), tree)
			if err != nil {
				t.Fatal(err)
			}
			s.run(t, tx)
			if s.code > 299 {
				err = tx.Rollback(t.Context())
			} else {
				err = tx.Commit(t.Context())
			}
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
	})
}

// device is a tree with something of every kind.
func device(*testing.T) *dmtree.Tree {
	m := new(dmtree.Memory)
	m.Set("./DevInfo", dmtree.Interior().WithType("urn:oma:mo:oma-dm-devinfo:1.0"))
	m.Set("./DevInfo/DevId", dmtree.String("urn:x"))
	m.Set("./DMAcc/a/AAuthSecret", dmtree.String("s3cret"))
	m.Set("./Inbox/x", dmtree.String("new"))
	m.Set("./A/leaf", dmtree.String("v"))
	m.Set("./A/Empty", dmtree.Interior())
	m.Set("./A/C/D", dmtree.Int(7))
	m.Set("./A/C/E", dmtree.Bytes([]byte{0, 1, 255}).WithType("application/octet-stream"))
	m.Set("./A/C/NoDelete", dmtree.String("n"))
	m.Set("./A/P/Permanent", dmtree.String("p"))
	for u, p := range map[dmtree.URI]dmtree.Properties{
		"./DevInfo":             {Access: dmtree.AccessGet, Permanent: true},
		"./DevInfo/DevId":       {Access: dmtree.AccessGet, Permanent: true},
		"./DMAcc/a/AAuthSecret": {Access: dmtree.AccessReplace},
		"./A/C/NoDelete":        {Access: dmtree.AccessGet | dmtree.AccessReplace},
		"./A/P/Permanent":       {Permanent: true},
	} {
		if err := m.Describe(u, p); err != nil {
			panic(err)
		}
	}
	tree := &dmtree.Tree{Provider: m}
	all := dmtree.AccessAdd | dmtree.AccessDelete | dmtree.AccessExec | dmtree.AccessGet | dmtree.AccessReplace
	root := dmtree.DefaultACL().With("srv", all)
	if err := dmtree.SetProperty(context.Background(), tree, ".", dmtree.PropACL, root.String()); err != nil {
		panic(err)
	}
	return tree
}

func TestTreeReading(t *testing.T) {
	long := strings.Repeat("x", 256)
	runSteps(t, device, []step{
		{"T01 with ./", "srv", "Get ./A/leaf", 200, "v"},
		{"T01 without ./", "srv", "Get A/leaf", 200, "v"},
		{"T01 root", "srv", "Get .", 200, "DevInfo/DMAcc/Inbox/A"},
		{"T02 ./ alone", "srv", "Get ./", 400, ""},
		{"T02 trailing slash", "srv", "Get ./A/", 400, ""},
		{"T02 parent", "srv", "Get ./A/../A", 400, ""},
		{"T02 inner dot", "srv", "Get ./A/./leaf", 400, ""},
		{"T05 leaf with format and type", "srv", "Node ./A/C/E", 200, "bin application/octet-stream AAH/"},
		{"T06 interior", "srv", "Node ./A/C", 200, "node  D/E/NoDelete"},
		{"T07 childless interior", "srv", "Node ./A/Empty", 200, "node  "},
		{"T08 missing", "srv", "Get ./A/none", 404, ""},
		{"T08 below a leaf", "srv", "Get ./A/leaf/x", 404, ""},
		{"T09 without Get access", "srv", "Get ./DMAcc/a/AAuthSecret", 405, ""},
		{"T10 Inbox", "srv", "Get ./Inbox", 405, ""},
		{"T10 below Inbox", "srv", "Get ./Inbox/x", 405, ""},
		{"T10 Inbox in another case", "srv", "Get ./inbox/x", 405, ""},
		{"T12 Name of a leaf", "other", "Get ./A/leaf?prop=Name", 200, "leaf"},
		{"T12 Name in the spelling of the tree", "other", "Get ./a/LEAF?prop=Name", 200, "leaf"},
		{"T12 Type of a leaf", "other", "Get ./A/leaf?prop=Type", 200, "text/plain"},
		{"T12 Format of a leaf", "other", "Get ./A/C/D?prop=Format", 200, "int"},
		{"T12 ACL of a leaf", "other", "Get ./A/leaf?prop=ACL", 200, "="},
		{"T12 Name of an interior node", "other", "Get ./A/C?prop=Name", 200, "C"},
		{"T12 Type of an interior node", "other", "Get ./DevInfo?prop=Type", 200, "urn:oma:mo:oma-dm-devinfo:1.0"},
		{"T12 Format of an interior node", "other", "Get ./A?prop=Format", 200, "node"},
		{"T12 ACL of the root", "other", "Get .?prop=ACL", 200, "Add=*&Delete=srv&Exec=srv&Get=*&Replace=srv"},
		{"T13 unknown property", "srv", "Get ./A?prop=Colour", 406, ""},
		{"T13 property in another case", "srv", "Get ./A?prop=acl", 406, ""},
		{"T14 Format", "srv", "Replace ./A/leaf?prop=Format = int", 405, ""},
		{"T14 Size", "srv", "Replace ./A/leaf?prop=Size = 1", 405, ""},
		{"T14 TStamp", "srv", "Replace ./A/leaf?prop=TStamp = x", 405, ""},
		{"T14 Type", "srv", "Replace ./A/leaf?prop=Type = x", 405, ""},
		{"T14 VerNo", "srv", "Replace ./A/leaf?prop=VerNo = 1", 405, ""},
		{"T15 Add", "srv", "Add ./A/leaf?prop=Title = x", 405, ""},
		{"T15 Delete", "srv", "Delete ./A/leaf?prop=ACL", 405, ""},
		{"T15 Copy from", "srv", "Copy ./A/leaf?prop=Title > ./A/C/D", 405, ""},
		{"T15 Copy to", "srv", "Copy ./A/leaf > ./A/C/D?prop=Title", 405, ""},
		{"T15 Exec", "srv", "Exec ./A/leaf?prop=Title", 405, ""},
		{"T16 Size of an interior node", "srv", "Get ./A?prop=Size", 406, ""},
		{"T16 Replace of Size of an interior node", "srv", "Replace ./A?prop=Size = 1", 406, ""},
		{"T17 Size is that of the content", "srv", "Get ./A/C/E?prop=Size", 200, "3"},
		{"property of a missing node", "srv", "Get ./A/none?prop=Name", 404, ""},
		{"property of Inbox", "srv", "Get ./Inbox?prop=Name", 405, ""},
		{"T21 longest title", "srv", "Replace ./A?prop=Title = " + long[:255], 200, ""},
		{"T21 title too long", "srv", "Replace ./A?prop=Title = " + long, 413, ""},
		{"T21 the title stays", "srv", "Get ./A?prop=Title", 200, long[:255]},
		{"title without right", "other", "Replace ./A?prop=Title = x", 425, ""},
		{"two queries", "srv", "Get ./A?prop=ACL?prop=ACL", 400, ""},
		{"list through Get", "srv", "Get ./A?list=Struct", 406, ""},
		{"Replace of a list", "srv", "Replace ./A?list=Struct = x", 405, ""},
	})
}

func TestTreeNewNode(t *testing.T) {
	runSteps(t, device, []step{
		{"M01", "srv", "Add ./A/New Name = value", 200, ""},
		{"M01 named by the last segment", "srv", "Get ./A/New%20Name?prop=Name", 200, "New Name"},
		{"T04 case is kept", "srv", "Get ./a/new%20name?prop=Name", 200, "New Name"},
		{"T22 value", "srv", "Node ./A/New%20Name", 200, "chr  value"},
		{"T22 Title", "srv", "Get ./A/New%20Name?prop=Title", 200, "="},
		{"T22 ACL, K12", "srv", "Get ./A/New%20Name?prop=ACL", 200, "="},
		{"T22 Size", "srv", "Get ./A/New%20Name?prop=Size", 200, "5"},
		{"T22 Type", "srv", "Get ./A/New%20Name?prop=Type", 200, "text/plain"},
		{"T22 Format", "srv", "Get ./A/New%20Name?prop=Format", 200, "chr"},
		{"M02 again", "srv", "Add ./A/New%20Name = other", 418, ""},
		{"M02 unchanged", "srv", "Get ./A/New%20Name", 200, "value"},
		{"M02 interior again", "srv", "Add ./A : node", 418, ""},
		{"M03 below a leaf", "srv", "Add ./A/leaf/x = v", 405, ""},
		{"M03 far below a leaf", "srv", "Add ./A/leaf/x/y = v", 405, ""},
		{"M04 implicitly", "srv", "Add ./A/I/J/K = v", 200, ""},
		{"M04 with its parents", "srv", "Get ./A/I", 200, "J"},
		{"M06 interior without data", "srv", "Add ./A/Dir : node", 200, ""},
		{"M06 is interior", "srv", "Node ./A/Dir", 200, "node  "},
		{"M10 Replace missing", "srv", "Replace ./A/none = v", 404, ""},
		{"M10 not created", "srv", "Get ./A/none", 404, ""},
		{"M11 Replace interior", "srv", "Replace ./A/C = v", 405, ""},
		{"M12 Replace", "srv", "Replace ./A/leaf : int = 5", 200, ""},
		{"M12 Format follows", "srv", "Get ./A/leaf?prop=Format", 200, "int"},
		{"M14 rename", "srv", "Replace ./A/C?prop=Name = R", 200, ""},
		{"M14 subtree follows", "srv", "Get ./A/R/D", 200, "7"},
		{"M14 old place is gone", "srv", "Get ./A/C", 404, ""},
		{"M14 duplicate", "srv", "Replace ./A/R?prop=Name = leaf", 418, ""},
		{"rename to no name", "srv", "Replace ./A/R?prop=Name = ..", 400, ""},
		{"rename to nothing", "srv", "Replace ./A/R?prop=Name = ", 400, ""},
		{"rename without right", "other", "Replace ./A/R?prop=Name = S", 425, ""},
		{"M15 rename root", "srv", "Replace .?prop=Name = S", 405, ""},
		{"M15 rename permanent", "srv", "Replace ./DevInfo?prop=Name = S", 405, ""},
		{"M17 lacks Delete", "srv", "Delete ./A/R/NoDelete", 405, ""},
		{"M16 as part of its parent", "srv", "Delete ./A/R", 200, ""},
		{"M16 gone", "srv", "Get ./A/R/NoDelete", 404, ""},
		{"M18 root", "srv", "Delete .", 405, ""},
		{"M18 permanent", "srv", "Delete ./A/P/Permanent", 405, ""},
		{"M19 permanent descendant", "srv", "Delete ./A/P", 405, ""},
		{"M19 nothing removed", "srv", "Get ./A/P/Permanent", 200, "p"},
		{"M20 missing", "srv", "Delete ./A/none", 404, ""},
		{"M21 copy", "srv", "Copy ./DevInfo/DevId > ./A/leaf", 200, ""},
		{"M21 value", "srv", "Get ./A/leaf", 200, "urn:x"},
		{"M21 independent", "srv", "Replace ./A/leaf = changed", 200, ""},
		{"M21 source stays", "srv", "Get ./DevInfo/DevId", 200, "urn:x"},
		{"copy to a new leaf", "srv", "Copy ./A/leaf > ./A/copy", 200, ""},
		{"copy onto itself", "srv", "Copy ./A/leaf > ./A/leaf", 200, ""},
		{"copy from missing", "srv", "Copy ./A/none > ./A/leaf", 404, ""},
		{"copy from interior", "srv", "Copy ./A > ./A/leaf", 405, ""},
		{"copy onto interior", "srv", "Copy ./A/leaf > ./A", 405, ""},
		{"copy below itself", "srv", "Copy ./A/leaf > ./A/leaf/leaf", 405, ""},
		{"M25 access type without ACL", "other", "Replace ./DMAcc/a/AAuthSecret = x", 425, ""},
		{"M25 ACL without access type", "srv", "Replace ./DevInfo/DevId = x", 405, ""},
		{"M25 both", "srv", "Replace ./DMAcc/a/AAuthSecret = x", 200, ""},
		{"M23 Exec unsupported", "srv", "Exec ./A/leaf", 406, ""},
		{"T18 binary received as base64", "srv", "Add ./A/Bin : b64 = AAH/", 200, ""},
	})
}

func TestTreeBinaryFormat(t *testing.T) {
	tree := device(t)
	ctx := as(t, "srv")
	b64, _ := dmtree.Parse(dmtree.FormatB64, "AAH/")
	for _, test := range []struct {
		name, mime, want string
	}{
		{"T18 binary by its type", "application/octet-stream", "bin"},
		{"base64 text stays", "text/plain", "b64"},
		{"no type, no telling", "", "b64"},
	} {
		u := dmtree.URI("./A").Join(test.name)
		if err := dmtree.Add(ctx, tree, u, b64.WithType(test.mime)); err != nil {
			t.Fatal(err)
		}
		if got, err := dmtree.Property(ctx, tree, u, dmtree.PropFormat); err != nil || got != test.want {
			t.Errorf("%s: %s, %v, want %s", test.name, got, err, test.want)
		}
	}
}

func TestTreeStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := device(t)
		ctx := as(t, "srv")
		get := func(u dmtree.URI, prop string) string {
			v, err := dmtree.Get(ctx, tree, u.WithProp(prop))
			if err != nil {
				t.Fatal(err)
			}
			return v.Text()
		}
		if err := dmtree.Add(ctx, tree, "./A/x", dmtree.Int(0)); err != nil {
			t.Fatal(err)
		}
		if got := get("./A/x", "TStamp"); got != "20000101T000000Z" || get("./A/x", "VerNo") != "0" || get("./A", "VerNo") != "1" {
			t.Errorf("T19 a new node has TStamp %s and VerNo %s, the one above VerNo %s", got, get("./A/x", "VerNo"), get("./A", "VerNo"))
		}
		time.Sleep(90 * time.Second)
		for range 3 {
			if err := dmtree.Replace(ctx, tree, "./A/x", dmtree.Int(1)); err != nil {
				t.Fatal(err)
			}
		}
		if got := get("./A/x", "TStamp"); got != "20000101T000130Z" || get("./A/x", "VerNo") != "3" {
			t.Errorf("T19, T20 after 3 changes: TStamp %s and VerNo %s", got, get("./A/x", "VerNo"))
		}
		if err := dmtree.Delete(ctx, tree, "./A/x"); err != nil || get("./A", "VerNo") != "2" {
			t.Errorf("deleting a child does not count: %v", err)
		}
		if err := dmtree.Add(ctx, tree, "./A/x", dmtree.Int(0)); err != nil || get("./A/x", "VerNo") != "0" {
			t.Errorf("a new node has inherited the VerNo of an old one: %v", err)
		}
	})
}

func TestTreeLists(t *testing.T) {
	const doc = `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD>`
	hide := step{"", "srv", "Replace ./A/C/E?prop=ACL = Get=srv", 200, ""}
	hideNode := step{"", "srv", "Replace ./A/C?prop=ACL = Get=srv&Replace=srv", 200, ""}
	showBelow := step{"", "srv", "Replace ./A/C/D?prop=ACL = Get=*", 200, ""}
	runSteps(t, device, []step{
		{"T23 Struct", "srv", "List ./A/C?list=Struct", 200, "./A/C node; ./A/C/D int; ./A/C/E bin; ./A/C/NoDelete chr"},
		{"T24 StructData", "srv", "List ./A/C?list=StructData", 200, "./A/C node; ./A/C/D int 7; ./A/C/E bin AAH/; ./A/C/NoDelete chr n"},
		hide,
		{"T25 unreadable leaf", "other", "List ./A/C?list=Struct", 200, "./A/C node; ./A/C/D int; ./A/C/NoDelete chr"},
		{"T25 without Get access", "other", "List ./DMAcc?list=StructData", 200, "./DMAcc node; ./DMAcc/a node"},
		{"T25 Inbox", "other", "List .?list=Struct", 200, "=. node; ./DevInfo node; ./DevInfo/DevId chr; ./DMAcc node; ./DMAcc/a node; ./A node; ./A/leaf chr; ./A/Empty node; ./A/C node; ./A/C/D int; ./A/C/NoDelete chr; ./A/P node; ./A/P/Permanent chr"},
		hideNode, showBelow,
		{"T25 start node unreadable", "other", "List ./A/C?list=Struct", 425, ""},
		{"T25 leaf below an unreadable node", "other", "List ./A?list=Struct", 200, "./A node; ./A/leaf chr; ./A/Empty node; ./A/C/D int; ./A/P node; ./A/P/Permanent chr"},
		{"T26 leaf below an unreadable node", "other", "List ./A?list=TNDS+Value", 200, "./A xml " + doc +
			`<Node><NodeName>A</NodeName><RTProperties><Type><DDFName/></Type></RTProperties>` +
			`<Node><NodeName>leaf</NodeName><RTProperties><Type><DDFName/></Type></RTProperties><Value>v</Value></Node>` +
			`<Node><NodeName>Empty</NodeName><RTProperties><Type><DDFName/></Type></RTProperties></Node>` +
			`<Node><NodeName>P</NodeName><RTProperties><Type><DDFName/></Type></RTProperties>` +
			`<Node><NodeName>Permanent</NodeName><RTProperties><Type><DDFName/></Type></RTProperties><Value>p</Value></Node></Node></Node>` +
			`<Node><NodeName>D</NodeName><Path>A/C</Path><RTProperties><Type><DDFName/></Type></RTProperties><Value>7</Value></Node></MgmtTree>`},
		{"T26 only some", "srv", "List ./A/leaf?list=TNDS+Format+Type", 200, "./A/leaf xml " + doc +
			`<Node><NodeName>leaf</NodeName><RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties></Node></MgmtTree>`},
		{"T26 all but some", "srv", "List ./A/C/D?list=TNDS-VerNo-TStamp-Type", 200, "./A/C/D xml " + doc +
			`<Node><NodeName>D</NodeName><RTProperties><ACL>Get=*</ACL><Format><int/></Format><Type><DDFName/></Type></RTProperties><Value>7</Value></Node></MgmtTree>`},
		{"T26 + and - mixed", "srv", "List ./A?list=TNDS+ACL-Value", 400, ""},
		{"T27 unknown list", "srv", "List ./A?list=Everything", 406, ""},
		{"T27 unknown property", "srv", "List ./A?list=TNDS+Colour", 406, ""},
		{"T27 Name is no property of a TNDS", "srv", "List ./A?list=TNDS-Name", 406, ""},
		{"list of a missing node", "srv", "List ./none?list=Struct", 404, ""},
		{"list of Inbox", "srv", "List ./Inbox?list=Struct", 405, ""},
	})
}

func tnds(nodes string) string {
	return `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD>` + nodes + `</MgmtTree>`
}

func leafNode(name, format, value string) string {
	return "<Node><NodeName>" + name + "</NodeName><RTProperties><Format><" + format + "/></Format><Type><MIME>text/plain</MIME></Type></RTProperties><Value>" + value + "</Value></Node>"
}

func TestTreeTNDS(t *testing.T) {
	net := "<Node><NodeName>Net</NodeName><RTProperties><ACL>Get=*&amp;Replace=srv</ACL><Format><node/></Format><Type><DDFName>com.example/1.0/Net</DDFName></Type></RTProperties>"
	runSteps(t, device, []step{
		{"M09 all nodes", "srv", "Add ./A = " + tnds(net+leafNode("Host", "chr", "gw")+leafNode("Port", "int", "443")+"</Node>"), 200, ""},
		{"M09 leaf", "srv", "Node ./A/Net/Port", 200, "int  443"},
		{"M09 identifier", "srv", "Get ./A/Net?prop=Type", 200, "com.example/1.0/Net"},
		{"M09 ACL", "srv", "Get ./A/Net?prop=ACL", 200, "Get=*&Replace=srv"},
		{"M09 exists already", "srv", "Add ./A = " + tnds(net+"</Node>"), 418, ""},
		{"O09 by paths", "srv", "Add ./A = " + tnds(leafNode("Y", "chr", "2")[:len("<Node>")]+"<NodeName>Q</NodeName></Node>"+
			strings.Replace(leafNode("X", "chr", "1"), "</NodeName>", "</NodeName><Path>Q</Path>", 1)+
			strings.Replace(leafNode("Y", "chr", "2"), "</NodeName>", "</NodeName><Path>./Q</Path>", 1)), 200, ""},
		{"O09 same as nested", "srv", "List ./A/Q?list=StructData", 200, "./A/Q node; ./A/Q/X chr 1; ./A/Q/Y chr 2"},
		{"root without a name", "srv", "Add ./A/Named = " + tnds("<Node><NodeName/>"+leafNode("Z", "chr", "3")+"</Node>"), 200, ""},
		{"root without a name is the target", "srv", "Get ./A/Named/Z", 200, "3"},
		{"M07 value does not fit", "srv", "Add ./A = " + tnds("<Node><NodeName>Bad</NodeName>"+leafNode("P", "int", "x")+"</Node>"), 415, ""},
		{"M07 unknown format", "srv", "Add ./A = " + tnds(leafNode("P", "colour", "x")), 415, ""},
		{"value missing", "srv", "Add ./A = " + tnds("<Node><NodeName>P</NodeName><RTProperties><Format><chr/></Format></RTProperties></Node>"), 412, ""},
		{"not well formed", "srv", "Add ./A = <MgmtTree>", 400, ""},
		{"name that is none", "srv", "Add ./A = " + tnds(leafNode("..", "chr", "x")), 400, ""},
		{"path out of the target", "srv", "Add ./A/C = " + tnds(strings.Replace(leafNode("evil", "chr", "x"), "</NodeName>", "</NodeName><Path>../..</Path>", 1)), 400, ""},
		{"M13 without Add and Delete", "srv", "Replace ./A/Net = " + tnds("<Node/>"), 425, ""},
		{"M13 the right for it", "srv", "Replace ./A/Net?prop=ACL = Add=srv&Delete=srv&Get=*&Replace=srv", 200, ""},
		{"M13 replace", "srv", "Replace ./A/Net = " + tnds(net+leafNode("Host", "chr", "new")+leafNode("User", "chr", "u")+"</Node>"), 200, ""},
		{"M13 deleted, replaced and added", "srv", "List ./A/Net?list=StructData", 200, "./A/Net node; ./A/Net/Host chr new; ./A/Net/User chr u"},
		{"M13 the ACL of the document is that of the node", "srv", "Get ./A/Net?prop=ACL", 200, "Get=*&Replace=srv"},
		{"M13 take it back", "srv", "Replace ./A/Net?prop=ACL = Add=srv&Delete=srv&Get=*&Replace=srv", 200, ""},
		{"M13 another root", "srv", "Replace ./A/Net = " + tnds(leafNode("Other", "chr", "x")), 400, ""},
		{"M13 beside the root", "srv", "Replace ./A/Net = " + tnds(net+"</Node>"+strings.Replace(leafNode("leaf", "chr", "x"), "</NodeName>", "</NodeName><Path>.</Path>", 1)), 400, ""},
		{"M13 missing", "srv", "Replace ./A/none = " + tnds("<Node/>"), 404, ""},
		{"M13 without right", "other", "Replace ./A/Net = " + tnds("<Node/>"), 425, ""},
		{"M13 permanent below", "srv", "Replace ./A/P = " + tnds("<Node/>"), 405, ""},
		{"M13 permanent stays", "srv", "Get ./A/P/Permanent", 200, "p"},
	})
	t.Run("M09, M13 nothing is left of a failure", func(t *testing.T) {
		for _, s := range []step{
			{"M09", "srv", "Add ./A = " + tnds("<Node><NodeName>Some</NodeName>"+leafNode("a", "chr", "1")+leafNode("A", "chr", "2")+"</Node>"), 418, ""},
			{"M13", "srv", "Replace ./A/C = " + tnds("<Node>"+leafNode("D", "int", "8")+leafNode("F", "chr", "1")+
				"<Node><NodeName>NoDelete</NodeName></Node><Node><NodeName>X</NodeName>"+strings.Repeat("<Node><NodeName>y</NodeName>", 240)+strings.Repeat("</Node>", 240)+"</Node></Node>"), 414, ""},
		} {
			tree := device(t)
			tree.Limits.MaxDepth = 200
			before := dump(t, tree.Provider, ".")
			s.run(t, tree)
			if after := dump(t, tree.Provider, "."); after != before {
				t.Errorf("%s: a failed command left\n%s\nwas\n%s", s.name, after, before)
			}
		}
	})
	t.Run("M08 not supported", func(t *testing.T) {
		tree := device(t)
		tree.NoTNDS = true
		step{"M08", "srv", "Add ./A = " + tnds(net+"</Node>"), 415, ""}.run(t, tree)
		step{"T27", "srv", "List ./A?list=TNDS", 406, ""}.run(t, tree)
	})
	t.Run("provider without transactions", func(t *testing.T) {
		m := new(dmtree.Memory)
		tree := &dmtree.Tree{Open: true, Provider: &dmtree.Funcs{GetFunc: m.Get, AddFunc: m.Add, DeleteFunc: m.Delete, ReplaceFunc: m.Replace}}
		step{"M09", "srv", "Add . = " + tnds("<Node><NodeName>Some</NodeName>"+leafNode("a", "chr", "1")+leafNode("A", "chr", "2")+"</Node>"), 418, ""}.run(t, tree)
		if m.Len() != 0 {
			t.Errorf("left behind:\n%s", dump(t, m, "."))
		}
		step{"M09", "srv", "Add . = " + tnds("<Node><NodeName>Some</NodeName>"+leafNode("a", "chr", "1")+"</Node>"), 200, ""}.run(t, tree)
	})
}

func TestTreeACL(t *testing.T) {
	fresh := func(*testing.T) *dmtree.Tree {
		m := new(dmtree.Memory)
		m.Set("./N/leaf", dmtree.String("v"))
		m.Set("./N/M/deep", dmtree.String("d"))
		return &dmtree.Tree{Provider: m}
	}
	runSteps(t, fresh, []step{
		{"K01 default of the root", "s", "Get .?prop=ACL", 200, "Add=*&Get=*"},
		{"K01 cannot be emptied", "", "Replace .?prop=ACL = ", 405, ""},
		{"K02 inherited from the root", "s", "Get ./N/M/deep", 200, "d"},
		{"K04 own ACL only", "s", "Get ./N/M?prop=ACL", 200, "="},
		{"K11 Add on the parent, from the root", "s", "Add ./N/new = x", 200, ""},
		{"T11 no right to replace", "s", "Replace ./N/new = y", 425, ""},
		{"K12 new leaf", "s", "Get ./N/new?prop=ACL", 200, "="},
		{"K13 new interior node without Replace above", "s", "Add ./N/Own : node", 200, ""},
		{"K13 its ACL", "", "Get ./N/Own?prop=ACL", 200, "Add=s&Delete=s&Replace=s"},
		{"K13 its creator cannot even read", "s", "Get ./N/Own", 425, ""},
		{"K08 but may change the ACL", "s", "Replace ./N/Own?prop=ACL = Add=s&Delete=s&Get=*&Replace=s", 200, ""},
		{"K03 stops inheritance for all commands", "other", "Add ./N/Own/x = 1", 425, ""},
		{"K08 nobody else", "other", "Replace ./N/Own?prop=ACL = Get=other", 425, ""},
		{"K14 implicitly created", "s", "Add ./N/I/J/K = x", 200, ""},
		{"K14 the highest has the ACL", "", "Get ./N/I?prop=ACL", 200, "Add=s&Delete=s&Replace=s"},
		{"K14 the lower inherits", "", "Get ./N/I/J?prop=ACL", 200, "="},
		{"K09 Replace at the leaf", "", "Replace ./N/leaf?prop=ACL = Replace=s&Get=s", 200, ""},
		{"K09 gives the value", "s", "Replace ./N/leaf = w", 200, ""},
		{"K09 but not the ACL", "s", "Replace ./N/leaf?prop=ACL = Get=*", 425, ""},
		{"", "", "Replace ./N?prop=ACL = Get=*&Replace=p", 200, ""},
		{"K10 the parent's Replace gives the ACL", "p", "Replace ./N/leaf?prop=ACL = Get=p&Exec=p", 200, ""},
		{"K10 but not the value", "p", "Replace ./N/leaf = z", 425, ""},
		{"K15 the whole ACL is new", "p", "Get ./N/leaf?prop=ACL", 200, "Exec=p&Get=p"},
		{"K03 an entry for another command", "s", "Get ./N/leaf", 425, ""},
		{"K02 nearest ancestor, whole", "s", "Add ./N/M/x = 1", 425, ""},
		{"K16 no right", "s", "Replace ./N/M?prop=ACL = Get=s", 425, ""},
		{"K06, K07 not an ACL", "p", "Replace ./N/M?prop=ACL = Get=", 400, ""},
		{"K07 never stored", "p", "Get ./N/M?prop=ACL", 200, "="},
		{"emptied, it inherits", "p", "Replace ./N/leaf?prop=ACL = ", 200, ""},
		{"emptied, it inherits", "s", "Get ./N/leaf", 200, "w"},
		{"", "", "Replace .?prop=ACL = Add=*&Get=*&Replace=r", 200, ""},
		{"K17 Add of the root stays", "r", "Replace .?prop=ACL = Add=r&Get=*&Replace=r", 405, ""},
		{"K17 the rest may go", "r", "Replace .?prop=ACL = Add=*&Replace=r", 200, ""},
		{"T11 nobody reads the root now", "r", "Get .", 425, ""},
		{"K20 Copy needs Get on the source", "p", "Copy ./N/Own > ./N/M/deep", 405, ""},
		{"", "", "Replace ./N/leaf?prop=ACL = Get=a", 200, ""},
		{"", "", "Replace ./N/M?prop=ACL = Add=a&Get=*", 200, ""},
		{"K20 Copy needs Get on the source", "b", "Copy ./N/leaf > ./N/M/deep", 425, ""},
		{"K20 Copy needs Replace on the target", "a", "Copy ./N/leaf > ./N/M/deep", 425, ""},
		{"K20 Copy to a new node needs Add above", "a", "Copy ./N/leaf > ./N/M/copy", 200, ""},
		{"deleted with its ACL", "", "Delete ./N/M", 200, ""},
		{"deleted with its ACL", "", "Add ./N/M : node", 200, ""},
		{"deleted with its ACL", "", "Get ./N/M?prop=ACL", 200, "="},
		{"M14 an ACL moves with its node", "", "Replace ./N/leaf?prop=Name = moved", 200, ""},
		{"M14 an ACL moves with its node", "", "Get ./N/moved?prop=ACL", 200, "Get=a"},
	})
}

// The example of DM TND.
func TestTreeACLExample(t *testing.T) {
	build := func(t *testing.T) *dmtree.Tree {
		m := new(dmtree.Memory)
		m.Set("./NodeA/Node1", dmtree.String("1"))
		m.Set("./NodeB/Node2", dmtree.Interior())
		m.Set("./NodeB/Node3/Node4", dmtree.Interior())
		m.Set("./NodeB/Node3/Node5", dmtree.String("5"))
		tree := &dmtree.Tree{Provider: m}
		for u, a := range map[dmtree.URI]string{
			".":                   "Add=*&Get=*",
			"./NodeA":             "Get=ServerC&Replace=ServerC",
			"./NodeA/Node1":       "Get=*",
			"./NodeB":             "Get=ServerA&Replace=ServerA",
			"./NodeB/Node3":       "Get=ServerB&Replace=ServerB&Delete=ServerB",
			"./NodeB/Node3/Node5": "Get=ServerA&Replace=ServerA&Get=ServerB",
		} {
			if err := dmtree.SetProperty(t.Context(), tree, u, dmtree.PropACL, a); err != nil {
				t.Fatal(err)
			}
		}
		return tree
	}
	for _, s := range []step{
		{"K19", "ServerX", "Get ./NodeA/Node1", 200, "1"},
		{"K19", "ServerC", "Replace ./NodeA/Node1?prop=ACL = Get=*", 200, ""},
		{"K19", "ServerX", "Replace ./NodeA/Node1?prop=ACL = Get=*", 425, ""},
		{"K19", "ServerC", "Replace ./NodeA/Node1 = x", 425, ""},
		{"K19", "ServerC", "Delete ./NodeA/Node1", 425, ""},
		{"K19", "ServerX", "Get ./NodeA/Node1?prop=ACL", 200, "Get=*"},
		{"K19", "ServerB", "Get ./NodeB/Node3/Node4?prop=ACL", 200, "="},
		{"K19", "ServerA", "Replace ./NodeB/Node3/Node5 = x", 200, ""},
		{"K19", "ServerB", "Get ./NodeB/Node3/Node5", 200, "5"},
		{"K19", "ServerA", "Get ./NodeB/Node3", 425, ""},
		{"K19", "ServerA", "Get ./NodeB/Node2", 200, ""},
		{"K19", "ServerA", "Add ./NodeB/New = x", 425, ""},
	} {
		t.Run(s.server+" "+s.do, func(t *testing.T) { s.run(t, build(t)) })
	}
}

func TestTreeRemoveServer(t *testing.T) {
	tree := device(t)
	ctx := t.Context()
	for u, a := range map[dmtree.URI]string{"./A": "Get=srv+x&Replace=srv", "./A/C": "Get=srv", "./A/leaf": "Get=x"} {
		if err := dmtree.SetProperty(ctx, tree, u, dmtree.PropACL, a); err != nil {
			t.Fatal(err)
		}
	}
	if err := tree.RemoveServer(ctx, "srv"); err != nil {
		t.Fatal(err)
	}
	for u, want := range map[dmtree.URI]string{"./A": "Get=x", "./A/C": "", "./A/leaf": "Get=x", ".": "Add=*&Delete=*&Exec=*&Get=*&Replace=*"} {
		if got, err := dmtree.Property(ctx, tree, u, dmtree.PropACL); err != nil || got != want {
			t.Errorf("K18 ACL of %s is %q, %v, want %q", u, got, err, want)
		}
	}
}

func TestTreeLimitsAndSpace(t *testing.T) {
	tree := device(t)
	tree.Limits = dmtree.Limits{MaxDepth: 3, MaxSegLen: 9, MaxTotLen: 25}
	for _, s := range []step{
		{"T03 too deep", "srv", "Add ./A/b/c/d = x", 414, ""},
		{"T03 segment too long", "srv", "Get ./A/0123456789", 414, ""},
		{"T03 long enough without the property", "srv", "Get ./A/C/012345678", 404, ""},
		{"T03 too long with it", "srv", "Get ./A/C/012345678?prop=Format", 414, ""},
		{"T03 in a copy", "srv", "Copy ./A/leaf > ./A/b/c/d", 414, ""},
		{"T03 before existence", "srv", "Delete ./A/b/c/d", 414, ""},
		{"T03 in a rename", "srv", "Replace ./A/C?prop=Name = 0123456789", 414, ""},
		{"T03 below a renamed node", "srv", "Replace ./A/P?prop=Name = 01234567890", 414, ""},
	} {
		s.run(t, tree)
	}
	full := &dmtree.Tree{Provider: &dmtree.Memory{MaxBytes: 120}}
	step{"", "", "Add ./A : node", 200, ""}.run(t, full)
	step{"K16 no space for an ACL", "", "Replace ./A?prop=ACL = Get=" + strings.Repeat("x", 100), 420, ""}.run(t, full)
	step{"M24 store full", "", "Add ./A/b = " + strings.Repeat("x", 120), 420, ""}.run(t, full)
}

func TestTreeExecAndCopyRefused(t *testing.T) {
	run := &dmtree.Funcs{
		GetFunc: func(_ context.Context, u dmtree.URI) (dmtree.Value, error) {
			switch u.Name() {
			case "Busy", "Slow", "Now", "No", "Picky":
				return dmtree.String("v"), nil
			case "":
				return dmtree.Interior("Busy", "Slow", "Now", "No", "Picky"), nil
			}
			return dmtree.Null, dmtree.ErrNotFound
		},
		ReplaceFunc: func(_ context.Context, u dmtree.URI, v dmtree.Value) error {
			if u.Name() == "Picky" {
				return dmtree.ErrValue
			}
			return fmt.Errorf("disk on fire")
		},
		ExecFunc: func(_ context.Context, u dmtree.URI, arg dmtree.Value) error {
			return map[string]error{"Busy": dmtree.ErrForbidden, "Slow": dmtree.ErrAccepted}[u.Name()]
		},
		NodeFunc: func(_ context.Context, u dmtree.URI) (dmtree.Properties, error) {
			if u.Name() == "No" {
				return dmtree.Properties{Access: dmtree.AccessGet}, nil
			}
			return dmtree.Properties{}, nil
		},
	}
	tree := &dmtree.Tree{Provider: run}
	if err := dmtree.SetProperty(t.Context(), tree, ".", dmtree.PropACL, "Add=*&Get=*&Exec=srv&Replace=srv"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []step{
		{"Exec", "srv", "Exec ./Now", 200, ""},
		{"Exec goes on", "srv", "Exec ./Slow", 202, ""},
		{"Exec in use", "srv", "Exec ./Busy", 403, ""},
		{"M23 missing node", "srv", "Exec ./none", 404, ""},
		{"M23 access", "srv", "Exec ./No", 405, ""},
		{"M23 ACL", "other", "Exec ./Now", 425, ""},
		{"M22 copy refused by the target", "srv", "Copy ./Now > ./Picky", 403, ""},
		{"any other failure", "srv", "Replace ./Now = x", 500, ""},
	} {
		s.run(t, tree)
	}
}

func TestTreeImplicitAddBlames(t *testing.T) {
	m := new(dmtree.Memory)
	m.Set("./A", dmtree.Interior())
	strict := &dmtree.Tree{Provider: &dmtree.Memory{ExplicitParents: true}}
	err := dmtree.Add(t.Context(), strict, "./A/B/C", dmtree.Null)
	if status(err) != 404 || !dmtree.Blames(err, "./A/B") {
		t.Errorf("M05 a refused implicit Add: %v, want 404 that blames ./A/B", err)
	}
	tree := &dmtree.Tree{Provider: m}
	if err := dmtree.SetProperty(t.Context(), tree, "./A", dmtree.PropACL, "Get=*"); err != nil {
		t.Fatal(err)
	}
	err = dmtree.Add(as(t, "s"), tree, "./A/B/C", dmtree.Null)
	if status(err) != 425 || !dmtree.Blames(err, "./A") || dump(t, m, "./A") != "./A node \n" {
		t.Errorf("M05 an implicit Add without right: %v, want 425 that blames ./A\n%s", err, dump(t, m, "."))
	}
}

// On Windows there are no ACLs, and everything else is the same.
func TestOpenTree(t *testing.T) {
	build := func(t *testing.T) *dmtree.Tree {
		tree := device(t)
		tree.Open = true
		return tree
	}
	runSteps(t, build, []step{
		{"every server writes", "other", "Replace ./A/leaf = x", 200, ""},
		{"no ACL", "other", "Get ./A?prop=ACL", 406, ""},
		{"no ACL to write", "other", "Replace ./A?prop=ACL = Get=*", 406, ""},
		{"no ACL in lists", "other", "List ./A?list=TNDS+ACL", 406, ""},
		{"scope", "other", "Add ./Vendor/MSFT/X = 1", 200, ""},
		{"scope and case", "other", "Get ./device/vendor/msft/x", 200, "1"},
		{"access types hold", "other", "Replace ./DevInfo/DevId = x", 405, ""},
	})
}

func TestOneStep(t *testing.T) {
	apart := new(dmtree.Memory)
	for _, tt := range []struct {
		name string
		tree *dmtree.Tree
		want bool
	}{
		{"nodes and properties in one store", &dmtree.Tree{Provider: new(dmtree.Memory)}, true},
		{"properties elsewhere", &dmtree.Tree{Provider: new(dmtree.Memory), Properties: apart.Keep()}, false},
		{"nodes of several providers", &dmtree.Tree{Provider: new(dmtree.Mux), Properties: apart.Keep()}, false},
		{"properties that end with the process", &dmtree.Tree{Provider: new(dmtree.Mux)}, false},
	} {
		if got := tt.tree.OneStep(); got != tt.want {
			t.Errorf("%s: OneStep is %v, want %v", tt.name, got, tt.want)
		}
	}
}
