package corpus

import (
	"fmt"
	"strings"
)

// pkg1 is the first message of a session: alerts, a generic alert and the device's own description. Its CmdIDs begin
// with 2, as those of Windows do.
func pkg1(w *writer) {
	w.id = 1
	w.begin(0x2F, 1, true)
	w.add("<Alert>", w.cmdID(), "<Data>1201</Data></Alert>")
	w.add("<Alert>", w.cmdID(), `<Data>1224</Data><Item><Meta><Type xmlns="syncml:metinf">com.microsoft/MDM/LoginStatus</Type></Meta>`,
		"<Data>user</Data></Item></Alert>")
	token := strings.ToLower(w.hex(400))
	w.add("<Alert>", w.cmdID(), `<Data>1224</Data><Item><Meta><Type xmlns="syncml:metinf">com.microsoft/MDM/AADUserToken</Type></Meta>`,
		"<Data>eyJ0eXAiOiJKV1QifQ.", token, "</Data></Item></Alert>")
	w.add("<Alert>", w.cmdID(), "<Data>1226</Data><Item><Source><LocURI>./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7B",
		w.guid(), `%7D</LocURI></Source><Meta><Type xmlns="syncml:metinf">Reversed-Domain-Name:com.microsoft.mdm.win32csp_install</Type>`,
		`<Format xmlns="syncml:metinf">int</Format><Mark xmlns="syncml:metinf">informational</Mark></Meta><Data>0</Data></Item></Alert>`)
	w.add("<Replace>", w.cmdID())
	for _, n := range [][2]string{
		{"DevId", w.hex(32)},
		{"Man", w.pick("Contoso Devices", "Fabrikam Laptops", "Fourth Coffee PC")},
		{"Mod", fmt.Sprintf("Laptop %d", 3+w.rnd.IntN(7))},
		{"DmV", "1.3"},
		{"Lang", w.pick("en-US", "de-DE", "fr-FR")},
	} {
		w.add("<Item><Source><LocURI>./DevInfo/", n[0], "</LocURI></Source><Data>", n[1], "</Data></Item>")
	}
	w.add("</Replace>")
	w.end()
}

// inventory is a device's answer to 300 Gets: a Status for each, and a Results with what was read. Every fifth value
// is an inventory document of about 4 KB, escaped as Windows escapes it.
func inventory(w *writer) {
	const gets = 300
	w.begin(0x2F, 4, true)
	w.status(3, 0, "SyncHdr", "200")
	for i := range gets {
		w.status(3, 5+i, "Get", "200")
	}
	for i := range gets {
		uri, format, data := w.setting()
		if i%5 == 2 {
			uri, format, data = "./Device/Vendor/MSFT/EnterpriseModernAppManagement/AppManagement/AppInventoryResults", "xml", w.apps()
		}
		w.add("<Results>", w.cmdID(), fmt.Sprintf("<MsgRef>3</MsgRef><CmdRef>%d</CmdRef><Item><Source><LocURI>", 5+i), uri,
			"</LocURI></Source>", meta(format, ""), "<Data>", data, "</Data></Item></Results>")
	}
	w.end()
}

// setting is one small value that a server reads.
func (w *writer) setting() (uri, format, data string) {
	switch w.rnd.IntN(6) {
	case 0:
		return "./Device/Vendor/MSFT/DeviceStatus/NetworkIdentifiers/" + strings.ToLower(w.hex(12)) + "/IPAddressV4", "chr",
			fmt.Sprintf("10.%d.%d.%d", w.rnd.IntN(256), w.rnd.IntN(256), 1+w.rnd.IntN(254))
	case 1:
		return "./Vendor/MSFT/DeviceStatus/TPM/SpecificationVersion", "chr", "2.0, 0, 1.59"
	case 2:
		return "./Device/Vendor/MSFT/Policy/Result/" + policies[w.rnd.IntN(len(policies))].name, "int", fmt.Sprint(w.rnd.IntN(3))
	case 3:
		return "./DevDetail/Ext/Microsoft/TotalStorage", "int", fmt.Sprint(100_000 + w.rnd.IntN(900_000))
	case 4:
		return "./Device/Vendor/MSFT/CertificateStore/MY/System/" + w.hex(40) + "/ValidTo", "chr",
			fmt.Sprintf("20%02d-%02d-%02dT12:00:00Z", 27+w.rnd.IntN(9), 1+w.rnd.IntN(12), 1+w.rnd.IntN(28))
	default:
		return "./Device/Vendor/MSFT/RootCATrustedCertificates/CA/" + w.hex(40) + "/IssuedTo", "chr",
			w.pick("Fabrikam Issuing CA 2", "Contoso Root &amp; Sons", "Woodgrove Bank Device CA")
	}
}

// apps is an application inventory of about 4 KB with its mark-up escaped.
func (w *writer) apps() string {
	var b strings.Builder
	b.WriteString("<Results><AppManagement>")
	for b.Len() < 3_450 {
		family := w.pick("Contoso.Notes", "Fabrikam.Viewer", "Microsoft.WindowsCalculator", "Microsoft.Paint") + "_" + strings.ToLower(w.hex(13))
		version := fmt.Sprintf("%d.%d.%d.0", 1+w.rnd.IntN(20), w.rnd.IntN(100), w.rnd.IntN(9000))
		arch := w.pick("x64", "arm64", "neutral")
		fmt.Fprintf(&b, `<Package Name="%s_%s_%s_%s" Users="S-1-5-21-%d:%s" Location="C:\Program Files\WindowsApps\%s">`,
			family, version, arch, w.hex(13), w.rnd.Uint32(), w.pick("Installed", "Staged"), w.hex(24))
		fmt.Fprintf(&b, `<Publisher Id="%s"/></Package>`, w.pick("Fabrikam & Partners", "Contoso Ltd.", "Microsoft"))
	}
	b.WriteString("</AppManagement></Results>")
	return escaper.Replace(b.String())
}
