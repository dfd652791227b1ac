package session_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/golden"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// Whole conversations, octet for octet: the files under testdata/client show what a device sends, in both encodings.
func TestClientConversations(t *testing.T) {
	large := strings.Repeat("A line of a profile that is far too long for one message.\n", 40)
	for _, c := range []struct {
		name    string // of the file
		profile session.Profile
		opts    *session.RunOptions
		change  func(c *session.Client, tree *dmtree.Memory)
		says    []string // of the server; "more" asks for the rest of the device's package
		limit   int64    // MaxMsgSize that it announces; 0: none
		slow    bool     // the device takes 50 seconds for an Exec
		version string   // of the protocol, that the server has; empty: 1.2
	}{
		{name: "windows-C01-C05-C11-C18", says: []string{getCmd("5", "./DevDetail/SwV") + finalXML, finalXML},
			opts: &session.RunOptions{Login: session.LoginUser}},
		{name: "oma-C02-C06-C13", profile: session.OMA, says: []string{
			getCmd("1", "./A") + replaceCmd("2", "./A/x", "&lt;9&gt;") + getCmd("3", "./A/none") + finalXML, finalXML}},
		{name: "notified-C03-N08", profile: session.OMA, opts: &session.RunOptions{Notification: &session.Notification{SessionID: 0xAB, Server: "srv1"}},
			says: []string{finalXML}},
		{name: "challenge-C19-A07-A09", profile: session.OMA, change: func(c *session.Client, _ *dmtree.Memory) { c.Sign = signer(auth.MD5, bruce) },
			says: []string{headerStatus("1", "407", syncml.AuthMD5, "Nonce") + finalXML, headerStatus("2", "212", "", "") + getCmd("1", "./A/x") + finalXML, finalXML}},
		{name: "hmac-A22-A24-A25", profile: session.OMA, change: func(c *session.Client, _ *dmtree.Memory) { c.Sign = signer(auth.HMAC, bruce) },
			says: []string{headerStatus("1", "407", syncml.AuthMAC, "Nonce") + finalXML,
				headerStatus("2", "200", syncml.AuthMAC, "next") + getCmd("1", "./A/x") + finalXML, headerStatus("3", "200", syncml.AuthMAC, "last") + finalXML}},
		{name: "atomic-Q07-Q08-Q09", says: []string{
			groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "a"), replaceCmd("3", "./A/y", "b")) +
				groupCmd("Atomic", "4", replaceCmd("5", "./A/x", "c"), replaceCmd("6", "./A/none", "d"), replaceCmd("7", "./A/z", "e")) + finalXML, finalXML}},
		{name: "sequence-Q01-Q02-Q04", profile: session.OMA, change: func(c *session.Client, _ *dmtree.Memory) { c.UI = obedient{} },
			says: []string{groupCmd("Sequence", "1", replaceCmd("2", "./A/x", "a"), deleteCmd("3", "./A/none"),
				alertCmd("4", 1101, "", dataXML("no")), deleteCmd("5", "./A/y")) + finalXML, finalXML}},
		{name: "large-from-server-L03-L04-L05", profile: session.OMA, says: []string{
			chunkCmd("1", "./A/x", "chr", "one, ", 13, true), chunkCmd("1", "./A/x", "chr", "two, ", 0, true),
			chunkCmd("1", "./A/x", "chr", "end", 0, false) + finalXML, finalXML}},
		{name: "large-from-client-L01-L02-L13", limit: 1500,
			change: func(_ *session.Client, tree *dmtree.Memory) {
				tree.Set("./A/profile", dmtree.String(large).WithType("text/xml"))
			},
			says: []string{getCmd("1", "./A/profile") + finalXML, "more", finalXML}},
		{name: "keep-alive", slow: true, says: []string{replaceCmd("1", "./A/x", "9") + execCmd("2", "./Slow", 50) + finalXML,
			`<Status><CmdID>2</CmdID><MsgRef>2</MsgRef><CmdRef>2</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>`, finalXML}},
		{name: "older-version", version: "1.1", says: []string{headerStatus("1", "505", "", "") + finalXML,
			getCmd("1", "./DevDetail/SwV") + finalXML, finalXML}},
		{name: "abort-C20", says: []string{alertCmd("1", 1223) + finalXML}},
		{name: "next-message-C15-C17-C26", profile: session.OMA, limit: 900, says: []string{
			getCmd("1", "./A/x") + getCmd("2", "./A/y") + getCmd("3", "./A/z") + getCmd("4", "./DevDetail/SwV") + finalXML, "more", finalXML}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := func(t *testing.T, e syncml.Encoding) {
				var text bytes.Buffer
				tree := deviceTree()
				client := &session.Client{Tree: tree, Profile: c.profile}
				if c.slow {
					client.Tree, client.KeepAlive = slow{ledger: &ledger{Memory: tree}}, 30*time.Second
				}
				if c.change != nil {
					c.change(client, tree)
				}
				s := begin(t, client, e, c.opts)
				for says := c.says; len(says) > 0; {
					say := says[0]
					if say != "more" || s.got.Final {
						says = says[1:]
					}
					if say == "more" && s.got.Final {
						continue
					}
					require.NotNil(t, s.got, "the session is over early: %v", s.err)
					fmt.Fprintf(&text, "client → %s\n", s.raw.URL)
					if mac := s.raw.HTTP.Get(session.HeaderHMAC); mac != "" {
						fmt.Fprintf(&text, "x-syncml-hmac: %s\n", mac)
					}
					write(&text, e, s.raw.Body)
					if say == "more" {
						say = alertCmd("9", 1222)
						if r, ok := s.got.Commands[len(s.got.Commands)-1].(*syncml.Results); ok && r.Items[0].MoreData {
							say = `<Status><CmdID>8</CmdID><MsgRef>` + s.got.Header.MsgID + `</MsgRef><CmdRef>` + r.CmdID + `</CmdRef><Cmd>Results</Cmd><Data>213</Data></Status>` + say
						}
					}
					s.header = func(h *syncml.Header) {
						h.Meta.MaxMsgSize = c.limit
						if c.version != "" {
							h.VerDTD, h.VerProto = c.version, "DM/"+c.version
						}
					}
					in := s.message(say)
					fmt.Fprintf(&text, "server →\n")
					write(&text, e, in.Body)
					s.take(s.d.Next(t.Context(), start, in))
				}
				require.Nil(t, s.got, "the session goes on: %s", spell(s.got))
				golden.Check(t, filepath.Join("testdata", "client", c.name+"."+strings.ToLower(e.String())+".txt"), text.Bytes())
			}
			each(t, func(t *testing.T, e syncml.Encoding) { synctest.Test(t, func(t *testing.T) { run(t, e) }) })
		})
	}
}

// write writes a message, WBXML as a dump.
func write(b *bytes.Buffer, e syncml.Encoding, body []byte) {
	if e == syncml.WBXML {
		b.WriteString(hex.Dump(body))
	} else {
		b.Write(bytes.ReplaceAll(body, []byte("><"), []byte(">\n<")))
	}
	b.WriteString("\n\n")
}
