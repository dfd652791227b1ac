package session_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// seeds is how many random runs a test makes: n, and thirty times as many where CI runs it.
func seeds(n uint64) uint64 {
	if os.Getenv("CI") == "true" {
		n *= 30
	}
	return n
}

// A model is the specification's idea of a device, as short as it can be said: nodes are leaves with a value, or interior.
type model struct {
	profile session.Profile
	nodes   map[string]string // "" is an interior node, leaves begin with "="
	stop    bool              // the user has cancelled
	out     []string          // "CmdRef code" in order
}

// order is a command of the model.
type order struct {
	kind     string // Add, Replace, Delete, Get, Alert, Atomic, Sequence, Bad
	id       string
	uri      string
	value    string
	answer   string // of an Alert: yes, no, cancel
	children []*order
}

func (o *order) xml() string {
	switch o.kind {
	case "Add":
		return addCmd(o.id, o.uri, o.value)
	case "Replace":
		return replaceCmd(o.id, o.uri, o.value)
	case "Delete", "Get":
		return nodeCmd(o.kind, o.id, o.uri)
	case "Alert":
		return alertCmd(o.id, 1101, "", dataXML(o.answer))
	case "Bad":
		return nodeCmd("Search", o.id, "./T")
	}
	var inside []string
	for _, c := range o.children {
		inside = append(inside, c.xml())
	}
	return groupCmd(o.kind, o.id, inside...)
}

func (m *model) say(o *order, code int) { m.out = append(m.out, o.id+" "+strconv.Itoa(code)) }

// skip answers for o and what is in it: 215, but code for o itself.
func (m *model) skip(o *order, code int) {
	m.say(o, code)
	for _, c := range o.children {
		m.skip(c, 215)
	}
}

// run executes the body of a message, or a Sequence.
func (m *model) run(orders []*order, sequence bool) {
	skip := false
	for _, o := range orders {
		if m.stop || skip {
			m.skip(o, 215)
			continue
		}
		switch o.kind {
		case "Sequence":
			if sequence {
				m.skip(o, 500)
				continue
			}
			m.say(o, 200)
			m.run(o.children, true)
		case "Atomic":
			m.atomic(o)
		default:
			code := m.one(o)
			m.say(o, code)
			skip = sequence && code == 304
		}
	}
}

// one executes a single command.
func (m *model) one(o *order) int {
	old, exists := m.nodes[o.uri]
	switch o.kind {
	case "Bad":
		if m.profile == session.OMA {
			return 406
		}
		return 400
	case "Alert":
		switch o.answer {
		case "yes":
			return 200
		case "no":
			return 304
		}
		m.stop = true
		return 214
	case "Get":
		if !exists {
			return 404
		}
	case "Add":
		if exists {
			return 418
		}
		for p := parent(o.uri); p != "."; p = parent(p) {
			if v, ok := m.nodes[p]; ok && v != "" {
				return 405
			}
		}
		for p := parent(o.uri); p != "."; p = parent(p) {
			m.nodes[p] = ""
		}
		m.nodes[o.uri] = "=" + o.value
	case "Replace":
		switch {
		case !exists:
			return 404
		case old == "":
			return 405
		}
		m.nodes[o.uri] = "=" + o.value
	case "Delete":
		if !exists {
			return 404
		}
		maps.DeleteFunc(m.nodes, func(u, _ string) bool { return u == o.uri || strings.HasPrefix(u, o.uri+"/") })
	}
	return 200
}

// atomic executes all or nothing.
func (m *model) atomic(o *order) {
	illegal, wrong := false, false
	codes := make([]int, len(o.children))
	for i, c := range o.children {
		switch c.kind {
		case "Get", "Atomic", "Sequence":
			codes[i], illegal = 500, true
		case "Bad":
			codes[i], wrong = m.one(c), true
		default:
			codes[i] = 215
		}
	}
	switch {
	case len(o.children) == 0:
		m.say(o, 412)
		return
	case illegal && m.profile == session.OMA:
		m.say(o, 500)
	case illegal || wrong:
		m.say(o, 507)
	}
	if illegal || wrong {
		for i, c := range o.children {
			m.skip(c, codes[i])
		}
		return
	}
	before := maps.Clone(m.nodes)
	failed := -1
	for i, c := range o.children {
		if codes[i] = m.one(c); codes[i] != 200 {
			failed = i
			break
		}
	}
	if failed < 0 {
		m.say(o, 200)
	} else {
		m.nodes = before
		m.say(o, 507)
	}
	for i, c := range o.children {
		switch {
		case failed < 0 || i == failed:
			m.say(c, codes[i])
		case i < failed:
			m.say(c, 216)
		default:
			m.say(c, 215)
		}
	}
}

func parent(u string) string {
	if i := strings.LastIndexByte(u, '/'); i > 0 {
		return u[:i]
	}
	return "."
}

// random makes up to n orders, with ids from *id on.
func random(r *rand.Rand, n, depth int, id *int) []*order {
	var list []*order
	for range r.IntN(n + 1) {
		*id++
		o := &order{id: strconv.Itoa(*id), value: "v" + strconv.Itoa(r.IntN(100))}
		o.uri = "./T"
		for range 1 + r.IntN(2) {
			o.uri += "/" + string(rune('a'+r.IntN(3)))
		}
		kinds := []string{"Add", "Add", "Replace", "Replace", "Delete", "Get", "Alert", "Bad", "Atomic", "Sequence"}
		if depth == 0 {
			kinds = kinds[:8]
		}
		o.kind = kinds[r.IntN(len(kinds))]
		switch {
		case o.kind == "Alert":
			o.answer = []string{"yes", "yes", "no", "cancel"}[r.IntN(4)]
		case o.kind == "Bad" && r.IntN(3) > 0:
			o.kind = "Add"
		case o.kind == "Atomic" || o.kind == "Sequence":
			o.children = random(r, 5, depth-1, id)
		}
		list = append(list, o)
	}
	return list
}

// obedient answers as the prompt says.
type obedient struct{}

func (obedient) Interact(_ context.Context, p *session.Prompt) (*session.Answer, error) {
	if p.Text == "cancel" {
		return nil, session.ErrUserCancelled
	}
	return &session.Answer{Accept: p.Text == "yes"}, nil
}

// Random trees of commands come out as the model says: every status in its place, and the tree as it should be.
func TestModel(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		for seed := range seeds(300) {
			r := rand.New(rand.NewPCG(seed, 42))
			m := &model{profile: session.Profile(r.IntN(2)), nodes: map[string]string{"./T": "", "./T/a": "", "./T/a/b": "=1", "./T/b": "=2"}}
			tree := new(dmtree.Memory)
			for u, v := range m.nodes {
				if v != "" {
					tree.Set(dmtree.URI(u), dmtree.String(v[1:]))
				}
			}
			id := 0
			orders := random(r, 8, 2, &id)
			m.run(orders, false)
			var say strings.Builder
			for _, o := range orders {
				say.WriteString(o.xml())
			}
			var store session.ClientStore
			if r.IntN(2) == 0 {
				store = new(session.MemoryClientStore) // commands are logged in the tree then
			}
			s := begin(t, &session.Client{Tree: tree, Profile: m.profile, UI: obedient{}, Store: store}, e, nil)
			if r.IntN(2) == 0 {
				s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = int64(1000 + r.IntN(1000)) }
			}
			s.say(say.String() + finalXML)
			var got []string
			finals := 0
			for s.got != nil {
				for _, c := range s.got.Commands {
					if st, ok := c.(*syncml.Status); ok && st.CmdRef != "0" && st.CmdRef != "next" {
						got = append(got, st.CmdRef+" "+strconv.Itoa(int(st.Code)))
					}
				}
				if s.got.Final {
					finals++
					s.say(finalXML)
				} else {
					s.say(alertCmd("next", 1222))
				}
			}
			story := fmt.Sprintf("seed %d, %s: %s", seed, m.profile, say.String())
			require.NoError(t, s.err, story)
			require.Equal(t, m.out, got, story)
			if len(orders) > 0 {
				require.Equal(t, 1, finals, story)
			}
			left := snapshot(t, tree)
			var names []string
			for u := range left {
				if u != dmtree.Root {
					names = append(names, string(u))
				}
			}
			slices.Sort(names)
			require.Equal(t, slices.Sorted(maps.Keys(m.nodes)), names, story)
			for u, v := range m.nodes {
				want := "node"
				if v != "" {
					want = "chr  " + v[1:]
				}
				require.Equal(t, want, left[dmtree.URI(u)], story+" at "+u)
			}
		}
	})
}
