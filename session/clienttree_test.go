package session_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// What a tree with rights and properties adds, seen by a server.
func TestTreeThroughSession(t *testing.T) {
	const tnds = `&lt;MgmtTree xmlns="syncml:dmddf1.2"&gt;&lt;VerDTD&gt;1.2&lt;/VerDTD&gt;&lt;Node&gt;&lt;NodeName&gt;new&lt;/NodeName&gt;` +
		`&lt;RTProperties&gt;&lt;Format&gt;&lt;node/&gt;&lt;/Format&gt;&lt;Type/&gt;&lt;/RTProperties&gt;` +
		`&lt;Node&gt;&lt;NodeName&gt;leaf&lt;/NodeName&gt;&lt;RTProperties&gt;&lt;Format&gt;&lt;chr/&gt;&lt;/Format&gt;&lt;Type&gt;&lt;MIME&gt;text/plain&lt;/MIME&gt;&lt;/Type&gt;&lt;/RTProperties&gt;` +
		`&lt;Value&gt;v&lt;/Value&gt;&lt;/Node&gt;&lt;/Node&gt;&lt;/MgmtTree&gt;`
	for _, test := range []struct{ name, say, want string }{
		{"properties", getCmd("1", "./A/x?prop=Format") + getCmd("2", "./A?prop=Name") + getCmd("3", "./A/x?prop=ACL") + getCmd("4", "./A/x?prop=Nonsense"), `
			Status 1/1 Get 200 ./A/x?prop=Format
			Results 1/1 [./A/x?prop=Format "chr"]
			Status 1/2 Get 200 ./A?prop=Name
			Results 1/2 [./A?prop=Name "A"]
			Status 1/3 Get 200 ./A/x?prop=ACL
			Results 1/3 [./A/x?prop=ACL ""]
			Status 1/4 Get 406 ./A/x?prop=Nonsense`},
		{"rename", replaceCmd("1", "./A/x?prop=Name", "renamed") + getCmd("2", "./A/renamed"), `
			Status 1/1 Replace 200 ./A/x?prop=Name
			Status 1/2 Get 200 ./A/renamed
			Results 1/2 [./A/renamed "1"]`},
		{"rights", replaceCmd("1", "./A/x?prop=ACL", "Get=other") + getCmd("2", "./A/x"), `
			Status 1/1 Replace 200 ./A/x?prop=ACL
			Status 1/2 Get 425 ./A/x`},
		{"a list", getCmd("1", "./A?list=Struct"), `
			Status 1/1 Get 200 ./A?list=Struct
			Results 1/1 [./A node text/plain] [./A/x] [./A/y] [./A/z]`},
		{"a list with values", getCmd("1", "./A?list=StructData"), `
			Status 1/1 Get 200 ./A?list=StructData
			Results 1/1 [./A node text/plain] [./A/x "1"] [./A/y "2"] [./A/z "3"]`},
		{"undone with its Atomic", groupCmd("Atomic", "1", replaceCmd("2", "./A/x?prop=Title", "t"), replaceCmd("3", "./A/none", "1")) + getCmd("4", "./A/x?prop=Title"), `
			Status 1/1 Atomic 507
			Status 1/2 Replace 216 ./A/x?prop=Title
			Status 1/3 Replace 404 ./A/none
			Status 1/4 Get 200 ./A/x?prop=Title
			Results 1/4 [./A/x?prop=Title ""]`},
		{"a subtree at once", `<Add><CmdID>1</CmdID><Item><Target><LocURI>./A/sub</LocURI></Target><Meta><Format xmlns="syncml:metinf">xml</Format>` +
			`<Type xmlns="syncml:metinf">application/vnd.syncml.dmtnds+xml</Type></Meta><Data>` + tnds + `</Data></Item></Add>` + getCmd("2", "./A/sub/new/leaf"), `
			Status 1/1 Add 200 ./A/sub
			Status 1/2 Get 200 ./A/sub/new/leaf
			Results 1/2 [./A/sub/new/leaf "v"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				tree := &dmtree.Tree{Provider: deviceTree()}
				require.NoError(t, dmtree.Replace(t.Context(), tree, "./A?prop=ACL", dmtree.String("Get=*&Replace=srv&Add=srv")))
				s := begin(t, &session.Client{Tree: tree, Server: "srv", Profile: session.OMA}, e, nil)
				s.say(test.say + finalXML)
				s.expect("Status 1/0 SyncHdr 200\n" + test.want + "\nFinal")
			})
		})
	}
}

// A provider is told on whose behalf it works.
func TestCallOfTheSession(t *testing.T) {
	var calls []dmtree.Call
	c := &session.Client{Server: "srv", Profile: session.OMA}
	c.Tree = &execer{deviceTree(), func(ctx context.Context, _ dmtree.URI, _ dmtree.Value) error {
		call := dmtree.CallFrom(ctx)
		calls = append(calls, dmtree.Call{Server: call.Server, User: call.User, Correlator: call.Correlator})
		return nil
	}}
	s := begin(t, c, syncml.XML, &session.RunOptions{User: "zoe"})
	s.say(nodeCmd("Exec", "1", "./A") + strings.Replace(nodeCmd("Exec", "2", "./A"), "<Item>", "<Correlator>c</Correlator><Item>", 1) + finalXML)
	require.Equal(t, []dmtree.Call{{Server: "srv", User: "zoe"}, {Server: "srv", User: "zoe", Correlator: "c"}}, calls)
}
