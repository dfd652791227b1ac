// Package corpus makes the five messages that every benchmark of the codec measures, in the shapes in which Windows
// devices and their servers exchange them. They depend on nothing but a seed, so figures of different days and machines
// are about the same bytes.
package corpus

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Message is one message of the corpus in its XML form, as it goes over the wire: UTF-8, nothing between the tags.
type Message struct {
	Name     string // pkg1, policy, inventory, large or admx
	XML      []byte
	Commands int // commands of the message in all, those within Atomic included
}

// All returns the five messages in the order of the benchmark tables: pkg1, policy, inventory, large, admx. Each call
// makes them anew, so the caller may change them.
func All() []Message { return Generate(1) }

// Get returns the message of that name as All makes it. It panics for a name that is not of the corpus.
func Get(name string) Message {
	for _, m := range All() {
		if m.Name == name {
			return m
		}
	}
	panic("corpus: no message " + name)
}

// Generate makes the five messages with other values in the same shapes and nearly the same sizes. One seed always
// gives the same bytes.
func Generate(seed uint64) []Message {
	makers := []struct {
		name string
		make func(*writer)
	}{
		{"pkg1", pkg1},
		{"policy", policy},
		{"inventory", inventory},
		{"large", large},
		{"admx", admx},
	}
	out := make([]Message, len(makers))
	for i, m := range makers {
		w := &writer{rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
		m.make(w)
		out[i] = Message{Name: m.name, XML: []byte(w.String()), Commands: w.commands}
	}
	return out
}

// writer builds one message and counts its commands.
type writer struct {
	strings.Builder
	rnd      *rand.Rand
	id       int // the last CmdID
	commands int
}

func (w *writer) add(s ...string) {
	for _, s := range s {
		w.WriteString(s)
	}
}

func (w *writer) cmdID() string {
	w.id++
	w.commands++
	return fmt.Sprintf("<CmdID>%d</CmdID>", w.id)
}

func (w *writer) pick(from ...string) string { return from[w.rnd.IntN(len(from))] }

func (w *writer) hex(digits int) string {
	b := make([]byte, digits)
	for i := range b {
		b[i] = "0123456789ABCDEF"[w.rnd.IntN(16)]
	}
	return string(b)
}

func (w *writer) guid() string {
	return w.hex(8) + "-" + w.hex(4) + "-" + w.hex(4) + "-" + w.hex(4) + "-" + w.hex(12)
}

func (w *writer) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.rnd.Uint32())
	}
	return b
}

const serverURL = "https://mdm.fabrikam.example/ManagementServer/MDM.svc"

// begin writes the header. Message numbers follow each other in both directions as they do between Windows and a server.
func (w *writer) begin(session, msg int, fromDevice bool) {
	target, source := serverURL, w.hex(32)
	if !fromDevice {
		target, source = source, target
	}
	w.add(`<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>`,
		fmt.Sprintf("<SessionID>%X</SessionID><MsgID>%d</MsgID>", session, msg),
		"<Target><LocURI>", target, "</LocURI></Target><Source><LocURI>", source, "</LocURI></Source>")
	if !fromDevice {
		w.add(`<Meta><MaxMsgSize xmlns="syncml:metinf">524288</MaxMsgSize></Meta>`)
	}
	w.add("</SyncHdr><SyncBody>")
}

func (w *writer) end() { w.add("<Final/></SyncBody></SyncML>") }

func (w *writer) status(msgRef, cmdRef int, cmd, code string) {
	w.add("<Status>", w.cmdID(), fmt.Sprintf("<MsgRef>%d</MsgRef><CmdRef>%d</CmdRef><Cmd>%s</Cmd><Data>%s</Data></Status>",
		msgRef, cmdRef, cmd, code))
}

func (w *writer) replace(uri, format, typ, data string) {
	w.add("<Replace>", w.cmdID(), "<Item><Target><LocURI>", uri, "</LocURI></Target>", meta(format, typ),
		"<Data>", data, "</Data></Item></Replace>")
}

func meta(format, typ string) string {
	s := `<Meta><Format xmlns="syncml:metinf">` + format + `</Format>`
	if typ != "" {
		s += `<Type xmlns="syncml:metinf">` + typ + `</Type>`
	}
	return s + "</Meta>"
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// large is one Replace whose value is 1 MB of base64: the shape of certificates, packages and recordings.
func large(w *writer) {
	w.begin(0x1C, 3, false)
	w.status(2, 0, "SyncHdr", "200")
	w.replace("./Device/Vendor/MSFT/ClientCertificateInstall/PFXCertInstall/"+w.guid()+"/PFXCertBlob", "b64", "",
		base64.StdEncoding.EncodeToString(w.bytes(786_432)))
	w.end()
}
