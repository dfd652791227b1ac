package session

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/syncml"
)

// A UI puts a server's questions to the user of a device (alerts 1100 to 1104).
//
// Interact returns when the user has answered, or when ctx ends, because the time is up. [ErrUserCancelled] says that
// the user wants no more of it (214), [ErrNotDisplayable] that this device cannot show the prompt (416), any other error
// is answered 500, and the end of ctx 408.
type UI interface {
	Interact(ctx context.Context, p *Prompt) (*Answer, error)
}

// Errors of a [UI].
var (
	ErrUserCancelled  = errors.New("session: the user cancelled")         // 214: nothing more of the message is run
	ErrNotDisplayable = errors.New("session: the prompt cannot be shown") // 416
)

// A Prompt is what the user is shown.
type Prompt struct {
	Code    syncml.AlertCode // 1100 display, 1101 confirm, 1102 text input, 1103 single choice, 1104 multiple choice
	Text    string           // the text, the question, or the title of the list
	Choices []string         // of 1103 and 1104, to be shown in this order

	Min time.Duration // show it at least this long; 0: not said
	Max time.Duration // ctx ends after this time; 0: not said, and the client's own limit counts

	// What the prompt starts with. None of it is an answer by itself.
	Accept   bool   // 1101: "yes" is highlighted
	Input    string // 1102
	Selected []int  // 1103 and 1104: numbers of choices, from 1

	// Of 1102 only.
	MaxLen int       // characters; 0: not said
	Type   InputType // what may be typed
	Masked bool      // what is typed must not be seen
}

// An Answer is what the user said.
type Answer struct {
	Accept bool   // 1101
	Text   string // 1102: as the prompt's Type demands
	Chosen []int  // 1103: exactly one; 1104: any number; numbers of choices, from 1
}

// InputType is what may be typed in answer to alert 1102 (DM Protocol, alerts).
type InputType byte

const (
	InputAny     InputType = 'A' // letters and digits
	InputNumber  InputType = 'N' // digits, point and sign, such as -1.23
	InputDate    InputType = 'D' // DDMMYYYY
	InputTime    InputType = 'T' // hhmmss
	InputPhone   InputType = 'P' // digits, + in front, and p, w, s
	InputAddress InputType = 'I' // xxx.yyy.zzz.www
)

// accepts reports whether s has the form that t demands.
func (t InputType) accepts(s string) bool {
	digits := func(s string, n int) bool {
		return len(s) == n && strings.Trim(s, "0123456789") == ""
	}
	switch t {
	case InputNumber:
		return s != "" && strings.Trim(s, "+-.0123456789") == ""
	case InputDate:
		return digits(s, 8)
	case InputTime:
		return digits(s, 6)
	case InputPhone:
		return strings.Trim(strings.TrimPrefix(s, "+"), "0123456789pws") == ""
	case InputAddress:
		return len(s) <= 15 && strings.Count(s, ".") == 3 && strings.Trim(s, ".0123456789") == ""
	}
	return true
}

// promptOf reads a UI alert. The code is 200, or says what is wrong with it.
func promptOf(a *syncml.Alert) (*Prompt, syncml.StatusCode) {
	choices := a.Code == syncml.AlertSingleChoice || a.Code == syncml.AlertMultipleChoice
	switch {
	case a.Code < syncml.AlertDisplay || a.Code > syncml.AlertMultipleChoice:
		return nil, syncml.StatusNotSupported
	case len(a.Items) < 2, choices && len(a.Items) < 3:
		return nil, syncml.StatusIncomplete
	}
	p := &Prompt{Code: a.Code, Text: a.Items[1].Data.String()}
	if a.Items[1].Data.IsAbsent() {
		return nil, syncml.StatusIncomplete
	}
	if choices {
		for i := range a.Items[2:] {
			p.Choices = append(p.Choices, a.Items[2+i].Data.String())
		}
	}
	if a.Code == syncml.AlertTextInput {
		p.Type = InputAny
	}
	for option := range strings.SplitSeq(a.Items[0].Data.String(), "&") {
		name, value, ok := strings.Cut(option, "=")
		if value, err := url.QueryUnescape(value); ok && err == nil {
			p.set(strings.TrimSpace(name), value)
		}
	}
	return p, syncml.StatusOK
}

// set applies one option; what it does not know or cannot use is skipped (DM Protocol, alerts).
func (p *Prompt) set(name, value string) {
	switch name {
	case "MINDT":
		p.Min = duration(value, p.Min)
	case "MAXDT":
		p.Max = duration(value, p.Max)
	case "DR":
		p.initial(value)
	}
	if p.Code != syncml.AlertTextInput {
		return
	}
	switch name {
	case "MAXLEN":
		if n, ok := positive(value); ok {
			p.MaxLen = n
		}
	case "IT":
		if len(value) == 1 && strings.Contains("ANDTPI", value) {
			p.Type = InputType(value[0])
		}
	case "ET":
		if value == "T" || value == "P" {
			p.Masked = value == "P"
		}
	}
}

// initial reads the option DR.
func (p *Prompt) initial(value string) {
	switch p.Code {
	case syncml.AlertConfirm:
		if value == "0" || value == "1" {
			p.Accept = value == "1"
		}
	case syncml.AlertTextInput:
		p.Input = value
	case syncml.AlertSingleChoice:
		if n, ok := p.choice(value); ok {
			p.Selected = []int{n}
		}
	case syncml.AlertMultipleChoice:
		var selected []int
		for part := range strings.SplitSeq(value, "-") {
			n, ok := p.choice(part)
			if !ok {
				return
			}
			selected = append(selected, n)
		}
		p.Selected = selected
	}
}

func (p *Prompt) choice(s string) (int, bool) {
	n, ok := positive(s)
	return n, ok && n <= len(p.Choices)
}

// positive reads a positive decimal integer of at most nine digits.
func positive(s string) (int, bool) {
	if s == "" || len(s) > 9 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0
}

func duration(s string, old time.Duration) time.Duration {
	if n, ok := positive(s); ok {
		return time.Duration(n) * time.Second
	}
	return old
}

// ask puts the alert to the user and returns what its Status says. A nil ui is a device without a user interface.
func ask(ctx context.Context, ui UI, a *syncml.Alert, limit time.Duration) (syncml.StatusCode, []syncml.Item) {
	if ui == nil {
		return syncml.StatusNotSupported, nil
	}
	p, code := promptOf(a)
	if code != syncml.StatusOK {
		return code, nil
	}
	wait := limit
	if p.Max > 0 && (limit < 0 || p.Max < limit) {
		wait = p.Max
	}
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	answer, err := ui.Interact(ctx, p)
	switch {
	case err == nil && answer != nil:
		return p.reply(answer)
	case errors.Is(err, ErrUserCancelled):
		return syncml.StatusCancelled, nil
	case errors.Is(err, ErrNotDisplayable):
		return syncml.StatusSizeTooBig, nil
	case errors.Is(err, context.DeadlineExceeded):
		return syncml.StatusTimeout, nil
	case err == nil && p.Code == syncml.AlertDisplay:
		return syncml.StatusOK, nil
	}
	return syncml.StatusCommandFailed, nil
}

// reply returns what the Status of the prompt says. An answer that the prompt does not allow is the device's failure.
func (p *Prompt) reply(a *Answer) (syncml.StatusCode, []syncml.Item) {
	switch p.Code {
	case syncml.AlertConfirm:
		if !a.Accept {
			return syncml.StatusNotModified, nil
		}
	case syncml.AlertTextInput:
		if !p.Type.accepts(a.Text) || p.MaxLen > 0 && utf8.RuneCountInString(a.Text) > p.MaxLen {
			return syncml.StatusCommandFailed, nil
		}
		return syncml.StatusOK, []syncml.Item{{Data: syncml.Text(a.Text)}}
	case syncml.AlertSingleChoice, syncml.AlertMultipleChoice:
		if p.Code == syncml.AlertSingleChoice && len(a.Chosen) != 1 {
			return syncml.StatusCommandFailed, nil
		}
		var items []syncml.Item
		for _, n := range a.Chosen {
			if n < 1 || n > len(p.Choices) {
				return syncml.StatusCommandFailed, nil
			}
			items = append(items, syncml.Item{Data: syncml.Text(strconv.Itoa(n))})
		}
		return syncml.StatusOK, items
	}
	return syncml.StatusOK, nil
}
