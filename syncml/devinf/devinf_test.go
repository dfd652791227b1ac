package devinf_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/syncml"
	"github.com/omadm-sdk/omadm/syncml/devinf"
	"github.com/stretchr/testify/require"
)

// phone has every field of the types.
func phone() *devinf.DevInf {
	vcard := devinf.ContentType{Type: "text/vcard", Version: "3.0"}
	old := devinf.ContentType{Type: "text/x-vcard", Version: "2.1"}
	return &devinf.DevInf{
		VerDTD: "1.2", Man: "Contoso", Mod: "Phone <7> & more", OEM: "Fabrikam", FwV: "1", SwV: "2", HwV: "3",
		DevID: "IMEI:004400112233445", DevTyp: "phone", UTC: true, SupportLargeObjs: true, SupportNumberOfChanges: true,
		DataStores: []devinf.DataStore{{
			SourceRef: "./contacts", DisplayName: "Adreßbuch", MaxGUIDSize: 64,
			RxPref: vcard, Rx: []devinf.ContentType{old}, TxPref: vcard, Tx: []devinf.ContentType{old, vcard},
			CTCaps: []devinf.CTCap{{ContentType: vcard, FieldLevel: true, Properties: []devinf.Property{
				{Name: "TEL", DataType: "phonenum", MaxOccur: 5, MaxSize: 40, NoTruncate: true, Values: []string{"a", ""}, DisplayName: "Telephone",
					Params: []devinf.Param{{Name: "TYPE", DataType: "chr", Values: []string{"HOME", "WORK"}, DisplayName: "Kind"}}},
				{Name: "N"},
			}}, {ContentType: old}},
			DSMem:                   &devinf.DSMem{Shared: true, MaxMem: 1 << 20, MaxID: 500},
			SupportHierarchicalSync: true,
			SyncTypes:               []string{"1", "2", "7"},
			FilterRx:                []devinf.ContentType{{Type: "syncml:filtertype-cgi", Version: "1.0"}},
			FilterCaps:              []devinf.FilterCap{{ContentType: vcard, Keywords: []string{"NEW"}, Properties: []string{"N", "TEL"}}},
		}},
		CTCaps: []devinf.CTCap{{ContentType: old, Properties: []devinf.Property{{Name: "BEGIN", Values: []string{"VCARD"}}}}},
		Ext:    []devinf.Ext{{Name: "X-Contoso", Values: []string{"1", "2"}}, {Name: "X-Empty"}},
	}
}

func TestBothEncodings(t *testing.T) {
	for _, d := range []*devinf.DevInf{phone(), {VerDTD: "1.2"}} {
		for _, enc := range []syncml.Encoding{syncml.Auto, syncml.XML, syncml.WBXML} {
			data, err := d.Marshal(enc)
			require.NoError(t, err)
			if enc == syncml.WBXML {
				require.Equal(t, "\x02\xa4\x03\x6a\x00", string(data[:5]))
			}
			back, err := devinf.Unmarshal(data)
			require.NoError(t, err, "%v: %s", enc, data)
			if len(d.DataStores) == 0 {
				require.Equal(t, d, back)
				continue
			}
			require.Equal(t, phone(), back, "%v", enc)
		}
	}
}

// A document that stands in a message of either encoding is the same to those who read the message.
func TestWithinMessage(t *testing.T) {
	x, err := phone().Marshal(syncml.XML)
	require.NoError(t, err)
	m := &syncml.Message{
		Header: syncml.Header{SessionID: "1", MsgID: "1", Target: syncml.Location{URI: "s"}, Source: syncml.Location{URI: "d"}},
		Commands: []syncml.Command{&syncml.Results{CmdID: "1", MsgRef: "1", CmdRef: "2", Meta: syncml.Meta{Type: devinf.TypeXML},
			Items: []syncml.Item{{Source: syncml.Location{URI: "./devinf12"}, Data: syncml.Markup(string(x))}}}},
	}
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		out, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: enc})
		require.NoError(t, err)
		require.Equal(t, enc == syncml.WBXML, strings.Contains(string(out), devinf.TypeWBXML))
		back, err := syncml.Unmarshal(out, nil)
		require.NoError(t, err)
		it := back.Commands[0].(*syncml.Results).Items[0]
		require.Equal(t, syncml.DataMarkup, it.Data.Kind())
		d, err := devinf.Unmarshal(it.Data.Bytes())
		require.NoError(t, err)
		require.Equal(t, phone(), d)
	}
}

// Before version 1.2, one CTCap held all content types and their properties in a row.
func TestVersion11(t *testing.T) {
	d, err := devinf.Unmarshal([]byte(`<?xml version="1.0"?><DevInf xmlns='syncml:devinf'><VerDTD>1.1</VerDTD> <Man> Old </Man>
		<CTCap><CTType>text/x-vcard</CTType><PropName>BEGIN</PropName><ValEnum>VCARD</ValEnum>
		<PropName>TEL</PropName><DataType>chr</DataType><Size>40</Size><DisplayName>Tel</DisplayName><ParamName>VOICE</ParamName><ParamName>TYPE</ParamName><ValEnum>HOME</ValEnum>
		<CTType>text/calendar</CTType><PropName>DTSTART</PropName></CTCap><Odd><x/></Odd></DevInf>`))
	require.NoError(t, err)
	require.Equal(t, &devinf.DevInf{VerDTD: "1.1", Man: "Old", CTCaps: []devinf.CTCap{
		{ContentType: devinf.ContentType{Type: "text/x-vcard"}, Properties: []devinf.Property{
			{Name: "BEGIN", Values: []string{"VCARD"}},
			{Name: "TEL", DataType: "chr", MaxSize: 40, DisplayName: "Tel", Params: []devinf.Param{{Name: "VOICE"}, {Name: "TYPE", Values: []string{"HOME"}}}},
		}},
		{ContentType: devinf.ContentType{Type: "text/calendar"}, Properties: []devinf.Property{{Name: "DTSTART"}}},
	}}, d)
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in string
		err      error
	}{
		{"nothing", "", nil},
		{"another root", "<SyncML/>", syncml.ErrSyntax},
		{"no XML", "<DevInf>", syncml.ErrSyntax},
		{"depth", strings.Repeat("<DevInf>", 20) + strings.Repeat("</DevInf>", 20), syncml.ErrTooDeep},
		{"a message in WBXML", "\x02\xa4\x01\x6a\x00\x2d", syncml.ErrSyntax},
		{"cut WBXML", "\x02\xa4\x03\x6a\x00\x4a", nil},
		{"an entity of its own", `<!DOCTYPE a [<!ENTITY b "c">]><DevInf><Man>&b;</Man></DevInf>`, syncml.ErrSyntax},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := devinf.Unmarshal([]byte(c.in))
			require.Nil(t, d)
			require.ErrorContains(t, err, "devinf: ")
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
			}
		})
	}
	_, err := (&devinf.DevInf{Man: "a\x00"}).Marshal(syncml.WBXML)
	require.ErrorIs(t, err, syncml.ErrBadChar)
	require.ErrorContains(t, err, "Man")
}

// What is read can be written and reads the same, in both encodings.
func FuzzUnmarshal(f *testing.F) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		data, err := phone().Marshal(enc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := devinf.Unmarshal(data)
		if err != nil {
			return
		}
		var first *devinf.DevInf
		for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
			out, err := d.Marshal(enc)
			require.NoError(t, err)
			back, err := devinf.Unmarshal(out)
			require.NoError(t, err)
			if first == nil {
				first = back
			}
			require.Equal(t, first, back)
		}
	})
}

func ExampleUnmarshal() {
	d, err := devinf.Unmarshal([]byte(`<DevInf xmlns="syncml:devinf"><VerDTD>1.2</VerDTD><Man>Contoso</Man><DevID>IMEI:1</DevID>` +
		`<DevTyp>phone</DevTyp><DataStore><SourceRef>./contacts</SourceRef><SyncCap><SyncType>1</SyncType></SyncCap></DataStore></DevInf>`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Man, d.DevTyp, d.DevID)
	for _, s := range d.DataStores {
		fmt.Println(s.SourceRef, s.SyncTypes)
	}
	// Output:
	// Contoso phone IMEI:1
	// ./contacts [1]
}

func ExampleDevInf_Marshal() {
	d := &devinf.DevInf{Man: "Contoso", DevID: "IMEI:1", DevTyp: "phone"}
	x, err := d.Marshal(syncml.XML)
	fmt.Println(string(x), err)
	b, err := d.Marshal(syncml.WBXML)
	fmt.Printf("%x %v\n", b, err)
	// Output:
	// <DevInf xmlns="syncml:devinf"><VerDTD>1.2</VerDTD><Man>Contoso</Man><DevID>IMEI:1</DevID><DevTyp>phone</DevTyp></DevInf> <nil>
	// 02a4036a004a6503312e3200015103436f6e746f736f00014903494d45493a3100014b0370686f6e65000101 <nil>
}
