package csp

import (
	"fmt"
	"strconv"
	"strings"
)

// An Edition is a product number of Windows, as the function GetProductInfo
// gives it: 0x30 is Pro.
type Edition uint32

// String returns the name of e, such as "Pro", or its number.
func (e Edition) String() string {
	for _, n := range editions {
		if n.code == e {
			return n.name
		}
	}
	return fmt.Sprintf("0x%X", uint32(e))
}

// EditionOf returns the edition of that name ("Pro", in any case) or number
// ("0x30", "48").
func EditionOf(s string) (Edition, bool) {
	s = strings.TrimSpace(s)
	for _, n := range editions {
		if strings.EqualFold(n.name, s) {
			return n.code, true
		}
	}
	// The DDF schema says that 0x88* is Windows Holographic for Business, as 0x88.
	v, err := strconv.ParseUint(strings.TrimSuffix(s, "*"), 0, 32)
	return Edition(v), err == nil && v != 0
}

// The names follow the constants of the public Windows SDK; the table is in
// the order of their numbers.
var editions = [...]struct {
	code Edition
	name string
}{
	{0x04, "Enterprise"}, {0x1B, "Enterprise N"}, {0x30, "Pro"}, {0x31, "Pro N"},
	{0x48, "Enterprise Evaluation"}, {0x54, "Enterprise N Evaluation"},
	{0x62, "Home N"}, {0x63, "Home Country Specific"}, {0x64, "Home Single Language"}, {0x65, "Home"},
	{0x77, "Team"}, {0x79, "Education"}, {0x7A, "Education N"},
	{0x7D, "Enterprise LTSC"}, {0x7E, "Enterprise LTSC N"},
	{0x81, "Enterprise LTSC Evaluation"}, {0x82, "Enterprise LTSC N Evaluation"},
	{0x87, "Holographic"}, {0x88, "Holographic for Business"}, {0x8A, "Pro Single Language"}, {0x8B, "Pro China"},
	{0xA1, "Pro for Workstations"}, {0xA2, "Pro for Workstations N"}, {0xA4, "Pro Education"}, {0xA5, "Pro Education N"},
	{0xAB, "Enterprise G"}, {0xAC, "Enterprise G N"}, {0xAF, "Enterprise multi-session"}, {0xB4, "Hub OS"},
	{0xBC, "IoT Enterprise"}, {0xBD, "Lite"}, {0xBF, "IoT Enterprise LTSC"},
	{0xCA, "SE N"}, {0xCB, "SE"}, {0xCD, "IoT Enterprise SK"}, {0xCF, "IoT Enterprise S Evaluation"}, {0xD2, "WNC"},
}
