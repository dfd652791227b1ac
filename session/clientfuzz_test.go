package session_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// Whatever a server says, a device answers with a correct message or ends the session; it answers every command of the
// message, those inside of others too, and keeps to the server's limit.
func FuzzServerMessage(f *testing.F) {
	for _, say := range []string{
		getCmd("1", "./A/x") + finalXML,
		groupCmd("Atomic", "1", replaceCmd("2", "./A/x", "a"), addCmd("3", "./A/y", "b")) + finalXML,
		groupCmd("Sequence", "1", alertCmd("2", 1101, dataXML("DR=1&amp;MAXDT=1"), dataXML("no")), deleteCmd("3", "./A/y")) + finalXML,
		chunkCmd("1", "./A/x", "b64", "AAAA", 8, true),
		alertCmd("1", 1222), alertCmd("1", 1223), alertCmd("1", 1225),
		headerStatus("1", "401", syncml.AuthMD5, "n"),
		`<Exec><CmdID>1</CmdID><Correlator>c</Correlator><Item><Target><LocURI>./A</LocURI></Target></Item></Exec>`,
		`<Put><CmdID>1</CmdID></Put><Get/><Copy><CmdID>0</CmdID></Copy>`,
	} {
		body := []byte(serverSays("1", say))
		f.Add(body, true)
		f.Add(body, false)
		m, err := syncml.Unmarshal(body, &syncml.DecoderOptions{KeepUnknown: true})
		if err != nil {
			f.Fatal(err)
		}
		if body, err = syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML, AsIs: true}); err == nil {
			f.Add(body, true)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, windows bool) {
		c := &session.Client{Tree: deviceTree(), UI: obedient{}, Limits: session.Limits{Messages: 30, Object: 1000, Items: 1000}}
		if !windows {
			c.Profile = session.OMA
		}
		s := begin(t, c, syncml.XML, nil)
		for range 3 { // the same again, as the next message
			in := &session.Reply{Status: http.StatusOK, HTTP: http.Header{}, Body: body}
			out, err := s.d.Next(t.Context(), start, in)
			if out == nil {
				_, err := s.d.Next(t.Context(), start, in)
				require.ErrorIs(t, err, session.ErrOver)
				return
			}
			require.NoError(t, err)
			e, ok := syncml.EncodingOf(out.HTTP.Get("Content-Type"))
			require.True(t, ok)
			got, err := syncml.Unmarshal(out.Body, &syncml.DecoderOptions{Encoding: e, Strict: true})
			require.NoError(t, err, "%q", out.Body)
			said, err := syncml.Unmarshal(body, &syncml.DecoderOptions{MaxItems: 1000, MaxDepth: session.DefaultDepth})
			require.NoError(t, err)
			if max := said.Header.Meta.MaxMsgSize; max > 0 {
				require.LessOrEqual(t, int64(len(out.Body)), max)
				return // the rest is for messages to come
			}
			answers := make(map[string]bool)
			for _, c := range got.Commands {
				if st, ok := c.(*syncml.Status); ok {
					answers[st.Cmd+" "+st.CmdRef] = true
				}
			}
			if answers["SyncHdr 0"] {
				answered(t, answers, said.Commands)
			}
			body = []byte(serverSays("2", finalXML))
		}
	})
}

// answered checks that there is a Status for each command, and for those inside.
func answered(t *testing.T, answers map[string]bool, cmds []syncml.Command) {
	for _, c := range cmds {
		ref := c.ID()
		if ref == "0" {
			ref = ""
		}
		switch c := c.(type) {
		case *syncml.Status:
			continue
		case *syncml.Atomic:
			answered(t, answers, c.Commands)
		case *syncml.Sequence:
			answered(t, answers, c.Commands)
		}
		require.True(t, answers[c.Name()+" "+ref], "no Status for %s %q: %v", c.Name(), c.ID(), answers)
	}
}
