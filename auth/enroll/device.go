package enroll

import (
	"cmp"
	"strconv"
)

// A Device is what a device says of itself when it enrolls. Empty fields but ID are filled with what a Windows 11
// desktop would say, or left out.
type Device struct {
	ID        string // becomes the DeviceID of its management sessions: 32 hex digits from Windows
	Name      string // the computer's name; if empty, ID
	Hardware  string // HWDevID: 64 hex digits; if empty, left out
	Type      string // if empty, CIMClient_Windows
	OSVersion string // if empty, 10.0.22631.3447
	OSEdition int    // if 0, 48 (Professional)
	Locale    string // if empty, en-US
	MACs      []string

	EnrollmentType EnrollmentType // if empty, TypeFull

	// Extra is sent after these items.
	Extra Context
}

func (d *Device) discovery(user string, v Version, policies ...AuthPolicy) *Discovery {
	return &Discovery{
		User:       user,
		Version:    v,
		DeviceType: cmp.Or(d.Type, defaultDeviceType),
		OSVersion:  cmp.Or(d.OSVersion, defaultOSVersion),
		OSEdition:  cmp.Or(d.OSEdition, defaultOSEdition),
		Policies:   policies,
	}
}

const (
	defaultDeviceType = "CIMClient_Windows"
	defaultOSVersion  = "10.0.22631.3447"
	defaultOSEdition  = 48
)

// context has the items that MS-MDE2 wants always, in the order of its examples, and the others where there is something
// to say.
func (d *Device) context(v Version) Context {
	osVersion := cmp.Or(d.OSVersion, defaultOSVersion)
	c := Context{
		{ItemOSEdition, strconv.Itoa(cmp.Or(d.OSEdition, defaultOSEdition))},
		{ItemOSVersion, osVersion},
		{ItemDeviceName, cmp.Or(d.Name, d.ID)},
	}
	for _, mac := range d.MACs {
		c = append(c, ContextItem{ItemMAC, mac})
	}
	c = append(c,
		ContextItem{ItemEnrollmentType, string(cmp.Or(d.EnrollmentType, TypeFull))},
		ContextItem{ItemDeviceType, cmp.Or(d.Type, defaultDeviceType)},
		ContextItem{ItemAppVersion, osVersion},
		ContextItem{ItemDeviceID, d.ID},
		ContextItem{ItemUserLoggedIn, "true"},
		ContextItem{ItemLocale, cmp.Or(d.Locale, "en-US")},
	)
	if d.Hardware != "" {
		c = append(c, ContextItem{ItemHWDevID, d.Hardware})
	}
	if v >= Version5 {
		c = append(c, ContextItem{ItemRequestVersion, v.String()})
	}
	return append(c, d.Extra...)
}
