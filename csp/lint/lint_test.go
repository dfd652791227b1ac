package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/lint"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

const policy = "./Device/Vendor/MSFT/Policy/Config/"

// command writes a command with one item; format and data may be missing.
func command(name, uri, format, data string) string {
	if !strings.HasPrefix(uri, ".") {
		uri = policy + uri
	}
	s := "<" + name + "><Item><Target><LocURI>" + uri + "</LocURI></Target>"
	if format != "" {
		s += `<Meta><Format xmlns="syncml:metinf">` + format + `</Format></Meta>`
	}
	if data != "" {
		s += "<Data>" + data + "</Data>"
	}
	return s + "</Item></" + name + ">\n"
}

func atomic(commands ...string) string {
	return "<Atomic>\n" + strings.Join(commands, "") + "</Atomic>\n"
}

func TestProfile(t *testing.T) {
	const (
		lock = "DeviceLock/"
		wifi = "./Vendor/MSFT/WiFi/Profile/Office"
		pfx  = "./Device/Vendor/MSFT/ClientCertificateInstall/PFXCertInstall/one"
	)
	cmd := command
	camera := func(v string) string { return cmd("Replace", "Camera/AllowCamera", "int", v) }
	for _, tt := range []struct {
		name    string
		profile string
		want    []string // severity, rule and a part of the text of each finding
	}{
		{"good", camera("0") + cmd("Get", "./DevDetail/SwV", "", ""), nil},
		{"value", camera("7"), []string{"error value got 7, want 0 or 1"}},
		{"no format", cmd("Replace", "Camera/AllowCamera", "", "0"), []string{"error format got 0, want format int, not chr; Meta/Format is missing, which means chr"}},
		{"other format", cmd("Replace", "Update/TargetReleaseVersion", "int", "22"), []string{"error format got 22, want format chr, not int"}},
		{"text that is no number", cmd("Replace", "Camera/AllowCamera", "int", "off"), []string{"error format not an integer"}},
		{"unknown format", cmd("Replace", "Camera/AllowCamera", "integer", "1"), []string{`error format Meta/Format "integer" is none of OMA DM's; it takes int`}},
		{"no data", cmd("Replace", "Camera/AllowCamera", "int", ""), []string{"error data there is no Data; it takes format int"}},
		{"data of a Get", cmd("Get", "Camera/AllowCamera", "", "0"), []string{"warning data Get takes no Data"}},
		{"not decidable", cmd("Replace", "./Vendor/MSFT/PassportForWork/DeviceUnlock/GroupA", "chr",
			"{D6886603-9D2F-4EB2-B667-1971041FA96B},{BEC09223-B018-416D-A0AC-523971B639F5}"), []string{"note undecidable a part of the value"}},
		{"payload of a policy", cmd("Replace", "ADMX_ActiveXInstallService/AxISURLZonePolicies", "chr", "&lt;enabled/&gt;"), []string{"error value got <enabled/>, want AxISURLZonePolicies, enabled, with data id InstallTrustedOCX"}},
		{"no node", cmd("Replace", "Camera/AllowCamra", "int", "0"), []string{"error node AllowCamra is not below"}},
		{"scope", cmd("Replace", "./User/Vendor/MSFT/Policy/Config/Camera/AllowCamera", "int", "0"), []string{"error node it has no ./User twin; did you mean ./Device/"}},
		{"verb", cmd("Replace", "./Device/Vendor/MSFT/Policy/Result/Camera/AllowCamera", "int", "0"), []string{"error verb it does not take Replace, only Get"}},
		{"add what is there", cmd("Add", "./Vendor/MSFT/Reboot", "node", ""), []string{"error verb it does not take Add", "warning verb it is always there"}},
		{"malformed URI", cmd("Get", "./Device//Vendor", "", ""), []string{"error uri "}},
		{"no URI", "<Get><Item/></Get>", []string{"error uri the Item has no Target/LocURI"}},
		{"no item", "<Get/>", []string{"error command the command has no Item"}},
		{"unknown command", "<Put><Item/></Put>" + camera("0"), []string{"error command Put is no command of OMA DM"}},
		{"DevInfo", "<Replace><Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Contoso</Data></Item></Replace>", nil},
		{"ingested policy", cmd("Replace", "Contoso~Policy~Updates/Channel", "chr", "&lt;disabled/&gt;"), []string{"note undecidable what the policy needs is said in the ADMX file that was ingested"}},
		{"ingested policy, form", cmd("Replace", "Contoso~Policy~Updates/Channel", "chr", "1"), []string{"error value got 1, want <enabled/>"}},
		{"copy", cmd("Copy", "Camera/AllowCamera", "", ""), []string{"error command Windows does not know Copy"}},
		{"deprecated", cmd("Replace", "Experience/AllowCopyPaste", "int", "1"), []string{"warning deprecated it is deprecated since 10.0.22000"}},

		{"atomic", atomic(camera("0"), cmd("Delete", "Bluetooth/AllowDiscoverableMode", "", "")), nil},
		{"atomic of nothing", atomic(), []string{"warning atomic the Atomic is empty"}},
		{"get in atomic", atomic(cmd("Get", "Camera/AllowCamera", "", "")), []string{"error atomic a Get inside an Atomic"}},
		{"atomic in atomic", atomic(atomic(camera("0"))), []string{"error atomic an Atomic inside an Atomic"}},
		{"sequence in atomic", atomic("<Sequence>" + camera("0") + "</Sequence>"), []string{"error atomic a Sequence inside an Atomic"}},
		{"add and replace in atomic", atomic(cmd("Add", "Camera/AllowCamera", "int", "0"), camera("1")), []string{"error atomic Add and then Replace of one node"}},
		{"atomic required", cmd("Add", pfx+"/KeyLocation", "int", "1"), []string{"warning atomic its description asks for an Atomic"}},
		{"atomic, as required", atomic(cmd("Add", pfx+"/KeyLocation", "int", "1"), cmd("Add", pfx+"/ContainerName", "chr", "x")), nil},
		{"two atomics", atomic(cmd("Add", pfx+"/KeyLocation", "int", "1")) + atomic(cmd("Add", pfx+"/ContainerName", "chr", "x")),
			[]string{"warning atomic its description asks for one Atomic around all below"}},

		{"twice", camera("0") + camera("1"), []string{"warning twice Replace[1] replaces it too; what counts is the last"}},
		{"twice the same", camera("0") + cmd("Replace", "./vendor/msft/policy/config/camera/allowcamera", "int", "0"), []string{"note twice Replace[1] writes the same value"}},
		{"added twice", cmd("Add", "Camera/AllowCamera", "int", "0") + cmd("Add", "Camera/AllowCamera", "int", "0"), []string{"error twice Add[1] has added it already"}},
		{"deleted twice", cmd("Delete", "Camera/AllowCamera", "", "") + cmd("Delete", "Camera/AllowCamera", "", ""), []string{"error twice Delete[1] has deleted it already"}},
		{"delete and add", cmd("Delete", "Camera/AllowCamera", "", "") + cmd("Add", "Camera/AllowCamera", "int", "0"), nil},
		{"child before parent", cmd("Add", wifi+"/WlanXml", "chr", "&lt;a/&gt;") + cmd("Add", wifi, "node", ""), []string{"error order Add[1] writes below it before it is added"}},
		{"parent before child", cmd("Add", wifi, "node", "") + cmd("Add", wifi+"/WlanXml", "chr", "&lt;a/&gt;"), nil},
		{"parent deleted after", cmd("Add", wifi+"/WlanXml", "chr", "&lt;a/&gt;") + cmd("Delete", wifi, "", ""), []string{"warning order it takes away what Add[1] has just written"}},

		{"dependency unknown", cmd("Replace", lock+"MinDevicePasswordLength", "int", "8"), []string{"note dependency it depends on " + policy + lock + "DevicePasswordEnabled"}},
		{"dependency met", cmd("Replace", lock+"MinDevicePasswordLength", "int", "8") + cmd("Replace", lock+"DevicePasswordEnabled", "int", "0"), nil},
		{"dependency not met", cmd("Replace", lock+"DevicePasswordEnabled", "int", "1") + cmd("Replace", lock+"MinDevicePasswordLength", "int", "8"), []string{"warning dependency it means something only while"}},
		{"values changed by a dependency",
			atomic(cmd("Replace", "./Device/Vendor/MSFT/LAPS/Policies/BackupDirectory", "int", "1"), cmd("Replace", "./Device/Vendor/MSFT/LAPS/Policies/PasswordAgeDays", "int", "3")),
			[]string{"error value got 3, want a number from 7 to 365, as"}},

		{"no delete", cmd("Replace", "./Device/Vendor/MSFT/DMClient/Provider/P/ConfigRefresh/Cadence", "int", "40"), nil},
		{"no delete, default", cmd("Replace", "./Vendor/MSFT/Firewall/MdmStore/PublicProfile/EnableFirewall", "bool", "true"), []string{"note undo it takes no Delete; to take the value back, write the default, true"}},
		{"secret below", cmd("Delete", "./SyncML/DMAcc/a", "", ""), []string{"warning undo the Delete cannot be taken back: ./SyncML/DMAcc/{AccountUID}/AppAuth/{ObjectName}/AAuthSecret"}},
		{"restart", cmd("Replace", "./DevDetail/Ext/Microsoft/DNSComputerName", "chr", "pc1"), []string{"note undo", "note restart it takes effect after a restart"}},
		{"not SyncML", "<Replace>", []string{"error syntax "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := lint.Message([]byte(tt.profile), nil)
			for i, f := range found {
				got := fmt.Sprintf("%s %s %s", f.Severity, f.Rule, f.Text)
				if i >= len(tt.want) {
					t.Errorf("not wanted: %s", f)
					continue
				}
				part := strings.SplitN(tt.want[i], " ", 3)
				if !strings.HasPrefix(got, part[0]+" "+part[1]+" ") || len(part) > 2 && !strings.Contains(got, part[2]) {
					t.Errorf("got  %s\nwant %s", f, tt.want[i])
				}
			}
			if len(found) < len(tt.want) {
				t.Errorf("missing: %q", tt.want[len(found):])
			}
		})
	}
}

func TestLines(t *testing.T) {
	profile := "<?xml version=\"1.0\"?>\n<!-- two lines\nof comment -->\n" +
		command("Replace", "Camera/AllowCamera", "int", "7") + // line 4
		"<Atomic>\n<CmdID>1</CmdID>\n" +
		command("Replace", "Camera/AllowCamra", "int", "0") + // line 7
		"</Atomic>\n<Put><Item/></Put>\n" + // line 9
		"<Get>\n<Item><Target><LocURI>./DevDetail/SwV</LocURI></Target></Item>\n<Item><Target><LocURI>./DevDetail/Sw</LocURI></Target></Item>\n</Get>" // lines 10 to 12
	var got []string
	for _, f := range lint.Message([]byte(profile), nil) {
		got = append(got, fmt.Sprintf("%d %s %s", f.Line, f.Where, f.Rule))
	}
	require.Equal(t, []string{"4 Replace[1] value", "7 Atomic[1]/Replace[1] node", "9 Put[1] command", "12 Get[1]/Item[2] node"}, got)
}

func TestMessage(t *testing.T) {
	wrap := func(body string) []byte {
		return []byte(`<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>` +
			`<Target><LocURI>d</LocURI></Target><Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody>` + body + `<Final/></SyncBody></SyncML>`)
	}
	get := func(id string) string {
		return "<Get>" + id + "<Item><Target><LocURI>./DevDetail/SwV</LocURI></Target></Item></Get>"
	}
	rules := func(data []byte) (r []lint.Rule) {
		for _, f := range lint.Message(data, nil) {
			r = append(r, f.Rule)
		}
		return r
	}
	require.Empty(t, rules(wrap(get("<CmdID>1</CmdID>")+get("<CmdID>2</CmdID>"))))
	require.Equal(t, []lint.Rule{lint.RuleCmdID}, rules(wrap(get("<CmdID>1</CmdID>")+get("<CmdID>1</CmdID>"))))
	require.Equal(t, []lint.Rule{lint.RuleCmdID}, rules(wrap(get("<CmdID>0</CmdID>"))))
	require.Equal(t, []lint.Rule{lint.RuleSyntax}, rules([]byte("no message")))

	// The same in WBXML, where there are no lines.
	m, err := syncml.Unmarshal(wrap(strings.Replace(command("Replace", "Camera/AllowCamera", "int", "7"), "<Item>", "<CmdID>1</CmdID><Item>", 1)), nil)
	require.NoError(t, err)
	binary, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
	require.NoError(t, err)
	found := lint.Message(binary, nil)
	require.Len(t, found, 1)
	require.Equal(t, lint.RuleValue, found[0].Rule)
	require.Zero(t, found[0].Line)
	require.Equal(t, found[0], lint.Commands(m.Commands, nil)[0])
}

func TestTarget(t *testing.T) {
	home, _ := csp.EditionOf("Home")
	pro, _ := csp.EditionOf("Pro")
	profile := []byte(command("Replace", "Camera/AllowCamera", "int", "0"))
	find := func(o *lint.Options) string { return lint.Report(lint.Message(profile, o)) }
	require.Contains(t, find(&lint.Options{Target: csp.Target{Edition: home}}), "edition Home does not have it")
	require.Empty(t, find(&lint.Options{Target: csp.Target{Edition: pro, Build: csp.Build{Major: 10, Build: 26100}}}))
	require.Empty(t, find(&lint.Options{Target: csp.Target{Edition: pro}}), "what is not known is not checked")

	// What the device holds meets, or does not meet, dependencies.
	profile = []byte(command("Replace", "DeviceLock/MinDevicePasswordLength", "int", "8"))
	device := func(v dmtree.Value) *lint.Options {
		return &lint.Options{Values: func(u dmtree.URI) (dmtree.Value, bool) { return v, true }}
	}
	require.Empty(t, find(device(dmtree.Int(0))))
	require.Contains(t, find(device(dmtree.Int(1))), "it means something only while")
}

func TestWorst(t *testing.T) {
	_, any := lint.Worst(nil)
	require.False(t, any)
	worst, any := lint.Worst([]lint.Finding{{Severity: lint.Note}, {Severity: lint.Error}, {Severity: lint.Warning}})
	require.True(t, any)
	require.Equal(t, lint.Error, worst)
}

// FuzzMessage: whatever comes, there are findings or none, lines lie within
// the text, and the same text has the same findings.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(command("Replace", "Camera/AllowCamera", "int", "7")))
	f.Add([]byte(atomic(command("Add", "./Vendor/MSFT/WiFi/Profile/a", "node", ""), command("Delete", "./Vendor/MSFT/WiFi/Profile/a", "", ""))))
	f.Add([]byte("<SyncML xmlns='SYNCML:SYNCML1.2'><SyncBody><Put/></SyncBody></SyncML>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found := lint.Message(data, nil)
		for _, f := range found {
			if f.Line < 0 || f.Line > strings.Count(string(data), "\n")+1 {
				t.Errorf("line %d of %d", f.Line, strings.Count(string(data), "\n")+1)
			}
			if f.Text == "" || f.Rule == "" {
				t.Errorf("an empty finding: %+v", f)
			}
		}
		require.Equal(t, lint.Report(found), lint.Report(lint.Message(data, nil)))
	})
}
