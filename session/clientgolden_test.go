package session_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/golden"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// feeds is a list of choices of alerts 1103 and 1104.
func feeds(options string) []string {
	return []string{options, dataXML("Which feeds?"), dataXML("News"), dataXML("Sport"), dataXML("Weather")}
}

// replaceItem is a Replace of one item with this Meta.
func replaceItem(id, uri, meta, data string) string {
	return `<Replace><CmdID>` + id + `</CmdID><Item><Target><LocURI>` + uri + `</LocURI></Target><Meta>` + meta + `</Meta>` + dataXML(data) + `</Item></Replace>`
}

// withNonce is a device's account with a nonce from its enrollment.
func withNonce(nonce string) auth.Credential {
	c := bruce
	c.Nonce = []byte(nonce)
	return c
}

// proved is what a device wants of its server: a digest once, or an HMAC each time.
func proved(scheme auth.Scheme) auth.Authenticator {
	return &auth.Password{Scheme: scheme, WholeSession: true, Key: make([]byte, 16),
		Credentials: auth.Only(serverURL, auth.Credential{Name: "mgmtsrv", Secret: serverSecret})}
}

// clientConversations are the conversations of testdata/client, and the statements on clients of DM Protocol, DM Security and
// DM Notification that each of them shows.
var clientConversations = []struct {
	name    string // of the file
	shows   string
	profile session.Profile
	set     func(c *clientTalk) // changes the client
	talk    func(c *clientTalk)
}{
	// Sessions.
	{name: "windows", shows: "C01 C04 C05 C11 C12 C18", talk: func(c *clientTalk) {
		c.open(&session.RunOptions{Login: session.LoginUser})
		c.says(getCmd("5", "./DevDetail/SwV")+finalXML, finalXML)
	}},
	{name: "oma", shows: "C02 C06 C13", profile: session.OMA, set: func(c *clientTalk) {
		c.tree.Set("./DevInfo/Ext/Serial", dmtree.Int(7))
		c.tree.Set("./A/bin", dmtree.Bytes([]byte{0, 1, 255}).WithType("application/octet-stream"))
	}, talk: says(getCmd("1", "./A")+replaceCmd("2", "./A/x", "&lt;9&gt;")+getCmd("3", "./A/x")+getCmd("4", "./A/bin")+getCmd("5", "./DevInfo/Ext/Serial")+finalXML, finalXML)},
	{name: "answers", shows: "C07 C08 C09 C10 C14 C28", profile: session.OMA, talk: says(
		groupCmd("Sequence", "1", getCmd("2", "./A/x"), groupCmd("Atomic", "3", replaceCmd("4", "./A/x", "a")))+
			`<Get><CmdID>5</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item><Item><Target><LocURI>./A/none</LocURI></Target></Item></Get>`+
			replaceCmd("6", "./A/x", "b")+getCmd("7", "./A/x")+
			`<Delete><CmdID>8</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item><Item><Target><LocURI>./A/y</LocURI></Target></Item></Delete>`+finalXML, finalXML)},
	{name: "open-package", shows: "C15 C17", profile: session.OMA, talk: says(replaceCmd("1", "./A/x", "4"), getCmd("1", "./A/x")+finalXML, finalXML)},
	{name: "next-message", shows: "C16 C23 C26", profile: session.OMA, talk: func(c *clientTalk) {
		c.always = func(h *syncml.Header) { h.Meta.MaxMsgSize = 900 }
		c.open(nil)
		c.say(getCmd("1", "./A/x") + getCmd("2", "./A/y") + getCmd("3", "./A/z") + getCmd("4", "./DevDetail/SwV") + finalXML)
		c.more()
		c.say(finalXML)
	}},
	{name: "abort", shows: "C20", talk: says(alertCmd("1", 1223) + finalXML)},
	{name: "abort-of-client", shows: "C21", talk: func(c *clientTalk) {
		c.open(nil)
		c.say(getCmd("1", "./A/x") + finalXML)
		c.abort()
		c.say(finalXML)
	}},
	{name: "moved", shows: "C22", profile: session.OMA, talk: func(c *clientTalk) {
		c.open(nil)
		c.header = func(h *syncml.Header) { h.RespURI = "https://node7.example.com/dm?s=1" }
		c.says(getCmd("1", "./A/x")+finalXML, getCmd("1", "./A/y")+finalXML, finalXML)
	}},
	{name: "no-user", shows: "C24", profile: session.OMA, talk: says(
		alertCmd("1", 1100, "", dataXML("Hello"))+alertCmd("2", 1101, "", dataXML("Sure?"))+alertCmd("3", 1102, "", dataXML("Name?"))+
			alertCmd("4", 1103, feeds("")...)+alertCmd("5", 1104, feeds("")...)+finalXML, finalXML)},
	{name: "unsupported", shows: "C25", profile: session.OMA, set: func(c *clientTalk) { c.client.Tree = onlyGet{c.tree} }, talk: says(
		`<Copy><CmdID>1</CmdID><Item><Target><LocURI>./A/y</LocURI></Target><Source><LocURI>./A/x</LocURI></Source></Item></Copy>`+
			nodeCmd("Exec", "2", "./A/x")+groupCmd("Atomic", "3", replaceCmd("4", "./A/x", "9"))+getCmd("5", "./A/x")+finalXML, finalXML)},
	{name: "answer-comes-twice", shows: "C27", talk: func(c *clientTalk) {
		c.open(nil)
		first := c.message(replaceCmd("1", "./A/x", "9") + finalXML)
		c.hear(first)
		c.hear(first)
		c.says(getCmd("1", "./A/x")+finalXML, finalXML)
	}},
	{name: "asynchronous-exec", shows: "C29 C30 C31 C32", profile: session.OMA, talk: func(c *clientTalk) {
		const kind = "Reversed-Domain-Name: org.openmobilealliance.dm.firmwareupdate."
		var correlators []string
		c.client.Tree = &execer{c.tree, func(ctx context.Context, _ dmtree.URI, _ dmtree.Value) error {
			correlators = append(correlators, dmtree.CallFrom(ctx).Correlator)
			return dmtree.ErrAccepted
		}}
		done := func(what, correlator string) {
			require.NoError(c.t, c.client.Raise(c.t.Context(), &syncml.Alert{Code: syncml.AlertGeneric, Correlator: correlator, Items: []syncml.Item{{
				Source: syncml.Location{URI: "./FUMO"}, Meta: syncml.Meta{Type: kind + what, Format: "chr", Mark: "informational"}, Data: syncml.Text("200"),
			}}}))
		}
		c.open(nil)
		c.say(`<Exec><CmdID>1</CmdID><Correlator>op-77</Correlator><Item><Target><LocURI>./FUMO/Download</LocURI></Target></Item></Exec>` +
			nodeCmd("Exec", "2", "./FUMO/Update") + finalXML)
		done("download", correlators[0]) // while the session goes on
		c.says(getCmd("1", "./A/x")+finalXML, finalXML)
		done("update", correlators[1]) // and after it
		c.open(nil)
		c.say(finalXML)
	}},
	{name: "keep-alive", set: func(c *clientTalk) {
		c.client.Tree, c.client.KeepAlive = slow{ledger: &ledger{Memory: c.tree}}, 30*time.Second
	}, talk: says(replaceCmd("1", "./A/x", "9")+execCmd("2", "./Slow", 50)+finalXML, "", finalXML)},
	{name: "older-version", talk: func(c *clientTalk) {
		c.always = func(h *syncml.Header) { h.VerDTD, h.VerProto = "1.1", "DM/1.1" }
		c.open(nil)
		c.says(headerStatus("1", "505", "", "")+finalXML, getCmd("1", "./DevDetail/SwV")+finalXML, finalXML)
	}},

	// Sequence and Atomic.
	{name: "sequence", shows: "Q01 Q02 Q03 Q04", profile: session.OMA, set: func(c *clientTalk) { c.user = map[string]reply{"Go on?": {}} }, talk: says(
		groupCmd("Sequence", "1", replaceCmd("2", "./A/x", "a"), deleteCmd("3", "./A/none"), getCmd("4", "./A/x"), replaceCmd("5", "./A/x", "b"),
			alertCmd("6", 1101, "", dataXML("Go on?")), deleteCmd("7", "./A/y"))+getCmd("8", "./A/x")+getCmd("9", "./A/y")+finalXML, finalXML)},
	{name: "no-in-body", shows: "Q05", profile: session.OMA, set: func(c *clientTalk) { c.user = map[string]reply{"Sure?": {}} }, talk: says(
		replaceCmd("1", "./A/x", "a")+alertCmd("2", 1101, "", dataXML("Sure?"))+replaceCmd("3", "./A/y", "b")+finalXML, finalXML)},
	{name: "cancel", shows: "Q06", profile: session.OMA, set: func(c *clientTalk) { c.user = map[string]reply{"Sure?": {err: session.ErrUserCancelled}} }, talk: says(
		replaceCmd("1", "./A/x", "a")+alertCmd("2", 1101, "", dataXML("Sure?"))+replaceCmd("3", "./A/y", "b")+groupCmd("Sequence", "4", getCmd("5", "./A/x"))+finalXML,
		getCmd("1", "./A/x")+getCmd("2", "./A/y")+finalXML, finalXML)},
	{name: "atomic", shows: "Q07 Q08 Q09", talk: says(
		groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "a"), replaceCmd("3", "./A/y", "b"))+
			groupCmd("Atomic", "4", replaceCmd("5", "./A/x", "c"), replaceCmd("6", "./A/none", "d"), replaceCmd("7", "./A/z", "e"))+finalXML, finalXML)},
	{name: "rollback", shows: "Q10", profile: session.OMA, set: func(c *clientTalk) {
		tree := &dmtree.Tree{Provider: c.tree}
		require.NoError(c.t, dmtree.Replace(c.t.Context(), tree, "./A?prop=ACL", dmtree.String("Add=srv&Delete=srv&Get=*&Replace=srv")))
		c.client.Tree, c.client.Server = tree, "srv"
	}, talk: func(c *clientTalk) {
		look := func() string {
			return getCmd("1", "./A") + getCmd("2", "./A/x") + getCmd("3", "./A/x?prop=Format") + getCmd("4", "./A/x?prop=Type") + getCmd("5", "./A/x?prop=ACL") +
				getCmd("6", "./A/y") + finalXML
		}
		c.open(nil)
		c.says(look(), groupCmd("Atomic", "1",
			replaceItem("2", "./A/x", `<Format xmlns="syncml:metinf">int</Format><Type xmlns="syncml:metinf">text/x-number</Type>`, "7"),
			replaceCmd("3", "./A/x?prop=ACL", "Get=srv"), deleteCmd("4", "./A/y"), addCmd("5", "./A/new", "n"), deleteCmd("6", "./A/none"))+finalXML, look(), finalXML)
	}},
	{name: "undo-fails", shows: "Q11", profile: session.OMA, set: func(c *clientTalk) {
		c.client.Tree = &faulty{Memory: c.tree, rollback: &dmtree.Error{Op: "rollback", URI: "./A/x", Err: dmtree.ErrRollback}}
	}, talk: says(groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "a"), replaceCmd("3", "./A/y", "b"), deleteCmd("4", "./A/none"))+finalXML, finalXML)},
	{name: "forbidden-in-atomic", shows: "Q12 Q13 Q14", profile: session.OMA, set: func(c *clientTalk) { c.client.Tree = &ledger{Memory: c.tree} }, talk: says(
		groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "a"), groupCmd("Atomic", "3", replaceCmd("4", "./A/y", "b")))+
			groupCmd("Atomic", "5", replaceCmd("6", "./A/x", "a"), getCmd("7", "./A/y"))+
			groupCmd("Atomic", "8", nodeCmd("Exec", "9", "./A/x"), replaceCmd("10", "./A/x", "a"))+
			groupCmd("Atomic", "11", groupCmd("Sequence", "12", replaceCmd("13", "./A/x", "a")))+getCmd("14", "./A/x")+finalXML, finalXML)},
	{name: "no-in-atomic", shows: "Q15", profile: session.OMA, set: func(c *clientTalk) { c.user = map[string]reply{"Sure?": {}} }, talk: says(
		groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "a"), alertCmd("3", 1101, "", dataXML("Sure?")), replaceCmd("4", "./A/y", "b"))+getCmd("5", "./A/x")+finalXML, finalXML)},
	{name: "atomic-too-large", shows: "Q16", profile: session.OMA, set: func(c *clientTalk) { c.client.Limits.Answers = 1000 }, talk: says(
		groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "a"), replaceCmd("3", "./A/y", "b"), replaceCmd("4", "./A/z", "c"))+getCmd("5", "./A/x")+finalXML, finalXML)},

	// Questions to the user.
	{name: "questions", shows: "U01 U02 U03 U04 U05 U06 U07", profile: session.OMA, set: func(c *clientTalk) {
		c.user = map[string]reply{"Hello": {}, "Yes?": {Answer: session.Answer{Accept: true}}, "No?": {}, "Name?": {Answer: session.Answer{Text: "Zoë & co"}},
			"Which feed?": {Answer: session.Answer{Chosen: []int{3}}}, "Which feeds?": {Answer: session.Answer{Chosen: []int{1, 3}}}}
	}, talk: says(alertCmd("1", 1100, "", dataXML("Hello"))+alertCmd("2", 1101, "", dataXML("Yes?"))+alertCmd("3", 1101, "", dataXML("No?"))+
		alertCmd("4", 1102, "", dataXML("Name?"))+alertCmd("5", 1103, "", dataXML("Which feed?"), dataXML("News"), dataXML("Sport"), dataXML("Weather"))+
		alertCmd("6", 1104, feeds("")...)+finalXML, finalXML)},
	{name: "options", shows: "U08 U09 U10 U11 U12 U13", profile: session.OMA, set: func(c *clientTalk) {
		c.user = map[string]reply{"Hello": {}, "Sure?": {Answer: session.Answer{Accept: true}}, "Name?": {Answer: session.Answer{Text: "Jane"}},
			"Which feeds?": {Answer: session.Answer{Chosen: []int{2}}}}
	}, talk: says(alertCmd("1", 1100, dataXML("MINDT=5&amp;COLOR=red&amp;DR=1"), dataXML("Hello"))+
		alertCmd("2", 1101, dataXML("MINDT=-5&amp;MAXDT=1.5&amp;MAXLEN=3&amp;IT=N&amp;ET=P"), dataXML("Sure?"))+
		alertCmd("3", 1102, dataXML("MAXDT=60&amp;MAXLEN=12&amp;ET=P&amp;DR=Jane+Doe%2C+%26c"), dataXML("Name?"))+
		alertCmd("4", 1104, feeds(dataXML("DR=2-3&amp;MAXDT=0"))...)+finalXML, finalXML)},
	{name: "no-answer", shows: "U14", profile: session.OMA, set: func(c *clientTalk) {
		c.user = map[string]reply{"Sure?": {err: session.ErrUserCancelled}, "Still there?": {wait: time.Minute}}
	}, talk: says(alertCmd("1", 1101, "", dataXML("Sure?"))+finalXML, alertCmd("1", 1101, dataXML("MAXDT=30"), dataXML("Still there?"))+finalXML, finalXML)},
	{name: "incomplete-questions", shows: "U15", profile: session.OMA, set: func(c *clientTalk) { c.user = map[string]reply{} }, talk: says(
		alertCmd("1", 1100, "")+alertCmd("2", 1101)+alertCmd("3", 1103, "", dataXML("Which feed?"))+finalXML, finalXML)},
	{name: "date-and-time", shows: "U16", profile: session.OMA, set: func(c *clientTalk) {
		c.user = map[string]reply{"Date?": {Answer: session.Answer{Text: "01032026"}}, "Time?": {Answer: session.Answer{Text: "235959"}}}
	}, talk: says(alertCmd("1", 1102, dataXML("IT=D"), dataXML("Date?"))+alertCmd("2", 1102, dataXML("IT=T"), dataXML("Time?"))+finalXML, finalXML)},
	{name: "not-displayable", shows: "U17", profile: session.OMA, set: func(c *clientTalk) {
		c.user = map[string]reply{"Which feeds?": {err: session.ErrNotDisplayable}}
	}, talk: says(alertCmd("1", 1103, feeds("")...)+getCmd("2", "./A/x")+finalXML, finalXML)},

	// Large objects.
	{name: "large-from-server", shows: "L03 L04 L05 L15", profile: session.OMA, talk: says(
		chunkCmd("1", "./A/x", "b64", "AAEC/", 12, true), chunkCmd("1", "./A/x", "b64", "wQFB", 0, true),
		chunkCmd("1", "./A/x", "b64", "gc=", 0, false)+finalXML, getCmd("1", "./A/x")+finalXML, finalXML)},
	{name: "large-from-client", shows: "L01 L02 L13 L18", set: func(c *clientTalk) {
		c.tree.Set("./A/profile", dmtree.String(strings.Repeat("A line of a profile that is far too long for one message.\n", 40)).WithType("text/xml"))
	}, talk: func(c *clientTalk) {
		c.always = func(h *syncml.Header) { h.Meta.MaxMsgSize = 1500 }
		c.open(nil)
		c.say(getCmd("1", "./A/profile") + finalXML)
		c.more()
		c.say(finalXML)
	}},
	{name: "large-bytes-from-client", shows: "L14", set: func(c *clientTalk) {
		c.tree.Set("./A/image", dmtree.Bytes(bytes.Repeat([]byte{0, 1, 2, 250, 255}, 300)))
	}, talk: func(c *clientTalk) {
		c.always = func(h *syncml.Header) { h.Meta.MaxMsgSize = 1500 }
		c.open(nil)
		c.say(getCmd("1", "./A/image") + finalXML)
		c.more()
		c.say(finalXML)
	}},
	{name: "large-mismatch", shows: "L06", profile: session.OMA, talk: says(
		chunkCmd("1", "./A/x", "chr", "one, ", 13, true), chunkCmd("1", "./A/x", "chr", "end", 0, false)+finalXML, getCmd("1", "./A/x")+finalXML, finalXML)},
	{name: "large-interrupted", shows: "L07", profile: session.OMA, talk: says(
		chunkCmd("1", "./A/x", "chr", "one, ", 13, true), getCmd("1", "./A/x")+finalXML, finalXML)},
	{name: "large-limits", shows: "L08 L09", profile: session.OMA, set: func(c *clientTalk) {
		c.tree.Set("./A/profile", dmtree.String(strings.Repeat("v", 100)))
	}, talk: func(c *clientTalk) {
		c.open(nil)
		c.header = func(h *syncml.Header) { h.Meta.MaxObjSize = 99 }
		c.says(getCmd("1", "./A/profile")+getCmd("2", "./A/x")+finalXML, getCmd("1", "./A/profile")+finalXML)
		c.header = func(h *syncml.Header) { h.Meta.MaxObjSize = 100 }
		c.says(getCmd("1", "./A/profile")+finalXML, finalXML)
	}},
	{name: "large-refused", shows: "L16", profile: session.OMA, set: func(c *clientTalk) { c.client.Limits.Object = 100 }, talk: says(
		chunkCmd("1", "./A/x", "chr", "abc", 0, true), chunkCmd("1", "./A/x", "chr", "abc", 101, true), getCmd("1", "./A/x")+finalXML, finalXML)},
	{name: "large-aborted", shows: "L17", profile: session.OMA, talk: func(c *clientTalk) {
		c.open(nil)
		c.says(chunkCmd("1", "./A/x", "chr", "one, ", 13, true), alertCmd("1", 1223)+finalXML)
		c.open(nil)
		c.says(chunkCmd("1", "./A/x", "chr", "end", 0, false)+finalXML, getCmd("1", "./A/x")+finalXML, finalXML)
	}},

	// The device proves itself.
	{name: "challenge", shows: "C19 A04 A07 A09 A20", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.MD5, bruce) }, talk: says(
		headerStatus("1", "407", syncml.AuthMD5, "Nonce")+finalXML, headerStatus("2", "212", "", "")+getCmd("1", "./A/x")+finalXML, finalXML)},
	{name: "challenge-from-elsewhere", shows: "A08", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.MD5, bruce) }, talk: func(c *clientTalk) {
		c.open(nil)
		c.header = func(h *syncml.Header) { h.RespURI = "https://node7.example.com/dm?s=1" }
		c.says(headerStatus("1", "407", syncml.AuthMD5, "Nonce")+finalXML, headerStatus("2", "212", "", "")+finalXML)
	}},
	{name: "basic", shows: "A02 A10", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.Basic, bruce) }, talk: says(
		headerStatus("1", "200", "", "")+getCmd("1", "./A/x")+finalXML, headerStatus("2", "200", "", "")+finalXML)},
	{name: "digest-each-time", shows: "A03 A12", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.MD5, withNonce("Nonce")) }, talk: says(
		headerStatus("1", "200", syncml.AuthMD5, "\x2c\x6d\xe2\x65\x08\x61\x76\x62\x8d\x1e")+getCmd("1", "./A/x")+finalXML,
		headerStatus("2", "200", syncml.AuthMD5, "another")+getCmd("1", "./A/x")+finalXML, headerStatus("3", "200", syncml.AuthMD5, "last")+finalXML)},
	{name: "old-nonce", shows: "A13", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.MD5, withNonce("old")) }, talk: says(
		headerStatus("1", "401", syncml.AuthMD5, "Nonce")+finalXML, headerStatus("2", "212", "", "")+finalXML)},
	{name: "refused", shows: "A14", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.MD5, withNonce("Nonce")) }, talk: says(
		headerStatus("1", "401", syncml.AuthMD5, "second")+finalXML, headerStatus("2", "401", syncml.AuthMD5, "third")+finalXML)},
	{name: "another-scheme", shows: "A15", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.MD5, withNonce("Nonce")) }, talk: says(
		headerStatus("1", "200", syncml.AuthMD5, "second")+getCmd("1", "./A/x")+finalXML, headerStatus("2", "401", syncml.AuthBasic, "")+finalXML)},
	{name: "nonce-of-next-session", shows: "A11", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.MD5, withNonce("first")) }, talk: func(c *clientTalk) {
		for _, next := range []string{"Nonce", "third"} {
			c.open(nil)
			c.say(headerStatus("1", "212", syncml.AuthMD5, next) + finalXML)
		}
	}},
	{name: "nonce-of-a-stranger", shows: "A17", profile: session.OMA, set: func(c *clientTalk) {
		c.client.Sign, c.client.Auth = signer(auth.MD5, withNonce("Nonce")), proved(auth.MD5)
	}, talk: func(c *clientTalk) {
		c.open(nil)
		c.says(headerStatus("1", "401", syncml.AuthMD5, "theirs")+finalXML, headerStatus("2", "212", "", "")+finalXML)
		c.open(nil)
		c.say(headerStatus("1", "212", "", "") + finalXML)
	}},
	{name: "new-secret", shows: "A28", profile: session.OMA, talk: func(c *clientTalk) {
		creds := []auth.Credential{bruce}
		c.client.Sign = &auth.PasswordSigner{Scheme: auth.Basic, Credentials: func(context.Context, string) ([]auth.Credential, error) { return creds, nil }}
		c.client.Tree = &execer{c.tree, func(context.Context, dmtree.URI, dmtree.Value) error {
			creds = []auth.Credential{{Name: "Bruce2", Secret: auth.Plain("new")}, bruce}
			return nil
		}}
		c.open(nil)
		c.says(headerStatus("1", "200", "", "")+nodeCmd("Exec", "1", "./NewSecret")+finalXML, headerStatus("2", "200", "", "")+finalXML)
		c.open(nil)
		c.say(headerStatus("1", "212", "", "") + finalXML)
	}},
	{name: "hmac", shows: "A22 A24 A25 A26", profile: session.OMA, set: func(c *clientTalk) { c.client.Sign = signer(auth.HMAC, bruce) }, talk: says(
		headerStatus("1", "407", syncml.AuthMAC, "Nonce")+finalXML, headerStatus("2", "200", syncml.AuthMAC, "next")+getCmd("1", "./A/x")+finalXML,
		headerStatus("3", "200", syncml.AuthMAC, "last")+finalXML)},

	// The server proves itself.
	{name: "server-is-challenged", shows: "A05 A06 A13 A18", profile: session.OMA, set: func(c *clientTalk) { c.client.Auth = proved(auth.MD5) }, talk: func(c *clientTalk) {
		const orders = `<Replace><CmdID>1</CmdID><Item><Target><LocURI>./A/x</LocURI></Target><Data>9</Data></Item></Replace>` +
			`<Sequence><CmdID>2</CmdID><Get><CmdID>3</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item></Get></Sequence><Final/>`
		c.open(nil)
		c.says(getCmd("1", "./A/x") + orders[strings.Index(orders, "<Sequence>"):])
		c.digest("guess")
		c.say(orders)
		c.digest("s3rver-Pw")
		c.says(getCmd("4", "./A/x")+orders, getCmd("1", "./A/y")+finalXML, finalXML)
	}},
	{name: "server-of-another-scheme", shows: "A16", profile: session.OMA, set: func(c *clientTalk) { c.client.Auth = proved(auth.MD5) }, talk: func(c *clientTalk) {
		c.open(nil)
		c.say(replaceCmd("1", "./A/x", "9") + finalXML)
		c.header = func(h *syncml.Header) {
			h.Source.Name, h.Cred = "mgmtsrv", &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthBasic}, Data: "bWdtdHNydjpzM3J2ZXItUHc="}
		}
		c.says(replaceCmd("1", "./A/x", "9")+finalXML, finalXML)
	}},
	{name: "server-wants-nothing", shows: "A19", profile: session.OMA, set: func(c *clientTalk) { c.client.Auth = proved(auth.MD5) }, talk: says(finalXML)},
	{name: "server-with-hmac", shows: "A22 A23 A24 A25 A27", profile: session.OMA, set: func(c *clientTalk) { c.client.Auth = proved(auth.HMAC) }, talk: func(c *clientTalk) {
		c.open(nil)
		c.say(replaceCmd("1", "./A/x", "8") + finalXML)
		c.hmac(`mac=%s , username = "mgmtsrv"`, nil) // no algorithm is MD5
		c.say(replaceCmd("1", "./A/x", "9") + finalXML)
		c.hmac(`algorithm=MD5, username="mgmtsrv", mac=%s`, func(body []byte) []byte { return bytes.Replace(body, []byte("ten"), []byte("two"), 1) })
		c.say(replaceCmd("1", "./A/x", "ten") + finalXML)
		c.hmac(`algorithm=MD5, username="mgmtsrv", mac=%s`, nil)
		c.say(getCmd("1", "./A/x") + finalXML)
		c.says(replaceCmd("1", "./A/x", "11")+finalXML, finalXML)
	}},

	// Notifications.
	{name: "notified", shows: "C01 C03 N01 N02 N04 N07 N08", profile: session.OMA, set: func(c *clientTalk) {
		c.client.Server, c.client.Auth = "com.mgmtsrv.manage", givesNonce
	}, talk: func(c *clientTalk) {
		c.open(nil)
		c.says(getCmd("1", "./A/x")+finalXML, finalXML)
		n := c.notified(unhex(c.t, "2a68371a89284b9b7f6235c12e7da71802d0000000123412636f6d2e6d676d747372762e6d616e616765"))
		require.NotNil(c.t, n)
		c.open(&session.RunOptions{Notification: n})
		c.says(getCmd("1", "./A/x")+finalXML, finalXML)
	}},
	{name: "notified-with-body", shows: "N05 N08 N09 N10 N11", profile: session.OMA, set: func(c *clientTalk) {
		c.client.Server, c.client.Auth = "srv1", givesNonce
	}, talk: func(c *clientTalk) {
		c.open(nil)
		c.says(getCmd("1", "./A/x")+finalXML, finalXML)
		good := unhex(c.t, "20ff92ecf9cb285b009131de9bd0196402f800000000ab0473727631dead")
		change := func(at int, b byte) []byte {
			d := bytes.Clone(good)
			d[at] = b
			return d
		}
		for _, bad := range [][]byte{change(0, 0), change(len(good)-1, 0), good[:len(good)-2], good[:24], change(23, 0), change(23, 200)} {
			require.Nil(c.t, c.notified(bad))
		}
		n := c.notified(good) // whose bit says that the server is the initiator
		require.Equal(c.t, []byte{0xde, 0xad}, n.Body)
		c.open(&session.RunOptions{Notification: n})
		c.says(getCmd("1", "./A/x")+finalXML, finalXML)
		require.Nil(c.t, c.notified(good))
	}},
	{name: "notified-under-the-default-nonce", shows: "N06", profile: session.OMA, set: func(c *clientTalk) {
		c.client.Server, c.client.Sign = "srv1", signer(auth.MD5, withNonce("first"))
	}, talk: func(c *clientTalk) {
		data, err := (&session.Notification{SessionID: 5, Server: "srv1"}).Append(nil, serverSecret, nil)
		require.NoError(c.t, err)
		c.open(&session.RunOptions{Notification: c.notified(data)})
		c.say(headerStatus("1", "212", syncml.AuthMD5, "Nonce") + finalXML)
	}},
}

// givesNonce believes every server, and gives it the nonce of the examples of DM Notification.
var givesNonce = auth.AuthenticatorFunc(func(_ context.Context, r *auth.Request) (*auth.Result, error) {
	return &auth.Result{Identity: &auth.Identity{Device: r.Message.Source.URI}, Challenge: &syncml.Chal{Meta: syncml.Meta{
		Format: "b64", Type: syncml.AuthMD5, NextNonce: "AAECAwQFBgcICQoLDA0ODw==",
	}}}, nil
})

// Whole conversations, octet for octet: the files under testdata/client show what a device sends, in both encodings. Each
// begins with the numbers of the statements that it shows.
func TestClientConversations(t *testing.T) {
	for _, row := range clientConversations {
		t.Run(row.name, func(t *testing.T) {
			run := func(t *testing.T, e syncml.Encoding) {
				cryptotest.SetGlobalRandom(t, 1) // nonces
				c := &clientTalk{t: t, e: e, tree: deviceTree()}
				c.client = &session.Client{Tree: c.tree, Profile: row.profile}
				if row.shows != "" {
					c.text.WriteString("shows " + row.shows + "\n\n")
				}
				if row.set != nil {
					row.set(c)
				}
				if c.user != nil {
					c.client.UI = c
				}
				row.talk(c)
				require.Nil(t, c.got, "the session goes on: %s", spell(c.got))
				golden.Check(t, clientFile(row.name, e), c.text.Bytes())
			}
			each(t, func(t *testing.T, e syncml.Encoding) { synctest.Test(t, func(t *testing.T) { run(t, e) }) })
		})
	}
}

func clientFile(name string, e syncml.Encoding) string {
	return filepath.Join("testdata", "client", name+"."+strings.ToLower(e.String())+".txt")
}

// unseenOfClients are the statements on clients that no conversation can show, and why.
var unseenOfClients = map[string]string{
	"A01": "three of the nine examples are messages that no client sends; auth's TestVectors has all of them",
	"A29": "nobody sees how long a comparison takes; auth's TestA29SecretsAreComparedInConstantTime measures it",
	"L10": "./DevDetail/LrgObj is the tree's, and csp/inventory's and dmtree/objects' to say",
}

// Every statement on clients is shown, or cannot be. Those on servers have conversations of their own.
func TestClientStatements(t *testing.T) {
	all := make(map[string]bool)
	for group, last := range map[string]int{"C": 32, "Q": 16, "U": 17, "L": 18, "A": 29, "N": 11} {
		for n := range last {
			all[fmt.Sprintf("%s%02d", group, n+1)] = true
		}
	}
	for _, server := range []string{"L11", "L12", "A21", "N03"} {
		delete(all, server)
	}
	shown, files := make(map[string]bool), make(map[string]bool)
	for _, row := range clientConversations {
		for _, number := range strings.Fields(row.shows) {
			require.True(t, all[number], "%s shows %s, which is no statement on clients", row.name, number)
			shown[number] = true
		}
		for _, e := range encodings {
			files[clientFile(row.name, e)] = true
		}
	}
	for number := range all {
		require.NotEqual(t, shown[number], unseenOfClients[number] != "", "%s: want it shown, or the reason why it is not", number)
	}
	for number := range unseenOfClients {
		require.True(t, all[number], "%s is no statement on clients", number)
	}
	found, err := filepath.Glob("testdata/client/*")
	require.NoError(t, err)
	for _, file := range found {
		require.True(t, files[file], "%s belongs to no conversation", file)
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
