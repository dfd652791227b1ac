package admx_test

import (
	"fmt"
	"log"
	"os"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/admx"
)

// From a vendor's files to a policy that a device takes.
func Example() {
	in := &admx.Ingestion{App: "Editor"}
	for _, name := range []string{"company.admx", "editor.admx"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			log.Fatal(err)
		}
		f, err := admx.Parse(name, data, nil)
		if err != nil {
			log.Fatal(err)
		}
		in.Files = append(in.Files, f)
		fmt.Println("Add", in.URI(name))
	}
	for _, p := range in.Check() {
		fmt.Println(p)
	}
	for p := range in.Policies() {
		if p.Name != "AutoSave" {
			continue
		}
		payload := &csp.Payload{Enabled: true, Data: map[string]string{"Minutes": "90", "Where": "1"}}
		fmt.Println(p.Check(payload))
		payload.Data["Minutes"] = "15"
		fmt.Println(p.Check(payload))
		fmt.Println("Replace", p.URI)
		fmt.Println(payload)
	}
	// Output:
	// Add ./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/Editor/Policy/company.admx
	// Add ./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/Editor/Policy/editor.admx
	// csp: policy AutoSave: value not acceptable: want data id Minutes of AutoSave to be a number from 1 to 60, not 90
	// <nil>
	// Replace ./User/Vendor/MSFT/Policy/Config/Editor~Policy~Contoso~Editor~Files/AutoSave
	// <enabled/><data id="Minutes" value="15"/><data id="Where" value="1"/>
}

// What would fail on the device, found before.
func ExampleIngestion_Check() {
	f, err := admx.Parse("bad.admx", []byte(`<policyDefinitions>
  <policyNamespaces><target prefix="bad" namespace="Contoso.Bad"/></policyNamespaces>
  <categories><category name="Bad"/></categories>
  <policies>
    <policy name="Wallpaper" class="User" key="Software\Microsoft\Windows\CurrentVersion\Policies\System">
      <parentCategory ref="Bad"/>
      <elements><text id="Path"/><text id="Path"/></elements>
    </policy>
  </policies>
</policyDefinitions>`), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range (&admx.Ingestion{App: "Bad", Files: []*admx.File{f}}).Check() {
		fmt.Println(p)
	}
	// Output:
	// admx: bad.admx: policy Wallpaper: two elements have the id Path, which payloads cannot tell apart
	// admx: bad.admx: policy Wallpaper: it writes to Software\Microsoft\Windows\CurrentVersion\Policies\System: Windows lets no ingested policy write below software\microsoft, but for some keys that are not this one
}

// What people are shown for a policy.
func ExampleTexts_Text() {
	data, err := os.ReadFile("testdata/editor.adml")
	if err != nil {
		log.Fatal(err)
	}
	texts, err := admx.ParseADML("editor.adml", data, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(texts.Text("$(string.StartPage)"))
	// Output: Page to start with
}
