package csp_test

import (
	"errors"
	"fmt"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/ddf"
	"github.com/omadm-sdk/omadm/dmtree"
)

func ExampleNode_Validate() {
	n, ok := csp.Windows().Lookup("./Vendor/MSFT/Policy/Config/Camera/AllowCamera")
	fmt.Println(ok, n.Format, n.Allows(csp.OpReplace))
	fmt.Println(n.Validate(dmtree.Int(0)))
	fmt.Println(n.Validate(dmtree.Int(7)))
	fmt.Println(n.Validate(dmtree.String("0")))
	// Output:
	// true int true
	// <nil>
	// csp: ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera: 7: want 0 or 1
	// csp: ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera: 0: want format int, not chr
}

func ExampleSchema_Find() {
	_, err := csp.Windows().Find("./User/Vendor/MSFT/Policy/Config/Camera/AllowCamera")
	fmt.Println(err)
	_, err = csp.Windows().Find("./Vendor/MSFT/Reboot/RebotNow")
	fmt.Println(err)
	// Output:
	// csp: ./User/Vendor/MSFT/Policy/Config/Camera/AllowCamera: it has no ./User twin; did you mean ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera?
	// csp: ./Vendor/MSFT/Reboot/RebotNow: RebotNow is not below ./Device/Vendor/MSFT/Reboot; did you mean ./Device/Vendor/MSFT/Reboot/RebootNow?
}

func ExampleSchema_Search() {
	for _, n := range csp.Windows().Search("minimum password length", 2) {
		fmt.Println(n.URI())
	}
	// Output:
	// ./Device/Vendor/MSFT/Policy/Config/DeviceLock/MinimumPasswordLength
	// ./Device/Vendor/MSFT/Policy/Config/DeviceLock/MinimumPasswordLengthAudit
}

func ExampleNode_Bindings() {
	const u = "./Vendor/MSFT/WiFi/Profile/Caf%C3%A9%205%2F7/WlanXml"
	n, _ := csp.Windows().Lookup(u)
	fmt.Println(n.URI())
	for what, name := range n.Bindings(u) {
		fmt.Println(what, "is", name)
	}
	// Output:
	// ./Device/Vendor/MSFT/WiFi/Profile/{SSID}/WlanXml
	// SSID is Café 5/7
}

func ExampleNode_Applies() {
	n, _ := csp.Windows().Lookup("./Vendor/MSFT/Reboot/RebootNow")
	pro, _ := csp.EditionOf("Pro")
	for _, build := range []string{"10.0.22631.3007", "10.0.10586"} {
		b, _ := csp.ParseBuild(build)
		fmt.Println(n.Applies(csp.Target{Build: b, Edition: pro}))
	}
	fmt.Println(errors.Is(n.Applies(csp.Target{Edition: pro}), csp.ErrUndecidable))
	// Output:
	// <nil>
	// csp: ./Device/Vendor/MSFT/Reboot/RebootNow: build 10.0.10586 does not have it; it came with 10.0.14393 (Windows 10 1607)
	// true
}

func ExampleNode_Explain() {
	n, _ := csp.Windows().Lookup("./Vendor/MSFT/WiFi/Profile/Office/WlanXml")
	sent := dmtree.String(`<WLANProfile><security><authentication>WPA2PSK</authentication></security></WLANProfile>`)
	read := dmtree.String("<WLANProfile>\r\n  <security>\r\n    <authentication>WPA3SAE</authentication>\r\n  </security>\r\n</WLANProfile>")
	fmt.Println(n.Explain(sent, read))
	// Output:
	// false at /WLANProfile/security/authentication: want WPA2PSK, got WPA3SAE
}

// A description file of an OEM, beside those of Microsoft.
func ExampleNew() {
	const oem = `<MgmtTree><VerDTD>1.2</VerDTD>
	<Node><NodeName>Keyboard</NodeName><Path>./Vendor/OEM</Path>
	  <DFProperties><AccessType><Get/></AccessType><DFFormat><node/></DFFormat><DFType><DDFName/></DFType></DFProperties>
	  <Node><NodeName>Backlight</NodeName>
	    <DFProperties><AccessType><Get/><Replace/></AccessType><DFFormat><int/></DFFormat><DFType><MIME>text/plain</MIME></DFType>
	      <AllowedValues ValueType="Range"><Value>[0-10]</Value></AllowedValues></DFProperties>
	  </Node>
	</Node></MgmtTree>`
	f, err := ddf.Parse("Keyboard", []byte(oem), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, odd := range f.Odd {
		fmt.Println(odd)
	}
	s, err := csp.New(f.Trees...)
	if err != nil {
		fmt.Println(err)
		return
	}
	n, _ := s.Lookup("./Vendor/OEM/Keyboard/Backlight")
	fmt.Println(n.Validate(dmtree.Int(11)))
	// Output:
	// csp: ./Device/Vendor/OEM/Keyboard/Backlight: 11: want a number from 0 to 10
}

// A Group Policy is checked before it goes to a device, input by input.
func ExampleADMXPolicy_Check() {
	n, _ := csp.Windows().Lookup("./Device/Vendor/MSFT/Policy/Config/ADMX_ActiveXInstallService/AxISURLZonePolicies")
	p, _ := csp.Windows().Policy(n.Allowed().ADMX)

	payload := &csp.Payload{Enabled: true, Data: map[string]string{"InstallTrustedOCX": "2", "InstallSignedOCX": "1"}}
	fmt.Println(p.Check(payload))
	payload.Data["InstallUnSignedOCX"] = "0"
	fmt.Println(p.Check(payload))
	fmt.Println(payload)
	// Output:
	// csp: policy AxISURLZonePolicies: value not acceptable: want AxISURLZonePolicies, enabled, with data id InstallUnSignedOCX: one of 0, 1
	// <nil>
	// <enabled/><data id="InstallSignedOCX" value="1"/><data id="InstallTrustedOCX" value="2"/><data id="InstallUnSignedOCX" value="0"/>
}
