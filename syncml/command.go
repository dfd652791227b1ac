package syncml

// A Command is a child of SyncBody, [Atomic] or [Sequence]: one of *[Add], *[Alert], *[Atomic], *[Copy], *[Delete],
// *[Exec], *[Get], *[Replace], *[Results], *[Sequence], *[Status], or *[Unknown] for an element that this package does
// not know (it must still be answered).
//
// A command that a [Decoder] yields is valid until the next one is asked for; [Clone] makes a copy that lasts.
type Command interface {
	// ID returns the CmdID, which is unique in its message, children of Atomic and Sequence included.
	ID() string
	// SetID sets the CmdID.
	SetID(id string)
	// Name returns the name of the element, which is also what Status.Cmd says in the answer.
	Name() string

	command()
}

// Add creates the nodes that its items name. The node must not exist: 418.
type Add struct {
	CmdID   string
	NoResp  bool // not used by DM, kept: the command is answered all the same
	Meta    Meta // for the items that have none of their own
	Items   []Item
	Unknown []Element
}

// Alert carries an event, a request for a message, the end of a session, or a question to the user.
type Alert struct {
	CmdID      string
	NoResp     bool
	Code       AlertCode // Data; 0: absent or not a number
	Correlator string    // of the Exec whose asynchronous end this reports
	Items      []Item
	Unknown    []Element
}

// Atomic holds commands that are done all or not at all, in order.
type Atomic struct {
	CmdID    string
	NoResp   bool
	Meta     Meta
	Commands []Command
	Unknown  []Element // Never commands: those become *[Unknown] in Commands.
}

// Copy copies the node at Source to Target, in each item.
type Copy struct {
	CmdID   string
	NoResp  bool
	Meta    Meta
	Items   []Item
	Unknown []Element
}

// Delete removes the nodes that its items name, with everything below them.
type Delete struct {
	CmdID   string
	NoResp  bool
	Meta    Meta
	Items   []Item
	Unknown []Element
}

// Exec starts what the node of its item stands for.
type Exec struct {
	CmdID      string
	NoResp     bool
	Meta       Meta
	Correlator string // comes back in the Alert that reports an asynchronous end
	Items      []Item // exactly one when sent; more are accepted
	Unknown    []Element
}

// Get asks for the values of nodes; they come back in Results.
type Get struct {
	CmdID   string
	NoResp  bool
	Meta    Meta
	Items   []Item
	Unknown []Element
}

// Replace sets the values of nodes that exist; a client's first message uses it to send its DevInfo, by Source.
type Replace struct {
	CmdID   string
	NoResp  bool
	Meta    Meta
	Items   []Item
	Unknown []Element
}

// Results carries the answer to a Get, each item's node in its Source.
type Results struct {
	CmdID                string
	MsgRef               string // the message of the Get; empty when absent, which means "1"
	CmdRef               string // the CmdID of the Get
	Meta                 Meta
	TargetRef, SourceRef string
	Items                []Item
	Unknown              []Element
}

// Sequence holds commands that are done in order.
type Sequence struct {
	CmdID    string
	NoResp   bool
	Meta     Meta
	Commands []Command
	Unknown  []Element
}

// Status answers one command, or one item of it, or the header (CmdRef "0", Cmd "SyncHdr").
type Status struct {
	CmdID                  string
	MsgRef                 string // MsgID of the message answered
	CmdRef                 string // CmdID of the command answered
	Cmd                    string // its name
	TargetRefs, SourceRefs []string
	Cred                   *Cred // not used by DM, which has it in the header only; not written
	Chal                   *Chal // nil: no challenge
	Code                   StatusCode

	// OriginalError is the msft:originalerror attribute of Data, such as "0x86000002": the HRESULT behind the code.
	// Windows sends it from SyncApplicationVersion 3.0 on. It is also taken from the Data of the status's items.
	OriginalError string

	Items   []Item
	Unknown []Element
}

// Unknown stands for an element where a command belongs and that is none of DM's, such as Put or Sync.
// It is answered with 400 or 406.
type Unknown struct {
	CmdID   string  // empty when it has none
	Element Element // its XML only with [DecoderOptions].KeepUnknown
}

// ID implements [Command].
func (c *Add) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Alert) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Atomic) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Copy) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Delete) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Exec) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Get) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Replace) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Results) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Sequence) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Status) ID() string { return c.CmdID }

// ID implements [Command].
func (c *Unknown) ID() string { return c.CmdID }

// SetID implements [Command].
func (c *Add) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Alert) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Atomic) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Copy) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Delete) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Exec) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Get) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Replace) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Results) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Sequence) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Status) SetID(id string) { c.CmdID = id }

// SetID implements [Command].
func (c *Unknown) SetID(id string) { c.CmdID = id }

// Name implements [Command].
func (c *Add) Name() string { return "Add" }

// Name implements [Command].
func (c *Alert) Name() string { return "Alert" }

// Name implements [Command].
func (c *Atomic) Name() string { return "Atomic" }

// Name implements [Command].
func (c *Copy) Name() string { return "Copy" }

// Name implements [Command].
func (c *Delete) Name() string { return "Delete" }

// Name implements [Command].
func (c *Exec) Name() string { return "Exec" }

// Name implements [Command].
func (c *Get) Name() string { return "Get" }

// Name implements [Command].
func (c *Replace) Name() string { return "Replace" }

// Name implements [Command].
func (c *Results) Name() string { return "Results" }

// Name implements [Command].
func (c *Sequence) Name() string { return "Sequence" }

// Name implements [Command].
func (c *Status) Name() string { return "Status" }

// Name implements [Command].
func (c *Unknown) Name() string { return c.Element.Name }

func (*Add) command()      {}
func (*Alert) command()    {}
func (*Atomic) command()   {}
func (*Copy) command()     {}
func (*Delete) command()   {}
func (*Exec) command()     {}
func (*Get) command()      {}
func (*Replace) command()  {}
func (*Results) command()  {}
func (*Sequence) command() {}
func (*Status) command()   {}
func (*Unknown) command()  {}
