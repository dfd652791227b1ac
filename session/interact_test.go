package session_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// user answers prompts as a test wants, and remembers them.
type user struct {
	answer session.Answer
	err    error
	wait   time.Duration
	seen   []session.Prompt
}

func (u *user) Interact(ctx context.Context, p *session.Prompt) (*session.Answer, error) {
	u.seen = append(u.seen, *p)
	if u.wait > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(u.wait):
		}
	}
	return &u.answer, u.err
}

func TestInteraction(t *testing.T) {
	list := func(options string) []string {
		return []string{options, dataXML("Which feeds?"), dataXML("News"), dataXML("Sport"), dataXML("Weather")}
	}
	feeds := []string{"News", "Sport", "Weather"}
	for _, test := range []struct {
		name  string
		code  syncml.AlertCode
		items []string
		user  user
		want  string          // Status
		shown *session.Prompt // nil: nothing was
	}{
		{"U01 U07: text", 1100, []string{"", dataXML("Hello")}, user{}, "200", &session.Prompt{Text: "Hello"}},
		{"U02: yes", 1101, []string{"", dataXML("Sure?")}, user{answer: session.Answer{Accept: true}}, "200", &session.Prompt{Text: "Sure?"}},
		{"U02: no", 1101, []string{"", dataXML("Sure?")}, user{}, "304", &session.Prompt{Text: "Sure?"}},
		{"U03: text input", 1102, []string{"", dataXML("Name?")}, user{answer: session.Answer{Text: "Zoë"}}, `200 ["Zoë"]`,
			&session.Prompt{Text: "Name?", Type: session.InputAny}},
		{"U04 U06: one of a list", 1103, list(""), user{answer: session.Answer{Chosen: []int{3}}}, `200 ["3"]`,
			&session.Prompt{Text: "Which feeds?", Choices: feeds}},
		{"U05 U06: several of a list", 1104, list(""), user{answer: session.Answer{Chosen: []int{1, 3}}}, `200 ["1"] ["3"]`,
			&session.Prompt{Text: "Which feeds?", Choices: feeds}},
		{"none of a list", 1104, list(""), user{}, `200`, &session.Prompt{Text: "Which feeds?", Choices: feeds}},
		{"a choice that is none", 1103, list(""), user{answer: session.Answer{Chosen: []int{4}}}, `500`,
			&session.Prompt{Text: "Which feeds?", Choices: feeds}},
		{"two where one was asked for", 1103, list(""), user{answer: session.Answer{Chosen: []int{1, 2}}}, `500`,
			&session.Prompt{Text: "Which feeds?", Choices: feeds}},
		{"U08: unknown options", 1100, []string{dataXML("COLOR=red&amp;MINDT=5&amp;=&amp;X"), dataXML("Hello")}, user{}, "200",
			&session.Prompt{Text: "Hello", Min: 5 * time.Second}},
		{"U09: times", 1101, []string{dataXML("MINDT=10&amp;MAXDT=60"), dataXML("?")}, user{}, "304",
			&session.Prompt{Text: "?", Min: 10 * time.Second, Max: time.Minute}},
		{"U09: times that are none", 1101, []string{dataXML("MINDT=-1&amp;MAXDT=1.5&amp;MAXDT=0&amp;MINDT=99999999999"), dataXML("?")}, user{}, "304",
			&session.Prompt{Text: "?"}},
		{"U10: options of another question", 1101, []string{dataXML("MAXLEN=3&amp;IT=N&amp;ET=P"), dataXML("?")}, user{}, "304",
			&session.Prompt{Text: "?"}},
		{"U10: of this one", 1102, []string{dataXML("MAXLEN=3&amp;IT=N&amp;ET=P"), dataXML("?")}, user{answer: session.Answer{Text: "-12"}}, `200 ["-12"]`,
			&session.Prompt{Text: "?", MaxLen: 3, Type: session.InputNumber, Masked: true}},
		{"longer than allowed", 1102, []string{dataXML("MAXLEN=3"), dataXML("?")}, user{answer: session.Answer{Text: "abcd"}}, `500`,
			&session.Prompt{Text: "?", MaxLen: 3, Type: session.InputAny}},
		{"U11: DR of a text", 1100, []string{dataXML("DR=1"), dataXML("Hello")}, user{}, "200", &session.Prompt{Text: "Hello"}},
		{"DR of a question", 1101, []string{dataXML("DR=1"), dataXML("?")}, user{}, "304", &session.Prompt{Text: "?", Accept: true}},
		{"DR of a list", 1103, list(dataXML("DR=2")), user{answer: session.Answer{Chosen: []int{1}}}, `200 ["1"]`,
			&session.Prompt{Text: "Which feeds?", Choices: feeds, Selected: []int{2}}},
		{"U12: DR of several", 1104, list(dataXML("DR=2-3")), user{}, "200",
			&session.Prompt{Text: "Which feeds?", Choices: feeds, Selected: []int{2, 3}}},
		{"DR beyond the list", 1104, list(dataXML("DR=2-4")), user{}, "200", &session.Prompt{Text: "Which feeds?", Choices: feeds}},
		{"U13: escaped", 1102, []string{dataXML("DR=Jane+Doe%2C+%26c"), dataXML("?")}, user{answer: session.Answer{Text: "x"}}, `200 ["x"]`,
			&session.Prompt{Text: "?", Input: "Jane Doe, &c", Type: session.InputAny}},
		{"U14: cancel", 1101, []string{"", dataXML("?")}, user{err: session.ErrUserCancelled}, "214", &session.Prompt{Text: "?"}},
		{"U14: time is up", 1101, []string{dataXML("MAXDT=30"), dataXML("?")}, user{wait: time.Minute}, "408",
			&session.Prompt{Text: "?", Max: 30 * time.Second}},
		{"U14: the device has a limit too", 1101, []string{"", dataXML("?")}, user{wait: time.Hour}, "408", &session.Prompt{Text: "?"}},
		{"U15: no text", 1100, []string{""}, user{}, "412", nil},
		{"U15: nothing", 1101, nil, user{}, "412", nil},
		{"U15: no choices", 1103, []string{"", dataXML("?")}, user{}, "412", nil},
		{"U16: date", 1102, []string{dataXML("IT=D"), dataXML("?")}, user{answer: session.Answer{Text: "01032026"}}, `200 ["01032026"]`,
			&session.Prompt{Text: "?", Type: session.InputDate}},
		{"U16: a date that is none", 1102, []string{dataXML("IT=D"), dataXML("?")}, user{answer: session.Answer{Text: "1.3.2026"}}, `500`,
			&session.Prompt{Text: "?", Type: session.InputDate}},
		{"U16: time", 1102, []string{dataXML("IT=T"), dataXML("?")}, user{answer: session.Answer{Text: "235959"}}, `200 ["235959"]`,
			&session.Prompt{Text: "?", Type: session.InputTime}},
		{"phone", 1102, []string{dataXML("IT=P"), dataXML("?")}, user{answer: session.Answer{Text: "+49p1"}}, `200 ["+49p1"]`,
			&session.Prompt{Text: "?", Type: session.InputPhone}},
		{"address", 1102, []string{dataXML("IT=I"), dataXML("?")}, user{answer: session.Answer{Text: "192.168.000.001"}}, `200 ["192.168.000.001"]`,
			&session.Prompt{Text: "?", Type: session.InputAddress}},
		{"U17: cannot be shown", 1101, []string{"", dataXML("?")}, user{err: session.ErrNotDisplayable}, "416", &session.Prompt{Text: "?"}},
		{"broken", 1101, []string{"", dataXML("?")}, user{err: errors.New("no screen")}, "500", &session.Prompt{Text: "?"}},
		{"reserved", 1105, []string{"", dataXML("?")}, user{}, "406", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, e := range encodings {
				synctest.Test(t, func(t *testing.T) {
					u := test.user
					s := begin(t, &session.Client{Tree: deviceTree(), Profile: session.OMA, UI: &u}, e, nil)
					s.say(alertCmd("1", test.code, test.items...) + finalXML)
					s.expect("Status 1/0 SyncHdr 200\nStatus 1/1 Alert " + test.want + "\nFinal")
					if test.shown == nil {
						require.Empty(t, u.seen)
						return
					}
					p := *test.shown
					p.Code = test.code
					require.Equal(t, []session.Prompt{p}, u.seen)
				})
			}
		})
	}
}

// What an answer of the user means for the rest of the message.
func TestInteractionAndTheRest(t *testing.T) {
	no := user{}
	cancel := user{err: session.ErrUserCancelled}
	ask := alertCmd("2", 1101, "", dataXML("Sure?"))
	for _, test := range []struct {
		name, say string
		user      user
		want      string
	}{
		{"Q05: No in the body", replaceCmd("1", "./A/x", "a") + ask + replaceCmd("3", "./A/y", "b"), no, `
			Status 1/1 Replace 200 ./A/x
			Status 1/2 Alert 304
			Status 1/3 Replace 200 ./A/y`},
		{"Q04: No in a Sequence", groupCmd("Sequence", "1", replaceCmd("1a", "./A/x", "a")+ask+replaceCmd("3", "./A/y", "b")+getCmd("4", "./A/x")) +
			replaceCmd("5", "./A/z", "c"), no, `
			Status 1/1 Sequence 200
			Status 1/1a Replace 200 ./A/x
			Status 1/2 Alert 304
			Status 1/3 Replace 215 ./A/y
			Status 1/4 Get 215 ./A/x
			Status 1/5 Replace 200 ./A/z`},
		{"Q15: No in an Atomic", groupCmd("Atomic", "1", replaceCmd("1a", "./A/x", "a")+ask+replaceCmd("3", "./A/y", "b")) + replaceCmd("5", "./A/z", "c"), no, `
			Status 1/1 Atomic 507
			Status 1/1a Replace 216 ./A/x
			Status 1/2 Alert 304
			Status 1/3 Replace 215 ./A/y
			Status 1/5 Replace 200 ./A/z`},
		{"Q06: cancel in the body", replaceCmd("1", "./A/x", "a") + ask + replaceCmd("3", "./A/y", "b") +
			groupCmd("Sequence", "4", getCmd("5", "./A/x")), cancel, `
			Status 1/1 Replace 200 ./A/x
			Status 1/2 Alert 214
			Status 1/3 Replace 215 ./A/y
			Status 1/4 Sequence 215
			Status 1/5 Get 215 ./A/x`},
		{"Q06: cancel in a Sequence", groupCmd("Sequence", "1", ask+replaceCmd("3", "./A/y", "b")) + replaceCmd("5", "./A/z", "c"), cancel, `
			Status 1/1 Sequence 200
			Status 1/2 Alert 214
			Status 1/3 Replace 215 ./A/y
			Status 1/5 Replace 215 ./A/z`},
		{"Q06: cancel in an Atomic", groupCmd("Atomic", "1", replaceCmd("1a", "./A/x", "a")+ask+replaceCmd("3", "./A/y", "b")) + replaceCmd("5", "./A/z", "c"), cancel, `
			Status 1/1 Atomic 507
			Status 1/1a Replace 216 ./A/x
			Status 1/2 Alert 214
			Status 1/3 Replace 215 ./A/y
			Status 1/5 Replace 215 ./A/z`},
		{"yes in an Atomic", groupCmd("Atomic", "1", ask+replaceCmd("3", "./A/y", "b")), user{answer: session.Answer{Accept: true}}, `
			Status 1/1 Atomic 200
			Status 1/2 Alert 200
			Status 1/3 Replace 200 ./A/y`},
		{"an undone Atomic had its question answered", groupCmd("Atomic", "1", ask+replaceCmd("3", "./A/none", "b")),
			user{answer: session.Answer{Accept: true}}, `
			Status 1/1 Atomic 507
			Status 1/2 Alert 216
			Status 1/3 Replace 404 ./A/none`},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				u := test.user
				s := begin(t, &session.Client{Tree: deviceTree(), Profile: session.OMA, UI: &u}, e, nil)
				s.say(test.say + finalXML)
				s.expect("Status 1/0 SyncHdr 200\n" + test.want + "\nFinal")
			})
		})
	}
}

// asked is a user who answers by the text of the question, and notes what was shown.
type asked struct {
	answers map[string]*session.Answer // nil: the time is up
	shown   map[string]session.Prompt
}

func (a asked) Interact(ctx context.Context, p *session.Prompt) (*session.Answer, error) {
	a.shown[p.Text] = *p
	if answer := a.answers[p.Text]; answer != nil {
		return answer, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// All five questions, from a server's Batch to the user and back, with what can be said about each.
func TestQuestionsAtBothEnds(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		synctest.Test(t, func(t *testing.T) {
			const special = "a=b & c+d ä%"
			var got []session.Result
			p := sessiontest.New(t, asks(&got, func(w *session.Writer) {
				w.Alert(syncml.AlertDisplay, &session.AlertOptions{MinDisplay: 1500 * time.Millisecond}, "display")
				w.Alert(syncml.AlertConfirm, &session.AlertOptions{Default: "1", MaxDisplay: time.Minute}, "confirm")
				w.Alert(syncml.AlertTextInput, &session.AlertOptions{Default: special, MaxLen: 20, Input: 'A', Masked: true}, "text & more")
				w.Alert(syncml.AlertSingleChoice, &session.AlertOptions{Default: "2"}, "single", "one", special)
				w.Alert(syncml.AlertMultipleChoice, &session.AlertOptions{Default: "1-3"}, "multiple", "one", "two", "three")
				w.Alert(syncml.AlertMultipleChoice, nil, "none", "one", "two")
				w.Sequence(func(b *session.Batch) {
					b.Alert(syncml.AlertConfirm, nil, "no")
					b.Get("./A/x")
				})
				w.Alert(syncml.AlertConfirm, &session.AlertOptions{MaxDisplay: 30 * time.Second}, "too late")
				w.Get("./A/y")
			}), deviceTree())
			ui := asked{answers: map[string]*session.Answer{
				"display": {}, "confirm": {Accept: true}, "text & more": {Text: special}, "single": {Chosen: []int{2}}, "multiple": {Chosen: []int{1, 3}},
				"none": {}, "no": {},
			}, shown: make(map[string]session.Prompt)}
			p.Server.Profile, p.Client.Profile, p.Client.UI, p.Client.Encoding = session.OMA, session.OMA, ui, enc
			begin := time.Now()
			p.Run(t.Context())
			require.Equal(t, 30*time.Second, time.Since(begin))
			require.Equal(t, map[string]session.Prompt{
				"display":     {Code: 1100, Text: "display", Min: 2 * time.Second},
				"confirm":     {Code: 1101, Text: "confirm", Accept: true, Max: time.Minute},
				"text & more": {Code: 1102, Text: "text & more", Input: special, MaxLen: 20, Type: session.InputAny, Masked: true},
				"single":      {Code: 1103, Text: "single", Choices: []string{"one", special}, Selected: []int{2}},
				"multiple":    {Code: 1104, Text: "multiple", Choices: []string{"one", "two", "three"}, Selected: []int{1, 3}},
				"none":        {Code: 1104, Text: "none", Choices: []string{"one", "two"}},
				"no":          {Code: 1101, Text: "no"},
				"too late":    {Code: 1101, Text: "too late", Max: 30 * time.Second},
			}, ui.shown)
			var outcomes []string
			for _, r := range got {
				outcomes = append(outcomes, fmt.Sprintf("%d%v", int(r.Status), r.Answers))
			}
			require.Equal(t, []string{"200[]", "200[]", "200[" + special + "]", "200[2]", "200[1 3]", "200[]", "200[]", "408[]", "215[]"}, outcomes)
			require.Equal(t, []syncml.StatusCode{304, 215}, []syncml.StatusCode{got[6].Children[0].Status, got[6].Children[1].Status})
		})
	})
}
