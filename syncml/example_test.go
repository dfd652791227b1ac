package syncml_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// What a device answers to a Get.
const answer = `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID>` +
	`<MsgID>2</MsgID><Target><LocURI>https://mdm.example.com/dm</LocURI></Target><Source><LocURI>urn:uuid:1</LocURI></Source></SyncHdr>` +
	`<SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>` +
	`<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status>` +
	`<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./DevDetail/SwV</LocURI></Source>` +
	`<Data>10.0.26100.1</Data></Item></Results><Final/></SyncBody></SyncML>`

// Read messages from a stream, one command at a time.
func ExampleDecoder() {
	dec := syncml.NewDecoder(strings.NewReader(answer), nil)
	for {
		h, err := dec.Next()
		if err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("session %s, message %s from %s\n", h.SessionID, h.MsgID, h.Source.URI)
		for cmd, err := range dec.Commands() {
			if err != nil {
				log.Fatal(err)
			}
			switch cmd := cmd.(type) {
			case *syncml.Status:
				fmt.Println("status of", cmd.Cmd, cmd.CmdRef, "is", cmd.Code)
			case *syncml.Results:
				for _, it := range cmd.Items {
					fmt.Println(it.Source.URI, "is", it.Data)
				}
			}
		}
		fmt.Println("final:", dec.Final())
	}
	// Output:
	// session 2F, message 2 from urn:uuid:1
	// status of SyncHdr 0 is 200 OK
	// status of Get 4 is 200 OK
	// ./DevDetail/SwV is 10.0.26100.1
	// final: true
}

// Write messages that the peer accepts: what does not fit into one goes into the next.
func ExampleEncoder() {
	var out bytes.Buffer
	enc := syncml.NewEncoder(&out, &syncml.EncoderOptions{MaxMessage: 600})
	todo := []string{"./DevDetail/SwV", "./DevDetail/FwV", "./DevDetail/HwV", "./DevDetail/LrgObj", "./DevDetail/OEM"}
	for msg := 1; len(todo) > 0; msg++ {
		err := enc.Begin(&syncml.Header{
			SessionID: "2F", MsgID: syncml.ID(msg),
			Target: syncml.Location{URI: "urn:uuid:1"}, Source: syncml.Location{URI: "https://mdm.example.com/dm"},
		})
		if err != nil {
			log.Fatal(err)
		}
		for n := 1; len(todo) > 0; n++ {
			err := enc.Encode(&syncml.Get{CmdID: syncml.ID(n), Items: []syncml.Item{{Target: syncml.Location{URI: todo[0]}}}})
			if errors.Is(err, syncml.ErrFull) && n > 1 {
				break // into the next message
			} else if err != nil {
				log.Fatal(err) // ErrFull here would be for ever: it does not even fit into a message of its own
			}
			todo = todo[1:]
		}
		if err := enc.End(len(todo) == 0); err != nil {
			log.Fatal(err)
		}
		fmt.Println("message", msg, "of", out.Len(), "bytes, left for the next:", len(todo))
		out.Reset()
	}
	// Output:
	// message 1 of 541 bytes, left for the next: 2
	// message 2 of 463 bytes, left for the next: 0
}

// Read one message that is in memory, and look at it.
func ExampleUnmarshal() {
	m, err := syncml.Unmarshal([]byte(answer), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range m.Commands {
		fmt.Println(c.ID(), c.Name())
	}
	// Output:
	// 1 Status
	// 2 Status
	// 3 Results
}

// An error tells where a message is broken.
func ExampleSyntaxError() {
	broken := strings.Replace(answer, "10.0.26100.1", "AT&T", 1)
	_, err := syncml.Unmarshal([]byte(broken), nil)
	if se, ok := errors.AsType[*syncml.SyntaxError](err); ok {
		fmt.Println(se.Path, se.Line, se.Column)
		fmt.Println(se.Err)
	}
	// Output:
	// /SyncML/SyncBody/Results/Item/Data 1 581
	// malformed: no entity: "&T"
}

// Hear what a peer does wrong, without refusing it.
func ExampleDecoderOptions() {
	sloppy := strings.Replace(answer, "<CmdID>3</CmdID><MsgRef>1</MsgRef>", "<MsgRef>1</MsgRef><CmdID>2</CmdID>", 1)
	_, err := syncml.Unmarshal([]byte(sloppy), &syncml.DecoderOptions{
		Forgiven: func(e *syncml.SyntaxError) { fmt.Println(e.Path, e.Err) },
	})
	fmt.Println(err)
	// Output:
	// /SyncML/SyncBody/Results/CmdID malformed: CmdID behind MsgRef
	// /SyncML/SyncBody/Results malformed: CmdID "2" is empty, 0 or there already
	// <nil>
}

// Build a message whose value is XML, as policies are set, and choose how that is spelled.
func ExampleAppend() {
	m := &syncml.Message{
		Header: syncml.Header{
			SessionID: "2F", MsgID: "3",
			Target: syncml.Location{URI: "urn:uuid:1"}, Source: syncml.Location{URI: "https://mdm.example.com/dm"},
		},
		Commands: []syncml.Command{&syncml.Replace{CmdID: "1", Items: []syncml.Item{{
			Target: syncml.Location{URI: "./Device/Vendor/MSFT/Policy/Config/A/B"},
			Meta:   syncml.Meta{Format: syncml.FormatChr, Type: "text/plain"},
			Data:   syncml.CDATA(`<enabled/><data id="X" value="1"/>`),
		}}}},
		Final: true,
	}
	b, err := syncml.Append(nil, m, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(syncml.Indent(nil, b, "  ")))
	// Output:
	// <SyncML xmlns="SYNCML:SYNCML1.2">
	//   <SyncHdr>
	//     <VerDTD>1.2</VerDTD>
	//     <VerProto>DM/1.2</VerProto>
	//     <SessionID>2F</SessionID>
	//     <MsgID>3</MsgID>
	//     <Target>
	//       <LocURI>urn:uuid:1</LocURI>
	//     </Target>
	//     <Source>
	//       <LocURI>https://mdm.example.com/dm</LocURI>
	//     </Source>
	//   </SyncHdr>
	//   <SyncBody>
	//     <Replace>
	//       <CmdID>1</CmdID>
	//       <Item>
	//         <Target>
	//           <LocURI>./Device/Vendor/MSFT/Policy/Config/A/B</LocURI>
	//         </Target>
	//         <Meta>
	//           <Format xmlns="syncml:metinf">chr</Format>
	//           <Type xmlns="syncml:metinf">text/plain</Type>
	//         </Meta>
	//         <Data><![CDATA[<enabled/><data id="X" value="1"/>]]></Data>
	//       </Item>
	//     </Replace>
	//     <Final/>
	//   </SyncBody>
	// </SyncML>
}

// Compare what two messages say, however they are spelled and numbered.
func ExampleDiff() {
	other := strings.NewReplacer(
		`<Data>10.0.26100.1</Data>`, `<Data><![CDATA[10.0.26200.5]]></Data>`,
		`<CmdID>3</CmdID>`, `<CmdID>7</CmdID>`,
	).Replace(answer)
	a, err := syncml.Unmarshal([]byte(answer), nil)
	if err != nil {
		log.Fatal(err)
	}
	b, err := syncml.Unmarshal([]byte(other), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range syncml.Diff(a, b, &syncml.DiffOptions{IgnoreCmdIDs: true}) {
		fmt.Println(d)
	}
	// Output:
	// SyncBody/Results[3]/Item[1]/Data: "10.0.26100.1", "10.0.26200.5"
}

// Tell what became of a server's commands: a Status names the message and the command that it answers.
func ExampleStatus() {
	const question = `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2F</SessionID>` +
		`<MsgID>1</MsgID><Target><LocURI>urn:uuid:1</LocURI></Target><Source><LocURI>https://mdm.example.com/dm</LocURI></Source></SyncHdr>` +
		`<SyncBody><Get><CmdID>4</CmdID><Item><Target><LocURI>./DevDetail/SwV</LocURI></Target></Item></Get>` +
		`<Get><CmdID>5</CmdID><Item><Target><LocURI>./DevDetail/HwV</LocURI></Target></Item></Get><Final/></SyncBody></SyncML>`
	sent, err := syncml.Unmarshal([]byte(question), nil)
	if err != nil {
		log.Fatal(err)
	}
	reply, err := syncml.Unmarshal([]byte(answer), nil)
	if err != nil {
		log.Fatal(err)
	}
	type ref struct{ msg, cmd string }
	codes := map[ref]syncml.StatusCode{}
	for _, c := range reply.Commands {
		if s, ok := c.(*syncml.Status); ok {
			codes[ref{s.MsgRef, s.CmdRef}] = s.Code
		}
	}
	for _, c := range sent.Commands {
		if code, ok := codes[ref{sent.Header.MsgID, c.ID()}]; ok {
			fmt.Println(c.Name(), c.ID(), "is", code)
		} else {
			fmt.Println(c.Name(), c.ID(), "has no answer")
		}
	}
	// Output:
	// Get 4 is 200 OK
	// Get 5 has no answer
}

func ExampleStatusCode() {
	c := syncml.StatusAlreadyExists
	fmt.Println(c, c.OriginatorError())
	fmt.Println(c.Meaning())
	// Output:
	// 418 Already exists true
	// The target exists
}
