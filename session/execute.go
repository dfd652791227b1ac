package session

import (
	"context"
	"errors"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// An executor runs the commands of one message against a tree and collects the answers, in the order in which they are
// to be sent: the Status of each command, a container's before those of its children, and Results after the Status of
// their Get.
type executor struct {
	tree   dmtree.Provider
	ui     UI
	rules  *profile
	limits *Limits
	call   *dmtree.Call
	mode   Mode // of the session
	binary bool // values travel as bytes rather than base64: WBXML

	msgID   string          // of the message that is answered
	seen    map[string]bool // CmdIDs of it
	object  *assembly       // the large object that is on its way
	lost    assembly        // the name of the last one that this message has given up
	peerMax int64           // MaxObjSize of the server; 0: none
	room    int64           // bytes of values that may still be kept

	// again says that the message was being executed when this process died. What may have changed something then is
	// not run again, unless the journal says that it did not.
	again   bool
	journal *journal // nil: the tree has none, or nothing has to survive this process
	unsure  bool     // nobody knows any more what the user said, so nothing that depends on it is run
	// stopped is set when the user has cancelled: the rest of the message is not run (DM Protocol, alerts).
	stopped bool

	out      []syncml.Command
	causes   bool // failures name their HRESULT
	executed func(c syncml.Command, code syncml.StatusCode)
}

// outcome is what became of one item of a command.
type outcome struct {
	code    syncml.StatusCode
	cause   string        // HRESULT behind a failure, if it is to be told
	items   []syncml.Item // of the Status
	results []syncml.Item // of a Get
}

// flow says how the commands after one are to be treated.
type flow uint8

const (
	goOn   flow = iota
	leave       // the user said No: what follows in the same Sequence is skipped, and an Atomic fails
	cancel      // nothing more of the message is run
)

// run executes the commands of a message in document order. Status, Results and the alerts that steer the session are
// not for it.
func (x *executor) run(ctx context.Context, cmds []syncml.Command) {
	for _, c := range cmds {
		if x.stopped {
			x.skip(c, syncml.StatusNotExecuted)
			continue
		}
		if _, items := operands(c); isOrder(c) && (len(items) == 0 || !x.object.continues(c, &items[0])) {
			x.interrupt()
		}
		x.command(ctx, c)
	}
}

// interrupt gives up the object that is on its way, if there is one, since something else comes where its next chunk
// should (DM Protocol, large objects).
func (x *executor) interrupt() {
	if x.object.open() {
		x.lost = x.object.name()
		x.out = append(x.out, x.object.drop())
	}
}

// command executes c, which stands in the body of the message or in a Sequence, and reports it.
func (x *executor) command(ctx context.Context, c syncml.Command) flow {
	if code := x.malformed(c); code != 0 {
		x.skip(c, code)
		return goOn
	}
	switch c := c.(type) {
	case *syncml.Sequence:
		return x.sequence(ctx, c)
	case *syncml.Atomic:
		return x.atomic(ctx, c)
	case *syncml.Alert:
		out := x.alert(ctx, c)
		x.report(c, nil, []outcome{out})
		return x.effect(out.code)
	}
	meta, items := operands(c)
	outs := make([]outcome, len(items))
	for i := range items {
		outs[i] = x.item(ctx, c, meta, &items[i])
	}
	x.report(c, items, outs)
	return goOn
}

// effect tells what the outcome of a question to the user means for the commands after it.
func (x *executor) effect(code syncml.StatusCode) flow {
	switch code {
	case syncml.StatusNotModified:
		return leave
	case syncml.StatusCancelled, syncml.StatusTimeout:
		x.stopped = true
		return cancel
	}
	return goOn
}

// sequence runs the children in order. Its own Status is 200 once it has begun; a child that fails does not stop it, a
// user who says No does.
func (x *executor) sequence(ctx context.Context, s *syncml.Sequence) flow {
	x.report(s, nil, []outcome{{code: syncml.StatusOK}})
	how := goOn
	for _, c := range s.Commands {
		if how != goOn {
			x.skip(c, syncml.StatusNotExecuted)
			continue
		}
		how = x.inside(ctx, c)
	}
	if how == cancel {
		return cancel
	}
	return goOn
}

// inside executes a child of a Sequence, which cannot be cut into chunks (DM Protocol, large objects).
func (x *executor) inside(ctx context.Context, c syncml.Command) flow {
	if _, nested := c.(*syncml.Sequence); nested {
		x.skip(c, syncml.StatusCommandFailed)
		return goOn
	}
	if chunked(c) {
		x.skip(c, syncml.StatusTooLarge)
		return goOn
	}
	return x.command(ctx, c)
}

// malformed returns the status of a command that must not be run as it stands, or 0. It takes note of the CmdID.
func (x *executor) malformed(c syncml.Command) syncml.StatusCode {
	id := c.ID()
	if id == "" || id == "0" || x.seen[id] {
		return syncml.StatusBadRequest
	}
	x.seen[id] = true
	switch c.(type) {
	case *syncml.Unknown:
		return x.rules.unknownCommand
	case *syncml.Copy:
		if !x.rules.copy {
			return x.rules.unknownCommand
		}
		_, can := x.tree.(dmtree.Copier)
		_, add := x.tree.(dmtree.Adder)
		_, replace := x.tree.(dmtree.Replacer)
		if !can && !add && !replace {
			return syncml.StatusNotSupported
		}
	case *syncml.Exec:
		if _, can := x.tree.(dmtree.Execer); !can {
			return syncml.StatusNotSupported
		}
	case *syncml.Status, *syncml.Results:
		return syncml.StatusNotAllowed // inside a container
	case *syncml.Alert, *syncml.Atomic, *syncml.Sequence:
		return 0
	}
	if _, items := operands(c); len(items) == 0 {
		return syncml.StatusIncomplete
	}
	return 0
}

// operands returns the Meta and the items of a command on nodes.
func operands(c syncml.Command) (syncml.Meta, []syncml.Item) {
	switch c := c.(type) {
	case *syncml.Add:
		return c.Meta, c.Items
	case *syncml.Copy:
		return c.Meta, c.Items
	case *syncml.Delete:
		return c.Meta, c.Items
	case *syncml.Exec:
		return c.Meta, c.Items
	case *syncml.Get:
		return c.Meta, c.Items
	case *syncml.Replace:
		return c.Meta, c.Items
	}
	return syncml.Meta{}, nil
}

// children returns what a container holds.
func children(c syncml.Command) []syncml.Command {
	switch c := c.(type) {
	case *syncml.Atomic:
		return c.Commands
	case *syncml.Sequence:
		return c.Commands
	}
	return nil
}

func chunked(c syncml.Command) bool {
	_, items := operands(c)
	for i := range items {
		if items[i].MoreData {
			return true
		}
	}
	return false
}

// item executes c for one of its items, joining chunks first.
func (x *executor) item(ctx context.Context, c syncml.Command, meta syncml.Meta, it *syncml.Item) outcome {
	continues := x.object.continues(c, it)
	if !continues {
		x.interrupt() // a command has several items
	}
	if x.lost.continues(c, it) && it.Meta.Or(meta).Size == 0 {
		return outcome{code: syncml.StatusSizeMismatch} // what is left of an object looks like a whole value
	}
	if it.MoreData || continues {
		whole, code := x.object.take(c, meta, it, x.limits.Object)
		if code != 0 {
			if code != syncml.StatusChunkAccepted {
				x.lost = assembly{Cmd: c.Name(), Target: it.Target.URI, Source: it.Source.URI}
			}
			return outcome{code: code}
		}
		it = whole
	}
	_, get := c.(*syncml.Get)
	switch {
	case !get && x.journal != nil:
		return x.logged(ctx, c, meta, it)
	case !get && x.again:
		return unknownOutcome()
	}
	return x.do(ctx, x.tree, c, meta, it)
}

// do executes c for one whole item on p: the tree, or a transaction of it.
func (x *executor) do(ctx context.Context, p dmtree.Provider, c syncml.Command, meta syncml.Meta, it *syncml.Item) outcome {
	meta = it.Meta.Or(meta)
	u := targetOf(c, it)
	call := x.call
	if e, ok := c.(*syncml.Exec); ok && e.Correlator != "" && x.rules.correlator {
		call = call.WithCorrelator(e.Correlator)
	}
	ctx = dmtree.WithCall(ctx, call)

	if err := x.valid(c, meta, it); err != nil {
		return x.failed(u, err)
	}
	if _, get := c.(*syncml.Get); get {
		return x.get(ctx, p, u)
	}
	return x.failed(u, x.write(ctx, p, c, meta, it, u))
}

// valid tells what is wrong with an item of c without looking at the tree.
func (x *executor) valid(c syncml.Command, meta syncml.Meta, it *syncml.Item) error {
	meta = it.Meta.Or(meta)
	u := targetOf(c, it)
	if u == "" {
		return dmtree.ErrIncomplete
	}
	if _, err := dmtree.ParseURI(string(u)); err != nil {
		return err
	}
	if user := u.Within("./User"); x.mode == ModeDevice && user || x.mode == ModeUser && !user {
		return dmtree.ErrNotAllowed // MS-MDM
	}
	_, lists := x.tree.(dmtree.Lister)
	if _, query := u.Split(); query != "" && !lists {
		if _, get := c.(*syncml.Get); get {
			return dmtree.ErrUnsupported
		}
		return dmtree.ErrNotAllowed
	}
	switch c.(type) {
	case *syncml.Copy:
		if it.Source.URI == "" {
			return dmtree.ErrIncomplete
		}
		_, err := dmtree.ParseURI(it.Source.URI)
		return err
	case *syncml.Add, *syncml.Replace:
		if it.Data.IsAbsent() && meta.Format != "node" && meta.Format != "null" {
			return dmtree.ErrIncomplete
		}
		_, err := valueOf(meta, it.Data)
		return err
	case *syncml.Exec:
		_, err := valueOf(meta, it.Data)
		return err
	}
	return nil
}

// targetOf returns the node that an item of c addresses. Some servers address a Get by Source.
func targetOf(c syncml.Command, it *syncml.Item) dmtree.URI {
	if _, get := c.(*syncml.Get); get && it.Target.URI == "" {
		return dmtree.URI(it.Source.URI)
	}
	return dmtree.URI(it.Target.URI)
}

// write executes any command but Get.
func (x *executor) write(ctx context.Context, p dmtree.Provider, c syncml.Command, meta syncml.Meta, it *syncml.Item, u dmtree.URI) error {
	switch c.(type) {
	case *syncml.Delete:
		return dmtree.Delete(ctx, p, u)
	case *syncml.Copy:
		return dmtree.Copy(ctx, p, dmtree.URI(it.Source.URI), u)
	}
	v, err := valueOf(meta, it.Data)
	if err != nil {
		return err
	}
	switch c.(type) {
	case *syncml.Exec:
		return dmtree.Exec(ctx, p, u, v)
	case *syncml.Add:
		return dmtree.Add(ctx, p, u, v)
	}
	return dmtree.Replace(ctx, p, u, v)
}

// failed turns an error of the tree into an outcome. Where another node than the one addressed is to blame, the Status
// names it (DM TND).
func (x *executor) failed(u dmtree.URI, err error) outcome {
	out := outcome{code: x.rules.statusOf(err)}
	if x.causes && err != nil && !out.code.Success() {
		out.cause = originalError(err, out.code)
	}
	var te *dmtree.Error
	if err != nil && out.code != syncml.StatusAccepted && errors.As(err, &te) && te.URI != "" && te.URI.Valid() && te.URI.Fold() != u.Fold() {
		out.items = []syncml.Item{{Target: syncml.Location{URI: string(te.URI)}}}
	}
	return out
}

// get reads u, which may ask for a property or a list.
func (x *executor) get(ctx context.Context, p dmtree.Provider, u dmtree.URI) outcome {
	var items []syncml.Item
	size := int64(0)
	add := func(u dmtree.URI, v dmtree.Value, data bool) bool {
		it := x.itemOf(u, v)
		if !data {
			it.Data = syncml.Data{}
		}
		items = append(items, it)
		n := int64(it.Data.Len())
		size += n + 200 // what surrounds it
		return size <= x.room && (x.peerMax == 0 || n <= x.peerMax)
	}
	tooLarge := outcome{code: syncml.StatusTooLarge}
	if u.List() != "" {
		for e, err := range dmtree.List(ctx, p, u) {
			if err != nil {
				return x.failed(u, err)
			}
			if !add(e.URI, e.Value, e.Data) {
				return tooLarge
			}
		}
	} else {
		v, err := dmtree.Get(ctx, p, u)
		if err != nil {
			return x.failed(u, err)
		}
		if int64(v.Size()) > x.room || !add(u, v, true) {
			return tooLarge
		}
	}
	x.room -= size
	return outcome{code: syncml.StatusOK, results: items}
}

// alert answers an Alert of the server. Those that steer the session have been dealt with, and only need their Status.
func (x *executor) alert(ctx context.Context, a *syncml.Alert) outcome {
	switch {
	case a.Code.UI() && x.again:
		x.unsure = true
		return unknownOutcome()
	case a.Code.UI():
		code, items := ask(ctx, x.ui, a, x.limits.Interaction)
		return outcome{code: code, items: items}
	case a.Code == syncml.AlertNextMessage, a.Code == syncml.AlertNoEndOfData:
		return outcome{code: syncml.StatusOK}
	}
	return outcome{code: syncml.StatusNotSupported}
}

// skip reports c, and what it holds, as not run: c itself with code, what is inside with 215.
func (x *executor) skip(c syncml.Command, code syncml.StatusCode) {
	_, items := operands(c)
	outs := make([]outcome, max(1, len(items)))
	for i := range outs {
		outs[i].code = code
	}
	x.report(c, items, outs)
	for _, child := range children(c) {
		x.skip(child, syncml.StatusNotExecuted)
	}
}

// report adds the Status of c, or one for each item where they differ, and the Results. items may be nil where the
// Status concerns the command as a whole.
func (x *executor) report(c syncml.Command, items []syncml.Item, outs []outcome) {
	worst, same := outs[0].code, true
	for i := range outs {
		same = same && outs[i].code == outs[0].code && outs[i].cause == outs[0].cause && len(outs[i].items) == 0
		if succeeded(worst) && !succeeded(outs[i].code) {
			worst = outs[i].code
		}
	}
	if x.executed != nil {
		x.executed(c, worst)
	}
	switch {
	case len(items) == 0:
		x.status(c, nil, outs[0])
	case same && len(items) > 1:
		x.status(c, nil, outs[0])
	default:
		for i := range outs {
			x.status(c, &items[i], outs[i])
		}
	}
	var results []syncml.Item
	for i := range outs {
		results = append(results, outs[i].results...)
	}
	if len(results) > 0 {
		x.out = append(x.out, &syncml.Results{MsgRef: x.msgID, CmdRef: c.ID(), Items: results})
	}
}

// cmdRef returns what answers refer to c by: nothing if its CmdID would be read as the header's.
func cmdRef(c syncml.Command) string {
	if id := c.ID(); id != "0" {
		return id
	}
	return ""
}

// status adds one Status.
func (x *executor) status(c syncml.Command, it *syncml.Item, out outcome) {
	s := &syncml.Status{MsgRef: x.msgID, CmdRef: cmdRef(c), Cmd: c.Name(), Code: out.code, OriginalError: out.cause, Items: out.items}
	if it != nil {
		if u := it.Target.URI; u != "" {
			s.TargetRefs = []string{u}
		}
		if u := it.Source.URI; u != "" {
			s.SourceRefs = []string{u}
		}
	}
	x.out = append(x.out, s)
}
