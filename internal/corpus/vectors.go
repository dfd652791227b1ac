package corpus

import (
	"encoding/hex"
	"strings"
)

// A Vector is a worked example of SyncML in WBXML: the same document in both encodings.
type Vector struct {
	Name  string // message, tnds, tnds-opaque, tnds-inline or binary
	XML   []byte
	WBXML []byte
}

// Vectors returns a message, a tree (TNDS) alone and within a message, once as a document of its own in opaque data and
// once in line, and a message with a binary value. A tree within a message is of type +xml in XML and +wbxml in WBXML. Each call makes them anew.
func Vectors() []Vector {
	out := make([]Vector, len(vectors))
	for i, v := range vectors {
		b, err := hex.DecodeString(strings.Join(strings.Fields(v.octets), ""))
		if err != nil {
			panic(err)
		}
		out[i] = Vector{Name: v.name, XML: []byte(v.xml), WBXML: b}
	}
	return out
}

const (
	vectorHead = `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>d</LocURI></Target><Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody>`
	vectorTree = `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>A</NodeName><RTProperties><Format><node/></Format><Type><DDFName>x/1.0/y</DDFName></Type></RTProperties><Node><NodeName>B</NodeName><RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties><Value>v</Value></Node></Node></MgmtTree>`
	vectorAdd  = vectorHead + `<Add><CmdID>1</CmdID><Item><Target><LocURI>./Inbox</LocURI></Target><Meta><Format xmlns="syncml:metinf">xml</Format><Type xmlns="syncml:metinf">application/vnd.syncml.dmtnds+xml</Type></Meta><Data>` + vectorTree + `</Data></Item></Add><Final/></SyncBody></SyncML>`
)

var vectors = []struct{ name, xml, octets string }{
	{"message", `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>7</SessionID><MsgID>2</MsgID><Target><LocURI>http://dm.example</LocURI></Target><Source><LocURI>IMEI:1</LocURI></Source><Meta><MaxMsgSize xmlns="syncml:metinf">4096</MaxMsgSize></Meta></SyncHdr><SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>212</Data></Status><Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status><Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./a</LocURI></Source><Meta><Format xmlns="syncml:metinf">chr</Format><Type xmlns="syncml:metinf">text/plain</Type></Meta><Data>hi</Data></Item></Results><Final/></SyncBody></SyncML>`, `
02 a4 01 6a 00 6d 6c 71 03 31 2e 32 00 01 72 03 44 4d 2f 31 2e 32 00 01 65 03 37 00 01 5b 03 32
00 01 6e 57 03 68 74 74 70 3a 2f 2f 64 6d 2e 65 78 61 6d 70 6c 65 00 01 01 67 57 03 49 4d 45 49
3a 31 00 01 01 5a 00 01 4c 03 34 30 39 36 00 01 01 01 00 00 6b 69 4b 03 31 00 01 5c 03 31 00 01
4c 03 30 00 01 4a 03 53 79 6e 63 48 64 72 00 01 4f 03 32 31 32 00 01 01 69 4b 03 32 00 01 5c 03
31 00 01 4c 03 34 00 01 4a 03 47 65 74 00 01 4f 03 32 30 30 00 01 01 62 4b 03 33 00 01 5c 03 31
00 01 4c 03 34 00 01 54 67 57 03 2e 2f 61 00 01 01 5a 00 01 47 03 63 68 72 00 01 53 03 74 65 78
74 2f 70 6c 61 69 6e 00 01 01 00 00 4f 03 68 69 00 01 01 01 12 01 01`},
	{"tnds", vectorTree, `
02 00 00 6a 1b 2d 2f 2f 4f 4d 41 2f 2f 44 54 44 2d 44 4d 2d 44 44 46 20 31 2e 32 2f 2f 45 4e 00
00 02 60 77 03 31 2e 32 00 01 64 66 03 41 00 01 6f 5c 25 01 75 51 03 78 2f 31 2e 30 2f 79 00 01
01 01 64 66 03 42 00 01 6f 5c 0b 01 75 61 03 74 65 78 74 2f 70 6c 61 69 6e 00 01 01 01 76 03 76
00 01 01 01 01`},
	{"tnds-opaque", vectorAdd, `
02 a4 01 6a 00 6d 6c 71 03 31 2e 32 00 01 72 03 44 4d 2f 31 2e 32 00 01 65 03 31 00 01 5b 03 31
00 01 6e 57 03 64 00 01 01 67 57 03 73 00 01 01 01 6b 45 4b 03 31 00 01 54 6e 57 03 2e 2f 49 6e
62 6f 78 00 01 01 5a 00 01 47 03 78 6d 6c 00 01 53 03 61 70 70 6c 69 63 61 74 69 6f 6e 2f 76 6e
64 2e 73 79 6e 63 6d 6c 2e 64 6d 74 6e 64 73 2b 77 62 78 6d 6c 00 01 01 00 00 4f c3 65 02 00 00
6a 1b 2d 2f 2f 4f 4d 41 2f 2f 44 54 44 2d 44 4d 2d 44 44 46 20 31 2e 32 2f 2f 45 4e 00 00 02 60
77 03 31 2e 32 00 01 64 66 03 41 00 01 6f 5c 25 01 75 51 03 78 2f 31 2e 30 2f 79 00 01 01 01 64
66 03 42 00 01 6f 5c 0b 01 75 61 03 74 65 78 74 2f 70 6c 61 69 6e 00 01 01 01 76 03 76 00 01 01
01 01 01 01 01 12 01 01`},
	{"tnds-inline", vectorAdd, `
02 a4 01 6a 00 6d 6c 71 03 31 2e 32 00 01 72 03 44 4d 2f 31 2e 32 00 01 65 03 31 00 01 5b 03 31
00 01 6e 57 03 64 00 01 01 67 57 03 73 00 01 01 01 6b 45 4b 03 31 00 01 54 6e 57 03 2e 2f 49 6e
62 6f 78 00 01 01 5a 00 01 47 03 78 6d 6c 00 01 53 03 61 70 70 6c 69 63 61 74 69 6f 6e 2f 76 6e
64 2e 73 79 6e 63 6d 6c 2e 64 6d 74 6e 64 73 2b 77 62 78 6d 6c 00 01 01 00 00 4f 00 02 60 77 03
31 2e 32 00 01 64 66 03 41 00 01 6f 5c 25 01 75 51 03 78 2f 31 2e 30 2f 79 00 01 01 01 64 66 03
42 00 01 6f 5c 0b 01 75 61 03 74 65 78 74 2f 70 6c 61 69 6e 00 01 01 01 76 03 76 00 01 01 01 01
01 01 01 00 00 12 01 01`},
	{"binary", vectorHead + `<Replace><CmdID>2</CmdID><Item><Target><LocURI>./b</LocURI></Target><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">application/octet-stream</Type></Meta><Data>AAH/</Data></Item></Replace><Final/></SyncBody></SyncML>`, `
02 a4 01 6a 00 6d 6c 71 03 31 2e 32 00 01 72 03 44 4d 2f 31 2e 32 00 01 65 03 31 00 01 5b 03 31
00 01 6e 57 03 64 00 01 01 67 57 03 73 00 01 01 01 6b 60 4b 03 32 00 01 54 6e 57 03 2e 2f 62 00
01 01 5a 00 01 47 03 62 69 6e 00 01 53 03 61 70 70 6c 69 63 61 74 69 6f 6e 2f 6f 63 74 65 74 2d
73 74 72 65 61 6d 00 01 01 00 00 4f c3 03 00 01 ff 01 01 01 12 01 01`},
}
