package csp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

func TestApplies(t *testing.T) {
	const policy = "./Device/Vendor/MSFT/Policy/Config/"
	edition := func(s string) csp.Edition {
		e, ok := csp.EditionOf(s)
		require.True(t, ok, s)
		return e
	}
	build := func(s string) csp.Build {
		if s == "" {
			return csp.Build{}
		}
		b, err := csp.ParseBuild(s)
		require.NoError(t, err)
		return b
	}
	const yes, unknown = "yes", "unknown"
	for _, tt := range []struct {
		u       dmtree.URI
		build   string
		edition string
		want    string // yes, unknown, or a part of the reason why not
	}{
		// 10.0.10240, desktop editions without Home.
		{policy + "Camera/AllowCamera", "10.0.26100.1", "Pro", yes},
		{policy + "Camera/AllowCamera", "10.0.26100.1", "Home", "edition Home does not have it"},
		{policy + "Camera/AllowCamera", "", "Pro", unknown},
		// 10.0.22000, 10.0.19043.1202, 10.0.19042.1202, 10.0.19041.1202
		{policy + "ADMX_AdmPwd/POL_AdmPwd", "22000", "Enterprise", yes},
		{policy + "ADMX_AdmPwd/POL_AdmPwd", "10.0.19042.1202", "Enterprise", yes},
		{policy + "ADMX_AdmPwd/POL_AdmPwd", "10.0.19042.1201", "Enterprise", "it came with 10.0.19042.1202"},
		{policy + "ADMX_AdmPwd/POL_AdmPwd", "10.0.19042", "Enterprise", unknown},
		{policy + "ADMX_AdmPwd/POL_AdmPwd", "10.0.18363.2000", "Enterprise", "build 10.0.18363.2000 does not have it; it came with 10.0.22000 (Windows 11 21H2), and to older builds with 10.0.19043.1202, 10.0.19042.1202, 10.0.19041.1202"},
		// 19044 and 19045 are serviced as 19041, but not named.
		{policy + "ADMX_AdmPwd/POL_AdmPwd", "10.0.19045.4000", "Enterprise", unknown},
		// A reason for no goes before what is not known.
		{policy + "ADMX_AdmPwd/POL_AdmPwd", "", "Home", "edition Home"},
		// The node above says it.
		{"./Device/Vendor/MSFT/Reboot/RebootNow", "10.0.14393", "Pro", yes},
		{"./Device/Vendor/MSFT/Reboot/RebootNow", "10.0.10586", "Pro", "it came with 10.0.14393 (Windows 10 1607)"},
		// An empty list of editions.
		{policy + "DeviceLock/MaxInactivityTimeDeviceLockWithExternalDisplay", "26100", "Pro", "no edition of Windows has it"},
	} {
		n, ok := csp.Windows().Lookup(tt.u)
		require.True(t, ok, tt.u)
		target := csp.Target{Build: build(tt.build)}
		if tt.edition != "" {
			target.Edition = edition(tt.edition)
		}
		err := n.Applies(target)
		no := new(csp.TargetError)
		switch {
		case tt.want == yes && err == nil, tt.want == unknown && errors.Is(err, csp.ErrUndecidable):
		case errors.As(err, &no) && strings.Contains(no.Reason, tt.want):
		default:
			t.Errorf("%s on %s %s: got %v, want %s", tt.u, tt.build, tt.edition, err, tt.want)
		}
	}
}

// TestNeverReleased: 99.9.99999 stands for builds to come.
func TestNeverReleased(t *testing.T) {
	count := 0
	for u, n := range csp.Windows().All() {
		a := n.Applicability()
		if len(a.Builds) != 1 || a.Builds[0].Released() || !n.Described() || len(a.Editions) == 0 {
			continue
		}
		count++
		err := n.Applies(csp.Target{Build: csp.Build{Major: 10, Build: 26100}, Edition: a.Editions[0]})
		require.ErrorContains(t, err, "not in any released build", u)
		require.NotErrorIs(t, err, csp.ErrUndecidable)
	}
	require.Greater(t, count, 50)
}

func TestEditions(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string
	}{
		{"Pro", "Pro"}, {"pro", "Pro"}, {"0x30", "Pro"}, {"48", "Pro"}, {"0x88*", "Holographic for Business"},
		{"0xFFFF", "0xFFFF"}, {"", ""}, {"Professional Deluxe", ""}, {"0", ""},
	} {
		e, ok := csp.EditionOf(tt.text)
		if ok != (tt.want != "") || ok && e.String() != tt.want {
			t.Errorf("%q: got %s, %t; want %s", tt.text, e, ok, tt.want)
		}
	}
	// Every number in Microsoft's files has a name.
	for u, n := range csp.Windows().All() {
		for _, e := range n.Applicability().Editions {
			require.NotContains(t, e.String(), "0x", u)
		}
	}
}

func TestBuild(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"10.0.22621.2361", "10.0.22621.2361"}, {"22621.2361", "10.0.22621.2361"}, {"22621", "10.0.22621"},
		{" 10.0.22621 ", "10.0.22621"}, {"", ""}, {"10.0.x", ""}, {"10.0.1.2.3", ""}, {"-1", ""}, {"99999999999", ""},
	} {
		b, err := csp.ParseBuild(tt.text)
		if (err == nil) != (tt.want != "") || err == nil && b.String() != tt.want {
			t.Errorf("%q: got %s, %v; want %s", tt.text, b, err, tt.want)
		}
	}
}
