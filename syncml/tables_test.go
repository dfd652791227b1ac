package syncml_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

func TestStatusCodes(t *testing.T) {
	codes := syncml.StatusCodes()
	require.Len(t, codes, 69)
	for i, c := range codes {
		require.True(t, c.Known())
		require.NotEmpty(t, c.Text())
		require.NotEmpty(t, c.Meaning())
		require.Equal(t, fmt.Sprintf("%d %s", int(c), c.Text()), c.String())
		require.True(t, i == 0 || codes[i-1] < c, "ascending")
		n := 0
		for _, is := range []bool{c.Informational(), c.Success(), c.Redirect(), c.OriginatorError(), c.RecipientError()} {
			if is {
				n++
			}
		}
		require.Equal(t, 1, n, "one class")
	}
	require.Equal(t, 101, int(codes[0]))
	require.Equal(t, 517, int(codes[len(codes)-1]))
	for _, c := range []syncml.StatusCode{0, 99, 509, 515, 600, -200} {
		require.False(t, c.Known())
		require.Empty(t, c.Text())
		require.Empty(t, c.Meaning())
		require.Equal(t, fmt.Sprint(int(c)), c.String())
	}
	require.Equal(t, 5, syncml.StatusCode(599).Class(), "by its hundreds")
	require.Zero(t, syncml.StatusCode(600).Class())
	require.Equal(t, "404 Not found", syncml.StatusNotFound.String())
}

func TestAlertCodes(t *testing.T) {
	var got []int
	for _, c := range syncml.AlertCodes() {
		require.True(t, c.Known())
		require.NotEmpty(t, c.Meaning())
		require.Equal(t, c < 1200, c.UI())
		got = append(got, int(c))
	}
	require.Equal(t, []int{1100, 1101, 1102, 1103, 1104, 1200, 1201, 1222, 1223, 1224, 1225, 1226}, got)
	require.Equal(t, "1222 NEXT MESSAGE", syncml.AlertNextMessage.String())
	require.Equal(t, "1202", syncml.AlertCode(1202).String())
	require.False(t, syncml.AlertCode(1202).Known())
	require.Empty(t, syncml.AlertCode(1221).Meaning())
}

func TestElementNames(t *testing.T) {
	want := 0
	for page, list := range pages[:2] {
		for i, name := range strings.Fields(list) {
			if name == "-" {
				continue
			}
			require.Contains(t, syncml.ElementNames(), syncml.ElementName{Name: name, Page: byte(page), Token: byte(5 + i)})
			want++
		}
	}
	require.Len(t, syncml.ElementNames(), want)
}

func TestIDs(t *testing.T) {
	for n := -1; n < 2000; n++ {
		require.Equal(t, fmt.Sprint(n), syncml.ID(n))
	}
	require.Zero(t, testing.AllocsPerRun(10, func() { syncml.ID(999) }))
}

// TestSecretsStayHidden formats and logs what holds credentials in every way there is.
func TestSecretsStayHidden(t *testing.T) {
	const secret = "c2VjcmV0"
	cred := &syncml.Cred{Meta: syncml.Meta{Type: syncml.AuthBasic}, Data: secret}
	chal := &syncml.Chal{Meta: syncml.Meta{Type: syncml.AuthMD5, NextNonce: "bm9uY2U="}}
	h := header()
	h.Cred = cred
	m := &syncml.Message{Header: h, Commands: []syncml.Command{&syncml.Status{Chal: chal, Cred: cred}}}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	json := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{cred, *cred, chal, *chal, h, &h, m, m.Commands[0]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		log.Info("x", "v", v)
		json.Info("x", "v", v)
	}
	other := *cred
	other.Data = "b3RoZXI="
	h2 := h
	h2.Cred = &other
	for _, d := range syncml.Diff(&syncml.Message{Header: h}, &syncml.Message{Header: h2}, nil) {
		fmt.Fprintln(&out, d)
	}
	_, err := syncml.Append(nil, &syncml.Message{Header: syncml.Header{Cred: &syncml.Cred{Data: secret + "\x00"}}}, nil)
	fmt.Fprintln(&out, err)
	require.NotContains(t, out.String(), secret)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", secret))
	require.Contains(t, out.String(), "Cred(syncml:auth-basic)")
}

func TestCloneLasts(t *testing.T) {
	out, err := syncml.Append(nil, everything(), nil)
	require.NoError(t, err)
	d := syncml.NewDecoder(nil, &syncml.DecoderOptions{KeepUnknown: true})
	d.ResetBytes(out)
	m, err := d.Message()
	require.NoError(t, err)
	kept := m.Clone()
	want, err := syncml.Unmarshal(out, nil)
	require.NoError(t, err)
	for i := range out {
		out[i] = 'x'
	}
	d.ResetBytes([]byte(message(strings.Repeat(`<Get><CmdID>9</CmdID><Item><Data>y</Data></Item></Get>`, 20))))
	_, err = d.Message()
	require.NoError(t, err)
	require.Empty(t, syncml.Diff(want, kept, nil), "neither the input nor the decoder can change a clone")
}

func TestDiff(t *testing.T) {
	a := &syncml.Message{Header: header(), Final: true, Commands: []syncml.Command{
		&syncml.Add{CmdID: "1", Meta: syncml.Meta{Format: "int"}, Items: []syncml.Item{{Data: syncml.Text("a  b\n")}}}}}
	b := a.Clone()
	b.Commands[0].SetID("2")
	b.Commands[0].(*syncml.Add).Meta = syncml.Meta{}
	b.Commands[0].(*syncml.Add).Items[0].Data = syncml.CDATA("a b")
	b.Header.MsgID = "3"
	var got []string
	for _, d := range syncml.Diff(a, b, nil) {
		got = append(got, d.String())
	}
	require.Equal(t, []string{
		`SyncHdr/MsgID: "2", "3"`,
		`SyncBody/Add[1]: "CmdID 1", "CmdID 2"`,
		`SyncBody/Add[1]/Meta/Format: "int", (none)`,
		`SyncBody/Add[1]/Item[1]/Data: "a  b\n", "a b"`,
	}, got)
	for i, opts := range []syncml.DiffOptions{{IgnoreSession: true}, {IgnoreCmdIDs: true}, {IgnoreMeta: true}, {IgnoreWhitespace: true}} {
		want := slices.Delete(slices.Clone(got), i, i+1)
		var left []string
		for _, d := range syncml.Diff(a, b, &opts) {
			left = append(left, d.String())
		}
		require.Equal(t, want, left, "%+v ignores one kind of difference", opts)
	}
	b.Commands = append(b.Commands, &syncml.Get{CmdID: "9"})
	require.Len(t, syncml.Diff(a, b, nil), 5)
	require.Len(t, syncml.Diff(b, a, nil), 5)
}

// TestDiffTellsApart changes one thing in a message, which must show, and not be hidden by how it is flattened.
func TestDiffTellsApart(t *testing.T) {
	anchor := func(last, next string) syncml.Item {
		return syncml.Item{Meta: syncml.Meta{Extra: &syncml.MetaExtra{Anchor: &syncml.Anchor{Last: last, Next: next}}}}
	}
	data := func(d syncml.Data) syncml.Item { return syncml.Item{Data: d} }
	tests := []struct {
		name string
		a, b syncml.Item
		want []string
	}{
		{"a separator in an anchor", anchor("a|b", "c"), anchor("a", "b|c"), []string{
			`SyncBody/Add[1]/Item[1]/Meta/Anchor/Last: "a|b", "a"`, `SyncBody/Add[1]/Item[1]/Meta/Anchor/Next: "c", "b|c"`}},
		{"an empty anchor", anchor("", ""), syncml.Item{Meta: syncml.Meta{Extra: &syncml.MetaExtra{}}}, []string{
			`SyncBody/Add[1]/Item[1]/Meta/Anchor: "", (none)`}},
		{"characters and CDATA", data(syncml.Text("<a/>")), data(syncml.CDATA("<a/>")), nil},
		{"empty and absent", data(syncml.Empty()), data(syncml.Data{}), []string{`SyncBody/Add[1]/Item[1]/Data: "", (none)`}},
		{"a nonce in one", syncml.Item{Meta: syncml.Meta{NextNonce: "bm9uY2U="}}, syncml.Item{}, []string{
			`SyncBody/Add[1]/Item[1]/Meta/NextNonce: "(secret)", (none)`}},
		{"a nonce in the other", syncml.Item{}, syncml.Item{Meta: syncml.Meta{NextNonce: "bm9uY2U="}}, []string{
			`SyncBody/Add[1]/Item[1]/Meta/NextNonce: (none), "(secret)"`}},
		{"two nonces", syncml.Item{Meta: syncml.Meta{NextNonce: "YQ=="}}, syncml.Item{Meta: syncml.Meta{NextNonce: "bm9uY2U="}}, []string{
			`SyncBody/Add[1]/Item[1]/Meta/NextNonce: "(secret)", "(another secret)"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			of := func(it syncml.Item) *syncml.Message {
				return &syncml.Message{Commands: []syncml.Command{&syncml.Add{CmdID: "1", Items: []syncml.Item{it}}}}
			}
			var got []string
			for _, d := range syncml.Diff(of(test.a), of(test.b), nil) {
				got = append(got, d.String())
			}
			require.Equal(t, test.want, got)
		})
	}
	with := &syncml.Message{Header: syncml.Header{Cred: &syncml.Cred{Data: "c2VjcmV0"}}}
	require.Equal(t, []syncml.Difference{{Path: "SyncHdr/Cred/Data", A: "(secret)", B: "(none)"}}, syncml.Diff(with, &syncml.Message{}, nil))
	require.Equal(t, []syncml.Difference{{Path: "SyncHdr/Cred/Data", A: "(none)", B: "(secret)"}}, syncml.Diff(&syncml.Message{}, with, nil))
}

func TestData(t *testing.T) {
	tests := []struct {
		d    syncml.Data
		kind syncml.DataKind
		text string
	}{
		{syncml.Data{}, syncml.DataAbsent, ""},
		{syncml.Empty(), syncml.DataEmpty, ""},
		{syncml.Text(""), syncml.DataEmpty, ""},
		{syncml.CDATA(""), syncml.DataEmpty, ""},
		{syncml.Markup(""), syncml.DataEmpty, ""},
		{syncml.Opaque(nil), syncml.DataEmpty, ""},
		{syncml.Text("x"), syncml.DataText, "x"},
		{syncml.CDATA("x"), syncml.DataCDATA, "x"},
		{syncml.Markup("<x/>"), syncml.DataMarkup, "<x/>"},
		{syncml.Opaque([]byte("x")), syncml.DataOpaque, "x"},
		{syncml.Text("x").As(syncml.DataCDATA), syncml.DataCDATA, "x"},
		{syncml.Empty().As(syncml.DataCDATA), syncml.DataEmpty, ""},
		{syncml.Data{}.As(syncml.DataText), syncml.DataAbsent, ""},
	}
	for _, test := range tests {
		require.Equal(t, test.kind, test.d.Kind())
		require.Equal(t, test.text, test.d.String())
		require.Equal(t, test.text, string(test.d.Bytes()))
		require.Equal(t, test.text, string(test.d.AppendTo(nil)))
		require.Equal(t, len(test.text), test.d.Len())
		require.Equal(t, test.kind == syncml.DataAbsent, test.d.IsAbsent())
		require.NotEqual(t, "invalid", test.kind.String())
	}
	require.True(t, syncml.Text("x").Equal(syncml.Opaque([]byte("x"))))
	require.True(t, syncml.CDATA("x").Equal(syncml.Text("x")))
	require.False(t, syncml.Empty().Equal(syncml.Data{}))
	require.False(t, syncml.Text("x").Equal(syncml.Text("y")))
}
