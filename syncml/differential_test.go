package syncml_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/interop"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// TestGenerated writes messages of all kinds and reads them back, in both encodings, and lets encoding/xml read what was
// written: it finds the same.
func TestGenerated(t *testing.T) {
	for seed := range uint64(1500) {
		g := wild(seed)
		m := g.message()
		enc, dec := &syncml.EncoderOptions{AsIs: g.odd}, &syncml.DecoderOptions{KeepUnknown: true}
		if !g.odd {
			dec.Forgiven = func(e *syncml.SyntaxError) {
				if !strings.Contains(e.Error(), `Format "odd"`) {
					t.Fatalf("seed %d: strict reading would refuse: %v", seed, e)
				}
			}
		}
		out, err := syncml.Append(nil, m, enc)
		require.NoError(t, err, "seed %d", seed)
		require.Empty(t, whiteBetweenTags(sections.ReplaceAllString(string(out), "x")))
		back, err := syncml.Unmarshal(out, dec)
		require.NoError(t, err, "seed %d", seed)
		same(t, fmt.Sprintf("seed %d, written and read", seed), asSent(m, syncml.XML), back)
		again, err := syncml.Append(nil, back, enc)
		require.NoError(t, err)
		require.Equal(t, string(out), string(again))

		enc.Encoding = syncml.WBXML
		bin, err := syncml.Append(nil, m, enc)
		require.NoError(t, err)
		fromWBXML, err := syncml.Unmarshal(bin, dec)
		require.NoError(t, err, "seed %d", seed)
		for _, d := range syncml.Diff(asSent(m, syncml.WBXML), fromWBXML, nil) {
			// Attributes and prefixes do not exist there, and so but one way to be empty.
			if !strings.HasSuffix(d.Path, "@originalerror") && bare(d.A) != d.B {
				t.Fatalf("seed %d, WBXML: %v", seed, d)
			}
		}

		judged := byStandardLibrary(string(out))
		require.NotNil(t, judged, "encoding/xml does not read what was written")
		same(t, fmt.Sprintf("seed %d, encoding/xml", seed), judged, back)
	}
}

// TestGeneratedBadCharacters puts characters into Data that XML cannot carry. As base64 the values arrive as they are, in
// both encodings, and encoding/xml reads that; replaced, they are XML at least.
func TestGeneratedBadCharacters(t *testing.T) {
	bad := []string{"\x00", "\x01", "\x1B", "\uFFFE", "\uFFFF", "\xFF", "\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80"}
	for seed := range uint64(150) {
		g := wild(seed)
		m := g.message()
		var values [][]byte
		eachItem(m.Commands, func(it *syncml.Item, command syncml.Meta) {
			if k := it.Data.Kind(); (k == syncml.DataText || k == syncml.DataCDATA) && g.maybe() {
				it.Meta.Format = "chr"
				it.Data = syncml.Text(g.text() + g.pick(bad...) + g.text() + g.pick(bad...)).As(k)
			}
			v, err := it.Value(command)
			require.NoError(t, err)
			values = append(values, v)
		})
		for _, enc := range encodings {
			out, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: enc, BadChar: syncml.BadCharBase64, AsIs: g.odd})
			require.NoError(t, err)
			if enc == syncml.XML {
				require.NotNil(t, byStandardLibrary(string(out)), "seed %d: encoding/xml does not read it", seed)
			}
			back, err := syncml.Unmarshal(out, nil)
			require.NoError(t, err)
			i := 0
			eachItem(back.Commands, func(it *syncml.Item, command syncml.Meta) {
				v, err := it.Value(command)
				require.NoError(t, err)
				require.Equal(t, string(values[i]), string(v), "seed %d, %v, item %d of all", seed, enc, i+1)
				i++
			})
			require.Len(t, values, i)
		}
		out, err := syncml.Append(nil, m, &syncml.EncoderOptions{BadChar: syncml.BadCharReplace, AsIs: g.odd})
		require.NoError(t, err)
		back, err := syncml.Unmarshal(out, &syncml.DecoderOptions{KeepUnknown: true})
		require.NoError(t, err)
		same(t, fmt.Sprintf("seed %d, replaced, encoding/xml", seed), byStandardLibrary(string(out)), back)
	}
}

// bare returns elements without attributes, prefixes and comments, and empty ones in one tag.
func bare(xml string) string {
	return hollow.ReplaceAllString(spelling.ReplaceAllString(xml, "$1"), "<$1/>")
}

var (
	spelling = regexp.MustCompile(`(</?)\w+:| [\w:]+="[^"]*"|<!-- \w+ -->`)
	hollow   = regexp.MustCompile(`<(\w+)></\w+>`)
)

// TestRearranged takes elements out of messages, doubles, moves, wraps and renames them, and puts text and others into
// them. What this package forgives it understands as encoding/xml does.
func TestRearranged(t *testing.T) {
	names := append(strings.Fields(strings.ReplaceAll(pages[0]+" "+pages[1], "-", "")), "Odd")
	understood := 0
	for seed := range uint64(600) {
		g := wild(seed)
		g.long = 0
		out, err := syncml.Append(nil, g.message(), &syncml.EncoderOptions{AsIs: true})
		require.NoError(t, err)
		doc := string(out)
		for range 1 + g.IntN(3) {
			var all []*element
			var collect func(e *element)
			collect = func(e *element) {
				for _, c := range e.children {
					all = append(all, c)
					collect(c)
				}
			}
			collect(parse(doc))
			e, other := all[g.IntN(len(all))], all[g.IntN(len(all))]
			name := names[g.IntN(len(names))]
			anew := map[int]string{
				0: "",
				1: e.whole + e.whole,
				2: e.whole + other.whole,
				3: other.whole,
				4: "<" + name + ">" + e.whole + "</" + name + ">",
				5: "<" + name + "/>" + e.whole,
				6: e.whole + g.pick("x", " ", "&amp;", "<![CDATA[y]]>", "<!-- z -->"),
				7: strings.Replace(e.whole, ">", ">"+g.pick("1", " ", "&lt;", "<Odd>2</Odd>", "<![CDATA[3]]>", "<?pi?>"), 1),
				8: "<" + name + ">" + e.raw + "</" + name + ">",
			}[g.IntN(9)]
			doc = strings.Replace(doc, e.whole, anew, 1)
			if parse(doc) == nil {
				t.Fatalf("seed %d: encoding/xml does not read it\n%s", seed, doc)
			}
		}
		m, err := syncml.Unmarshal([]byte(doc), &syncml.DecoderOptions{KeepUnknown: true})
		if err != nil && !explained(err) {
			t.Fatalf("seed %d: %v\n%s", seed, err, doc)
		} else if err == nil {
			understood++
			same(t, fmt.Sprintf("seed %d, encoding/xml\n%s\n", seed, doc), byStandardLibrary(doc), m)
		}
	}
	require.Greater(t, understood, 570)
}

// sameElements reports whether two texts are elements of which encoding/xml reads the same.
func sameElements(a, b string) bool {
	x, y := parse("<x>"+a+"</x>"), parse("<x>"+b+"</x>")
	return x != nil && y != nil && len(x.children) > 0 && canonical(x) == canonical(y)
}

var sections = regexp.MustCompile(`(?s)<!\[CDATA\[.*?\]\]>`)

// whiteBetweenTags returns the first white space that stands between two tags outside Data, at which some peers stop.
func whiteBetweenTags(s string) string {
	for rest := s; ; {
		i := strings.Index(rest, ">")
		if i < 0 {
			return ""
		}
		rest = rest[i+1:]
		text := rest
		if j := strings.IndexByte(rest, '<'); j >= 0 {
			text = rest[:j]
		}
		if text != "" && strings.TrimSpace(text) == "" && !strings.HasPrefix(rest[len(text):], "</") && !strings.HasPrefix(rest[len(text):], "<![") {
			return s[:len(s)-len(rest)]
		}
	}
}

// judged returns the messages that outside judges are asked about: the corpus, and n that were made by wild makers.
func judged(t *testing.T, n uint64) map[string]*syncml.Message {
	t.Helper()
	all := make(map[string]*syncml.Message)
	for _, c := range corpus.All() {
		m, err := syncml.Unmarshal(c.XML, nil)
		require.NoError(t, err)
		all[c.Name] = m
	}
	for seed := range n {
		all[fmt.Sprint("generated ", seed)] = wild(seed).message()
	}
	return all
}

// TestXmllintSpellsAnew lets xmllint write messages in other ways, and reads the same in each; so does encoding/xml.
func TestXmllintSpellsAnew(t *testing.T) {
	tool := interop.Tool(t, "xmllint")
	for name, m := range judged(t, 60) {
		out, err := syncml.Append(nil, m, &syncml.EncoderOptions{AsIs: true})
		require.NoError(t, err)
		for _, way := range [][]string{
			{"--c14n"},        // no sections, no empty-element tags, attributes in order
			{"--exc-c14n"},    // the same, with namespaces declared where they are used
			{"--format"},      // white space between elements
			{"--pretty", "2"}, // white space within tags
			{"--encode", "UTF-16"},
			{"--nocdata", "--encode", "US-ASCII"}, // numeric references, which it would write into sections too
		} {
			anew, err := interop.Run(tool, out, append(way, "--nonet", "--huge", "-")...)
			require.NoError(t, err, name)
			back, err := syncml.Unmarshal(anew, &syncml.DecoderOptions{KeepUnknown: true})
			require.NoError(t, err, "%s %v", name, way)
			for _, d := range syncml.Diff(asSent(m, syncml.XML), back, nil) {
				if !sameElements(d.A, d.B) { // which it spells anew as well
					t.Errorf("%s %v: %v", name, way, d)
				}
			}
			if second := byStandardLibrary(string(anew)); second != nil {
				same(t, fmt.Sprint(name, way, " encoding/xml"), second, back)
			} else if !slices.Contains(way, "--encode") { // encodings it knows not
				t.Errorf("%s %v: encoding/xml does not read it", name, way)
			}
		}
	}
}

// TestCorpusAgainstStandardLibrary reads the corpus and what is written of it with encoding/xml and finds the same.
func TestCorpusAgainstStandardLibrary(t *testing.T) {
	for _, c := range corpus.All() {
		m, err := syncml.Unmarshal(c.XML, nil)
		require.NoError(t, err)
		same(t, c.Name, byStandardLibrary(string(c.XML)), m)
		out, err := syncml.Append(nil, m, nil)
		require.NoError(t, err)
		same(t, c.Name+", written", byStandardLibrary(string(out)), m)
	}
}

// TestXmllintOnDamage damages messages in all sorts of ways and compares what libxml2 says of each with what this package
// says; what both accept says the same to encoding/xml. Documents that SyncML refuses and XML does not (another root, an
// internal subset, no header) are not among them.
func TestXmllintOnDamage(t *testing.T) {
	tool := interop.Tool(t, "xmllint")
	seeds := []string{item(`<Data>&lt;&#65;é` + "\r\n" + `<!-- c --><?p i?></Data><Data><![CDATA[a]]></Data><Data><x:a xmlns:x="urn:x" b='"'/></Data>`)}
	for _, m := range []*syncml.Message{everything(), wild(1).message(), wild(2).message(), wild(3).message()} {
		out, err := syncml.Append(nil, m, &syncml.EncoderOptions{AsIs: true})
		require.NoError(t, err)
		seeds = append(seeds, string(out))
	}
	seeds = append(seeds, string(corpus.Get("pkg1").XML))
	damage := []string{"", "<", ">", "&", "&amp;", "&#1;", "&#x20;", "'", `"`, "/", "=", " ", "a", ":", "-", "]]>", "<!--", "-->", "<![CDATA[",
		"<?x y?>", "\x01", "\xC3", "\xFF", "é", "\uFFFE", "</Data>", "<a/>", "<a>", `<a b="c"/>`, `<a b="c" b="d"/>`, "<a b=c/>", "<1/>", "\x7F",
		"<!-- - -->", "<![CDATA[<]]>", "&#xD;", "0", "<NoResp/>", "<Meta/>", "<Data/>"}
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	var files, docs []string
	for i := range 1500 {
		s := seeds[i%len(seeds)]
		from := rnd.IntN(len(s) - 200)
		if i%2 == 0 {
			from += 150 // most of the time behind the root's start tag
		}
		to := min(len(s), from+rnd.IntN(4))
		doc := s[:from] + damage[rnd.IntN(len(damage))] + s[to:]
		name := filepath.Join(dir, fmt.Sprintf("%04d.xml", i))
		require.NoError(t, os.WriteFile(name, []byte(doc), 0o600))
		files, docs = append(files, name), append(docs, doc)
	}
	out, _ := exec.Command(tool, append([]string{"--noout", "--nonet"}, files...)...).CombinedOutput()
	refusals := make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		// Namespace errors are not errors of well-formedness; what is not declared is forgiven here too. And so is ]]> in
		// text: senders escape < and & and think that is all.
		if strings.Contains(line, ": parser error :") && !strings.Contains(line, "Sequence ']]>' not allowed in content") {
			name, _, _ := strings.Cut(line, ".xml:")
			refusals[name+".xml"] = true
		}
	}
	refused, compared := 0, 0
	for i, doc := range docs {
		bad := refusals[files[i]]
		m, err := syncml.Unmarshal([]byte(doc), &syncml.DecoderOptions{KeepUnknown: true})
		if bad {
			refused++
		}
		if bad != (err != nil) && (err == nil || !explained(err)) {
			t.Errorf("document %d: xmllint refuses: %v, this package: %v\n%s", i, bad, err, doc)
		}
		if second := byStandardLibrary(doc); err == nil && second != nil {
			compared++
			same(t, fmt.Sprintf("document %d, encoding/xml\n%s\n", i, doc), second, m)
		}
	}
	require.Greater(t, refused, 300)
	require.Greater(t, compared, 200)
}

// explained knows what is refused here and is XML all the same: what is not SyncML, and names with two colons, or one at
// an end, which are names in XML and not in its namespaces.
func explained(err error) bool {
	return notSyncML.MatchString(err.Error())
}

var notSyncML = regexp.MustCompile(`the root is|SyncML without SyncHdr|SyncBody without a SyncHdr|"[^"]*:[^"]*" is not a name`)
