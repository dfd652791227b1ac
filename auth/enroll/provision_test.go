package enroll_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/internal/golden"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/stretchr/testify/require"
)

// document is the complete example of the documentation, user-scoped, but for the certificates, which are made anew.
func document(ca *testca.CA) *enroll.Provisioning {
	return &enroll.Provisioning{
		Roots:  []*cert{ca.Certificate},
		Client: ca.Device("4F1C0DA2B7E84D0F9C3E8A55D10B6C21").Leaf,
		Store:  enroll.StoreUser,
		Renew:  &enroll.Renew{ROBO: true, Period: 60, RetryInterval: 4},
		Application: &enroll.Application{
			ProviderID:     "FabrikamMDM",
			Name:           "Fabrikam device management",
			Addr:           "https://mdm.fabrikam.example/ManagementServer/MDM.svc",
			ConnRetryFreq:  6,
			InitialBackoff: 30 * time.Second,
			MaxBackoff:     2 * time.Minute,
			NoBackCompat:   true,
			Encoding:       "application/vnd.syncml.dm+xml",
			CertSearch:     enroll.CertSearchCriteria("CN=4F1C0DA2B7E84D0F9C3E8A55D10B6C21", enroll.StoreUser),
			Server:         &enroll.Account{Type: enroll.AccountDigest, Secret: "s3rver-secret", Nonce: []byte("nonce-1")},
			Device:         &enroll.Account{Type: enroll.AccountDigest, Name: "4F1C0DA2B7E84D0F9C3E8A55D10B6C21", Secret: "d3vice-secret", Nonce: []byte("nonce-2")},
		},
		DMClient: &enroll.DMClient{
			ProviderID: "FabrikamMDM",
			UPN:        "pat@fabrikam.example",
			DeviceName: "PAT-LAPTOP",
			DMID:       "5b7d2d86-7c0b-43e5-9d0f-2b7fd2f1a001",
			Poll: &enroll.Poll{
				First:     enroll.Retries{Interval: 15 * time.Minute, Count: 8},
				Second:    enroll.Retries{Interval: time.Hour, Count: 5},
				Remaining: enroll.Retries{Interval: 26 * time.Hour},
				OnLogin:   true,
			},
		},
	}
}

// masked replaces what is made anew by every run.
func masked(doc []byte, p *enroll.Provisioning) []byte {
	for name, c := range map[string]*cert{"ROOT": first(p.Roots), "CLIENT": p.Client} {
		if c != nil {
			doc = bytes.ReplaceAll(doc, []byte(enroll.Thumbprint(c)), []byte(name+"-SHA1"))
			doc = bytes.ReplaceAll(doc, []byte(base64.StdEncoding.EncodeToString(c.Raw)), []byte(name+"-BASE64"))
		}
	}
	return doc
}

func first(cs []*cert) *cert {
	if len(cs) == 0 {
		return nil
	}
	return cs[0]
}

// lines puts each tag on a line of its own, for people; the message has no white space between tags.
func lines(doc []byte) []byte {
	return append(bytes.ReplaceAll(doc, []byte("><"), []byte(">\n<")), '\n')
}

func TestProvisioningGolden(t *testing.T) {
	ca := testca.New(t)
	renewal := &enroll.Provisioning{Renewal: true, Client: ca.Device("d").Leaf, Store: enroll.StoreUser, Application: &enroll.Application{ProviderID: "FabrikamMDM"}}
	device := document(ca)
	device.Store, device.Renew, device.DMClient.Poll = enroll.StoreSystem, nil, nil
	device.Application = &enroll.Application{
		ProviderID: "FabrikamMDM", Name: "FabrikamMDM", Addr: "https://mdm.fabrikam.example/dm?a=1&b=2", ProtoVer: "1.2", Role: "4294967295", UseHWDevID: true,
		CertSearch: enroll.CertSearchCriteria("CN=Pat & Co, O=Fabrikam", enroll.StoreSystem),
		Device:     &enroll.Account{Type: enroll.AccountBasic, Name: "d", Secret: `<"&'>`},
		Params:     []enroll.Param{{Name: "TO-NAPID", Value: "x"}},
	}
	device.DMClient.Params = []enroll.Param{{Name: "HelpPhoneNumber", Value: "555", DataType: "string"}}
	device.DMClient.Children = []*enroll.Characteristic{{Type: "FirstSyncStatus", Params: []enroll.Param{{Name: "TimeOutUntilSyncFailure", Value: "60", DataType: "integer"}}}}
	device.Extra = []*enroll.Characteristic{{Type: "PassportForWork", Children: []*enroll.Characteristic{{Type: "7", Params: []enroll.Param{{Name: "UsePassportForWork", Value: "true", DataType: "boolean"}}}}}}
	for name, p := range map[string]*enroll.Provisioning{"user": document(ca), "device": device, "renewal": renewal} {
		t.Run(name, func(t *testing.T) {
			doc, err := p.Marshal()
			require.NoError(t, err)
			golden.Check(t, "testdata/provision-"+name+".xml", lines(masked(doc, p)))
			back, err := enroll.ParseProvisioning(doc)
			require.NoError(t, err)
			require.Equal(t, p, back)
		})
	}
}

func TestParseProvisioning(t *testing.T) {
	ca := testca.New(t)
	want := document(ca)
	doc, err := want.Marshal()
	require.NoError(t, err)
	good := string(doc)
	for _, row := range []struct {
		name string
		edit func(string) string
	}{
		{"as written", func(s string) string { return s }},
		{"an XML declaration and white space", func(s string) string {
			return `<?xml version="1.0"?>` + "\n" + strings.ReplaceAll(s, "><", ">\r\n\t<")
		}},
		{"lower-case thumbprints", func(s string) string {
			return strings.ReplaceAll(s, enroll.Thumbprint(want.Client), strings.ToLower(enroll.Thumbprint(want.Client)))
		}},
		{"line breaks in a certificate", func(s string) string {
			b64 := base64.StdEncoding.EncodeToString(want.Client.Raw)
			return strings.ReplaceAll(s, b64, b64[:64]+"&#xD;&#xA;"+b64[64:])
		}},
		{"two CertificateStores", func(s string) string {
			return strings.Replace(s, `<characteristic type="My">`, `</characteristic><characteristic type="CertificateStore"><characteristic type="My">`, 1)
		}},
		{"names in lower case", func(s string) string {
			return strings.NewReplacer(`"ADDR"`, `"addr"`, `"Poll"`, `"poll"`, `"APPAUTH"`, `"appauth"`).Replace(s)
		}},
		{"RenewalPeriod, as MS-MDE2 says in prose", func(s string) string { return strings.ReplaceAll(s, "RenewPeriod", "RenewalPeriod") }},
		{"flags with an empty value", func(s string) string {
			return strings.ReplaceAll(s, `name="BACKCOMPATRETRYDISABLED"`, `name="BACKCOMPATRETRYDISABLED" value=""`)
		}},
		{"an ampersand escaped twice", func(s string) string { return strings.ReplaceAll(s, "&amp;Stores", "&amp;amp;Stores") }},
		{"the long form of the address", func(s string) string {
			return strings.ReplaceAll(s, `<parm name="ADDR" value="https://mdm.fabrikam.example/ManagementServer/MDM.svc"/>`, "")
		}},
		{"a root delivered twice", func(s string) string {
			root := strings.SplitAfter(strings.SplitAfter(s, `<characteristic type="System">`)[1], "</characteristic>")[0]
			return strings.Replace(s, root, root+root, 1)
		}},
		{"an account of another kind", func(s string) string {
			return strings.Replace(s, `<characteristic type="APPLICATION">`, `<characteristic type="APPLICATION"><parm name="APPID" value="w4"/></characteristic><characteristic type="APPLICATION">`, 1)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			in, want := row.edit(good), *want
			switch row.name {
			case "the long form of the address":
				in = strings.Replace(in, `<characteristic type="APPAUTH">`, `<characteristic type="APPADDR"><parm name="ADDR" value="https://mdm.fabrikam.example/ManagementServer/MDM.svc"/>`+
					`<parm name="ADDRTYPE" value="IPv4"/><characteristic type="PORT"><parm name="PORTNBR" value="8443"/></characteristic></characteristic><characteristic type="APPAUTH">`, 1)
				app := *want.Application
				app.Addr = "https://mdm.fabrikam.example:8443/ManagementServer/MDM.svc"
				want.Application = &app
			case "an account of another kind":
				want.Extra = []*enroll.Characteristic{{Type: "APPLICATION", Params: []enroll.Param{{Name: "APPID", Value: "w4"}}}}
			case "as written":
			default:
				require.NotEqual(t, good, in)
			}
			got, err := enroll.ParseProvisioning([]byte(in))
			require.NoError(t, err)
			require.Equal(t, &want, got)
		})
	}
}

func TestParseProvisioningRefuses(t *testing.T) {
	ca := testca.New(t)
	doc, err := document(ca).Marshal()
	require.NoError(t, err)
	good := string(doc)
	client := enroll.Thumbprint(mustParse(t, doc).Client)
	for _, row := range []struct {
		name, old, new string
		code           enroll.Code
		want           string
	}{
		{"no XML", good, "hello", enroll.CodeProvUnknown, "not well-formed"},
		{"a document type", "<wap-", "<!DOCTYPE x><wap-", enroll.CodeProvUnknown, "document type"},
		{"another root", "wap-provisioningdoc", "provisioningdoc", enroll.CodeProvUnknown, "want wap-provisioningdoc"},
		{"too deep", "</wap-", strings.Repeat("<characteristic>", 40) + strings.Repeat("</characteristic>", 40) + "</wap-", enroll.CodeProvUnknown, "too deep"},
		{"too large", "</wap-", strings.Repeat(" ", 1<<20) + "</wap-", enroll.CodeProvUnknown, "too large"},
		{"a thumbprint of another certificate", client, strings.Repeat("0", 40), enroll.CodeProvCertStore, "thumbprint is " + client},
		{"a certificate that is none", `"EncodedCertificate" value="MII`, `"EncodedCertificate" value="AII`, enroll.CodeProvCertStore, "EncodedCertificate"},
		{"a certificate that is not base64", `"EncodedCertificate" value="MII`, `"EncodedCertificate" value="*`, enroll.CodeProvCertStore, "not base64"},
		{"an unknown store", `type="User"`, `type="Users"`, enroll.CodeProvCertStore, "want User or System"},
		{"two client certificates", `</wap-`, `<characteristic type="CertificateStore"><characteristic type="My"><characteristic type="System">` +
			characteristicOf(good, client) + `</characteristic></characteristic></characteristic></wap-`, enroll.CodeProvCertStore, "more than one client certificate"},
		{"a renewal after 3 years", `"RenewPeriod" value="60"`, `"RenewPeriod" value="1100"`, enroll.CodeProvCertStore, "RenewPeriod is \"1100\", want 1 to 1000"},
		{"a retry after the end", `"RetryInterval" value="4"`, `"RetryInterval" value="61"`, enroll.CodeProvCertStore, "want 1 to 60"},
		{"no provider id", "PROVIDER-ID", "PROVIDERID", enroll.CodeProvW7, "PROVIDER-ID is missing"},
		{"an authentication level of nobody", `"APPSRV"`, `"OBEX"`, enroll.CodeProvW7, "want CLIENT or APPSRV"},
		{"a level twice", `"APPSRV"`, `"CLIENT"`, enroll.CodeProvW7, "two of this level"},
		{"a number that is none", `"CONNRETRYFREQ" value="6"`, `"CONNRETRYFREQ" value="six"`, enroll.CodeProvW7, "CONNRETRYFREQ is \"six\""},
		{"a number beyond 32 bits", `"MAXBACKOFFTIME" value="120000"`, `"MAXBACKOFFTIME" value="9999999999"`, enroll.CodeProvW7, "MAXBACKOFFTIME"},
		{"another provider in DMClient", `<characteristic type="FabrikamMDM">`, `<characteristic type="Contoso">`, enroll.CodeProvDMClient, "is \"Contoso\", but that of the APPLICATION"},
		{"a negative count", `"NumberOfFirstRetries" value="8"`, `"NumberOfFirstRetries" value="-1"`, enroll.CodeProvDMClient, "NumberOfFirstRetries is \"-1\""},
		{"all counts 0", `Retries" value="8" datatype="integer"/>`, `Retries" value="0" datatype="integer"/>`, enroll.CodeProvDMClient, "all three counts are 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := strings.ReplaceAll(good, row.old, row.new)
			if row.name == "all counts 0" {
				in = strings.ReplaceAll(in, `Retries" value="5"`, `Retries" value="0"`)
			}
			require.NotEqual(t, good, in)
			p, err := enroll.ParseProvisioning([]byte(in))
			require.ErrorIs(t, err, row.code)
			require.ErrorContains(t, err, row.want)
			require.Nil(t, p)
			var pe *enroll.ProvisioningError
			require.True(t, errors.As(err, &pe))
		})
	}
}

func characteristicOf(doc, thumbprint string) string {
	i := strings.Index(doc, `<characteristic type="`+thumbprint)
	return doc[i : i+strings.Index(doc[i:], "</characteristic>")+len("</characteristic>")]
}

func mustParse(t *testing.T, doc []byte) *enroll.Provisioning {
	t.Helper()
	p, err := enroll.ParseProvisioning(doc)
	require.NoError(t, err)
	return p
}

func TestMarshalRefuses(t *testing.T) {
	ca := testca.New(t)
	for _, row := range []struct {
		name   string
		change func(*enroll.Provisioning)
		code   enroll.Code
		want   string
	}{
		{"an unknown store", func(p *enroll.Provisioning) { p.Store = "Machine" }, enroll.CodeProvCertStore, "want User or System"},
		{"a renewal after 3 years", func(p *enroll.Provisioning) { p.Renew.Period = 1100 }, enroll.CodeProvCertStore, "RenewPeriod is 1100"},
		{"a retry after the end", func(p *enroll.Provisioning) { p.Renew.RetryInterval = 61 }, enroll.CodeProvCertStore, "want 1 to 60 days"},
		{"no provider id", func(p *enroll.Provisioning) { p.Application.ProviderID = "" }, enroll.CodeProvW7, "PROVIDER-ID is empty"},
		{"a provider id with a slash", func(p *enroll.Provisioning) { p.Application.ProviderID = "a/b" }, enroll.CodeProvW7, "cannot be part of a URI"},
		{"no address", func(p *enroll.Provisioning) { p.Application.Addr = "" }, enroll.CodeProvW7, "want the URL of the management server"},
		{"an address without a scheme", func(p *enroll.Provisioning) { p.Application.Addr = "mdm.fabrikam.example/dm" }, enroll.CodeProvW7, "want the URL"},
		{"no secret", func(p *enroll.Provisioning) { p.Application.Device.Secret = "" }, enroll.CodeProvW7, "AAUTHSECRET is empty"},
		{"a server that proves itself by BASIC", func(p *enroll.Provisioning) { p.Application.Server.Type = enroll.AccountBasic }, enroll.CodeProvW7, "cannot be used here"},
		{"another provider in DMClient", func(p *enroll.Provisioning) { p.DMClient.ProviderID = "Contoso" }, enroll.CodeProvDMClient, "Contoso"},
		{"a DMClient of nobody", func(p *enroll.Provisioning) { p.DMClient.ProviderID, p.Application = "", nil }, enroll.CodeProvDMClient, "no provider id"},
		{"all zero", func(p *enroll.Provisioning) { p.DMClient.Poll = new(enroll.Poll) }, enroll.CodeProvDMClient, "all three counts are 0"},
		{"all counts zero", func(p *enroll.Provisioning) {
			p.DMClient.Poll = &enroll.Poll{First: enroll.Retries{Interval: time.Hour}}
		}, enroll.CodeProvDMClient, "all three counts are 0"},
		{"half a minute", func(p *enroll.Provisioning) { p.DMClient.Poll.First.Interval = 30 * time.Second }, enroll.CodeProvDMClient, "want whole minutes"},
		{"a negative count", func(p *enroll.Provisioning) { p.DMClient.Poll.Second.Count = -1 }, enroll.CodeProvDMClient, "want 0 or more"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := document(ca)
			row.change(p)
			doc, err := p.Marshal()
			require.ErrorIs(t, err, row.code)
			require.ErrorContains(t, err, row.want)
			require.Nil(t, doc)
		})
	}
}

func TestPollNext(t *testing.T) {
	start := time.Date(2025, 2, 1, 10, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	sigmoid := &enroll.Poll{First: enroll.Retries{15 * time.Minute, 5}, Second: enroll.Retries{time.Hour, 10}, Remaining: enroll.Retries{24 * time.Hour, 0}}
	for _, row := range []struct {
		name        string
		poll        *enroll.Poll
		after, want time.Duration
	}{
		{"recommended: at once after the enrollment", sigmoid, 0, 15 * time.Minute},
		{"recommended: between two of the first set", sigmoid, 16 * time.Minute, 30 * time.Minute},
		{"recommended: last of the first set", sigmoid, 74 * time.Minute, 75 * time.Minute},
		{"recommended: first of the second set", sigmoid, 75 * time.Minute, 135 * time.Minute},
		{"recommended: last of the second set", sigmoid, 674 * time.Minute, 675 * time.Minute},
		{"recommended: then daily", sigmoid, 675 * time.Minute, 675*time.Minute + 24*time.Hour},
		{"recommended: a year later", sigmoid, 8760 * time.Hour, 675*time.Minute + 365*24*time.Hour},
		{"before the enrollment, by a wrong clock", sigmoid, -time.Hour, 15 * time.Minute},
		{"no infinite set: an implicit daily one", &enroll.Poll{First: enroll.Retries{15 * time.Minute, 5}}, 80 * time.Minute, 75*time.Minute + 24*time.Hour},
		{"the first infinite set hides the later ones", &enroll.Poll{First: enroll.Retries{15 * time.Minute, 0}, Second: enroll.Retries{time.Minute, 5}}, 1000 * time.Minute, 1005 * time.Minute},
		{"a set that is off", &enroll.Poll{Second: enroll.Retries{time.Hour, 1}, Remaining: enroll.Retries{48 * time.Hour, 0}}, time.Hour, 49 * time.Hour},
		{"no schedule", nil, time.Hour, 24 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, at(row.want), row.poll.Next(start, at(row.after)))
		})
	}
}

func FuzzParseProvisioning(f *testing.F) {
	ca := testca.New(f)
	doc, err := document(ca).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`<wap-provisioningdoc version="1.1"><characteristic type="APPLICATION"><parm name="PROVIDER-ID" value="x"/></characteristic></wap-provisioningdoc>`))
	f.Add([]byte(`<wap-provisioningdoc><characteristic type="DMClient"><characteristic type="Provider"><characteristic type="P"><characteristic type="Poll"><parm name="NumberOfFirstRetries" value="1"/></characteristic></characteristic></characteristic></characteristic></wap-provisioningdoc>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := enroll.ParseProvisioning(data)
		if err != nil {
			var pe *enroll.ProvisioningError
			if p != nil || !errors.As(err, &pe) {
				t.Fatalf("%v, %T", p, err)
			}
			return
		}
		// What a device accepts can be written, unless it lacks what only a server must say; and then it reads the same.
		once, err := p.Marshal()
		if err != nil {
			return
		}
		again, err := enroll.ParseProvisioning(once)
		if err != nil {
			t.Fatalf("%v\n%s", err, once)
		}
		twice, err := again.Marshal()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%v\n%s\n%s", err, once, twice)
		}
	})
}
