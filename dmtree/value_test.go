package dmtree_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		format   dmtree.Format
		in, want string // want "!": refused
	}{
		{dmtree.FormatNull, "", ""},
		{dmtree.FormatNull, " ", ""},
		{dmtree.FormatNull, "x", "!"},
		{dmtree.FormatChr, " a b ", " a b "},
		{dmtree.FormatChr, "\xff", "!"},
		{dmtree.FormatXML, "<a>", "<a>"},
		{dmtree.FormatBool, "true", "true"},
		{dmtree.FormatBool, " False\n", "false"},
		{dmtree.FormatBool, "1", "true"},
		{dmtree.FormatBool, "0", "false"},
		{dmtree.FormatBool, "2", "!"},
		{dmtree.FormatBool, "", "!"},
		{dmtree.FormatInt, "42", "42"},
		{dmtree.FormatInt, "-0", "0"},
		{dmtree.FormatInt, "+7", "7"},
		{dmtree.FormatInt, "0x86000002", "2248146946"},
		{dmtree.FormatInt, "0x", "!"},
		{dmtree.FormatInt, "+-7", "!"},
		{dmtree.FormatInt, "0x-7", "!"},
		{dmtree.FormatInt, "1_000", "!"},
		{dmtree.FormatInt, "4.2", "!"},
		{dmtree.FormatInt, "", "!"},
		{dmtree.FormatInt, "9223372036854775808", "!"},
		{dmtree.FormatB64, "aGk=", "aGk="},
		{dmtree.FormatB64, "aGk", "!"},
		{dmtree.FormatB64, "aGl=", "!"},
		{dmtree.FormatBin, "aG\nk=", "aGk="},
		{dmtree.FormatBin, "%%%%", "!"},
		{dmtree.FormatNode, "", ""},
		{dmtree.FormatNode, "A/b c/d%2fe", "A/b%20c/d%2Fe"},
		{dmtree.FormatNode, "A//B", "!"},
		{dmtree.FormatNode, "A/../B", "!"},
		{dmtree.FormatDate, "2026-02-28", "2026-02-28"},
		{dmtree.FormatDate, "20260228", "20260228"},
		{dmtree.FormatDate, "2026-02-30", "!"},
		{dmtree.FormatDate, "28.2.2026", "!"},
		{dmtree.FormatTime, "20260228T101112Z", "20260228T101112Z"},
		{dmtree.FormatTime, "10:11:12", "10:11:12"},
		{dmtree.FormatTime, "2026-02-28T10:11:12+01:00", "2026-02-28T10:11:12+01:00"},
		{dmtree.FormatTime, "25:00:00", "!"},
		{dmtree.FormatFloat, "1.5E3", "1.5E3"},
		{dmtree.FormatFloat, "-INF", "-INF"},
		{dmtree.FormatFloat, "NaN", "NaN"},
		{dmtree.FormatFloat, "inf", "!"},
		{dmtree.FormatFloat, "0x1p3", "!"},
		{dmtree.FormatFloat, "1_0.5", "!"},
		{dmtree.FormatFloat, "", "!"},
		{dmtree.Format(99), "x", "!"},
	} {
		v, err := dmtree.Parse(test.format, test.in)
		switch {
		case test.want == "!":
			if !errors.Is(err, dmtree.ErrFormat) || !v.Equal(dmtree.Null) {
				t.Errorf("Parse(%s, %q) = %#v, %v, want ErrFormat", test.format, test.in, v, err)
			} else if len(test.in) > 3 && strings.Contains(err.Error(), test.in) {
				t.Errorf("the error repeats the value: %v", err)
			}
		case err != nil || v.Text() != test.want || v.Format() != test.format:
			t.Errorf("Parse(%s, %q) = %#v, %v, want %q", test.format, test.in, v, err, test.want)
		default:
			if again, err := dmtree.Parse(v.Format(), v.Text()); err != nil || !again.Equal(v) && test.in != "NaN" {
				t.Errorf("%#v reads back as %#v, %v", v, again, err)
			}
		}
	}
}

func TestAccessors(t *testing.T) {
	at := time.Date(2026, 2, 28, 10, 11, 12, 0, time.UTC)
	if i, err := dmtree.String(" 0x10 ").Int(); err != nil || i != 16 {
		t.Errorf("text as integer: %d, %v", i, err)
	}
	if b, err := dmtree.Int(1).Bool(); err != nil || !b {
		t.Errorf("1 as truth: %v, %v", b, err)
	}
	if b, err := dmtree.Base64([]byte("hi")).Bytes(); err != nil || string(b) != "hi" {
		t.Errorf("base64 content: %q, %v", b, err)
	}
	if got, err := dmtree.Time(at.In(time.FixedZone("", 3600))).Time(); err != nil || !got.Equal(at) {
		t.Errorf("time: %v, %v", got, err)
	}
	if got := dmtree.Date(at).Text(); got != "2026-02-28" {
		t.Errorf("date: %s", got)
	}
	if f, err := dmtree.Float(math.Inf(-1)).Float(); err != nil || !math.IsInf(f, -1) {
		t.Errorf("float: %v, %v", f, err)
	}
	for name, err := range map[string]error{
		"int":   second(dmtree.String("x").Int()),
		"bool":  second(dmtree.String("maybe").Bool()),
		"bytes": second(dmtree.Int(1).Bytes()),
		"time":  second(dmtree.Bool(true).Time()),
		"float": second(dmtree.Null.Float()),
	} {
		if !errors.Is(err, dmtree.ErrFormat) {
			t.Errorf("%s of something else: %v", name, err)
		}
	}
	v := dmtree.Interior("b c", "", "a/d")
	if v.Text() != "b%20c/a%2Fd" || !slices.Equal(slices.Collect(v.Names()), []string{"b c", "a/d"}) {
		t.Errorf("interior: %q", v.Text())
	}
	if !v.Equal(dmtree.Interior("a/d", "b c")) || v.Equal(dmtree.Interior("a/d", "b c", "b c")) {
		t.Error("names of an interior node are a set")
	}
}

func second[T any](_ T, err error) error { return err }

func TestEqual(t *testing.T) {
	a, _ := dmtree.Parse(dmtree.FormatTime, "20260228T101112Z")
	b, _ := dmtree.Parse(dmtree.FormatTime, "2026-02-28T10:11:12Z")
	if !a.Equal(b) {
		t.Error("two spellings of a time differ")
	}
	if dmtree.String("1").Equal(dmtree.Int(1)) || dmtree.String("1").Equal(dmtree.String("1").WithType("text/html")) {
		t.Error("format and type do not count")
	}
	if !dmtree.String("s").Secret().Equal(dmtree.String("s")) {
		t.Error("secrecy counts")
	}
}

func TestSize(t *testing.T) {
	for _, v := range []dmtree.Value{dmtree.Bytes([]byte("12345")), dmtree.Base64([]byte("12345")), dmtree.String("12345"), dmtree.String("12345").Secret()} {
		if v.Size() != 5 {
			t.Errorf("T17: size of %#v is %d, want the 5 bytes of the content", v, v.Size())
		}
	}
}

// No printer of the standard library gets at a secret, whatever the verb.
func TestSecret(t *testing.T) {
	const secret = "hunter2-hunter2"
	v := dmtree.String(secret).WithType("text/plain").Secret()
	if v.Text() != secret || !v.IsSecret() {
		t.Fatal("a secret cannot be read any more")
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%T"} {
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", []any{v, &v, struct{ V dmtree.Value }{v}})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, "e", dmtree.Entry{Value: v})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, "e", dmtree.Entry{Value: v})
	if b, err := json.Marshal([]any{v}); err == nil {
		out.Write(b)
	}
	_, err := v.Int()
	fmt.Fprintln(&out, err)
	if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("a secret is shown:\n%s", out.String())
	}
}
