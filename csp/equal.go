package csp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Equal reports whether two values mean the same to n: numbers and booleans
// however spelled, lists in any order, Group Policy payloads however escaped,
// XML and JSON documents however laid out.
func (n *Node) Equal(want, got dmtree.Value) bool {
	same, _ := n.Explain(want, got)
	return same
}

// Explain is Equal with a reason: why the values differ, or, for values that
// are the same but spelled differently, in what. Of secret values and nodes the
// reason says nothing but that they differ.
func (n *Node) Explain(want, got dmtree.Value) (same bool, why string) {
	a, b := want.Text(), got.Text()
	switch {
	case a == b && (want.Format() == got.Format() || !got.IsNull() && !want.IsNull()):
		return true, ""
	case want.IsNull() || got.IsNull():
		return false, "one has no value"
	}
	same, why = n.explain(a, b)
	if !same && (want.IsSecret() || got.IsSecret() || n.Secret()) {
		why = "the values differ"
	}
	return same, why
}

func (n *Node) explain(a, b string) (same bool, why string) {
	al := n.allowed('v')
	switch {
	case al.delim != "":
		return explainList(al.kind, n.Format, al.delim, a, b)
	case al.kind == KindADMX:
		return explainPayload(a, b)
	case n.Format == dmtree.FormatXML || al.kind == KindXSD:
		return explainXML(a, b)
	case al.kind == KindJSON:
		return explainJSON(a, b)
	case al.kind == KindSDDL:
		return explainSDDL(a, b)
	case al.kind == KindFlag:
		if x, ok := parseInt(a); ok {
			if y, ok := parseInt(b); ok {
				return x == y, numbers(x == y, a, b)
			}
		}
	case n.Format == dmtree.FormatChr && looksLikeXML(a) && looksLikeXML(b):
		return explainXML(a, b)
	}
	return explainScalar(n.Format, a, b)
}

func numbers(same bool, a, b string) string {
	if same {
		return "the same number"
	}
	return differ(a, b)
}

func differ(a, b string) string { return fmt.Sprintf("want %s, got %s", shorten(a), shorten(b)) }

// explainScalar compares by format.
func explainScalar(f dmtree.Format, a, b string) (same bool, why string) {
	switch f {
	case dmtree.FormatInt, dmtree.FormatBool:
		if sameScalar(f, a, b) {
			return true, "the same value, spelled differently"
		}
	case dmtree.FormatB64, dmtree.FormatBin, dmtree.FormatDate, dmtree.FormatTime, dmtree.FormatFloat:
		x, errX := dmtree.Parse(f, a)
		y, errY := dmtree.Parse(f, b)
		if errX == nil && errY == nil && x.Equal(y) {
			return true, "the same value, spelled differently"
		}
		if f == dmtree.FormatB64 || f == dmtree.FormatBin {
			return false, fmt.Sprintf("want %d bytes, got %d other ones", x.Size(), y.Size())
		}
	}
	switch {
	case strings.TrimSpace(a) == strings.TrimSpace(b):
		return false, "different white space at the ends: " + fmt.Sprintf("want %q, got %q", shorten(a), shorten(b))
	case strings.EqualFold(a, b):
		return false, differ(a, b) + ": different case"
	}
	return false, differ(a, b)
}

// explainList compares lists without regard to order: no list of Windows has
// one that counts, but for the file lists of app installers, which are one
// text.
func explainList(kind Kind, f dmtree.Format, delim, a, b string) (same bool, why string) {
	split := func(s string) []string {
		items := strings.Split(s, delim)
		return slices.DeleteFunc(items, func(s string) bool { return strings.TrimSpace(s) == "" })
	}
	want, got := split(a), split(b)
	var missing []string
	left := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(left, func(g string) bool {
			w, g = strings.TrimSpace(w), strings.TrimSpace(g)
			return sameScalar(f, w, g) || isGUID(w) && strings.EqualFold(w, g) ||
				kind == KindSDDL && normalSDDL(w) == normalSDDL(g)
		})
		if i < 0 {
			missing = append(missing, w)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(missing) == 0 && len(left) == 0 {
		if slices.Equal(want, got) {
			return true, "the same list"
		}
		return true, "the same list, in another order"
	}
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, "missing "+shorten(strings.Join(missing, ", ")))
	}
	if len(left) > 0 {
		parts = append(parts, "extra "+shorten(strings.Join(left, ", ")))
	}
	return false, "other items: " + strings.Join(parts, "; ")
}

// explainPayload compares Group Policy payloads: the state, and the data by
// id.
func explainPayload(a, b string) (same bool, why string) {
	want, bad := readPayload(unwrap(a))
	if bad != "" {
		return false, "the wanted value is no payload of a policy; want " + bad
	}
	got, bad := readPayload(unwrap(b))
	switch {
	case bad != "":
		return false, "got a value that is no payload of a policy: " + shorten(b)
	case want.Enabled != got.Enabled:
		return false, fmt.Sprintf("want the policy %s, got it %s", want.state(), got.state())
	}
	for _, id := range slices.Sorted(maps.Keys(want.Data)) {
		v, ok := got.Data[id]
		switch {
		case !ok:
			return false, fmt.Sprintf("data %s is missing", shorten(id))
		case lineEnds(v) != lineEnds(want.Data[id]):
			return false, fmt.Sprintf("data %s: %s", shorten(id), differ(want.Data[id], v))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got.Data)) {
		if _, ok := want.Data[id]; !ok {
			return false, fmt.Sprintf("data %s is extra", shorten(id))
		}
	}
	return true, "the same policy, spelled differently"
}

// unwrap undoes one escaping too many: servers and devices disagree about who
// undoes CDATA and escapes.
func unwrap(s string) string {
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, "<![CDATA["); ok && strings.HasSuffix(inner, "]]>") {
		return inner[:len(inner)-len("]]>")]
	}
	if strings.HasPrefix(s, "&lt;") {
		return unescaper.Replace(s)
	}
	return s
}

var unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#34;", `"`, "&apos;", "'", "&#39;", "'", "&amp;", "&")

func lineEnds(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func explainJSON(a, b string) (same bool, why string) {
	decode := func(s string) (v any, err error) {
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		if err = d.Decode(&v); err == nil {
			if _, err = d.Token(); err == io.EOF {
				return v, nil
			}
			err = io.ErrUnexpectedEOF
		}
		return v, err
	}
	x, errX := decode(a)
	y, errY := decode(b)
	if errX == nil && errY == nil && reflect.DeepEqual(x, y) {
		return true, "the same JSON, laid out differently"
	}
	if errX == nil && errY == nil {
		var cx, cy bytes.Buffer
		_ = json.Compact(&cx, []byte(a))
		_ = json.Compact(&cy, []byte(b))
		return false, differ(cx.String(), cy.String())
	}
	return false, differ(a, b)
}

// explainSDDL compares descriptors without regard to case, white space and
// whether a well-known account is written as alias or SID.
func explainSDDL(a, b string) (same bool, why string) {
	if normalSDDL(a) == normalSDDL(b) {
		return true, "the same descriptor, spelled differently"
	}
	return false, differ(a, b)
}

func normalSDDL(s string) string {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	var b strings.Builder
	for s != "" {
		if strings.HasPrefix(s, "S-") {
			if rest, err := cutSID(s); err == nil {
				sid := s[:len(s)-len(rest)]
				if alias, ok := sidAliases[sid]; ok {
					sid = alias
				}
				b.WriteString(sid)
				s = rest
				continue
			}
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}

// The aliases of MS-DTYP 2.5.1.1 that stand for the same SID everywhere.
var sidAliases = map[string]string{
	"S-1-15-2-1": "AC", "S-1-5-7": "AN", "S-1-5-11": "AU", "S-1-5-32-544": "BA", "S-1-5-32-546": "BG",
	"S-1-5-32-551": "BO", "S-1-5-32-545": "BU", "S-1-3-1": "CG", "S-1-3-0": "CO", "S-1-5-4": "IU",
	"S-1-5-19": "LS", "S-1-5-20": "NS", "S-1-5-2": "NU", "S-1-3-4": "OW", "S-1-5-10": "PS",
	"S-1-5-32-547": "PU", "S-1-5-12": "RC", "S-1-5-32-555": "RD", "S-1-5-6": "SU", "S-1-5-18": "SY", "S-1-1-0": "WD",
}
