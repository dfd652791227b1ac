package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// programs builds agent and mdmserver as a user would.
func programs(t *testing.T) (agent, server string) {
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), ".", "../mdmserver").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "agent"), filepath.Join(dir, "mdmserver")
}

// start runs a program until the test ends, and returns the first match of want in what it logs.
func start(t *testing.T, want string, name string, args ...string) (string, *exec.Cmd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, name, args...)
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		cancel()
	})
	expr := regexp.MustCompile(want)
	lines := bufio.NewScanner(pipe)
	var seen []string
	for lines.Scan() {
		seen = append(seen, lines.Text())
		if m := expr.FindStringSubmatch(lines.Text()); m != nil {
			go func() { // keep the pipe from filling up
				for lines.Scan() {
				}
			}()
			return m[len(m)-1], cmd
		}
	}
	t.Fatalf("%s ended before it logged %q:\n%s", filepath.Base(name), want, strings.Join(seen, "\n"))
	return "", nil
}

func TestAgentAndServerAsProcesses(t *testing.T) {
	agent, server := programs(t)
	state, home := filepath.Join(t.TempDir(), "server"), filepath.Join(t.TempDir(), "agent")
	url, _ := start(t, `serving url=(\S+)`, server, "-dir", state, "-addr", "127.0.0.1:0")
	run := func(args ...string) (string, error) {
		cmd := exec.Command(agent, append([]string{"-dir", home, "-roots", filepath.Join(state, "ca.pem")}, args...)...)
		cmd.Env = append(os.Environ(), "OMADM_PASSWORD=correct horse")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := run(args...)
		require.NoError(t, err, "%s", out)
		return out
	}

	require.Contains(t, must("status"), "not enrolled")
	require.Contains(t, must("enroll", url, "ada@example.com"), "Example MDM")
	out, err := run("enroll", url, "ada@example.com")
	require.Error(t, err, "a second enrollment")
	require.Contains(t, out, "0x8018000A")

	policies := `{"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera": "0",
		"./Device/Vendor/MSFT/Policy/Config/Camera/NoSuchPolicy": "0",
		"./Device/Vendor/MSFT/Policy/Config/System/AllowStorageCard": "7"}`
	require.NoError(t, os.WriteFile(filepath.Join(state, "policies.json"), []byte(policies), 0o600))
	out = must("sync")
	require.Contains(t, out, "3 commands, 0 failed", "what cannot work is not sent")
	camera := filepath.Join(home, "policies", "device", "Camera", "AllowCamera")
	b, err := os.ReadFile(camera)
	require.NoError(t, err)
	require.Equal(t, "0\n", string(b))

	// The loop calls at once after enrollment, else when it is due: interrupted, it ends in order.
	_, loop := start(t, `msg="policy holds".*(AllowCamera)`, agent, "-dir", home, "-roots", filepath.Join(state, "ca.pem"), "run")
	require.NoError(t, loop.Process.Signal(syscall.SIGTERM))
	require.NoError(t, loop.Wait())

	require.Contains(t, must("unenroll"), "unenrolled")
	require.Contains(t, must("status"), "not enrolled")
	for _, gone := range []string{camera, filepath.Join(home, "certs")} {
		_, err = os.Stat(gone)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	devices, err := os.ReadDir(filepath.Join(state, "devices"))
	require.NoError(t, err)
	require.Empty(t, devices, "the server was told")
	for _, f := range []string{"account/account", "settings.tree"} {
		b, err := os.ReadFile(filepath.Join(home, filepath.FromSlash(f)))
		require.NoError(t, err)
		require.NotContains(t, string(b), "PRIVATE KEY")
		require.NotContains(t, string(b), "Example MDM", f)
	}
	require.Contains(t, must("enroll", url, "ada@example.com"), "Example MDM", "and may come back")
}
