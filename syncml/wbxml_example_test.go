package syncml_test

import (
	"fmt"

	"github.com/omadm-sdk/omadm/syncml"
)

// A message in XML becomes one in WBXML by way of the types. Octets stay the same octets.
func Example_wbxml() {
	m, err := syncml.Unmarshal([]byte(`<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>`+
		`<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>IMEI:1</LocURI></Target><Source><LocURI>https://dm.example</LocURI></Source></SyncHdr>`+
		`<SyncBody><Replace><CmdID>1</CmdID><Item><Target><LocURI>./a</LocURI></Target><Meta><Format xmlns="syncml:metinf">b64</Format></Meta>`+
		`<Data>AAH/</Data></Item></Replace><Final/></SyncBody></SyncML>`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(out), "octets")

	back, err := syncml.Unmarshal(out, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(syncml.Diff(m, back, nil)), "differences")
	r := back.Commands[0].(*syncml.Replace)
	value, err := r.Items[0].Value(r.Meta)
	fmt.Printf("% x %v\n", value, err)
	// Output:
	// 114 octets
	// 0 differences
	// 00 01 ff <nil>
}
