package csp

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A Build is a version of Windows: 10.0.22621.2361 is build 22621, revision
// 2361. Descriptions write revision 0 for "from the first one on".
type Build struct{ Major, Minor, Build, Revision uint32 }

// ParseBuild reads 10.0.22621.2361, 10.0.22621, 22621.2361 and 22621.
func ParseBuild(s string) (Build, error) {
	parts := strings.Split(strings.TrimSpace(s), ".")
	if len(parts) <= 2 {
		parts = append([]string{"10", "0"}, parts...)
	}
	var n [4]uint32
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 32)
		if err != nil || i >= len(n) {
			return Build{}, fmt.Errorf("csp: %q is not a build of Windows; want one like 10.0.22621.2361", s)
		}
		n[i] = uint32(v)
	}
	return Build{n[0], n[1], n[2], n[3]}, nil
}

// String returns b as 10.0.22621.2361, without a revision of zero.
func (b Build) String() string {
	s := fmt.Sprintf("%d.%d.%d", b.Major, b.Minor, b.Build)
	if b.Revision != 0 {
		s += fmt.Sprintf(".%d", b.Revision)
	}
	return s
}

// Compare orders builds by age, as [cmp.Compare] does.
func (b Build) Compare(c Build) int {
	return cmp.Or(cmp.Compare(b.Major, c.Major), cmp.Compare(b.Minor, c.Minor),
		cmp.Compare(b.Build, c.Build), cmp.Compare(b.Revision, c.Revision))
}

// Released reports whether b is a real build. Descriptions write 99.9.99999
// and 88.8.88888 for what has not been released.
func (b Build) Released() bool { return b != Build{} && b.Major < 88 }

// Release returns the name that people use for b, such as "Windows 11 22H2",
// or "".
func (b Build) Release() string {
	if b.Major != 10 {
		return ""
	}
	for _, r := range releases {
		if r.build == b.Build {
			return r.name
		}
	}
	return ""
}

var releases = [...]struct {
	build uint32
	name  string
}{
	{10240, "Windows 10 1507"}, {10586, "Windows 10 1511"}, {14393, "Windows 10 1607"}, {15063, "Windows 10 1703"},
	{16299, "Windows 10 1709"}, {17134, "Windows 10 1803"}, {17763, "Windows 10 1809"}, {18362, "Windows 10 1903"},
	{18363, "Windows 10 1909"}, {19041, "Windows 10 2004"}, {19042, "Windows 10 20H2"}, {19043, "Windows 10 21H1"},
	{19044, "Windows 10 21H2"}, {19045, "Windows 10 22H2"}, {20348, "Windows Server 2022"}, {22000, "Windows 11 21H2"},
	{22621, "Windows 11 22H2"}, {22631, "Windows 11 23H2"}, {26100, "Windows 11 24H2"},
}

// family returns the oldest build that is serviced by the same updates as
// build b: 19042 to 19045 are build 19041 with other features switched on.
func family(b uint32) uint32 {
	switch {
	case 19041 <= b && b <= 19045:
		return 19041
	case b == 18363:
		return 18362
	case b == 22631:
		return 22621
	}
	return b
}
