// Package syncml reads and writes SyncML messages of OMA Device Management 1.2, in XML and in WBXML.
//
// A message has a header, which says who talks to whom in which session, and a body of commands:
//
//	<SyncML xmlns="SYNCML:SYNCML1.2">
//	  <SyncHdr>…SessionID, MsgID, Target, Source, Cred, Meta…</SyncHdr>
//	  <SyncBody>
//	    <Status>…answers what the peer sent…</Status>
//	    <Get>…asks…</Get>
//	    <Final/>
//	  </SyncBody>
//	</SyncML>
//
// [Header], [Command] and [Item] model it; order and nesting of commands are kept. Values stay what the wire says they
// are, as [Data]; what they mean is the business of package dmtree.
package syncml
