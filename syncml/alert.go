package syncml

import "strconv"

// AlertCode is the Data of an [Alert] (OMA-TS-DM-RepPro, "Alert codes"). The ranges between the codes are reserved.
type AlertCode int

// Alert codes, complete and in the order of the specification.
const (
	AlertDisplay         AlertCode = 1100 // Server to client: show a text.
	AlertConfirm         AlertCode = 1101 // Server to client: ask a yes or no question.
	AlertTextInput       AlertCode = 1102 // Server to client: ask for a text.
	AlertSingleChoice    AlertCode = 1103 // Server to client: pick exactly one.
	AlertMultipleChoice  AlertCode = 1104 // Server to client: pick one or more.
	AlertServerInitiated AlertCode = 1200 // Client to server: the session was triggered by a notification.
	AlertClientInitiated AlertCode = 1201 // Client to server: the session was started by the device.
	AlertNextMessage     AlertCode = 1222 // Both ways: send the next message of the package.
	AlertAbort           AlertCode = 1223 // Both ways: the sender ends the session now.
	AlertClientEvent     AlertCode = 1224 // Client to server: each item is an event.
	AlertNoEndOfData     AlertCode = 1225 // Both ways: a chunked object was not completed.
	AlertGeneric         AlertCode = 1226 // Client to server: typed alert, perhaps tied to a node.
)

var alertTexts = [...]struct {
	code          AlertCode
	name, meaning string
}{
	{1100, "DISPLAY", "Server to client: show a text"},
	{1101, "CONFIRM OR REJECT", "Server to client: ask a yes or no question"},
	{1102, "TEXT INPUT", "Server to client: ask for a text"},
	{1103, "SINGLE CHOICE", "Server to client: pick exactly one"},
	{1104, "MULTIPLE CHOICE", "Server to client: pick one or more"},
	{1200, "SERVER-INITIATED MGMT", "Client to server: the session was triggered by a notification"},
	{1201, "CLIENT-INITIATED MGMT", "Client to server: the session was started by the device"},
	{1222, "NEXT MESSAGE", "Both ways: send the next message of the package"},
	{1223, "SESSION ABORT", "Both ways: the sender ends the session now"},
	{1224, "CLIENT EVENT", "Client to server: each item is an event"},
	{1225, "NO END OF DATA", "Both ways: a chunked object was not completed"},
	{1226, "GENERIC ALERT", "Client to server: typed alert, perhaps tied to a node"},
}

// Known reports whether the specification defines the code.
func (c AlertCode) Known() bool { return c.Text() != "" }

// Text returns the name of the code, such as "NEXT MESSAGE", or "" for a reserved one.
func (c AlertCode) Text() string {
	for i := range alertTexts {
		if alertTexts[i].code == c {
			return alertTexts[i].name
		}
	}
	return ""
}

// Meaning returns direction and purpose of the code, or "" for a reserved one.
func (c AlertCode) Meaning() string {
	for i := range alertTexts {
		if alertTexts[i].code == c {
			return alertTexts[i].meaning
		}
	}
	return ""
}

// String returns code and name, such as "1222 NEXT MESSAGE", or the number alone.
func (c AlertCode) String() string {
	s := strconv.Itoa(int(c))
	if t := c.Text(); t != "" {
		s += " " + t
	}
	return s
}

// UI reports whether the alert asks for the user: 1100 to 1199.
func (c AlertCode) UI() bool { return c >= 1100 && c <= 1199 }

// AlertCodes returns all codes that the specification defines, ascending.
func AlertCodes() []AlertCode {
	all := make([]AlertCode, len(alertTexts))
	for i := range alertTexts {
		all[i] = alertTexts[i].code
	}
	return all
}
