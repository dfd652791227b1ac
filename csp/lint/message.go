package lint

import (
	"bytes"
	"encoding/xml"
	"errors"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// Message checks a message in XML or WBXML, or a profile in XML: commands
// without an envelope, as people write them for management products. Commands
// of a profile need no CmdID. Findings carry lines for XML.
func Message(data []byte, opts *Options) []Finding {
	l := newLinter(opts)
	text, profile := envelope(data)
	l.profile = profile
	m, err := syncml.Unmarshal(text, nil)
	if err != nil {
		f := Finding{Severity: Error, Rule: RuleSyntax, Text: err.Error(), Err: err}
		if syntax := new(syncml.SyntaxError); errors.As(err, &syntax) {
			f.Line, f.Where = syntax.Line, syntax.Path
			f.Text = syntax.Err.Error()
		}
		return []Finding{f}
	}
	l.places = places(text)
	l.commands(m.Commands, "", nil)
	l.together()
	return l.sorted()
}

func (l *linter) sorted() []Finding {
	slices.SortStableFunc(l.findings, func(a, b located) int { return a.step - b.step })
	out := make([]Finding, len(l.findings))
	for i, f := range l.findings {
		out[i] = f.Finding
	}
	return out
}

// envelope puts a profile into a message, on the first line, so that lines
// stay what they are.
func envelope(data []byte) (message []byte, profile bool) {
	text := bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	trimmed := bytes.TrimSpace(text)
	if !bytes.HasPrefix(trimmed, []byte("<")) {
		return data, false // WBXML, or no XML at all
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	start := int64(0)
	for {
		t, err := d.RawToken()
		if err != nil {
			return data, false
		}
		switch t := t.(type) {
		case xml.ProcInst:
			if t.Target == "xml" {
				start = d.InputOffset() // a declaration cannot stand inside a document
			}
		case xml.StartElement:
			if t.Name.Local == "SyncML" {
				return data, false
			}
			const head = `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>` +
				`<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>device</LocURI></Target><Source><LocURI>server</LocURI></Source></SyncHdr><SyncBody>`
			kept := bytes.Repeat([]byte("\n"), bytes.Count(text[:start], []byte("\n")))
			return slices.Concat(kept, []byte(head), text[start:], []byte(`<Final/></SyncBody></SyncML>`)), true
		}
	}
}

// A place tells the lines of a command and of its items.
type place struct {
	line  int
	items []int
}

// places returns where the commands are, in document order; nil for what is
// not XML.
func places(text []byte) []place {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = false
	var found []place
	var path []string
	line, offset := 1, int64(0)
	for {
		before := d.InputOffset()
		t, err := d.RawToken()
		if err != nil {
			return found
		}
		switch t := t.(type) {
		case xml.StartElement:
			line += bytes.Count(text[offset:before], []byte("\n"))
			offset = before
			switch command, item := standsAs(path, t.Name.Local); {
			case command:
				found = append(found, place{line: line})
			case item:
				last := &found[len(found)-1]
				last.items = append(last.items, line)
			}
			path = append(path, t.Name.Local)
		case xml.EndElement:
			if len(path) > 0 {
				path = path[:len(path)-1]
			}
		}
	}
}

// standsAs tells whether an element below path is a command, or the Item of
// one: commands stand in the body, in Atomic and in Sequence.
func standsAs(path []string, name string) (command, item bool) {
	if len(path) < 2 || path[0] != "SyncML" || path[1] != "SyncBody" {
		return false, false
	}
	for i, p := range path[2:] {
		if p != "Atomic" && p != "Sequence" {
			return false, i == len(path)-3 && name == "Item"
		}
	}
	switch name {
	case "Final", "CmdID", "Meta", "NoResp":
		return false, false
	}
	return true, false
}

// nextCommand moves on to the next command.
func (l *linter) nextCommand() {
	l.line, l.itemLines = 0, nil
	if len(l.places) > 0 {
		l.line, l.itemLines = l.places[0].line, l.places[0].items
		l.places = l.places[1:]
	}
}

// Worst returns the worst severity among findings, and false if there are
// none.
func Worst(findings []Finding) (Severity, bool) {
	worst := Note
	for _, f := range findings {
		worst = min(worst, f.Severity)
	}
	return worst, len(findings) > 0
}

// Report returns findings as text, one a line.
func Report(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}
