// Package syncml reads and writes SyncML messages, the wire format of OMA Device Management 1.2, in XML and in WBXML.
//
// # Anatomy of a message
//
// A message has a header, which says who talks to whom in which session, and a body of commands:
//
//	<SyncML xmlns="SYNCML:SYNCML1.2">
//	  <SyncHdr> SessionID, MsgID, Target, Source, Cred, Meta </SyncHdr>
//	  <SyncBody>
//	    <Status> answers a command of the peer </Status>
//	    <Get> asks for the value of a node </Get>
//	    <Atomic> holds commands that are done all or not at all </Atomic>
//	    <Final/>
//	  </SyncBody>
//	</SyncML>
//
// [Header] models the first part, and a type for each verb implements [Command]: [Add], [Alert], [Atomic], [Copy],
// [Delete], [Exec], [Get], [Replace], [Results], [Sequence] and [Status]. An element that is none of these comes as
// *[Unknown], since it has to be answered too. What a command acts on is its [Item] values: an address, a value, and in
// [Meta] what the value is. Commands keep their order and their nesting.
//
// The package knows syntax. Values stay what the wire says they are: [Data] tells text from CDATA, markup, bytes, empty
// and absent, and nothing interprets it. What values mean is the business of package dmtree, and who answers what when
// is that of package session.
//
// # Reading
//
// [Unmarshal] reads a message that is in memory into a [Message] that lasts. A [Decoder] reads messages from a reader,
// one after another, and keeps one command at a time:
//
//	dec := syncml.NewDecoder(r, nil)
//	h, err := dec.Next()
//	...
//	for cmd, err := range dec.Commands() {
//		...
//	}
//
// Both find out by themselves whether they read XML or WBXML; [Decoder.Encoding] tells.
//
// # What stays valid for how long
//
// A Decoder that is reused (see [Decoder.Reset] and [Decoder.ResetBytes]) does not allocate. The price is that a command
// it returns is valid until the next one is asked for, and a header until the next message: structures, slices and the
// bytes of Data are overwritten then, and after ResetBytes they may point into the caller's bytes. Strings are not
// overwritten and may be kept. [Clone], [Header.Clone] and [Message.Clone] copy what shall last. Nothing of this concerns
// Unmarshal.
//
// # Writing
//
// [Append] writes a message behind a byte slice. An [Encoder] writes to a writer, one command at a time, and within the
// size that the peer accepts: [Encoder.Encode] answers [ErrFull], and writes nothing, when a command would not fit, and
// [Encoder.Room] tells how much would.
//
// What is written follows the specification: children in the order of the DTD, nothing between tags, named entities only
// (and &#13;, which nothing else can carry), namespaces declared on the root and on each child of Meta, where Windows
// looks for them. A command that the specification does not allow, such as one with a CmdID that is there already, is
// refused, with an error that names it; [EncoderOptions.AsIs] writes it all the same, for tools that convert what others
// have sent. Text that XML cannot carry is refused too, or replaced, or sent as base64, by [EncoderOptions.BadChar].
//
// # WBXML
//
// The same types go out in WBXML where [EncoderOptions.Encoding] says so, and nothing that they hold is lost on the way
// from one encoding to the other, but for three things: a CDATA section comes back as text, and so does markup that is none
// of the documents below; attributes, OriginalError of [Status] among them, and white space between the elements of markup
// are dropped; and documents within Data change their spelling.
//
// Those documents are the trees (TNDS), their descriptions (DDF) and DevInf, whose media types exist twice. As types they
// are [DataMarkup] under a type that ends in +xml; in WBXML they travel as documents of their own, as opaque data under
// +wbxml. [ToXML] and [ToWBXML] convert them where they stand alone, and package devinf reads DevInf.
//
// Octets are [DataOpaque]. Under the format bin they go out as they are in WBXML, and as base64 under b64 in XML, which
// has nothing else; [Item.Value] gives the same octets at the other end of either.
//
// Versions 1.1, 1.2 and 1.3 are read, with string tables, literal tags and entities; attributes, processing instructions
// and extension tokens are read over. Tags that no code page has come as elements with a name such as wbxml-0-3F. Written
// is version 1.2 in UTF-8 without a string table, unless [Append] meets elements that no page has. [Walk] explains a
// capture octet by octet, up to where it was cut.
//
// # Forgiving and strict
//
// By default a Decoder accepts what can be understood, since devices and servers send all of this:
//
//   - children in another order, or twice (the last one counts, but the first SyncHdr and SyncBody), or missing, or of
//     another vocabulary;
//   - any prefix for the namespaces, another namespace, or none;
//   - text between elements, elements inside text, ]]> in text, NUL bytes behind the message;
//   - numbers and codes that are none, which count as absent, and formats that nobody defined;
//   - a CmdID that is missing, 0 or there twice; a MsgID that is not a number; a SessionID of more than four bytes.
//
// [DecoderOptions.Forgiven] is called with each of these, and [DecoderOptions.Strict] refuses them. What is not well-formed
// XML (or WBXML) is refused always, and so is a DOCTYPE with an internal subset, which could declare entities. Input is
// UTF-8, or UTF-16 with a byte order mark.
//
// # Limits
//
// Input may be hostile. A Decoder reads at most [DecoderOptions].MaxMessage bytes of a message, whatever it holds of them,
// and keeps to limits for depth, for the number of commands and items, and for the length of texts; each has a default.
// In WBXML, the elements of all documents within Data count together, and these documents yield no more than 64 KiB of XML
// and 16 times what was read. Exceeding a limit is an error that wraps [ErrTooLarge] or [ErrTooDeep]. Time is linear in the
// length of the input. Errors of decoding are a *[SyntaxError], with offset, line, column and the path of the element, such
// as /SyncML/SyncBody/Replace[2]/Item. A message that was cut off is reported as [io.ErrUnexpectedEOF] inside of it.
//
// # For people who look at messages
//
// [Diff] compares two messages by meaning; markup and the characters that spell it count as the same. [Indent] lays out the
// XML of a message in lines, [Walk] the octets of WBXML. Outline of package session/sessiontest says what a message holds in
// a line for each command. [StatusCode] and [AlertCode] know their names and what they mean. Credentials, challenges and
// nonces do not show when they are formatted or logged.
package syncml
