package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

func TestFirstMessageOfWindows(t *testing.T) {
	s := begin(t, &session.Client{Tree: deviceTree()}, syncml.XML, &session.RunOptions{Login: session.LoginUser})
	require.Equal(t, `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>`+
		`<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>https://mdm.example.com/dm</LocURI></Target>`+
		`<Source><LocURI>device-1</LocURI></Source></SyncHdr><SyncBody>`+
		`<Alert><CmdID>2</CmdID><Data>1201</Data></Alert>`+
		`<Alert><CmdID>3</CmdID><Data>1224</Data><Item><Meta><Type xmlns="syncml:metinf">com.microsoft/MDM/LoginStatus</Type></Meta>`+
		`<Data>user</Data></Item></Alert>`+
		`<Replace><CmdID>4</CmdID>`+
		`<Item><Source><LocURI>./DevInfo/DevId</LocURI></Source><Data>device-1</Data></Item>`+
		`<Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Acme</Data></Item>`+
		`<Item><Source><LocURI>./DevInfo/Mod</LocURI></Source><Data>M1</Data></Item>`+
		`<Item><Source><LocURI>./DevInfo/DmV</LocURI></Source><Data>1.3</Data></Item>`+
		`<Item><Source><LocURI>./DevInfo/Lang</LocURI></Source><Data>en-US</Data></Item>`+
		`</Replace><Final/></SyncBody></SyncML>`, string(s.raw.Body))
	require.Equal(t, "https://mdm.example.com/dm?mode=Maintenance&Platform=WoA", s.raw.URL)
	h := s.raw.HTTP
	require.Equal(t, "application/vnd.syncml.dm+xml", h.Get("Content-Type"))
	require.Equal(t, "application/vnd.syncml.dm+xml, application/vnd.syncml.dm+wbxml, application/octet-stream", h.Get("Accept"))
	require.Equal(t, "UTF-8", h.Get("Accept-Charset"))
	require.Equal(t, "0", h.Get("Client-Request-Id"))
	require.Equal(t, "MSFT OMA DM Client/1.2.0.1", h.Get("User-Agent"))
	require.Regexp(t, `^[A-Za-z0-9+/]{16}\.0\.0\.0$`, h.Get("MS-CV"))
}

func TestSmoke(t *testing.T) {
	tree := deviceTree()
	s := begin(t, &session.Client{Tree: tree}, syncml.XML, nil)
	s.say(getCmd("5", "./DevDetail/SwV") + replaceCmd("6", "./A/x", "9") +
		groupCmd("Atomic", "7", replaceCmd("8", "./A/y", "7"), replaceCmd("9", "./A/nope", "7"), replaceCmd("10", "./A/z", "7")) + finalXML)
	s.expect(`
		Status 1/0 SyncHdr 200
		Status 1/5 Get 200 ./DevDetail/SwV
		Results 1/5 [./DevDetail/SwV "10.0.26100.1"]
		Status 1/6 Replace 200 ./A/x
		Status 1/7 Atomic 507
		Status 1/8 Replace 216 ./A/y
		Status 1/9 Replace 404 ./A/nope
		Status 1/10 Replace 215 ./A/z
		Final`)
	require.Equal(t, "2", nodeValue(t, tree, "./A/y"))
	s.say(finalXML)
	require.Nil(t, s.got)
	require.NoError(t, s.err)
	_ = dmtree.Null
}
