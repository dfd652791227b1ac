package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheStoryCanBeFollowed(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &teller{w: &out}), "%s", &out)
	require.Less(t, strings.Count(out.String(), "\n"), 80)
	require.NotContains(t, out.String(), "SyncML>", "messages are shown only when asked for")
}

func TestTraceShowsMessagesAndExchanges(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &teller{w: &out, trace: true, verbose: true}))
	for _, want := range []string{
		"device sends", "server sends",
		"<Data>1201</Data>",           // the device begins
		"<LocURI>./DevInfo/DevId<",    // and tells what it is
		"<Atomic><CmdID>",             // policies
		"POST /ManagementServer/MDM.", // HTTP
	} {
		require.Contains(t, strings.ReplaceAll(out.String(), "\n  │ ", ""), want)
	}
}
