package corpus_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
)

var shapes = []struct {
	name     string
	size     int // in bytes, kept within a twentieth for every seed
	commands int
	digest   string // of the first eight bytes of SHA-256: figures of different days are about the same bytes
}{
	{"pkg1", 2_000, 5, "0c160642bc2e4b8f"},
	{"policy", 20_000, 55, "6ac1a93b9930d708"},
	{"inventory", 383_000, 601, "2306caf0de5dbfae"},
	{"large", 1_049_000, 2, "1adc33a9e21dbf98"},
	{"admx", 30_000, 42, "b06dc0ca1d2061f7"},
}

func TestShapes(t *testing.T) {
	for seed := range uint64(5) {
		all := corpus.Generate(seed)
		if len(all) != len(shapes) {
			t.Fatalf("%d messages, want %d", len(all), len(shapes))
		}
		for i, want := range shapes {
			m := all[i]
			if m.Name != want.name || m.Commands != want.commands {
				t.Errorf("seed %d: %s with %d commands, want %s with %d", seed, m.Name, m.Commands, want.name, want.commands)
			}
			if d := len(m.XML) - want.size; d < -want.size/20 || d > want.size/20 {
				t.Errorf("seed %d: %s has %d bytes, want %d", seed, m.Name, len(m.XML), want.size)
			}
		}
	}
}

func TestSameBytes(t *testing.T) {
	other := corpus.Generate(2)
	for i, m := range corpus.All() {
		sum := sha256.Sum256(m.XML)
		if got := hex.EncodeToString(sum[:8]); got != shapes[i].digest {
			t.Errorf("%s is %s, want %s", m.Name, got, shapes[i].digest)
		}
		if !bytes.Equal(m.XML, corpus.Get(m.Name).XML) {
			t.Errorf("%s is not the same twice", m.Name)
		}
		if bytes.Equal(m.XML, other[i].XML) {
			t.Errorf("%s does not depend on the seed", m.Name)
		}
	}
}

func TestGetPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a name that is not of the corpus was found")
		}
	}()
	corpus.Get("pkg2")
}

// The judge of well-formedness is encoding/xml; the elements it counts are those that Commands promises.
func TestWellFormed(t *testing.T) {
	for _, m := range corpus.All() {
		t.Run(m.Name, func(t *testing.T) {
			counts := make(map[string]int)
			data := make(map[string]int) // longest value by command
			var stack []string
			d := xml.NewDecoder(bytes.NewReader(m.XML))
			for {
				tok, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				switch tok := tok.(type) {
				case xml.StartElement:
					counts[tok.Name.Local]++
					stack = append(stack, tok.Name.Local)
					want := "SYNCML:SYNCML1.2"
					if len(stack) > 1 && stack[len(stack)-2] == "Meta" {
						want = "syncml:metinf"
					}
					if tok.Name.Space != want {
						t.Errorf("%s is in namespace %q, want %q", strings.Join(stack, "/"), tok.Name.Space, want)
					}
				case xml.EndElement:
					stack = stack[:len(stack)-1]
				case xml.CharData:
					if len(stack) > 2 && stack[len(stack)-1] == "Data" {
						data[stack[2]] = max(data[stack[2]], len(tok))
					} else if strings.TrimSpace(string(tok)) == "" {
						t.Errorf("white space in %s", strings.Join(stack, "/"))
					}
				}
			}
			commands := 0
			for _, name := range []string{"Alert", "Atomic", "Replace", "Results", "Status"} {
				commands += counts[name]
			}
			if commands != m.Commands || counts["CmdID"] != m.Commands {
				t.Errorf("%d commands with %d CmdIDs, want %d", commands, counts["CmdID"], m.Commands)
			}
			if counts["Final"] != 1 || counts["SyncHdr"] != 1 {
				t.Errorf("not one message: %v", counts)
			}
			switch m.Name {
			case "policy":
				if counts["Atomic"] != 1 || counts["Replace"] != 50 {
					t.Errorf("want an Atomic of 50 Replaces: %v", counts)
				}
			case "inventory":
				if n := bytes.Count(m.XML, []byte("&")); n < 12_000 || n > 14_500 {
					t.Errorf("%d entities, want about 13,100", n)
				}
				if counts["Status"] != 301 || counts["Results"] != 300 || data["Results"] < 3_000 {
					t.Errorf("want 301 Status and 300 Results: %v, longest %v", counts, data)
				}
			case "large":
				if data["Replace"] != base64.StdEncoding.EncodedLen(786_432) {
					t.Errorf("value has %d characters", data["Replace"])
				}
			case "admx":
				if n := bytes.Count(m.XML, []byte("<![CDATA[")); n != 40 || counts["Replace"] != 40 {
					t.Errorf("%d CDATA sections in %d Replaces, want 40", n, counts["Replace"])
				}
			}
		})
	}
}
