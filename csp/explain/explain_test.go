package explain_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp/explain"
	"github.com/omadm-sdk/omadm/syncml"
)

func TestNumber(t *testing.T) {
	tests := []struct {
		text    string
		code    uint32
		status  syncml.StatusCode
		http    int
		success bool
		name    string
		says    string // in the text for a terminal
	}{
		{"-2016345708", 0x87D10194, 404, 0, false, "", "404 Not found"},
		{"0x87D10194", 0x87D10194, 404, 0, false, "", "no node at this URI"},
		{"87d10194", 0x87D10194, 404, 0, false, "", "no node at this URI"},
		{"2278621588", 0x87D10194, 404, 0, false, "", "no node at this URI"},
		{"0xFFFFFFFF87D10194", 0x87D10194, 404, 0, false, "", "no node at this URI"},
		{"18446744071693205908", 0x87D10194, 404, 0, false, "", "no node at this URI"},
		{" -2016345707\n", 0x87D10195, 405, 0, false, "", "405"},
		{"-2016345612", 0x87D101F4, 500, 0, false, "", "msft:originalerror"},
		{"0x87D100C8", 0x87D100C8, 200, 0, true, "", "200 OK"},
		{"0x87D100D8", 0x87D100D8, 216, 0, false, "", "undone"},
		{"-2016281112", 0x87D1FDE8, 0, 0, false, "", "Remediation failed"},
		{"0x801900c8", 0x801900C8, 0, 200, false, "", "cannot use the body"},
		{"0x80190190", 0x80190190, 0, 400, false, "", "400 Bad Request"},
		{"0x801901F7", 0x801901F7, 0, 503, false, "", "come back later"},
		{"0x86000002", 0x86000002, 404, 0, false, "NODENOTFOUND", "facility 0x600"},
		{"0x86000011", 0x86000011, 405, 0, false, "COMMANDNOTALLOWED", "does not take this command"},
		{"0x86000013", 0x86000013, 406, 0, false, "PROPERTYNOTSUPPORTED", "?prop="},
		{"0x86000016", 0x86000016, 425, 0, false, "READWRITEACCESSDENIED", "owns the setting"},
		{"0x06000007", 0x06000007, 216, 0, false, "COMMANDFAILEDDUETOTRANSACTIONROLLBACK", "undone"},
		{"0x82B00001", 0x82B00001, 0, 0, false, "", "ADMX"},
		{"0x80180014", 0x80180014, 0, 0, false, "MENROLL_E_DEVICENOTSUPPORTED", "ErrorType DeviceNotSupported"},
		{"0x8018000a", 0x8018000A, 0, 0, false, "MENROLL_E_DEVICE_ALREADY_ENROLLED", "already enrolled"},
		{"0x80073CFF", 0x80073CFF, 0, 0, false, "ERROR_INSTALL_POLICY_FAILURE", "AllowAllTrustedApps"},
		{"1603", 0x80070643, 0, 0, false, "ERROR_INSTALL_FAILURE", "error 1603"},
		{"0x80070642", 0x80070642, 0, 0, false, "ERROR_INSTALL_USEREXIT", "cancelled"},
		{"3010", 0x80070BC2, 0, 0, true, "ERROR_SUCCESS_REBOOT_REQUIRED", "restart is needed"},
		{"0x80070669", 0x80070669, 0, 0, true, "ERROR_SUCCESS_REBOOT_INITIATED", "restart has begun"},
		{"0x80070032", 0x80070032, 0, 0, false, "ERROR_NOT_SUPPORTED", "error 50"},
		{"0x80072F8F", 0x80072F8F, 0, 0, false, "ERROR_WINHTTP_SECURE_FAILURE", "not trusted"},
		{"507", 507, 507, 0, false, "", "507 Atomic failed"},
		{"0", 0, 0, 0, true, "S_OK", "Success"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			e, err := explain.Number(tt.text)
			require.NoError(t, err)
			require.Equal(t, tt.code, e.Code, "0x%X", e.Code)
			require.Equal(t, tt.status, e.Status)
			require.Equal(t, tt.http, e.HTTP)
			require.Equal(t, tt.success, e.Success)
			require.Equal(t, tt.name, e.Name)
			require.Contains(t, e.String(), tt.says)
			require.True(t, e.Known)
		})
	}
}

func TestWhatIsNotKnownStillHasParts(t *testing.T) {
	tests := []struct{ text, upper, lower string }{
		{"0x87D13E80", "Intune", "number 16000"},
		{"0x8018FFFF", "MENROLL", "number 65535"},
		{"0x80072EFF", "Win32", "error 12031"},
		{"0x86000FFF", "configuration manager", "number 4095"},
		{"0x801c03f3", "registration with Entra", "number 1011"},
		{"0x8ABC0001", "facility 0x2BC", "number 1"},
	}
	for _, tt := range tests {
		e, err := explain.Number(tt.text)
		require.NoError(t, err)
		require.False(t, e.Known, tt.text)
		require.False(t, e.Success, tt.text)
		require.Len(t, e.Parts, 2)
		require.Contains(t, e.Parts[0].Meaning, tt.upper)
		require.Contains(t, e.Parts[1].Meaning, tt.lower)
		require.Contains(t, e.Meaning, "not known here")
	}
}

func TestNoNumber(t *testing.T) {
	for _, text := range []string{"", " ", "0x", "-", "not found", "0x87D1019G", "99999999999", "0x1FFFFFFFF", "-3000000000", "4 04", "0x-1", "1e3"} {
		e, err := explain.Number(text)
		require.ErrorIs(t, err, explain.ErrSyntax, "%q gave %v", text, e)
	}
}

// TestStatus: the command decides what some statuses mean.
func TestStatus(t *testing.T) {
	tests := []struct {
		code    syncml.StatusCode
		command string
		success bool
		says    string
	}{
		{404, "Delete", false, "gone"},
		{404, "exec", false, "added before the Exec"},
		{404, "Replace", false, "nodes above it"},
		{404, "", false, "nodes above it"},
		{418, "Add", false, "Replace to change"},
		{200, "SyncHdr", true, "credentials"},
		{507, "Atomic", false, "Get or another Atomic"},
		{215, "Add", false, "not executed"},
		{202, "Exec", true, "alert 1226"},
		{499, "", false, "command is to blame"},
		{299, "", true, "it worked"},
		{599, "", false, "device failed"},
		{42, "", false, "no status"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.code, tt.command), func(t *testing.T) {
			e := explain.Status(tt.code, tt.command)
			require.True(t, e.Bare)
			require.Equal(t, tt.success, e.Success)
			require.Contains(t, e.String(), tt.says)
		})
	}
}

func TestEveryStatusHasAMeaning(t *testing.T) {
	for _, c := range syncml.StatusCodes() {
		for _, text := range []string{strconv.Itoa(int(c)), fmt.Sprintf("0x%08X", 0x87D10000+uint32(c))} {
			e, err := explain.Number(text)
			require.NoError(t, err)
			require.True(t, e.Known, text)
			require.Equal(t, c, e.Status)
			require.NotEmpty(t, e.Meaning)
		}
	}
}

// TestNextIsTheCallers: who changes an explanation changes no other.
func TestNextIsTheCallers(t *testing.T) {
	for _, text := range []string{"404", "0x87D10194", "0x86000002", "0x80180014", "0x80190190"} {
		e, err := explain.Number(text)
		require.NoError(t, err)
		require.NotEmpty(t, e.Next, text)
		want := slices.Clone(e.Next)
		clear(e.Next)
		again, err := explain.Number(text)
		require.NoError(t, err)
		require.Equal(t, want, again.Next, text)
	}
}

// FuzzNumber: a number is what all its spellings say.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"-2016345708", "0x87D10194", "507", "1603", "87d1fde8", "0x", "18446744071693205908"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := explain.Number(text)
		if err != nil {
			require.ErrorIs(t, err, explain.ErrSyntax)
			require.Less(t, len(err.Error()), 400)
			return
		}
		require.NotEmpty(t, e.Meaning)
		require.NotEmpty(t, e.Parts)
		if e.Bare {
			require.Equal(t, e, explain.Status(syncml.StatusCode(e.Code), ""))
			return
		}
		spellings := []string{fmt.Sprintf("0x%08x", e.Code), fmt.Sprintf("%08X", e.Code)}
		if e.Code > 0xFFFF {
			spellings = append(spellings, fmt.Sprintf("%010d", e.Code), strconv.Itoa(int(int32(e.Code))))
		}
		for _, s := range spellings[:2] {
			again, err := explain.Number(s)
			require.NoError(t, err, s)
			require.Equal(t, e, again, s)
		}
		for _, s := range spellings[2:] {
			if again, err := explain.Number(s); len(s) != 8 {
				require.NoError(t, err, s)
				require.Equal(t, e, again, s)
			}
		}
	})
}
