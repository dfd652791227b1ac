package objects_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/dmtree/objects"
	"github.com/omadm-sdk/omadm/dmtree/treetest"
)

var account = objects.Account{
	ServerID: "mdm", Name: "Example", AuthPref: objects.AuthDigest,
	Addrs: []objects.Addr{{Addr: "192.0.2.1", Type: "IPv4", Ports: []uint16{443, 8443}}, {Addr: "https://mdm.example.com/dm"}},
	Auths: []objects.Auth{
		{Level: objects.LevelClient, Type: objects.AuthBasic, Name: "dev", Secret: "s1", Data: []byte{}},
		{Level: objects.LevelClient, Type: objects.AuthDigest, Name: "dev", Secret: "s2", Data: []byte{1, 2}},
		{Level: objects.LevelServer, Type: objects.AuthHMAC, Name: "mdm", Secret: "s3", Data: []byte{3}},
	},
}

func device(t *testing.T) (*dmtree.Memory, *dmtree.Tree) {
	m, ctx := new(dmtree.Memory), t.Context()
	require.NoError(t, objects.DevInfo{DevID: "urn:uuid:1", Man: "Example", Mod: "One", DmV: "1.0", Lang: "en"}.Put(ctx, m))
	require.NoError(t, objects.DevDetail{Limits: dmtree.Limits{MaxSegLen: 64, MaxDepth: 1 << 20}, DevTyp: "gateway", OEM: "o", FwV: "1", SwV: "2", HwV: "3", LargeObjectSupport: true}.Put(ctx, m))
	require.NoError(t, account.Put(ctx, m, "./DMAcc/mdm"))
	return m, &dmtree.Tree{Provider: m}
}

func server(t *testing.T) context.Context {
	return dmtree.WithCall(t.Context(), dmtree.NewCall("mdm", ""))
}

func TestObjectsArePresent(t *testing.T) {
	_, tree := device(t)
	ctx := server(t)
	for u, want := range map[dmtree.URI]string{
		"./DevInfo?prop=Type": objects.TypeDevInfo, "./DevDetail?prop=Type": objects.TypeDevDetail, "./DMAcc/mdm?prop=Type": objects.TypeDMAcc, // O01
	} {
		v, err := dmtree.Get(ctx, tree, u)
		require.NoError(t, err, "O01 %s", u)
		require.Equal(t, want, v.Text(), "O01 %s", u)
	}
	for u, want := range map[dmtree.URI]string{
		"./DevInfo/DevId": "urn:uuid:1", "./DevInfo/Man": "Example", "./DevInfo/Mod": "One", "./DevInfo/DmV": "1.0", "./DevInfo/Lang": "en",
	} {
		v, err := dmtree.Get(ctx, tree, u)
		require.NoError(t, err, "O02 %s", u)
		require.Equal(t, want, v.Text(), "O02 %s", u)
	}
	for u, want := range map[dmtree.URI]string{
		"./DevDetail/URI/MaxDepth": "65535", "./DevDetail/URI/MaxTotLen": "0", "./DevDetail/URI/MaxSegLen": "64", "./DevDetail/DevTyp": "gateway",
		"./DevDetail/OEM": "o", "./DevDetail/FwV": "1", "./DevDetail/SwV": "2", "./DevDetail/HwV": "3", "./DevDetail/LrgObj": "true",
	} {
		v, err := dmtree.Get(ctx, tree, u)
		require.NoError(t, err, "O03 %s", u)
		require.Equal(t, want, v.Text(), "O03 %s", u)
	}
	for _, u := range []dmtree.URI{"./DevInfo", "./DevInfo/Man", "./DevDetail/URI"} {
		require.ErrorIs(t, dmtree.Delete(ctx, tree, u), dmtree.ErrNotAllowed, u)
	}
}

func TestAccount(t *testing.T) {
	m, tree := device(t)
	got, err := objects.ReadAccount(t.Context(), m, "./DMAcc/mdm")
	require.NoError(t, err)
	want := account
	want.Addrs = []objects.Addr{account.Addrs[0], {Addr: "https://mdm.example.com/dm", Type: "URI"}}
	require.Equal(t, &want, got, "O04 a type that is missing is URI")
	require.Equal(t, "https://mdm.example.com/dm", got.URL(), "O04")
	for _, secret := range []dmtree.URI{"./DMAcc/mdm/AppAuth/1/AAuthSecret", "./DMAcc/mdm/AppAuth/1/AAuthData"} {
		_, err := dmtree.Get(server(t), tree, secret)
		require.ErrorIs(t, err, dmtree.ErrNotAllowed, "O05 %s", secret)
	}
	for e, err := range dmtree.List(server(t), tree, "./DMAcc?list=StructData") {
		require.NoError(t, err)
		require.False(t, e.Value.IsSecret(), "O05 %s is listed", e.URI)
	}
	less := account
	less.Addrs = account.Addrs[:1]
	require.NoError(t, less.Put(t.Context(), m, "./DMAcc/mdm"))
	got, err = objects.ReadAccount(t.Context(), m, "./DMAcc/mdm")
	require.NoError(t, err)
	require.Equal(t, &less, got, "what was there before is gone")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", account, account, account), "s2")
	_, err = objects.ReadAccount(t.Context(), m, "./DMAcc/none")
	require.ErrorIs(t, err, dmtree.ErrNotFound)
	m.Set("./DMAcc/mdm/AppAddr/1/Port/1/PortNbr", dmtree.String("99999"))
	_, err = objects.ReadAccount(t.Context(), m, "./DMAcc/mdm")
	require.True(t, errors.Is(err, dmtree.ErrFormat), "a port out of range: %v", err)
	treetest.TestProvider(t, &dmtree.Tree{Provider: m}, "./DevInfo")
}

func TestFirstCredentials(t *testing.T) {
	for _, test := range []struct {
		name       string
		pref       objects.AuthType
		negotiated objects.AuthType
		level      objects.AuthLevel
		want       string
	}{
		{"O06 the preferred type", objects.AuthDigest, objects.AuthBasic, objects.LevelClient, "s2"},
		{"O06 nothing preferred: as negotiated", "", objects.AuthDigest, objects.LevelClient, "s2"},
		{"O06 preferred but not there", objects.AuthX509, objects.AuthDigest, objects.LevelClient, "s2"},
		{"first of the level", "", "", objects.LevelClient, "s1"},
		{"of the server", objects.AuthDigest, "", objects.LevelServer, "s3"},
		{"none", "", "", objects.LevelHTTP, ""},
	} {
		a := account
		a.AuthPref = test.pref
		got := a.First(test.level, test.negotiated)
		if (got == nil) != (test.want == "") || got != nil && got.Secret != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func ExampleAccount() {
	m := new(dmtree.Memory)
	put := objects.Account{
		ServerID: "mdm",
		Addrs:    []objects.Addr{{Addr: "https://mdm.example.com/dm"}},
		Auths:    []objects.Auth{{Level: objects.LevelClient, Type: objects.AuthBasic, Name: "dev", Secret: "pass"}},
	}
	fmt.Println(put.Put(context.Background(), m, "./DMAcc/mdm"))

	ctx := dmtree.WithCall(context.Background(), dmtree.NewCall("mdm", ""))
	_, err := dmtree.Get(ctx, &dmtree.Tree{Provider: m}, "./DMAcc/mdm/AppAuth/1/AAuthSecret")
	fmt.Println(err)
	a, err := objects.ReadAccount(context.Background(), m, "./DMAcc/mdm")
	fmt.Println(a.URL(), a.First(objects.LevelClient, "").Type, err)
	// Output:
	// <nil>
	// dmtree: get ./DMAcc/mdm/AppAuth/1/AAuthSecret: command not allowed on this node
	// https://mdm.example.com/dm BASIC <nil>
}
