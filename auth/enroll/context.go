package enroll

import "strings"

// A ContextItem is one thing that a device says about itself when it asks for its certificate (MS-MDE2 3.4.4.1.1).
// Names may repeat: a device sends one MAC per network card.
type ContextItem struct{ Name, Value string }

// Context is what a device says about itself, in its order. Nothing of it is proved: only what the security token says is.
// Which items there are depends on the version of Windows, so that a server must do without any of them.
type Context []ContextItem

// Get returns the first value of name, or "".
func (c Context) Get(name string) string {
	for _, it := range c {
		if it.Name == name {
			return it.Value
		}
	}
	return ""
}

// All returns the values of name.
func (c Context) All(name string) []string {
	var vs []string
	for _, it := range c {
		if it.Name == name {
			vs = append(vs, it.Value)
		}
	}
	return vs
}

// Bool tells whether the item name says true, in any case: the wire has true, the documentation True.
func (c Context) Bool(name string) bool { return strings.EqualFold(c.Get(name), "true") }

// The names of context items that this package reads or writes itself. MS-MDE2 has more; any name may be used.
const (
	ItemDeviceID       = "DeviceID" // becomes ./DevInfo/DevID and the Source of management sessions
	ItemHWDevID        = "HWDevID"  // a hash of the hardware: stays when Windows is installed anew
	ItemDeviceName     = "DeviceName"
	ItemDeviceType     = "DeviceType"
	ItemEnrollmentType = "EnrollmentType"
	ItemEnrollmentData = "EnrollmentData" // the terms-of-use blob, or that of a provisioning package
	ItemOSEdition      = "OSEdition"
	ItemOSVersion      = "OSVersion"
	ItemAppVersion     = "ApplicationVersion"
	ItemLocale         = "Locale"
	ItemMAC            = "MAC"
	ItemIMEI           = "IMEI"
	ItemUserLoggedIn   = "TargetedUserLoggedIn"
	ItemRequestVersion = "RequestVersion"
)
