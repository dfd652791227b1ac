package policy_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/policy"
	"github.com/omadm-sdk/omadm/dmtree"
)

// host records what it was told to enforce, and can refuse.
type host struct {
	log    []string
	refuse error
}

func (h *host) Enforce(_ context.Context, changes []policy.Change) error {
	if h.refuse != nil {
		return h.refuse
	}
	for _, c := range changes {
		h.log = append(h.log, fmt.Sprintf("%s%s=%s set=%t", c.User, c.URI.Name(), c.Value, c.IsSet))
	}
	return nil
}

// asUser is the context of a session in which alice is signed in.
func asUser(t *testing.T, name string) context.Context {
	return dmtree.WithCall(t.Context(), dmtree.NewCall("https://mdm.example.com/dm", name))
}

const (
	camera = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
	length = "./Device/Vendor/MSFT/Policy/Config/DeviceLock/MinDevicePasswordLength"
	lock   = "./Device/Vendor/MSFT/Policy/Config/DeviceLock/DevicePasswordEnabled"
)

func result(u dmtree.URI) dmtree.URI {
	return policy.Result(u.Parent().Name(), u.Name())
}

func get(t *testing.T, p dmtree.Provider, u dmtree.URI) string {
	t.Helper()
	v, err := dmtree.Get(t.Context(), p, u)
	if err != nil {
		return "error: " + errors.Unwrap(err).Error()
	}
	return v.String()
}

func TestConfigAndResult(t *testing.T) {
	h := new(host)
	p := policy.New(csp.Windows(), h).Source(new(dmtree.Memory))
	ctx := t.Context()

	require.Equal(t, "error: node not found", get(t, p, camera), "an unset policy is no node below Config")
	require.Equal(t, "1", get(t, p, result(camera)), "Result answers with the default")

	require.NoError(t, dmtree.Replace(ctx, p, camera, dmtree.Int(0)), "Replace creates")
	require.Equal(t, "0", get(t, p, camera))
	require.Equal(t, "0", get(t, p, result(camera)))
	require.ErrorIs(t, dmtree.Add(ctx, p, camera, dmtree.Int(1)), dmtree.ErrExist)
	require.ErrorIs(t, dmtree.Replace(ctx, p, result(camera), dmtree.Int(1)), dmtree.ErrNotAllowed)
	require.Equal(t, "Camera", get(t, p, "./Vendor/MSFT/Policy/Config"))
	require.Equal(t, "AllowCamera", get(t, p, "./Device/Vendor/MSFT/policy/config/camera"), "names are compared without case")

	require.NoError(t, dmtree.Delete(ctx, p, camera))
	require.Equal(t, "1", get(t, p, result(camera)), "without a value, the default holds again")
	require.ErrorIs(t, dmtree.Delete(ctx, p, camera), dmtree.ErrNotFound)

	require.Equal(t, []string{"AllowCamera=0 set=true", "AllowCamera=1 set=false"}, h.log)
}

func TestUnknownPlaces(t *testing.T) {
	p := policy.New(csp.Windows(), nil).Source(new(dmtree.Memory))
	tests := []struct {
		name string
		u    dmtree.URI
		want error
	}{
		{"no such policy", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowFilm", dmtree.ErrNotFound},
		{"no such area", "./Device/Vendor/MSFT/Policy/Config/Kitchen/AllowSink", dmtree.ErrNotFound},
		{"below a policy", camera + "/Deeper", dmtree.ErrNotFound},
		{"no such section", "./Device/Vendor/MSFT/Policy/Wish/Camera/AllowCamera", dmtree.ErrNotFound},
		{"nobody is signed in", "./User/Vendor/MSFT/Policy/Config/Experience/AllowWindowsSpotlight", dmtree.ErrNotAllowed},
		{"the section itself", "./Device/Vendor/MSFT/Policy/Config", dmtree.ErrNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorIs(t, dmtree.Replace(t.Context(), p, tt.u, dmtree.Int(0)), tt.want)
		})
	}
}

func TestUsersArePoliciesApart(t *testing.T) {
	const spotlight = "./User/Vendor/MSFT/Policy/Config/Experience/AllowWindowsSpotlight"
	h := new(host)
	p := policy.New(csp.Windows(), h).Source(new(dmtree.Memory))
	require.NoError(t, dmtree.Replace(asUser(t, "alice"), p, spotlight, dmtree.Int(0)))
	_, err := dmtree.Get(asUser(t, "bob"), p, spotlight)
	require.ErrorIs(t, err, dmtree.ErrNotFound)
	v, err := dmtree.Get(asUser(t, "alice"), p, spotlight)
	require.NoError(t, err)
	require.Equal(t, "0", v.String())
	require.Equal(t, []string{"aliceAllowWindowsSpotlight=0 set=true"}, h.log)
}

func TestSeveralSources(t *testing.T) {
	const (
		expiry  = "./Device/Vendor/MSFT/Policy/Config/DeviceLock/DevicePasswordExpiration"
		history = "./Device/Vendor/MSFT/Policy/Config/DeviceLock/DevicePasswordHistory"
		method  = "./Device/Vendor/MSFT/Policy/Config/Bitlocker/EncryptionMethod"
	)
	tests := []struct {
		name       string
		u          dmtree.URI
		mdm, eas   int64
		want       string
		withoutMDM string
	}{
		{"the lowest is most secure", camera, 1, 0, "0", "0"},
		{"the highest is most secure", history, 3, 7, "7", "7"},
		{"zero has no limits, so it is not the lowest", expiry, 0, 30, "30", "30"},
		{"zero has no limits, the other way round", expiry, 30, 0, "30", "0"},
		{"the last write wins", method, 7, 4, "4", "4"},
		{"the same value", camera, 0, 0, "0", "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := policy.New(csp.Windows(), nil)
			mdm, eas := all.Source(new(dmtree.Memory)), all.Source(new(dmtree.Memory))
			for _, p := range []dmtree.Provider{mdm, eas} {
				require.NoError(t, dmtree.Replace(t.Context(), p, lock, dmtree.Int(0)))
			}
			require.NoError(t, dmtree.Replace(t.Context(), mdm, tt.u, dmtree.Int(tt.mdm)))
			require.NoError(t, dmtree.Replace(t.Context(), eas, tt.u, dmtree.Int(tt.eas)), "a value that does not win is accepted")
			require.Equal(t, fmt.Sprint(tt.mdm), get(t, mdm, tt.u), "each source sees its own value")
			require.Equal(t, fmt.Sprint(tt.eas), get(t, eas, tt.u))
			require.Equal(t, tt.want, get(t, mdm, result(tt.u)))
			require.Equal(t, tt.want, get(t, eas, result(tt.u)))
			require.NoError(t, dmtree.Delete(t.Context(), mdm, tt.u))
			require.Equal(t, tt.withoutMDM, get(t, mdm, result(tt.u)))
		})
	}
}

func TestLastWriteOfTheFirstSource(t *testing.T) {
	const method = "./Device/Vendor/MSFT/Policy/Config/Bitlocker/EncryptionMethod"
	all := policy.New(csp.Windows(), nil)
	mdm, eas := all.Source(new(dmtree.Memory)), all.Source(new(dmtree.Memory))
	require.NoError(t, dmtree.Replace(t.Context(), eas, method, dmtree.Int(4)))
	require.NoError(t, dmtree.Replace(t.Context(), mdm, method, dmtree.Int(7)))
	require.Equal(t, "7", get(t, eas, result(method)))
}

func TestTransaction(t *testing.T) {
	h := new(host)
	p := policy.New(csp.Windows(), h).Source(new(dmtree.Memory))
	ctx := t.Context()
	tx, err := dmtree.Begin(ctx, p)
	require.NoError(t, err)
	require.NoError(t, dmtree.Replace(ctx, tx, camera, dmtree.Int(0)))
	require.Equal(t, "0", get(t, tx, result(camera)), "the transaction sees what it has done")
	require.Equal(t, "1", get(t, p, result(camera)), "nobody else does")
	require.Empty(t, h.log, "and nothing is enforced")
	require.NoError(t, tx.Rollback(ctx))
	require.Equal(t, "1", get(t, p, result(camera)))

	tx, err = dmtree.Begin(ctx, p)
	require.NoError(t, err)
	require.NoError(t, dmtree.Replace(ctx, tx, camera, dmtree.Int(0)))
	require.NoError(t, tx.Prepare(ctx))
	require.NoError(t, tx.Commit(ctx))
	require.Equal(t, "0", get(t, p, result(camera)))
	require.Equal(t, []string{"AllowCamera=0 set=true"}, h.log)
}

func TestRefusedByTheHost(t *testing.T) {
	h := &host{refuse: errors.New("no camera to switch off")}
	p := policy.New(csp.Windows(), h).Source(new(dmtree.Memory))
	require.ErrorIs(t, dmtree.Replace(t.Context(), p, camera, dmtree.Int(0)), h.refuse)
	require.Equal(t, "error: node not found", get(t, p, camera), "nothing is stored")
}

func TestDeviceLockRules(t *testing.T) {
	type write struct {
		u dmtree.URI
		i int64
	}
	const (
		complexity   = "./Device/Vendor/MSFT/Policy/Config/DeviceLock/MinDevicePasswordComplexCharacters"
		alphanumeric = "./Device/Vendor/MSFT/Policy/Config/DeviceLock/AlphanumericDevicePasswordRequired"
	)
	tests := []struct {
		name           string
		writes         []write
		blame          dmtree.URI
		length, complx string // of Result afterwards
	}{
		{"enabled implies length 4, complexity 1", []write{{lock, 0}}, "", "4", "1"},
		{"disabled implies none", []write{{lock, 1}}, "", "0", "0"},
		{"what is set counts", []write{{lock, 0}, {length, 6}}, "", "6", "1"},
		{"order inside the transaction does not count", []write{{length, 6}, {lock, 0}}, "", "6", "1"},
		{"alphanumeric implies complexity 2", []write{{lock, 0}, {alphanumeric, 0}}, "", "4", "2"},
		{"a PIN implies no length", []write{{lock, 0}, {alphanumeric, 1}}, "", "0", "1"},
		{"a length without a password", []write{{length, 6}}, length, "4", "1"},
		{"a complexity while passwords are off", []write{{lock, 1}, {complexity, 3}}, complexity, "4", "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := policy.New(csp.Windows(), nil).Source(new(dmtree.Memory))
			ctx := t.Context()
			tx, err := dmtree.Begin(ctx, p)
			require.NoError(t, err)
			for _, w := range tt.writes {
				require.NoError(t, dmtree.Replace(ctx, tx, w.u, dmtree.Int(w.i)))
			}
			err = tx.Prepare(ctx)
			if tt.blame != "" {
				require.ErrorIs(t, err, dmtree.ErrValue)
				e, ok := errors.AsType[*dmtree.Error](err)
				require.True(t, ok)
				require.Equal(t, tt.blame, e.URI)
				require.NoError(t, tx.Rollback(ctx))
			} else {
				require.NoError(t, err)
				require.NoError(t, tx.Commit(ctx))
			}
			require.Equal(t, tt.length, get(t, p, result(length)))
			require.Equal(t, tt.complx, get(t, p, result(complexity)))
		})
	}
}

func TestEnforceAfterARestart(t *testing.T) {
	store := new(dmtree.Memory)
	p := policy.New(csp.Windows(), nil).Source(store)
	require.NoError(t, dmtree.Replace(t.Context(), p, camera, dmtree.Int(0)))
	require.NoError(t, dmtree.Replace(asUser(t, "alice"), p, "./User/Vendor/MSFT/Policy/Config/Experience/AllowWindowsSpotlight", dmtree.Int(0)))

	h := new(host)
	again := policy.New(csp.Windows(), h)
	again.Source(store)
	require.NoError(t, again.Enforce(t.Context()))
	require.Equal(t, []string{"AllowCamera=0 set=true", "aliceAllowWindowsSpotlight=0 set=true"}, h.log)
}

func TestAPolicyThatTheSchemaHasLost(t *testing.T) {
	store := new(dmtree.Memory)
	store.Set("./Device/Attic/AllowDust", dmtree.Int(0))
	h := new(host)
	p := policy.New(csp.Windows(), h)
	source := p.Source(store)
	require.NoError(t, p.Enforce(t.Context()), "a device starts all the same")
	require.NoError(t, source.RemoveAll(t.Context()), "and can leave")
	require.Equal(t, []string{"AllowDust=0 set=true", "AllowDust= set=false"}, h.log)
}

func TestRemoveAll(t *testing.T) {
	h := new(host)
	all := policy.New(csp.Windows(), h)
	mdm, eas := all.Source(new(dmtree.Memory)), all.Source(new(dmtree.Memory))
	require.NoError(t, mdm.RemoveAll(t.Context()), "nothing is set")
	require.NoError(t, dmtree.Replace(t.Context(), mdm, lock, dmtree.Int(0)))
	require.NoError(t, dmtree.Replace(t.Context(), mdm, length, dmtree.Int(6)))
	require.NoError(t, dmtree.Replace(t.Context(), eas, camera, dmtree.Int(0)))
	require.NoError(t, dmtree.Replace(asUser(t, "alice"), mdm, "./User/Vendor/MSFT/Policy/Config/Experience/AllowWindowsSpotlight", dmtree.Int(0)))
	h.log = nil
	require.NoError(t, mdm.RemoveAll(t.Context()))
	require.ElementsMatch(t, []string{"DevicePasswordEnabled=1 set=false", "MinDevicePasswordLength=4 set=false",
		"aliceAllowWindowsSpotlight=1 set=false"}, h.log, "the policy of the other source stays")
	require.Equal(t, "0", get(t, mdm, result(camera)))
}
