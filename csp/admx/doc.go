// Package admx reads ADMX and ADML files that administrators bring, such as
// those of a browser or an office suite, tells what becomes of them on a device
// that ingests them, and checks them before they are sent.
//
//	file, err := admx.Parse("editor.admx", data, nil)
//	in := &admx.Ingestion{App: "Editor", Files: []*admx.File{file}}
//	for _, p := range in.Check() {
//		fmt.Println(p) // admx: editor.admx: policy Tabs, decimal Width: maxValue "wide" is no number
//	}
//
// The server adds the text of the file at [Ingestion.URI]. From then on the
// device has a node for each policy, below an area that is named after the
// application and the categories of the policy:
//
//	./Device/Vendor/MSFT/Policy/Config/Editor~Policy~Contoso~Editor/StartPage
//
// [Ingestion.Policies] lists them. A payload for such a node is a
// [csp.Payload], and [csp.ADMXPolicy.Check] tells whether the policy takes it.
// [Ingestion.Schema] makes a schema of all of them, for csp.Guard and for
// validation.
//
// ADML files hold the texts for people, in one language. Devices need none of
// them; [ParseADML] is for programs that show policies: see [Texts.Text] and
// [Texts.Label].
//
// Files may come from anywhere. Parse refuses document type declarations and
// what is beyond [Options], and reads all else as well as it can: what is wrong
// with it is in [File.Problems] and in what [Ingestion.Check] returns.
package admx
