package lint_test

import (
	"fmt"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/lint"
)

func ExampleMessage() {
	const profile = `<Atomic>
  <Replace>
    <Item>
      <Target><LocURI>./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera</LocURI></Target>
      <Meta><Format xmlns="syncml:metinf">int</Format></Meta>
      <Data>7</Data>
    </Item>
  </Replace>
  <Get>
    <Item><Target><LocURI>./DevDetail/SwV</LocURI></Target></Item>
  </Get>
</Atomic>
<Replace>
  <Item>
    <Target><LocURI>./User/Vendor/MSFT/Policy/Config/DeviceLock/DevicePasswordEnabled</LocURI></Target>
    <Meta><Format xmlns="syncml:metinf">int</Format></Meta>
    <Data>0</Data>
  </Item>
</Replace>`
	pro, _ := csp.EditionOf("Pro")
	findings := lint.Message([]byte(profile), &lint.Options{Target: csp.Target{Edition: pro}})
	for _, f := range findings {
		fmt.Println(f.Line, f.Where, f.Severity, f.Rule)
		fmt.Println("  ", f.Text)
	}
	// Output:
	// 3 Atomic[1]/Replace[1] error value
	//    got 7, want 0 or 1
	// 9 Atomic[1]/Get[1] error atomic
	//    a Get inside an Atomic: the device answers 500, and 507 to the Atomic
	// 14 Replace[1] error node
	//    it has no ./User twin; did you mean ./Device/Vendor/MSFT/Policy/Config/DeviceLock/DevicePasswordEnabled?
}
